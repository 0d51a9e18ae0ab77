package checker

import (
	"fmt"
	"slices"
)

// starts bounds from how many conflict edges of a knot a cycle is looked for.
const starts = 16

// finding shows the shortest cycle that was found in a knot.
func (g *conflicts) finding(knot []int32) Finding { return g.circleFinding(g.shortest(knot)) }

// shortest is the cycle in a knot with the fewest conflict edges, of those that a
// bounded search finds.
func (g *conflicts) shortest(knot []int32) []rival {
	in := make(map[int32]bool, len(knot))
	for _, v := range knot {
		in[v] = true
	}
	var best []rival
	tried := 0
	for _, v := range slices.Sorted(slices.Values(knot)) {
		for _, i := range g.list[g.into[v]:g.into[v+1]] {
			if tried == starts || len(best) == 2 {
				break
			}
			if !in[g.node(g.rivals[i].lost)] {
				continue
			}
			tried++
			if c := g.circle(i, in); best == nil || len(c) < len(best) {
				best = c
			}
		}
	}
	return best
}

// circle is the conflict edges of a shortest cycle through the given one: a
// search backwards from the write that lost to the one that won, in which only
// conflict edges count.
func (g *conflicts) circle(start int32, in map[int32]bool) []rival {
	type step struct{ via, edge int32 } // the node reached from, and the conflict edge or -1
	goal, from := g.node(g.rivals[start].won), g.node(g.rivals[start].lost)
	came := map[int32]step{from: {-1, -1}}
	near, far := []int32{from}, []int32(nil)
	done := map[int32]bool{}
	for len(near) > 0 && !done[goal] {
		v := near[len(near)-1]
		near = near[:len(near)-1]
		if !done[v] {
			done[v] = true
			for u, next := g.cause(v, 0); u >= 0; u, next = g.cause(v, next) {
				if in[u] && !done[u] {
					came[u] = step{v, -1}
					near = append(near, u)
				}
			}
			for _, i := range g.list[g.into[v]:g.into[v+1]] {
				if u := g.node(g.rivals[i].lost); in[u] && !done[u] {
					if _, known := came[u]; !known {
						came[u] = step{v, i}
						far = append(far, u)
					}
				}
			}
		}
		if len(near) == 0 {
			near, far = far, nil
		}
	}
	found := []rival{g.rivals[start]}
	for v := goal; v != from; v = came[v].via {
		if e := came[v].edge; e >= 0 {
			found = append(found, g.rivals[e])
		}
	}
	return found
}

// circleFinding puts a cycle into words: choice after choice, and between two of
// them how the winner of one is causally before the loser of the next.
func (g *conflicts) circleFinding(circle []rival) Finding {
	ix := g.ix
	story := ""
	var ops []int
	var edges []Edge
	for i, r := range circle {
		words, edge, past := g.choice(r)
		story += words + " "
		ops = append(ops, ix.opsOf(past)...)
		ops = append(ops, ix.op(r.won), ix.opOfStep(r.reader))
		edges = append(append(edges, g.edges(past)...), g.edges([]hop{{r.won, ix.eventOf(r.reader), "wr"}})...)
		edges = append(edges, edge)
		next := circle[(i+1)%len(circle)]
		if r.won == next.lost {
			continue
		}
		key := int32(ix.h.StepKey(int(r.reader)))
		nextKey := int32(ix.h.StepKey(int(next.reader)))
		between := g.path(r.won, next.lost)
		story += upper(fmt.Sprintf("%s is causally before %s: %s. ", ix.written(r.won, key), ix.written(next.lost, nextKey), ix.pastWords(g.order, between)))
		ops, edges = append(ops, ix.opsOf(between)...), append(edges, g.edges(between)...)
	}
	return ix.finding("ccv", "CyclicCF", story+"These choices go round in a circle, so no order of the writes explains all of them.", ops, edges)
}

// choice says of a conflict edge who made the choice, and how the loser was known
// to them.
func (g *conflicts) choice(r rival) (story string, edge Edge, past []hop) {
	ix := g.ix
	e := ix.eventOf(r.reader)
	k, key := ix.op(e), int32(ix.h.StepKey(int(r.reader)))
	lost, won := ix.written(r.lost, key), ix.written(r.won, key)
	past = g.path(r.lost, e)
	because := fmt.Sprintf("%s at %s read %s (#%d) with %s (#%d) in its past, so %s won over %s",
		ix.who(k), ix.nodeName(k), won, ix.h.Index(k), lost, ix.h.Index(ix.op(r.lost)), won, lost)
	edge = Edge{From: ix.h.Index(ix.op(r.lost)), To: ix.h.Index(ix.op(r.won)), Kind: "cf", Because: because}
	return fmt.Sprintf("%s (%s).", upper(because), ix.pastWords(g.order, past)), edge, past
}
