package checker_test

import (
	"slices"

	"github.com/mlcheck/mlcheck/history"
)

// writesOf are the writes and deletes of a register.
func (g *judge) writesOf(key int) []src {
	var ws []src
	for i, o := range g.ops {
		for j, s := range o.steps {
			if s.key == key && (s.f == history.Write || s.f == history.Delete) {
				ws = append(ws, src{g.at[[2]int{i, j}], i, j})
			}
		}
	}
	return ws
}

// older says whether everything that the read of a register may have returned is
// before the write w.
func (g *judge) older(r aread, w src) bool {
	if r.s.n != 0 {
		v, ok := g.source(r.s.key, r.s.n)
		return ok && v.ev != w.ev && g.co[v.ev][w.ev]
	}
	for _, d := range g.writesOf(r.s.key) {
		o := &g.ops[d.op]
		if o.steps[d.step].f == history.Delete && g.mayReturn(r, d) && (d.ev != r.ev || d.ev != w.ev) && (d.ev == w.ev || !g.co[d.ev][w.ev]) {
			return false
		}
	}
	return true
}

// ownBefore is what the read's own transaction had written to the key before.
func (g *judge) ownBefore(r aread) (int64, bool) {
	for j := r.step - 1; j >= 0 && g.trans; j-- {
		s := r.o.steps[j]
		if s.key == r.s.key && s.f != history.Read {
			return s.n, true
		}
	}
	return 0, false
}

// torn judges what only transactions promise.
func (g *judge) torn(r aread) (bad, decided bool) {
	if !g.trans {
		return false, false
	}
	if mine, inside := g.ownBefore(r); inside {
		return mine != r.s.n, true
	}
	for j := r.step - 1; j >= 0 && !r.o.final; j-- {
		if s := r.o.steps[j]; s.key == r.s.key {
			if _, ok := g.source(s.key, s.n); !ok && s.n != 0 || s.isl {
				continue // out of thin air
			}
			if s.n != r.s.n {
				return true, true
			}
			break
		}
	}
	if v, ok := g.source(r.s.key, r.s.n); ok {
		o := g.ops[v.op]
		if o.out == history.Fail {
			return true, true
		}
		for _, s := range o.steps[v.step+1:] {
			if s.key == r.s.key && s.f != history.Read {
				return true, true
			}
		}
	}
	return false, false
}

// mayReturn says whether a read may have returned what a delete left.
func (g *judge) mayReturn(r aread, d src) bool {
	return g.ops[d.op].out != history.Fail && !g.co[r.ev][d.ev] && (d.ev != r.ev || d.step < r.step)
}

// stale says whether a read of a register returned what was replaced in its past.
func (g *judge) stale(r aread) bool {
	if bad, decided := g.torn(r); decided {
		return bad
	}
	ws := g.writesOf(r.s.key)
	replaced := func(v int) bool {
		return slices.ContainsFunc(ws, func(w src) bool {
			return w.ev != v && w.ev != r.ev && (v < 0 || g.co[v][w.ev]) && g.co[w.ev][r.ev]
		})
	}
	if r.s.n != 0 {
		v, ok := g.source(r.s.key, r.s.n)
		return !ok || replaced(v.ev)
	}
	if !replaced(-1) {
		return false
	}
	for _, d := range ws {
		o := &g.ops[d.op]
		if o.steps[d.step].f == history.Delete && g.mayReturn(r, d) && !replaced(d.ev) {
			return false
		}
	}
	return true
}

// changes are the removes or adds of an element that may have happened: of the
// failed ones those that were read.
func (g *judge) changes(key int, n int64, f history.F) []src {
	ok, failed := g.writers(key, n, f)
	for _, w := range failed {
		if g.wasRead[w.ev] {
			ok = append(ok, w)
		}
	}
	return ok
}

// unexplained: no remove is after the add a and not after the read.
func (g *judge) unexplained(r aread, n int64, a src) bool {
	for _, m := range g.changes(r.s.key, n, history.Remove) {
		if !g.co[m.ev][a.ev] && !g.co[r.ev][m.ev] {
			return false
		}
	}
	return true
}

// missing: no remove explains that the read lacks an element: each is after the
// read, or an add came between the two.
func (g *judge) missing(r aread, n int64, _ src) bool {
	ok, failed := g.writers(r.s.key, n, history.Add)
	for _, m := range g.changes(r.s.key, n, history.Remove) {
		undone := slices.ContainsFunc(slices.Concat(ok, failed), func(a src) bool { return g.co[m.ev][a.ev] && g.co[a.ev][r.ev] })
		if !undone && !g.co[r.ev][m.ev] {
			return false
		}
	}
	return true
}

// returned: an element shows though remove m should have taken it away.
func (g *judge) revenant(key int, n int64, m src) bool {
	as := g.changes(key, n, history.Add)
	for _, a := range as {
		if a.ev == m.ev || !g.co[a.ev][m.ev] {
			return false
		}
	}
	return len(as) > 0
}

func (g *judge) elements(key int) []int64 {
	var ns []int64
	for _, o := range g.ops {
		for _, s := range o.steps {
			if s.key == key && (s.f == history.Add || s.f == history.Remove) {
				ns = append(ns, s.n)
			}
		}
	}
	slices.Sort(ns)
	return slices.Compact(ns)
}

// badSet judges a read of a set by the changes that `knows` says it must know.
func (g *judge) badSet(r aread, lacks func(aread, int64, src) bool, knows func(src) bool) bool {
	for _, n := range g.elements(r.s.key) {
		if slices.Contains(r.s.list, n) {
			for _, m := range g.changes(r.s.key, n, history.Remove) {
				if knows(m) && g.revenant(r.s.key, n, m) {
					return true
				}
			}
			continue
		}
		ok, failed := g.writers(r.s.key, n, history.Add)
		for _, a := range append(ok, failed...) {
			if knows(a) && lacks(r, n, a) {
				return true
			}
		}
	}
	return false
}

func (g *judge) thin(r aread) bool {
	if r.s.isl && !g.setKey[r.s.key] {
		return false // siblings are not cc's
	}
	f := history.Write
	if g.setKey[r.s.key] {
		f = history.Add
	}
	for _, n := range g.numbers(r.s) {
		ok, failed := g.writers(r.s.key, n, f)
		if len(ok)+len(failed) == 0 {
			return true
		}
	}
	return false
}
