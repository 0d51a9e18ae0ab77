package checker

import (
	"fmt"
	"slices"
)

// hop is one direct edge between two events.
type hop struct {
	from, to int32
	kind     string // so, wr, token, lo
}

// path is a shortest chain of direct edges from a to b, given that a is before
// b: breadth first from b backwards, only through events that have a in their
// past. Each slot is scanned at most once, so it costs O(n) at worst.
func (o *order) path(a, b int32) []hop {
	w := &walk{order: o, goal: a, scanned: map[int32]int32{}}
	w.found = []reached{{event: b, via: -1}}
	for i := 0; i < len(w.found); i++ {
		if at, ok := w.expand(int32(i)); ok {
			return w.hops(at)
		}
	}
	return nil
}

// walk is a search backwards from the later event.
type walk struct {
	*order
	goal    int32
	found   []reached
	scanned map[int32]int32 // slot → events below this position were looked at already
}

// reached is an event from which the later one is reached, by an edge to the
// event of found[via].
type reached struct {
	event int32
	via   int32
	kind  string
}

func (w *walk) add(e, via int32, kind string) (int32, bool) {
	w.found = append(w.found, reached{e, via, kind})
	return int32(len(w.found) - 1), e == w.goal
}

// expand goes one edge back from found[i], and stops when that is the goal.
func (w *walk) expand(i int32) (int32, bool) {
	e := w.found[i].event
	s, upTo := w.slot[e], w.pos[e]
	if b, ok := w.base[e]; ok {
		s, upTo = b.slot, b.pos
	}
	if s >= 0 && w.slot[w.goal] == s && w.pos[w.goal] < upTo {
		return w.add(w.goal, i, "so")
	}
	if at, ok := w.foreign(e, i); ok || s < 0 {
		return at, ok
	}
	from := w.scanned[s]
	if upTo <= from {
		return 0, false
	}
	w.scanned[s] = upTo
	events := w.slots[s].events
	for p := upTo - 1; p >= from; p-- {
		x := events[p]
		if !w.before(w.goal, x) {
			break
		}
		if w.bringsGoal(x) {
			w.add(x, i, "so")
		}
	}
	return 0, false
}

// foreign adds what e directly follows in other slots.
func (w *walk) foreign(e, i int32) (int32, bool) {
	for _, g := range w.direct(e) {
		if g == w.goal || w.before(w.goal, g) {
			if at, ok := w.add(g, i, w.directKind(g, e)); ok {
				return at, true
			}
		}
	}
	return 0, false
}

func (w *walk) bringsGoal(x int32) bool {
	return slices.ContainsFunc(w.direct(x), func(g int32) bool { return g == w.goal || w.before(w.goal, g) })
}

// direct are the events in other slots that e directly follows. Of those that
// it follows by node order only the last few that matter are looked at.
func (o *order) direct(e int32) []int32 {
	first := o.firstStep(e)
	var gs []int32
	for x := first; x <= e; x++ {
		gs = o.dependencies(x, gs)
	}
	if o.lines != nil {
		done := o.lines.followed(first)
		for i := len(done) - 1; i >= max(0, len(done)-64); i-- {
			gs = append(gs, done[i])
		}
	}
	return slices.DeleteFunc(gs, func(g int32) bool { return o.row[g] < 0 || o.slot[g] < 0 })
}

// firstStep is the first event of an operation that may not have happened, whose
// later steps follow what the earlier ones read; of others, e itself.
func (o *order) firstStep(e int32) int32 {
	if _, branched := o.base[e]; !branched {
		return e
	}
	first, _ := o.ix.events(o.ix.op(e))
	return first
}

// directKind is the kind of the edge by which e directly follows g.
func (o *order) directKind(g, e int32) string {
	kind := "lo"
	for x := o.firstStep(e); x <= e && kind == "lo"; x++ {
		kind = o.edgeKind(g, x)
	}
	return kind
}

func (w *walk) hops(at int32) []hop {
	var hops []hop
	for w.found[at].via >= 0 {
		r := w.found[at]
		hops = append(hops, hop{r.event, w.found[r.via].event, r.kind})
		at = r.via
	}
	return hops
}

// edges puts hops into words.
func (o *order) edges(hops []hop) []Edge {
	var edges []Edge
	for _, hp := range hops {
		from, to := o.ix.op(hp.from), o.ix.op(hp.to)
		if from == to {
			continue // steps of one operation
		}
		edges = append(edges, Edge{From: o.ix.h.Index(from), To: o.ix.h.Index(to), Kind: hp.kind, Because: o.because(hp)})
	}
	return edges
}

func (o *order) because(hp hop) string {
	ix := o.ix
	from, to := ix.op(hp.from), ix.op(hp.to)
	switch hp.kind {
	case "wr":
		return fmt.Sprintf("%s at %s read %s (#%d), which %s had written at %s (#%d)",
			ix.who(to), ix.nodeName(to), ix.carried(hp.from, hp.to), ix.h.Index(to), ix.who(from), ix.nodeName(from), ix.h.Index(from))
	case "token":
		return fmt.Sprintf("%s moved from %s to %s and handed over the causal token of #%d", ix.who(to), ix.nodeName(from), ix.nodeName(to), ix.h.Index(from))
	case "lo":
		return fmt.Sprintf("%s had answered #%d before it was asked #%d, and each leader is one linear store", ix.nodeName(to), ix.h.Index(from), ix.h.Index(to))
	}
	if ix.node(from) != ix.node(to) {
		return fmt.Sprintf("%s did #%d at %s and then #%d at %s", ix.who(to), ix.h.Index(from), ix.nodeName(from), ix.h.Index(to), ix.nodeName(to))
	}
	return fmt.Sprintf("%s did both at %s, #%d before #%d", ix.who(to), ix.nodeName(to), ix.h.Index(from), ix.h.Index(to))
}
