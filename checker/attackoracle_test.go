package checker_test

import (
	"slices"

	"github.com/mlcheck/mlcheck/history"
)

// judgeCC counts the reads that break cc.
func (g *judge) judgeCC() {
	for _, r := range g.reads(false) {
		bad := g.thin(r)
		switch {
		case g.setKey[r.s.key]:
			bad = bad || g.badSet(r, g.missing, func(w src) bool { return w.ev != r.ev && g.co[w.ev][r.ev] })
		case r.s.isl:
		default:
			bad = bad || g.stale(r)
		}
		if bad {
			g.cc++
			g.broken[[2]int{r.op, r.step}] = true
		}
	}
}

// judgeCCV counts the knots of causal order and conflict order.
func (g *judge) judgeCCV() {
	m := g.co.clone()
	for _, r := range g.reads(false) {
		if g.broken[[2]int{r.op, r.step}] || r.s.isl || r.s.n == 0 || r.o.final || g.setKey[r.s.key] {
			continue
		}
		v, ok := g.source(r.s.key, r.s.n)
		if !ok {
			continue
		}
		for _, w := range g.writesOf(r.s.key) {
			if w.ev != v.ev && w.ev != r.ev && g.co[w.ev][r.ev] {
				m[w.ev][v.ev] = true
			}
		}
	}
	m.close()
	seen := make([]bool, len(m))
	for i := range m {
		if !m[i][i] || seen[i] {
			continue
		}
		g.scc++
		for j := range m {
			seen[j] = seen[j] || m[i][j] && m[j][i]
		}
	}
}

// judgeSessions counts the reads that break each guarantee of a session.
func (g *judge) judgeSessions() {
	// A step that only read, in an operation that may not have happened, is left
	// out of what had been read before: the checker does not place it either.
	rs, all := g.reads(false), g.reads(g.trans)
	for _, r := range rs {
		own := func(w src) bool { return g.ops[w.op].session == r.o.session && w.ev != r.ev && g.so[w.ev][r.ev] }
		if r.o.final || g.thin(r) && !r.s.isl {
			continue
		}
		if g.setKey[r.s.key] {
			if g.badSet(r, g.unexplained, own) {
				g.ryw++
			}
			if g.forgot(rs, r) {
				g.mr++
			}
			continue
		}
		if r.s.isl {
			continue
		}
		ws := g.writesOf(r.s.key)
		mine, inside := g.ownBefore(r)
		if inside && mine != r.s.n && (r.s.n != 0 || g.older(r, src{ev: r.ev})) || slices.ContainsFunc(ws, func(w src) bool { return own(w) && g.older(r, w) }) {
			g.ryw++
		}
		if slices.ContainsFunc(rs, func(q aread) bool { return g.backwards(q, r) }) {
			g.mr++
		}
		if inside {
			continue
		}
		if slices.ContainsFunc(rs, func(q aread) bool { return g.wroteBefore(q, r, ws) }) {
			g.mw++
		}
		if slices.ContainsFunc(rs, func(q aread) bool { return g.readBefore(all, q, r) }) {
			g.wfr++
		}
	}
}

// earlier: in session order, or before it in one transaction.
func (g *judge) earlier(q, r aread) bool {
	if q.ev == r.ev {
		return q.step < r.step
	}
	return g.so[q.ev][r.ev]
}

func (g *judge) backwards(q, r aread) bool {
	if q.s.key != r.s.key || q.s.isl || q.s.n == 0 || !g.earlier(q, r) {
		return false
	}
	w, ok := g.source(q.s.key, q.s.n)
	return ok && g.older(r, w)
}

// firstShown says that no earlier read of the session had shown the element.
func (g *judge) firstShown(rs []aread, q aread, n int64) bool {
	return !slices.ContainsFunc(rs, func(p aread) bool {
		return p.s.key == q.s.key && (g.so[p.ev][q.ev] || p.ev == q.ev && p.step < q.step) && slices.Contains(p.s.list, n)
	})
}

// onlyAdd is the one add of an element that may have happened.
func (g *judge) onlyAdd(key int, n int64) (src, bool) {
	ok := g.changes(key, n, history.Add)
	return slices.Concat(ok, []src{{}})[0], len(ok) == 1
}

// forgot says whether an element was shown before and is gone.
func (g *judge) forgot(rs []aread, r aread) bool {
	for _, q := range rs {
		if q.s.key != r.s.key || !g.earlier(q, r) {
			continue
		}
		for _, n := range q.s.list {
			if slices.Contains(r.s.list, n) {
				continue
			}
			if a, ok := g.onlyAdd(r.s.key, n); ok && g.co[a.ev][q.ev] && g.unexplained(r, n, a) && g.firstShown(rs, q, n) {
				return true
			}
		}
	}
	return false
}

// shows says whether a later read at the same node without a restart between
// must know what an earlier one of another key had shown.
func (g *judge) shows(q, r aread) bool {
	return q.s.key != r.s.key && g.earlier(q, r) && q.o.session == r.o.session && q.o.at() == r.o.at() &&
		!g.restartBetween(r.o.at(), q.o.inv, r.o.ret)
}

func (g *judge) shown(q aread) []src {
	var ws []src
	for _, n := range g.numbers(q.s) {
		if w, ok := g.source(q.s.key, n); ok {
			ws = append(ws, w)
		}
	}
	return ws
}

func (g *judge) wroteBefore(q, r aread, ws []src) bool {
	if !g.shows(q, r) {
		return false
	}
	for _, y := range g.shown(q) {
		for _, w := range ws {
			if w.ev != y.ev && g.so[w.ev][y.ev] && g.older(r, w) {
				return true
			}
		}
	}
	return false
}

func (g *judge) readBefore(rs []aread, q, r aread) bool {
	if !g.shows(q, r) {
		return false
	}
	for _, y := range g.shown(q) {
		for _, d := range rs {
			if d.s.key != r.s.key || d.s.isl || d.s.n == 0 || d.ev != y.ev && !g.co[d.ev][y.ev] {
				continue
			}
			if w, ok := g.source(d.s.key, d.s.n); ok && w.ev != d.ev && g.older(r, w) {
				return true
			}
		}
	}
	return false
}
