package checker

import (
	"slices"

	"github.com/mlcheck/mlcheck/history"
)

// breakCycle finds, when no slot can go on, a cycle of slots that wait for each
// other, remembers it, and lets one of its events be placed without what it
// waits for. It returns the slot that can go on, or false when all is placed.
func (p *placing) breakCycle() (int32, bool) {
	first := int32(-1)
	for s := range p.queues {
		if p.cursor[s] < len(p.queues[s]) {
			first = int32(s)
			break
		}
	}
	if first < 0 {
		return 0, false
	}
	step := map[int32]int{} // slot → its place in the walk
	var walk []int32
	s := first
	for {
		if from, seen := step[s]; seen {
			walk = walk[from:]
			break
		}
		step[s] = len(walk)
		walk = append(walk, s)
		s = p.slot[p.missing(p.head(s))]
	}
	if branch := p.inTheWay(walk); branch >= 0 {
		walk = walk[branch:] // no cycle: nothing in its session follows what is stuck there
	} else {
		p.cycles = append(p.cycles, p.cycleOf(walk))
	}
	s = walk[0]
	p.forced[p.head(s)] = true
	for t := range p.waiting {
		p.waiting[t] = slices.DeleteFunc(p.waiting[t], func(w waiting) bool { return w.slot == s })
	}
	return s, true
}

// inTheWay is the place in a walk of a slot that is stuck at an operation which may
// not have happened, while what is waited for there comes after it; or -1.
func (p *placing) inTheWay(walk []int32) int {
	for i, s := range walk {
		stuck := p.ix.op(p.head(s))
		waits := p.head(walk[(i+len(walk)-1)%len(walk)])
		if p.ix.h.Outcome(stuck) != history.OK && p.ix.op(p.missing(waits)) != stuck {
			return i
		}
	}
	return -1
}

// head is the event that a slot is stuck at.
func (p *placing) head(s int32) int32 { return p.queues[s][p.cursor[s]] }

// cycleOf turns slots that wait for each other into a cycle of events, against
// the direction of waiting: each event is before the next.
func (p *placing) cycleOf(walk []int32) []hop {
	var hops []hop
	for i := len(walk) - 1; i >= 0; i-- {
		e := p.head(walk[i])
		g := p.missing(e)
		hops = append(hops, hop{from: g, to: e, kind: p.edgeKind(g, e)})
		// What the next slot in line waits for is e itself or comes after it.
		if next := p.missing(p.head(walk[(i+len(walk)-1)%len(walk)])); next != e {
			hops = append(hops, hop{from: e, to: next, kind: "so"})
		}
	}
	return hops
}

// edgeKind is the kind of the direct edge from g to e.
func (o *order) edgeKind(g, e int32) string {
	from, to := o.ix.steps(e)
	kind := "lo"
	if prev, ok := o.carry[e]; ok && prev == g {
		kind = "token"
	}
	for s := from; s < to; s++ {
		o.ix.eachSource(s, func(w int32) {
			if o.ix.eventOf(w) == g {
				kind = "wr"
			}
		})
	}
	return kind
}

// forwardReads are reads of a value that the same event writes only later: a
// cycle of one event, which no slot ever waits for.
func (o *order) forwardReads() []int32 {
	var found []int32
	if o.ix.byStep || o.ix.single {
		return nil
	}
	for e := range int32(o.ix.n) {
		from, to := o.ix.steps(e)
		for s := from; s < to; s++ {
			if w := o.ix.src[s]; w > int32(s) && o.ix.eventOf(w) == e {
				found = append(found, e)
				break
			}
		}
	}
	return found
}
