package checker

// knots are the strongly connected components of more than one node: writes of
// which each is before every other. Tarjan's algorithm with a stack of its own, so
// that a long history cannot overflow the goroutine's: O(m·k + c).
func (g *conflicts) knots() [][]int32 {
	t := &tarjan{conflicts: g, index: make([]int32, len(g.events)), low: make([]int32, len(g.events))}
	for v := range g.events {
		if t.index[v] == 0 {
			t.visit(int32(v))
		}
	}
	return t.found
}

type tarjan struct {
	*conflicts
	index, low []int32 // numbered from 1 in the order of visits; low is 0 once a component is complete
	count      int32
	open       []int32 // nodes whose component is not complete
	stack      []frame
	found      [][]int32
}

// frame is a node whose edges are being followed, and the next of them.
type frame struct{ node, edge int32 }

func (t *tarjan) enter(v int32) {
	t.count++
	t.index[v], t.low[v] = t.count, t.count
	t.open = append(t.open, v)
	t.stack = append(t.stack, frame{node: v})
}

func (t *tarjan) visit(root int32) {
	t.enter(root)
	for len(t.stack) > 0 {
		f := &t.stack[len(t.stack)-1]
		v := f.node
		u, next := t.predecessor(v, f.edge)
		switch {
		case u < 0:
			t.leave(v)
		case t.index[u] == 0:
			f.edge = next
			t.enter(u)
		default:
			f.edge = next
			if t.low[u] > 0 {
				t.low[v] = min(t.low[v], t.index[u])
			}
		}
	}
}

func (t *tarjan) leave(v int32) {
	t.stack = t.stack[:len(t.stack)-1]
	if len(t.stack) > 0 {
		p := t.stack[len(t.stack)-1].node
		t.low[p] = min(t.low[p], t.low[v])
	}
	if t.low[v] != t.index[v] {
		return
	}
	from := len(t.open) - 1
	for t.open[from] != v {
		from--
	}
	members := t.open[from:]
	if len(members) > 1 {
		t.found = append(t.found, append([]int32(nil), members...))
	}
	for _, u := range members {
		t.low[u] = 0
	}
	t.open = t.open[:from]
}
