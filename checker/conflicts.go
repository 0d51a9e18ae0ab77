package checker

import (
	"context"
	"slices"

	"github.com/mlcheck/mlcheck/history"
)

// rival is an edge of the conflict order: step reader returned the write won
// though the concurrent write lost of the same key was in its past, so every
// order of the writes that explains the read has lost before won. Both are events.
type rival struct{ lost, won, reader int32 }

// rivals are all the choices that reads make between concurrent writes: of each
// session the last write of the key in the reader's past, since the earlier ones
// are before it. A read that breaks cc makes none. O(n·k·log n), on all processors.
func (o *order) rivals(ctx context.Context, bad []badRead) ([]rival, error) {
	wrong := make(map[int32]bool, len(bad))
	for _, b := range bad {
		wrong[b.step] = true
	}
	parts, err := parallel(ctx, stepCount(o.ix.h), func(from, to int) []rival {
		var found []rival
		for s := int32(from); s < int32(to); s++ {
			if o.ix.src[s] >= 0 && !wrong[s] && o.chooses(s) {
				found = o.choices(s, found)
			}
		}
		return found
	})
	return slices.Concat(parts...), err
}

// chooses says whether step s is the answered read of a session.
func (o *order) chooses(s int32) bool {
	k := o.ix.opOfStep(s)
	return o.ix.h.StepF(int(s)) == history.Read && o.ix.h.Outcome(k) == history.OK && !o.ix.final(k) && o.ix.sibling(int32(o.ix.h.StepKey(int(s)))) == nil
}

// choices adds the rivals of the write that step s returned.
func (o *order) choices(s int32, found []rival) []rival {
	e, w := o.ix.eventOf(s), o.ix.eventOf(o.ix.src[s])
	if w == e {
		return found
	}
	past, own := o.viewOf(e), o.viewOf(w)
	for _, r := range o.keys.of(int32(o.ix.h.StepKey(int(s)))) {
		n := o.keys.upTo(r, past.of(r.slot))
		// Nearly every write that e knows of was known to w too: its row alone
		// says so, without a look at the rows of the others.
		if n == 0 || o.keys.at[int(r.from)+n-1] < own.of(r.slot) {
			continue
		}
		if v := o.keys.event[int(r.from)+n-1]; v != w {
			found = append(found, rival{v, w, s})
		}
	}
	return found
}

// conflicts is the graph in which causal and conflict order together must have
// no cycle. Its nodes are only the writes that are ends of conflict edges, slot
// by slot in session order; causal edges are not stored but read off the rows.
// For m nodes, c conflict edges and k slots it takes O(m + c + n) memory.
type conflicts struct {
	*order
	rivals []rival
	events []int32   // node → event
	first  []int32   // slot → its first node; one more than there are slots
	below  [][]int32 // slot → position → how many of its nodes are below it; nil without nodes
	into   []int32   // node → its first conflict edge in list; one more than there are nodes
	list   []int32   // conflict edges, positions in rivals, by the node that won
}

func newConflicts(o *order, rivals []rival) *conflicts {
	g := &conflicts{order: o, rivals: rivals, first: make([]int32, len(o.slots)+1), below: make([][]int32, len(o.slots))}
	if len(rivals) == 0 {
		return g
	}
	isEnd := make([]bool, o.ix.n)
	for _, r := range rivals {
		isEnd[r.lost], isEnd[r.won] = true, true
	}
	for t := range o.slots {
		g.first[t] = int32(len(g.events))
		g.number(t, isEnd)
	}
	g.first[len(o.slots)] = int32(len(g.events))
	g.into, g.list = make([]int32, len(g.events)+1), make([]int32, len(rivals))
	for _, r := range rivals {
		g.into[g.node(r.won)+1]++
	}
	for i := range g.events {
		g.into[i+1] += g.into[i]
	}
	next := slices.Clone(g.into)
	for i, r := range rivals {
		v := g.node(r.won)
		g.list[next[v]] = int32(i)
		next[v]++
	}
	return g
}

// number makes nodes of the ends in slot t.
func (g *conflicts) number(t int, isEnd []bool) {
	events := g.slots[t].events
	if !slices.ContainsFunc(events, func(e int32) bool { return isEnd[e] }) {
		return
	}
	below, n := make([]int32, len(events)+1), int32(0)
	for p, e := range events {
		below[p] = n
		if isEnd[e] {
			g.events = append(g.events, e)
			n++
		}
	}
	below[len(events)] = n
	g.below[t] = below
}

// node is the node of an event that has one.
func (g *conflicts) node(e int32) int32 {
	t := g.slot[e]
	return g.first[t] + g.below[t][g.pos[e]]
}

// lastIn is the last node of slot t that is causally before event e, or -1.
func (g *conflicts) lastIn(t, e int32) int32 {
	if g.below[t] == nil {
		return -1
	}
	n := g.below[t][g.past(e, t)]
	if n == 0 {
		return -1
	}
	return g.first[t] + n - 1
}

// predecessor is the i-th edge into node v, and the next i to ask for: first the
// conflict edges, then the causal ones. It is -1 after the last.
func (g *conflicts) predecessor(v, i int32) (u, next int32) {
	edges := g.into[v+1] - g.into[v]
	if i < edges {
		return g.node(g.rivals[g.list[g.into[v]+i]].lost), i + 1
	}
	u, next = g.cause(v, i-edges)
	return u, next + edges
}

// cause is the i-th causal edge into v: from the node before it in its session,
// then from the last node of each other slot in its past, unless that is in the
// past of the node before it too.
func (g *conflicts) cause(v, i int32) (u, next int32) {
	e := g.events[v]
	own, prev := g.slot[e], int32(-1)
	if v > g.first[own] {
		prev = g.events[v-1]
	}
	if prev >= 0 && i == 0 {
		return v - 1, 1
	}
	if prev >= 0 && g.row[prev] == g.row[e] {
		return -1, 0
	}
	for t := max(i, 1) - 1; int(t) < len(g.slots); t++ {
		if t == own {
			continue
		}
		if u := g.lastIn(t, e); u >= 0 && (prev < 0 || u != g.lastIn(t, prev)) {
			return u, t + 2
		}
	}
	return -1, 0
}
