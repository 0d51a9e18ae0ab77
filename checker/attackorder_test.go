package checker_test

import (
	"slices"

	"github.com/mlcheck/mlcheck/history"
)

// An aevent is what the order is made of: an operation, or a step of one.
type aevent struct {
	op     int
	lo, hi int // its steps
}

// A matrix says of two events whether one is before the other.
type matrix [][]bool

func newMatrix(n int) matrix {
	m := make(matrix, n)
	for i := range m {
		m[i] = make([]bool, n)
	}
	return m
}

// close makes the matrix transitive.
func (m matrix) close() {
	for k := range m {
		for i := range m {
			if !m[i][k] {
				continue
			}
			for j := range m {
				m[i][j] = m[i][j] || m[k][j]
			}
		}
	}
}

func (m matrix) clone() matrix {
	c := make(matrix, len(m))
	for i := range m {
		c[i] = slices.Clone(m[i])
	}
	return c
}

// A judge is the definitions, by brute force.
type judge struct {
	*record
	evs        []aevent
	at         map[[2]int]int // op, step → event
	so, co     matrix
	cyclic     bool
	deletable  map[int]bool // keys with a delete that did not fail
	setKey     map[int]bool
	cc, ryw    int
	mr, mw     int
	wfr, scc   int
	broken     map[[2]int]bool
	finalOrder bool
	wasRead    map[int]bool
	tokens     bool
	forked     bool // a cycle, if something followed what may not have happened
}

// src is where a step is.
type src struct{ ev, op, step int }

func newJudge(r *record) *judge {
	g := &judge{record: r, at: map[[2]int]int{}, deletable: map[int]bool{}, setKey: map[int]bool{}, broken: map[[2]int]bool{}, wasRead: map[int]bool{}}
	single := true
	for _, o := range r.ops {
		single = single && len(o.steps) == 1
	}
	for i, o := range r.ops {
		g.tokens = g.tokens || o.token
		if r.trans || single {
			g.evs = append(g.evs, aevent{i, 0, len(o.steps)})
			for j := range o.steps {
				g.at[[2]int{i, j}] = len(g.evs) - 1
			}
		} else {
			for j := range o.steps {
				g.evs = append(g.evs, aevent{i, j, j + 1})
				g.at[[2]int{i, j}] = len(g.evs) - 1
			}
		}
		for _, s := range o.steps {
			if s.f == history.Delete && o.out != history.Fail {
				g.deletable[s.key] = true
			}
			if s.f == history.Add || s.f == history.Remove {
				g.setKey[s.key] = true
			}
		}
	}
	n := len(g.evs)
	g.so, g.co = newMatrix(n), newMatrix(n)
	g.sessionOrder()
	g.so.close()
	for i := range g.so {
		copy(g.co[i], g.so[i])
	}
	g.addNodeOrder()
	g.readsFrom()
	for x, e := range g.evs {
		if g.ops[e.op].final {
			for w := range g.co {
				g.co[w][x] = false // final reads are in no order with anything
			}
		}
	}
	forked := g.co.clone()
	for x, ex := range g.evs {
		for y, ey := range g.evs {
			a, b := &g.ops[ex.op], &g.ops[ey.op]
			forked[x][y] = forked[x][y] || a.session == b.session && (g.scope || a.at() == b.at()) && x < y && !a.final && !b.final
		}
	}
	forked.close()
	for i := range forked {
		g.forked = g.forked || forked[i][i]
	}
	g.co.close()
	for i := range g.co {
		g.cyclic = g.cyclic || g.co[i][i]
	}
	return g
}

func (g *judge) sessionOrder() {
	last := map[int]int{} // session → last acknowledged operation
	for b := range g.ops {
		ob := &g.ops[b]
		g.withinOp(b)
		if ob.final {
			continue
		}
		for a := range b {
			oa := &g.ops[a]
			if oa.session == ob.session && !oa.final && oa.out == history.OK && (g.scope || oa.at() == ob.at()) {
				g.allBefore(a, b)
			}
		}
		if l, ok := last[ob.session]; ok && ob.token {
			g.allBefore(l, b)
		}
		if ob.out == history.OK {
			last[ob.session] = b
		}
	}
}

func (g *judge) withinOp(b int) {
	for x, ex := range g.evs {
		for y, ey := range g.evs {
			if ex.op == b && ey.op == b && ex.lo < ey.lo && !g.ops[b].final && (g.ops[b].out == history.OK || g.evIsToldRead(x)) {
				g.so[x][y] = true
			}
		}
	}
}

func (g *judge) evIsToldRead(x int) bool {
	e := g.evs[x]
	s := g.ops[e.op].steps[e.lo]
	return s.f == history.Read && s.told
}

func (g *judge) allBefore(a, b int) {
	for x, ex := range g.evs {
		for y, ey := range g.evs {
			if ex.op == a && ey.op == b {
				g.so[x][y] = true
			}
		}
	}
}

func (g *judge) restartBetween(node, from, to int) bool {
	for _, x := range g.restarts {
		if x.kind == "kill" && x.node == node && from < x.at && x.at < to {
			return true
		}
	}
	return false
}

func (g *judge) addNodeOrder() {
	if !g.nodeOrder {
		return
	}
	for x, ex := range g.evs {
		for y, ey := range g.evs {
			a, b := &g.ops[ex.op], &g.ops[ey.op]
			if ex.op == ey.op || a.out != history.OK || a.at() != b.at() || a.ret == 0 || a.ret >= b.inv || a.final || b.final && !g.finalOrder {
				continue
			}
			end := b.ret
			if end == 0 {
				end = 1 << 30
			}
			if !g.restartBetween(a.at(), a.inv, end) {
				g.co[x][y] = true
			}
		}
	}
}

// writers are the writes of a value to a register, or the adds of an element.
func (g *judge) writers(key int, n int64, f history.F) (ok, failed []src) {
	for i, o := range g.ops {
		for j, s := range o.steps {
			if s.f != f || s.key != key || s.n != n {
				continue
			}
			w := src{g.at[[2]int{i, j}], i, j}
			if o.out == history.Fail {
				failed = append(failed, w)
			} else {
				ok = append(ok, w)
			}
		}
	}
	return ok, failed
}

// source is the one write that a number can come from.
func (g *judge) source(key int, n int64) (src, bool) {
	f := history.Write
	if g.setKey[key] {
		f = history.Add
	}
	ok, failed := g.writers(key, n, f)
	all := slices.Concat(ok, failed)
	return slices.Concat(all, []src{{}})[0], len(all) == 1
}

type aread struct {
	src
	s *astep
	o *aop
}

// reads are all reads that were acknowledged, or all that brought an answer.
func (g *judge) reads(all bool) []aread {
	var rs []aread
	for i := range g.ops {
		for j := range g.ops[i].steps {
			if s := &g.ops[i].steps[j]; s.f == history.Read && s.told && (all || g.ops[i].out == history.OK) {
				rs = append(rs, aread{src{g.at[[2]int{i, j}], i, j}, s, &g.ops[i]})
			}
		}
	}
	return rs
}

func (g *judge) numbers(s *astep) []int64 {
	if s.isl {
		return s.list
	}
	if s.n == 0 {
		return nil
	}
	return []int64{s.n}
}

func (g *judge) readsFrom() {
	for _, r := range g.reads(true) {
		for _, n := range g.numbers(r.s) {
			w, ok := g.source(r.s.key, n)
			if ok {
				g.wasRead[w.ev] = true
			}
			g.cyclic = g.cyclic || ok && w.ev == r.ev && w.step > r.step // from its own future
			if ok && w.ev != r.ev {
				g.co[w.ev][r.ev] = true
			}
		}
	}
}
