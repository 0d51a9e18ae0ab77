package checker

import (
	"math/bits"
	"slices"
	"sort"

	"github.com/mlcheck/mlcheck/history"
)

// setGrave follows the reads of one set at one leader and remembers which of its
// elements must not be shown there any more, by the same evidence as
// registerGrave, for all elements at once: a read costs what it changes and one
// pass over bits.
type setGrave struct {
	ix       *index
	o        *order
	sk       *setKey
	differ   *differ
	settles  elements // of which every removal is after all adds or before all of them
	now      elements // what the last read shows
	shown    elements // what reads have shown since the last restart
	asked    elements // of which a removal after all adds had been asked for
	own      elements // of which this leader had acknowledged a removal after all adds
	dead     elements // must not be shown
	counted  elements
	told     elements
	removals []int32 // steps in the order of asking, and how many of them are in asked
	mine     []int32 // those by this leader that are after all adds, by the order of their answers
	nAsked   int
	nMine    int
	pending  []setSighting
	epoch    int
	first    []int32 // element → a read that showed it
	gone     []int32 // element → the read that showed it gone
}

type setSighting struct {
	sighting
	shown, gone elements
}

// elements is a set of the elements of one set, a bit each.
type elements []uint64

func (b elements) put(i int32)  { b[i/64] |= 1 << (i % 64) }
func (b elements) drop(i int32) { b[i/64] &^= 1 << (i % 64) }

// eachBit calls f with every element of one word.
func eachBit(word int, b uint64, f func(i int32)) {
	for ; b != 0; b &= b - 1 {
		f(int32(64*word + bits.TrailingZeros64(b)))
	}
}

func newSetGrave(ix *index, key, first int32) *setGrave {
	sk := ix.sets[key]
	fresh := func() elements { return make(elements, len(sk.elems)/64+1) }
	g := &setGrave{
		ix: ix, o: ix.co(), sk: sk, differ: newDiffer(ix.h), settles: fresh(), now: fresh(), shown: fresh(), asked: fresh(), own: fresh(),
		dead: fresh(), counted: fresh(), told: fresh(), first: make([]int32, len(sk.elems)), gone: make([]int32, len(sk.elems)),
	}
	node := ix.node(ix.opOfStep(first))
	for i := range sk.elems {
		el := &sk.elems[i]
		if len(ix.mayHaveHappened(el.adds)) == 0 {
			continue
		}
		some, all := false, true
		for _, s := range ix.mayHaveHappened(el.removes) {
			switch after := !g.o.excusesPresence(el.adds, ix.eventOf(s)); {
			case after && ix.h.Outcome(ix.opOfStep(s)) == history.OK:
				some = true
				g.removals = append(g.removals, s)
				if ix.node(ix.opOfStep(s)) == node {
					g.mine = append(g.mine, s)
				}
			case !after:
				all = all && g.beforeAll(s, el)
			}
		}
		if some && all {
			g.settles.put(int32(i))
		}
	}
	slices.Sort(g.removals)
	slices.SortFunc(g.mine, func(a, b int32) int { return ix.h.Return(ix.opOfStep(a)) - ix.h.Return(ix.opOfStep(b)) })
	return g
}

func (g *setGrave) beforeAll(removal int32, el *element) bool {
	for _, a := range g.ix.mayHaveHappened(el.adds) {
		if !g.o.before(g.ix.eventOf(removal), g.ix.eventOf(a)) {
			return false
		}
	}
	return true
}

func (g *setGrave) walk(r *Result, reads []int32, down *restarts) {
	for _, s := range reads {
		p := setSighting{sighting: g.ix.sighting(s, down)}
		index := g.ix.h.Index(g.ix.opOfStep(s))
		if p.whole && p.epoch != g.epoch {
			g.epoch = p.epoch
			clear(g.shown)
		}
		var done []setSighting
		done, g.pending = settled(g.pending, int32(index))
		for _, q := range done {
			g.take(q)
		}
		g.change(s)
		g.judge(r, s)
		g.learn(index)
		p.shown, p.gone = slices.Clone(g.now), make(elements, len(g.now))
		for i := range g.now {
			gone := g.own[i]
			if p.whole { // else it may be gone because the leader lost it
				gone |= g.shown[i] & g.settles[i] & g.asked[i]
			}
			p.gone[i] = gone &^ g.now[i]
		}
		g.pending = append(g.pending, p)
	}
}

// take takes a read into account: its answer was there before the next one was asked for.
func (g *setGrave) take(q setSighting) {
	for i := range g.now {
		eachBit(i, q.gone[i]&^g.dead[i], func(e int32) { g.gone[e] = q.step })
		g.dead[i] |= q.gone[i]
		if q.whole && q.epoch == g.epoch {
			eachBit(i, q.shown[i]&^g.shown[i], func(e int32) { g.first[e] = q.step })
			g.shown[i] |= q.shown[i]
		}
	}
}

func (g *setGrave) change(s int32) {
	came, went := g.differ.read(s)
	for _, v := range came {
		if i, ok := g.sk.at[v]; ok {
			g.now.put(i)
		}
	}
	for _, v := range went {
		if i, ok := g.sk.at[v]; ok {
			g.now.drop(i)
		}
	}
}

// judge looks for what is shown again, and counts as chances what is known to be
// gone when the leader is read again.
func (g *setGrave) judge(r *Result, s int32) {
	for i := range g.now {
		r.Chances += bits.OnesCount64(g.dead[i] &^ g.counted[i])
		g.counted[i] |= g.dead[i]
		eachBit(i, g.now[i]&g.dead[i]&^g.told[i], func(e int32) {
			g.told.put(e)
			r.add(func() Finding { return g.ix.comebackFinding(g.comeback(e, s)) })
		})
	}
}

// learn notes the removals that had been asked for, or acknowledged by this
// leader, before event i.
func (g *setGrave) learn(i int) {
	h := g.ix.h
	for ; g.nAsked < len(g.removals) && h.Index(g.ix.opOfStep(g.removals[g.nAsked])) < i; g.nAsked++ {
		g.asked.put(g.element(g.removals[g.nAsked]))
	}
	for ; g.nMine < len(g.mine) && h.Return(g.ix.opOfStep(g.mine[g.nMine])) < i; g.nMine++ {
		g.own.put(g.element(g.mine[g.nMine]))
	}
}

func (g *setGrave) element(removal int32) int32 {
	v, _ := g.ix.h.StepInt(int(removal))
	return g.sk.at[v]
}

// comeback is the story of an element that is shown again by step s.
func (g *setGrave) comeback(e, s int32) comeback {
	ix, el := g.ix, &g.sk.elems[e]
	adds := ix.mayHaveHappened(el.adds)
	add := adds[len(adds)-1]
	c := comeback{write: ix.eventOf(add), removal: -1, gone: g.gone[e], again: s, seen: -1, name: ix.assigned(add)}
	asked := ix.h.Index(ix.opOfStep(c.gone))
	at := sort.Search(len(g.mine), func(i int) bool { return ix.h.Return(ix.opOfStep(g.mine[i])) >= asked })
	for _, m := range g.mine[:at] {
		if g.element(m) == e {
			c.removal = ix.eventOf(m)
		}
	}
	if c.removal >= 0 {
		return c
	}
	c.seen = g.first[e]
	for _, m := range ix.mayHaveHappened(el.removes) {
		if ix.h.Outcome(ix.opOfStep(m)) == history.OK && !g.o.excusesPresence(el.adds, ix.eventOf(m)) {
			c.removal = ix.eventOf(m)
		}
	}
	return c
}
