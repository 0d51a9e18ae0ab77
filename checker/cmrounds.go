package checker

import "sort"

// mostRounds bounds how far rounds look for a simple contradiction.
const mostRounds = 6

// rounds saturate hb of one session as its definition says, in rounds: from what
// each read knew in one round follow the edges of the next. Contradictions that
// need few rounds make short stories, so they are looked for first.
type rounds struct {
	*memory
	chain chain
	knows [][]int32 // by operation of the chain and slot: how many events are before it in hb
	edges []rival
	of    map[[2]int32]int // lost and won → the edges of earlier rounds
}

// inRounds is evidence against a session that needs at most that many rounds, or
// nil. A round costs O(m·k) for m operations of the session and k slots, beside
// its edges.
func (m *memory) inRounds(c chain, most int) *evidence {
	w := &rounds{memory: m, chain: c, knows: make([][]int32, len(c)), of: map[[2]int32]int{}}
	block := make([]int32, len(c)*len(m.slots))
	for i, e := range c {
		w.knows[i], block = block[:len(m.slots):len(m.slots)], block[len(m.slots):]
		for t := range w.knows[i] {
			w.knows[i][t] = m.past(e, int32(t))
		}
	}
	for range most {
		known := len(w.edges)
		if ev := w.round(); ev != nil {
			return ev
		}
		if len(w.edges) == known {
			return nil
		}
		if ev := w.goRound(); ev != nil {
			return ev
		}
		w.spread(w.edges[known:])
	}
	return nil
}

// round adds the edges that follow from what each read knows, and stops at a read
// of the initial state that knows of a write.
func (w *rounds) round() *evidence {
	known := len(w.edges)
	for i, e := range w.chain {
		from, to := w.ix.steps(e)
		for s := int32(from); s < int32(to); s++ {
			won := w.asks(e, s)
			if won == asksNothing {
				continue
			}
			for _, r := range w.keys.of(int32(w.ix.h.StepKey(int(s)))) {
				n := w.keys.upTo(r, w.knows[i][r.slot])
				if n == 0 {
					continue
				}
				lost := w.keys.event[int(r.from)+n-1]
				if won == asksInitial {
					return &evidence{label: "WriteHBInitRead", early: s, write: lost, by: w.by}
				}
				if _, done := w.of[[2]int32{lost, won}]; !done && lost != won && !w.before(lost, won) {
					w.of[[2]int32{lost, won}] = known
					w.edges = append(w.edges, rival{lost, won, s})
				}
			}
		}
	}
	return nil
}

// by are the edges of the rounds before that of e; all of them for what is no edge.
func (w *rounds) by(e rival) []rival {
	if n, ok := w.of[[2]int32{e.lost, e.won}]; ok {
		return w.edges[:n]
	}
	return w.edges
}

// goRound is a circle of edges and causal order with the fewest edges, as far as
// a bounded search finds it.
func (w *rounds) goRound() *evidence {
	g := newConflicts(w.order, w.edges)
	var best []rival
	for i, k := range g.knots() {
		if i == starts {
			break
		}
		if c := g.shortest(k); best == nil || len(c) < len(best) {
			best = c
		}
	}
	if best == nil {
		return nil
	}
	return &evidence{label: "CyclicHB", circle: best, early: -1, by: w.by}
}

// spread tells every operation of the chain what it knows by the new edges.
func (w *rounds) spread(edges []rival) {
	for _, e := range edges {
		t := w.slot[e.won]
		i := sort.Search(len(w.chain), func(i int) bool { return w.chain[i] == e.won || w.knows[i][t] > w.pos[e.won] })
		row := w.knows[i]
		for u := range row {
			row[u] = max(row[u], w.past(e.lost, int32(u)))
		}
		row[w.slot[e.lost]] = max(row[w.slot[e.lost]], w.pos[e.lost]+1)
	}
	for i := 1; i < len(w.chain); i++ {
		for u, n := range w.knows[i-1] {
			w.knows[i][u] = max(w.knows[i][u], n)
		}
	}
}
