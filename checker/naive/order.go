package naive

import (
	"slices"

	"github.com/mlcheck/mlcheck/history"
)

// matrix is a relation over events, a bit for each pair.
type matrix [][]uint64

func newMatrix(n int) matrix {
	m := make(matrix, n)
	for i := range m {
		m[i] = make([]uint64, (n+63)/64)
	}
	return m
}

func (m matrix) set(a, b int)      { m[a][b/64] |= 1 << (b % 64) }
func (m matrix) has(a, b int) bool { return m[a][b/64]>>(b%64)&1 == 1 }

// close makes the relation transitive: Warshall's algorithm.
func (m matrix) close() {
	for k := range m {
		for i := range m {
			if m.has(i, k) {
				for w, bits := range m[k] {
					m[i][w] |= bits
				}
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

// is says whether event a is causally before event b.
func (m *model) is(a, b int) bool { return a != b && m.before.has(a, b) }

// order works out causal order: (so ∪ wr)⁺, with tokens, and with node order
// where the target declares it.
func (m *model) order() {
	if m.before != nil {
		return
	}
	m.before = newMatrix(len(m.events))
	for b := range m.events {
		if m.placed(b) {
			for _, a := range m.causes(b) {
				m.before.set(a, b)
			}
		}
	}
	m.before.close()
}

// placed says whether an event is in the order at all: a final read is in none,
// and neither is an operation that failed, unless somebody read what it wrote.
func (m *model) placed(e int) bool {
	k := m.events[e].op
	if m.final(k) {
		return false
	}
	return m.ops[k].Outcome != history.Fail ||
		slices.ContainsFunc(m.events, func(f event) bool { return f.op == k && f.read })
}

// causes are the events that b directly follows. What may or may not have
// happened is a branch: it follows what its session did before, and whatever
// it has read so far, and nothing in its session follows it.
func (m *model) causes(b int) []int {
	var found []int
	k := m.events[b].op
	certain := m.ops[k].Outcome == history.OK
	for a := range m.events {
		if m.promised(a, b) {
			found = append(found, a)
		}
	}
	for e := range b + 1 {
		if m.events[e].op != k || certain && e != b {
			continue
		}
		for _, s := range m.events[e].steps {
			for _, w := range m.steps[s].from.steps {
				if g := m.steps[w].event; g != b || e != b {
					found = append(found, g)
				}
			}
		}
	}
	if first := b == 0 || m.events[b-1].op != k; first || !certain {
		found = append(found, m.broughtAlong(k)...)
		found = append(found, m.nodeOrder(k)...)
	}
	return found
}

// promised says whether a is before b in promised session order: at one node, and
// on to others where a token was handed over.
func (m *model) promised(a, b int) bool {
	if m.so == nil {
		m.so = newMatrix(len(m.events))
		for y, at := range m.events {
			if m.final(at.op) {
				continue
			}
			for x := range y {
				if j := m.events[x].op; m.ops[j].Outcome == history.OK && !m.final(j) && m.session(j) == m.session(at.op) {
					m.so.set(x, y)
				}
			}
			for _, x := range m.broughtAlong(at.op) {
				m.so.set(x, y)
			}
		}
		m.so.close()
	}
	return m.so.has(a, b)
}

// broughtAlong is the last acknowledged event of the session before operation k,
// wherever that was, if k hands over a causal token.
func (m *model) broughtAlong(k int) []int {
	if m.ops[k].Meta.Token == "" {
		return nil
	}
	for e := len(m.events) - 1; e >= 0; e-- {
		j := m.events[e].op
		if j < k && m.ops[j].Session == m.ops[k].Session && m.ops[j].Outcome == history.OK && !m.final(j) {
			return []int{e}
		}
	}
	return nil
}

// nodeOrder are the events that were over at operation k's leader before k was
// asked for, where each leader is declared to be one linear store.
func (m *model) nodeOrder(k int) []int {
	if !m.h.Header.NodeOrder {
		return nil
	}
	var found []int
	epoch := m.restarts(m.node(k), m.ops[k].Index)
	end := m.ops[k].Return
	if end == 0 {
		end = endless
	}
	if m.restarts(m.node(k), end) != epoch {
		return nil // nobody knows on which side of the restart it took effect
	}
	for e := range m.events {
		j := m.events[e].op
		last := e+1 == len(m.events) || m.events[e+1].op != j
		op := m.ops[j]
		if last && op.Outcome == history.OK && !m.final(j) && m.node(j) == m.node(k) && op.Return < m.ops[k].Index &&
			m.restarts(m.node(j), op.Index) == epoch && m.restarts(m.node(j), op.Return) == epoch {
			found = append(found, e)
		}
	}
	return found
}
