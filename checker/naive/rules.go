package naive

import (
	"math/big"

	"github.com/mlcheck/mlcheck/history"
)

// nonNegative: no answered read shows a counter below zero.
func nonNegative(m *model) []Violation {
	var found []Violation
	for _, key := range m.counters() {
		if !m.fits(key) {
			continue
		}
		for _, st := range m.steps {
			if st.Key == key && st.F == history.Read && m.ops[st.op].Outcome == history.OK && st.Value.List == nil && st.Value.N < 0 {
				found = append(found, m.wrong("below zero", st.op))
			}
		}
	}
	return found
}

// fits says whether the increments of a counter that may have happened, those of
// each sign by themselves, add up to numbers of 64 bits; else nothing is said of it.
func (m *model) fits(key string) bool {
	plus, minus := new(big.Int), new(big.Int)
	for _, s := range m.writes[key] {
		if m.ops[m.steps[s].op].Outcome == history.Fail {
			continue
		}
		n := big.NewInt(m.steps[s].Value.N)
		if n.Sign() > 0 {
			plus.Add(plus, n)
		} else {
			minus.Add(minus, n)
		}
	}
	return plus.IsInt64() && minus.IsInt64()
}

// unique: no two acknowledged operations read one key, found it free and wrote it.
func unique(m *model) []Violation {
	var found []Violation
	first := map[string]int{} // key → the operation that took it
	for w, st := range m.steps {
		r := m.readInOp(w)
		if st.F != history.Write || m.kinds[st.Key] != register || m.ops[st.op].Outcome != history.OK || r < 0 || len(m.deletes(st.Key)) > 0 {
			continue
		}
		if m.steps[r].from.what != theInitial {
			continue
		}
		if k, taken := first[st.Key]; !taken {
			first[st.Key] = st.op
		} else if k != st.op {
			found = append(found, Violation{Label: "taken twice", Ops: []int{m.ops[k].Index, m.ops[st.op].Index}})
		}
	}
	return found
}
