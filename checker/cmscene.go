package checker

import "slices"

// scene is a handful of events judged by themselves, by the definition: causal
// order among them alone, and edge after edge of hb. It shows what an evidence
// comes to once all else is left out, so that a finding says no more than it needs.
type scene struct {
	*memory
	events []int32 // ascending
	own    []bool  // which of them are in the session's chain
	direct [][]string
	gone   []bool // left out
}

// derived is an edge of hb that causal order does not imply.
type derived struct {
	rival
	known int    // it follows from this many edges before it
	how   []link // how the reader knew of the loser: only in a proof
}

// link is one step of a chain within a scene; edge is the derived edge that it
// is, or -1.
type link struct {
	hop
	edge int
}

// proof is a contradiction of one kind within a scene.
type proof struct {
	label string
	edges []derived // in the order in which they follow; only those that are needed
	chain []link    // the circle, or how the write is before the read of the initial state
	early int32     // the read of the initial state, a step; else -1
}

func (m *memory) sceneOf(c chain, events []int32) *scene {
	n := len(events)
	sc := &scene{memory: m, events: events, own: make([]bool, n), direct: make([][]string, n), gone: make([]bool, n)}
	for j, e := range events {
		_, sc.own[j] = slices.BinarySearch(c, e)
		sc.direct[j] = make([]string, n)
		after := m.direct(e)
		for i, g := range events {
			switch {
			case i == j || !m.before(g, e):
			case slices.Contains(after, g):
				sc.direct[j][i] = m.directKind(g, e)
			case m.inSession(g, e):
				sc.direct[j][i] = "so"
			}
		}
	}
	return sc
}

// inSession says whether g is before e in session order alone.
func (o *order) inSession(g, e int32) bool {
	if b, ok := o.base[e]; ok && o.slot[g] == b.slot {
		return o.pos[g] < b.pos
	}
	return o.slot[g] == o.slot[e] && int(o.slot[e]) < o.trunks && o.pos[g] < o.pos[e]
}

// past is a set of events for each event: those before it.
type pasts [][]uint64

func (ps pasts) has(a, b int) bool { return ps[b][a/64]>>(a%64)&1 != 0 }

// join puts a, and all before it, before b and all after it.
func (ps pasts) join(a, b int) {
	for j := range ps {
		if j != b && !ps.has(b, j) {
			continue
		}
		for w, bits := range ps[a] {
			ps[j][w] |= bits
		}
		ps[j][a/64] |= 1 << (a % 64)
	}
}

func (sc *scene) causal() pasts {
	ps := make(pasts, len(sc.events))
	for j := range ps {
		ps[j] = make([]uint64, len(sc.events)/64+1)
	}
	for j := range sc.events {
		for i, kind := range sc.direct[j] {
			if kind != "" && !sc.gone[i] && !sc.gone[j] && !ps.has(i, j) {
				ps.join(i, j)
			}
		}
	}
	return ps
}

// prove looks for a contradiction of the given kind, round by round: each round
// adds the edges of hb that follow from those before. It returns nil if there is none.
func (sc *scene) prove(label string) *proof {
	ps := sc.causal()
	var edges []derived
	for {
		known := len(edges)
		for j, e := range sc.events {
			if !sc.own[j] || sc.gone[j] {
				continue
			}
			from, to := sc.ix.steps(e)
			for s := from; s < to; s++ {
				var done *proof
				if edges, done = sc.follow(ps, edges, known, j, int32(s), label); done != nil {
					return done
				}
			}
		}
		if len(edges) == known {
			return nil
		}
		for _, d := range edges[known:] {
			ps.join(sc.at(d.lost), sc.at(d.won))
		}
	}
}

// at is the position of an event, or -1.
func (sc *scene) at(e int32) int {
	i, ok := slices.BinarySearch(sc.events, e)
	if !ok || sc.gone[i] {
		return -1
	}
	return i
}

// follow adds what step s of events[j] says about the writes of its key.
func (sc *scene) follow(ps pasts, edges []derived, known, j int, s int32, label string) ([]derived, *proof) {
	won, key := sc.asks(sc.events[j], s), int32(sc.ix.h.StepKey(int(s)))
	if won == asksNothing || won >= 0 && sc.at(won) < 0 {
		return edges, nil
	}
	for i, w := range sc.events {
		if sc.gone[i] || i == j || w == won || !ps.has(i, j) || !sc.ix.writesKey(w, key) {
			continue
		}
		if won == asksInitial {
			if label == "WriteHBInitRead" {
				return edges, sc.needed(&proof{label: label, edges: edges[:known], chain: sc.walk(edges[:known], i, j), early: s})
			}
			continue
		}
		g := sc.at(won)
		if label == "CyclicHB" && ps.has(g, i) {
			back := append([]link{{hop{w, won, "hb"}, known}}, sc.walk(edges[:known], g, i)...)
			return edges, sc.needed(&proof{label: label, edges: append(edges[:known:known], derived{rival{w, won, s}, known, nil}), chain: back, early: -1})
		}
		if !ps.has(i, g) && !ps.has(g, i) {
			edges = append(edges, derived{rival{w, won, s}, known, nil})
		}
	}
	return edges, nil
}

// walk is a shortest chain from a to b of direct and derived edges.
func (sc *scene) walk(edges []derived, a, b int) []link {
	out := make([][]link, len(sc.events))
	for i, d := range edges {
		from := sc.at(d.lost)
		out[from] = append(out[from], link{hop{d.lost, d.won, "hb"}, i})
	}
	via := map[int]link{}
	for queue := []int{a}; len(queue) > 0; queue = queue[1:] {
		i := queue[0]
		for j := range sc.events {
			if kind := sc.direct[j][i]; kind != "" && !sc.gone[j] {
				out[i] = append(out[i], link{hop{sc.events[i], sc.events[j], kind}, -1})
			}
		}
		for _, l := range out[i] {
			j := sc.at(l.to)
			if _, seen := via[j]; !seen && j != a {
				via[j] = l
				queue = append(queue, j)
			}
		}
		if _, reached := via[b]; reached {
			break
		}
	}
	var c []link
	for b != a {
		l, ok := via[b]
		if !ok {
			return nil
		}
		c = append(c, l)
		b = sc.at(l.from)
	}
	slices.Reverse(c)
	return c
}

// needed drops the edges that the contradiction does not use, and finds out of the
// others how their readers knew.
func (sc *scene) needed(p *proof) *proof {
	use := make([]bool, len(p.edges))
	note := func(ls []link) {
		for _, l := range ls {
			if l.edge >= 0 {
				use[l.edge] = true
			}
		}
	}
	note(p.chain)
	for i := len(p.edges) - 1; i >= 0; i-- {
		if d := &p.edges[i]; use[i] {
			d.how = sc.walk(p.edges[:d.known], sc.at(d.lost), sc.at(sc.ix.eventOf(d.reader)))
			note(d.how)
		}
	}
	at := make([]int, len(p.edges))
	for i := range at {
		at[i] = -1
	}
	var kept []derived
	for i := next(p.edges, use, at); i >= 0; i = next(p.edges, use, at) {
		at[i] = len(kept)
		kept = append(kept, p.edges[i])
	}
	renumber := func(ls []link) {
		for i := range ls {
			if ls[i].edge >= 0 {
				ls[i].edge = at[ls[i].edge]
			}
		}
	}
	renumber(p.chain)
	for _, d := range kept {
		renumber(d.how)
	}
	p.edges = kept
	return p
}

// next is the edge to tell after those that have their place in at: of those that
// rest on no other, the one by the earliest read. It is -1 after the last.
func next(edges []derived, use []bool, at []int) int {
	best := -1
	for i, d := range edges {
		open := use[i] && at[i] < 0 && !slices.ContainsFunc(d.how, func(l link) bool { return l.edge >= 0 && at[l.edge] < 0 })
		if open && (best < 0 || d.reader < edges[best].reader) {
			best = i
		}
	}
	return best
}

// uses says which events a proof speaks of.
func (sc *scene) uses(p *proof) []bool {
	used := make([]bool, len(sc.events))
	note := func(es ...int32) {
		for _, e := range es {
			used[sc.at(e)] = true
		}
	}
	chain := func(ls []link) {
		for _, l := range ls {
			note(l.from, l.to)
		}
	}
	chain(p.chain)
	if p.early >= 0 {
		note(sc.ix.eventOf(p.early))
	}
	for _, d := range p.edges {
		note(d.lost, d.won, sc.ix.eventOf(d.reader))
		chain(d.how)
	}
	return used
}
