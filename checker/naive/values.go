package naive

import (
	"slices"

	"github.com/mlcheck/mlcheck/history"
)

// noThinAir: every value that is read was written, and its write did not fail.
func noThinAir(m *model) []Violation {
	var found []Violation
	for _, st := range m.steps {
		op := m.ops[st.op]
		if st.F != history.Read || op.Outcome != history.OK || m.kinds[st.Key]&counter != 0 {
			continue
		}
		for _, v := range elementsShown(st.Value) {
			ws := m.writersOf(st.Key, v)
			switch {
			case len(ws) == 0:
				found = append(found, m.wrong("thin air", st.op))
			case !slices.ContainsFunc(ws, func(w int) bool { return m.ops[m.steps[w].op].Outcome != history.Fail }):
				found = append(found, m.wrong("phantom", st.op))
			}
		}
	}
	return found
}

// noDuplicates: no read shows an element more often than it was added, and no
// counter ends above what all that may have happened adds up to.
func noDuplicates(m *model) []Violation {
	var found []Violation
	for _, st := range m.steps {
		op := m.ops[st.op]
		if st.F != history.Read || op.Outcome != history.OK || m.kinds[st.Key]&(set|list) == 0 {
			continue
		}
		for i, v := range st.Value.List {
			if slices.Contains(st.Value.List[:i], v) && len(m.writersOf(st.Key, v)) < 2 {
				found = append(found, m.wrong("repeated element", st.op))
				break
			}
		}
	}
	end := m.ending()
	for _, key := range m.counters() {
		_, high := m.interval(key)
		steps, _ := m.lasts(end, key)
		for _, s := range steps {
			if end.known() && m.steps[s].Value.List == nil && m.steps[s].Value.N > high {
				found = append(found, m.wrong("above its interval", m.steps[s].op))
			}
		}
	}
	return found
}

// counters are the keys that are only ever incremented.
func (m *model) counters() []string {
	return slices.DeleteFunc(m.keys(), func(k string) bool { return m.kinds[k] != counter })
}

// interval is what a counter may show once everything has arrived: acknowledged
// increments count, those that may have happened widen it.
func (m *model) interval(key string) (low, high int64) {
	for _, s := range m.writes[key] {
		n := m.steps[s].Value.N
		switch m.ops[m.steps[s].op].Outcome {
		case history.OK:
			low, high = low+n, high+n
		case history.Info:
			low, high = low+min(0, n), high+max(0, n)
		}
	}
	return low, high
}

// conserved: all answered reads of every account add up to the same. A read with
// another total than most is wrong together with the first of these.
func conserved(m *model) []Violation {
	accounts := len(m.keys())
	for _, op := range m.ops {
		accounts = max(accounts, len(op.Steps))
	}
	var reads []int
	sums, times := map[int]int64{}, map[int64]int{}
	for k, op := range m.ops {
		if sum, ok := totalOf(op, accounts); ok {
			reads = append(reads, k)
			sums[k] = sum
			times[sum]++
		}
	}
	right := -1
	for _, k := range reads {
		if right < 0 || times[sums[k]] > times[sums[right]] {
			right = k
		}
	}
	var found []Violation
	for _, k := range reads {
		if sums[k] != sums[right] {
			found = append(found, Violation{Label: "another total", Ops: []int{m.ops[right].Index, m.ops[k].Index}})
		}
	}
	return found
}

// totalOf is what an answered read of all accounts adds up to.
func totalOf(op history.Op, accounts int) (sum int64, ok bool) {
	var seen []string
	for _, s := range op.Steps {
		if s.F != history.Read {
			break
		}
		sum += s.Value.N
		if !slices.Contains(seen, s.Key) {
			seen = append(seen, s.Key)
		}
	}
	return sum, op.Outcome == history.OK && len(seen) == accounts
}
