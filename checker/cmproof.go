package checker

import (
	"context"
	"slices"
	"sort"
)

// evidence is why no order explains what a session read. Each rival in it is an
// edge of hb: the session read the winner, and knew of the loser.
type evidence struct {
	label  string
	circle []rival // the winner of each is the loser of the next, or causally before it
	early  int32   // or else, circle being empty: a read of the initial state, a step
	write  int32   // and a write that is before it in hb
	// by are the edges by which a reader knew of a loser that is not in its causal
	// past. What they rest on in turn ends with reads that need no other edge.
	by func(rival) []rival
}

// stuck is the evidence of a placement: it takes the shortest beginning of the
// chain with which the placement gets stuck, as far as it finds it, and notes which
// edges kept writes from being placed after each operation. These come of reads
// that are later in the chain. It returns nil if there is an order after all.
func (p *placement) stuck(ctx context.Context, c chain) *evidence {
	p.begin(c)
	defer p.end()
	at, out := p.run(ctx, len(c)-1, 0)
	if out == ordered || out == interrupted {
		return nil
	}
	first := max(at, 0)
	last := p.shortest(first, len(c)-1, func(last int) bool {
		_, out := p.run(ctx, last, first)
		return out == circle || out == tooEarly
	})
	n := &notes{held: map[int][]rival{}, early: -1}
	p.notes = n
	if _, out = p.run(ctx, last, first); out == ordered || out == interrupted {
		return nil
	}
	by := func(e rival) []rival {
		i, _ := slices.BinarySearch(c, p.ix.eventOf(e.reader))
		return n.held[i]
	}
	if out == tooEarly {
		return &evidence{label: "WriteHBInitRead", early: n.early, write: n.write, by: by}
	}
	return &evidence{label: "CyclicHB", circle: n.circle, early: -1, by: by}
}

// shortest is the first end of the chain, from low on, from which a placement
// gets stuck; from high it does. It tries near ones first: their cost is local.
func (p *placement) shortest(low, high int, stuckFrom func(int) bool) int {
	for step := 0; low+step < high; step = 2*step + 1 {
		if stuckFrom(low + step) {
			high = low + step
			break
		}
		low += step + 1
	}
	return low + sort.Search(high-low, func(i int) bool { return stuckFrom(low + i) })
}

// notes are what a placement met on its way.
type notes struct {
	held         map[int][]rival // position in the chain → the edges that kept writes from being placed after it
	circle       []rival
	early, write int32
}

// edgesHeld are the edges that keep the last events of slots from being placed.
func (p *placement) edgesHeld() []rival {
	var edges []rival
	for t, key := range p.held {
		if key >= 0 {
			l := p.locks[key]
			edges = append(edges, rival{p.top(int32(t)), l.write - 1, l.reader})
		}
	}
	return edges
}

// note remembers why writes are still there before chain[i] is placed, and says
// whether they go round in a circle. If not, all of them lead to chain[i].
func (p *placement) note(i int) bool {
	edges := p.edgesHeld()
	p.notes.held[i] = edges
	p.notes.circle = p.roundTrip(edges)
	return p.notes.circle != nil
}

// noteHeld notes the circle that comes of the session's own write e being held.
func (p *placement) noteHeld(e, key int32) {
	if p.notes != nil {
		p.notes.circle = p.roundTrip(append(p.edgesHeld(), rival{e, p.locks[key].write - 1, p.locks[key].reader}))
	}
}

// noteTwo notes two writes each of which must come before the other.
func (p *placement) noteTwo(a, b rival) {
	if p.notes != nil {
		p.notes.circle = []rival{a, b}
	}
}

func (p *placement) noteInitial(read, write int32) {
	if p.notes != nil {
		p.notes.early, p.notes.write = read, write
	}
}

// leads says whether event a is event b or causally before it.
func (o *order) leads(a, b int32) bool { return a == b || o.before(a, b) }

// roundTrip is a shortest circle of edges, or nil: a search in breadth from each.
func (o *order) roundTrip(edges []rival) []rival {
	var best []rival
	for i, first := range edges {
		if o.leads(first.won, first.lost) {
			return []rival{first}
		}
		found := o.chainOf(edges, first.won, func(e rival) bool { return o.leads(e.won, first.lost) }, i)
		if found != nil && (best == nil || len(found)+1 < len(best)) {
			best = append([]rival{first}, found...)
		}
	}
	return best
}

// chainOf is a shortest chain of edges, without one of them (-1: with all): the
// first starts at or after event a, each next one at or after the end of the one
// before, and the last is an end. It is nil if there is none.
func (o *order) chainOf(edges []rival, a int32, end func(rival) bool, without int) []rival {
	const unseen, start = -2, -1
	via := make([]int, len(edges))
	for j := range via {
		via[j] = unseen
	}
	found, last := []int{}, unseen
	reach := func(a int32, from int) {
		for j := 0; j < len(edges) && last == unseen; j++ {
			if j != without && via[j] == unseen && o.leads(a, edges[j].lost) {
				via[j], found = from, append(found, j)
				if end(edges[j]) {
					last = j
				}
			}
		}
	}
	reach(a, start)
	for i := 0; i < len(found) && last == unseen; i++ {
		reach(edges[found[i]].won, found[i])
	}
	var c []rival
	for j := last; j >= 0; j = via[j] {
		c = append(c, edges[j])
	}
	slices.Reverse(c)
	return c
}
