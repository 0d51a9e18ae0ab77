package truth

import (
	"slices"
	"strings"

	"github.com/mlcheck/mlcheck/history"
	"github.com/mlcheck/mlcheck/targets/reference"
)

// The ways in which a defect can hit operations.
const (
	Missing  = "missing"  // an update had no effect at some leader
	Doubled  = "doubled"  // an update had its effect more than once at one leader, if only until that restarted
	Undone   = "undone"   // a leader that had applied an update came up again without it
	Revived  = "revived"  // something has its effect at a leader after a removal that it was beaten by
	Early    = "early"    // an update had its effect before something that came before it
	Backward = "backward" // an update's stamp is less than one of its past
	Late     = "late"     // an update had its effect at its own leader after the moment in which it was made
	Tied     = "tied"     // two writes of one key have equal times
	Chosen   = "chosen"   // leaders hold different versions of a cell at the end
	Dropped  = "dropped"  // a version is gone that nothing replaces
	Shared   = "shared"   // two operations were made from one version
	Stale    = "stale"    // a read that is not of what was written last
	Behind   = "behind"   // a read of something older than its leader's, or its session's, past
)

// Hit are the operations that a defect has hit in one of these ways, as the
// history numbers them.
func (t *Truth) Hit(way string) map[int]bool {
	hit := map[int]bool{}
	add := func(ops ...int) {
		for _, k := range ops {
			hit[t.ops[k].Index] = true
		}
	}
	breaches := func(bs []Breach) {
		for _, b := range bs {
			add(b.Ops...)
		}
	}
	switch way {
	case Missing:
		breaches(t.missing())
	case Doubled:
		t.twiceOver(add)
	case Undone:
		for k, at := range t.undone {
			if len(at) > 0 {
				add(k)
			}
		}
	case Revived:
		t.revived(add)
	case Early:
		t.early(add)
	case Backward:
		t.eachPast(func(p, k int) {
			if t.commit[p] >= 0 && t.commit[k] >= 0 && stampLess(t.told[t.commit[k]], t.told[t.commit[p]], t.h.Header.Nodes) {
				add(k)
			}
		})
	case Late:
		t.late(add)
	case Tied:
		t.pairs(func(v, w write) {
			if a, b := t.told[t.commit[v.op]], t.told[t.commit[w.op]]; a.Time == b.Time {
				add(v.op, w.op)
			}
		})
	case Chosen:
		t.chosen(add)
	case Dropped:
		breaches(t.dropped())
	case Shared:
		t.shared(add)
	case Stale:
		for _, b := range t.outOfOrder() {
			add(b.Ops[0])
		}
	case Behind:
		for _, b := range t.staleReads(t.Really()) {
			add(b.Ops[0])
		}
	}
	return hit
}

// eachPast calls f with every operation and each that came before it.
func (t *Truth) eachPast(f func(p, k int)) {
	for k := range t.ops {
		for p := range t.ops {
			if t.really.Before(p, k) {
				f(p, k)
			}
		}
	}
}

// pairs calls f with any two changes of one cell that were made.
func (t *Truth) pairs(f func(v, w write)) {
	// The order does not show: hits are a set.
	for _, ws := range t.writes {
		for i, v := range ws {
			for _, w := range ws[:i] {
				if t.commit[v.op] >= 0 && t.commit[w.op] >= 0 {
					f(v, w)
				}
			}
		}
	}
}

// effects calls f with every effect of an operation's update, in order.
func (t *Truth) effects(f func(i, k int, e Told)) {
	whose := map[string]int{}
	for k, i := range t.commit {
		if i >= 0 {
			whose[update(t.told[i])] = k
		}
	}
	for i, e := range t.told {
		if k, ok := whose[update(e)]; ok && e.Kind == reference.TraceEffect {
			f(i, k, e)
		}
	}
}

func (t *Truth) early(add func(...int)) {
	there := map[string]bits{}
	for _, node := range t.h.Header.Nodes {
		there[node] = t.empty()
	}
	t.effects(func(_, k int, e Told) {
		here := there[e.Node]
		for p := range t.ops {
			if t.commit[p] >= 0 && len(t.told[t.commit[p]].Wrote) > 0 && t.really.Before(p, k) && !here.has(p) {
				add(k)
			}
		}
		here.set(k)
	})
}

func (t *Truth) late(add func(...int)) {
	t.effects(func(_, k int, e Told) {
		if e.Node == e.Origin && e.At > t.told[t.commit[k]].At {
			add(k)
		}
	})
}

// twiceOver are the operations that had their effect more than once, and the reads of
// what that left: an increment that came three times is not told by its name.
func (t *Truth) twiceOver(add func(...int)) {
	for k, at := range t.twice {
		// The order does not show: hits are a set.
		for node, since := range at {
			add(k)
			for r, op := range t.ops {
				if t.exec[r] > since && t.at(r) == node && len(op.Steps) == 1 && op.Steps[0].F == history.Read && op.Steps[0].Key == t.ops[k].Steps[0].Key {
					add(r)
				}
			}
		}
	}
}

// revived are the operations whose versions a leader holds after a removal that beats
// them has had its effect there, these removals, and what is finally read of the key.
func (t *Truth) revived(add func(...int)) {
	type place struct {
		node string
		cell cell
	}
	removals := map[place]map[int]bool{}
	of := map[reference.TraceDot]int{} // a change → its operation
	for k, i := range t.commit {
		for n := range t.wrote(i) {
			of[reference.TraceDot{Origin: t.told[i].Origin, Seq: t.told[i].Seq, N: n}] = k
		}
	}
	t.effects(func(_, k int, e Told) {
		at := place{e.Node, cell{e.Key, e.Element}}
		if removals[at] == nil {
			removals[at] = map[int]bool{}
		}
		for _, v := range e.Left {
			// The order does not show: hits are a set.
			for r := range removals[at] {
				if w, ok := of[v.TraceDot]; ok && !v.Gone && t.beats(r, v) {
					add(w, r)
					add(finalOps(t.shown(cell{key: e.Key}))...)
				}
			}
		}
		for _, s := range t.wrote(t.commit[k]) {
			if (s.F == history.Remove || s.F == history.Delete) && s.Key == e.Key && (s.F == history.Delete || s.Value.N == e.Element) {
				removals[at][k] = true
			}
		}
	})
}

// wrote are the changes of the update that an entry is about.
func (t *Truth) wrote(i int) []history.Step {
	if i < 0 {
		return nil
	}
	return t.told[i].Wrote
}

// beats says whether a removal wins over a version: it says that it replaces it, or,
// where stamps decide, has the greater one.
func (t *Truth) beats(r int, v reference.TraceVersion) bool {
	e := t.told[t.commit[r]]
	if strings.HasPrefix(t.h.Header.Policy, "lww") {
		return stampLess(Told{TraceEntry: reference.TraceEntry{Time: v.Time, Origin: v.Origin, Seq: v.Seq}}, e, t.h.Header.Nodes)
	}
	return slices.ContainsFunc(e.Past, func(past []reference.TraceDot) bool { return slices.Contains(past, v.TraceDot) })
}

// chosen are the operations whose versions some leader holds at the end, in cells
// of which another leader holds something else.
func (t *Truth) chosen(add func(...int)) {
	held := map[cell]map[string][]reference.TraceVersion{}
	// The order does not show: hits are a set.
	for node, cells := range t.left {
		for c, vs := range cells {
			if held[c] == nil {
				held[c] = map[string][]reference.TraceVersion{}
			}
			held[c][node] = vs
		}
	}
	// Nor here.
	for c, at := range held {
		first := at[t.h.Header.Nodes[0]]
		for _, node := range t.h.Header.Nodes {
			if slices.Equal(at[node], first) {
				continue
			}
			for _, v := range append(slices.Clone(at[node]), first...) {
				if k, ok := t.by[named{history.Write, c.key, v.Value}]; ok {
					add(k)
				}
			}
		}
	}
}

func (t *Truth) shared(add func(...int)) {
	// The order does not show: hits are a set.
	for c := range t.writes {
		us := t.updates(c)
		for i, u := range us {
			for _, v := range us[:i] {
				if u.from == v.from {
					add(u.op, v.op)
				}
			}
		}
	}
}
