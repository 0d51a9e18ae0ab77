package checker

import (
	"slices"
	"sort"

	"github.com/mlcheck/mlcheck/history"
)

// registerGrave follows the reads of one register at one leader and remembers
// which of its writes must not be shown there any more.
//
// A read of nothing shows that a write is gone in two ways. The leader made a
// removal itself, which had been acknowledged: then every write before that
// removal is gone. Or it had shown the write, without a restart since: then a
// removal must have arrived, and if every removal of the key is after the write
// or before it, it is one after the write. A read of nothing alone shows nothing:
// neither write nor removal may have arrived.
type registerGrave struct {
	ix       *index
	o        *order
	versions *versions          // not nil: what is after what is said by contexts
	deletes  []int32            // every delete that may have happened, events
	bySlot   map[int32][]int32  // the same, in session order; slot -1: in no order
	own      []int32            // acknowledged ones of this leader, steps by the order of their answers
	pending  []registerSighting // reads that later ones may overlap
	shown    map[int32]int32    // write event → the read that showed it since the last restart
	dead     map[int32]comeback // write event → why it is gone
	buried   []comeback         // removals after which nothing older may be shown
	taken    int                // how many of own are in buried
	epoch    int
	told     map[int32]bool
	counted  int
}

type registerSighting struct {
	sighting
	nothing bool
	own     int        // of nothing: how many own removals had been acknowledged before
	gone    []comeback // of nothing: what had been shown before
	writes  []int32    // what it showed, events
}

func newRegisterGrave(ix *index, key, first int32, writes []int32) *registerGrave {
	g := &registerGrave{ix: ix, o: ix.co(), bySlot: map[int32][]int32{}, shown: map[int32]int32{}, dead: map[int32]comeback{}, told: map[int32]bool{}}
	if keepsVersions(ix.h.Header.Policy) {
		g.versions = ix.versionsOf(writes)
	}
	node := ix.node(ix.opOfStep(first))
	for _, s := range ix.deletes[key] {
		d := ix.eventOf(s)
		g.deletes = append(g.deletes, d)
		g.bySlot[g.o.slot[d]] = append(g.bySlot[g.o.slot[d]], d)
		if k := ix.opOfStep(s); ix.h.Outcome(k) == history.OK && ix.node(k) == node {
			g.own = append(g.own, s)
		}
	}
	for slot, ds := range g.bySlot {
		if slot >= 0 {
			slices.SortFunc(ds, func(a, b int32) int { return int(g.o.pos[a] - g.o.pos[b]) })
		}
	}
	slices.SortFunc(g.own, func(a, b int32) int { return ix.h.Return(ix.opOfStep(a)) - ix.h.Return(ix.opOfStep(b)) })
	return g
}

func (g *registerGrave) walk(r *Result, reads []int32, down *restarts) {
	for _, s := range reads {
		p := registerSighting{sighting: g.ix.sighting(s, down)}
		index := g.ix.h.Index(g.ix.opOfStep(s))
		if p.whole && p.epoch != g.epoch {
			g.epoch = p.epoch
			clear(g.shown)
		}
		var done []registerSighting
		done, g.pending = settled(g.pending, int32(index))
		for _, q := range done {
			g.take(q)
		}
		g.count(r)
		for w := range g.ix.sources(int(s)) {
			p.writes = append(p.writes, g.ix.eventOf(w))
			g.judge(r, g.ix.eventOf(w), w, s)
		}
		if p.nothing = g.ix.src[s] == srcNothing || g.ix.src[s] == srcList && len(asList(g.ix.h.StepValue(int(s)))) == 0; p.nothing {
			p.own = sort.Search(len(g.own), func(i int) bool { return g.ix.h.Return(g.ix.opOfStep(g.own[i])) >= index })
			if p.whole {
				p.gone = g.gone(s)
			}
		}
		g.pending = append(g.pending, p)
	}
}

// count counts as chances what is known to be gone when the leader is read again.
func (g *registerGrave) count(r *Result) {
	if n := len(g.dead) + g.taken + len(g.told); n > g.counted {
		r.Chances += n - g.counted
		g.counted = n
	}
}

// take takes a read into account: its answer was there before the next one was asked for.
func (g *registerGrave) take(q registerSighting) {
	for _, w := range q.writes {
		if q.whole && q.epoch == g.epoch {
			g.shown[w] = q.step
		}
	}
	if !q.nothing {
		return
	}
	for ; g.taken < q.own; g.taken++ {
		d := g.ix.eventOf(g.own[g.taken])
		if g.versions == nil { // what it is after is gone with it
			g.buried = slices.DeleteFunc(g.buried, func(b comeback) bool { return g.o.before(b.removal, d) })
		}
		g.buried = append(g.buried, comeback{removal: d, gone: q.step, seen: -1})
	}
	for _, c := range q.gone {
		g.dead[c.write] = c
	}
}

func (g *registerGrave) judge(r *Result, w, step, again int32) {
	c, dead := g.dead[w]
	for _, b := range g.buried {
		if !dead && g.after(b.removal, w) {
			c, dead = b, true
		}
	}
	if !dead || g.told[w] {
		return
	}
	g.told[w] = true
	delete(g.dead, w)
	c.write, c.again, c.name = w, again, g.ix.assigned(step)
	r.add(func() Finding { return g.ix.comebackFinding(c) })
}

// gone are the writes that had been shown here, which a read of nothing shows to
// be removed.
func (g *registerGrave) gone(read int32) []comeback {
	var cs []comeback
	for _, w := range sortedEvents(g.shown) {
		if d := g.remover(w, read); d >= 0 {
			cs = append(cs, comeback{write: w, removal: d, gone: read, seen: g.shown[w]})
		}
		delete(g.shown, w)
	}
	return cs
}

func sortedEvents(m map[int32]int32) []int32 {
	es := make([]int32, 0, len(m))
	for e := range m {
		es = append(es, e)
	}
	slices.Sort(es)
	return es
}

// remover is a removal after write w that had been asked for when the read was,
// if every removal that is not is before w; else -1.
func (g *registerGrave) remover(w, read int32) int32 {
	found := int32(-1)
	note := func(d int32) {
		if (found < 0 || d < found) && g.ix.h.Outcome(g.ix.op(d)) == history.OK && g.ix.h.Index(g.ix.op(d)) < g.ix.h.Index(g.ix.opOfStep(read)) {
			found = d
		}
	}
	if g.versions != nil {
		for _, d := range g.deletes {
			if !g.after(d, w) && !g.after(w, d) {
				return -1
			}
			if g.after(d, w) {
				note(d)
			}
		}
		return found
	}
	for _, d := range g.bySlot[-1] { // it may have happened, and is in nobody's past
		if !g.o.before(w, d) {
			return -1
		}
	}
	// In one session those before w come first, and those after it last.
	for slot, ds := range g.bySlot {
		if slot < 0 {
			continue
		}
		older := sort.Search(len(ds), func(i int) bool { return !g.o.before(ds[i], w) })
		newer := sort.Search(len(ds), func(i int) bool { return g.o.before(w, ds[i]) })
		if older < newer && (older+1 != newer || ds[older] != w) {
			return -1
		}
		if newer < len(ds) {
			note(ds[newer])
		}
	}
	return found
}

// after says whether one write of the key is known to be after another.
func (g *registerGrave) after(later, earlier int32) bool {
	if g.versions != nil {
		return g.versions.replaced(g.stepOf(earlier), g.stepOf(later))
	}
	return g.o.before(earlier, later)
}

func (g *registerGrave) stepOf(e int32) int32 {
	from, to := g.ix.steps(e)
	for s := to - 1; s >= from; s-- {
		if kindOf(g.ix.h.StepF(s)) == register && slices.Contains(g.versions.writes, int32(s)) {
			return int32(s)
		}
	}
	return int32(from)
}
