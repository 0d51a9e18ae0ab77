package naive

import (
	"slices"

	"github.com/mlcheck/mlcheck/history"
)

// rounds is how often two values must follow each other.
const rounds = 3

// loops: no leader that does not restart shows two written values of a register
// follow each other three times while every client is closed.
func (m *model) loops(end ending) []Violation {
	var found []Violation
	for _, leader := range m.h.Nodes() {
		if m.restarted(leader, end.closedAt) {
			continue
		}
		for _, key := range m.keys() {
			if m.kinds[key] != register {
				continue
			}
			shown := m.shownSince(end, leader, key)
			if m.goRound(shown) {
				v := Violation{Label: "loop"}
				for _, s := range shown {
					v.Ops = append(v.Ops, m.ops[m.steps[s].op].Index)
				}
				found = append(found, v)
			}
		}
	}
	return found
}

// shownSince are the reads of a key at a leader since clients were closed and
// until somebody writes again, each begun after the one before it was answered.
func (m *model) shownSince(end ending, leader, key string) []int {
	until := -1
	for k, op := range m.ops {
		if until < 0 && op.Index > end.closedAt && slices.ContainsFunc(m.ops[k].Steps, func(s history.Step) bool { return s.F.IsWrite() }) {
			until = op.Index
		}
	}
	var reads []int
	for s, st := range m.steps {
		op := m.ops[st.op]
		switch {
		case st.Key != key || st.F != history.Read || !m.final(st.op) || op.Outcome != history.OK:
		case op.Index < end.closedAt || until >= 0 && op.Return > until || m.node(st.op) != leader || !slices.Contains(end.leaders, op.Node):
		case len(reads) > 0 && m.steps[reads[len(reads)-1]].op != st.op && op.Index < m.ops[m.steps[reads[len(reads)-1]].op].Return:
		default:
			reads = append(reads, s)
		}
	}
	return reads
}

// goRound says whether some written value is shown, then some other, then the
// first one again, and so on.
func (m *model) goRound(reads []int) bool {
	for _, a := range reads {
		for _, b := range reads {
			turns := [2]int64{m.steps[a].Value.N, m.steps[b].Value.N}
			if turns[0] == turns[1] || m.steps[a].from.what != aValue || m.steps[b].from.what != aValue {
				continue
			}
			n := 0
			for _, s := range reads {
				if m.steps[s].from.what == aValue && m.steps[s].Value.N == turns[n%2] {
					n++
				}
			}
			if n >= 2*rounds {
				return true
			}
		}
	}
	return false
}
