package truth

import (
	"slices"
	"strings"

	"github.com/mlcheck/mlcheck/history"
	"github.com/mlcheck/mlcheck/targets/reference"
)

// place is where an operation stands in the order of execution: reads through an
// order stand where the order was when they were answered.
func (t *Truth) place(k int) int {
	if t.commit[k] >= 0 {
		return t.commit[k]
	}
	i := t.exec[k]
	if i < 0 || t.h.Header.Policy != "certify" {
		return i
	}
	// What was read at a leader is of the last transaction that it had applied.
	for j := i; j >= 0; j-- {
		if e := t.told[j]; e.Node == t.told[i].Node && e.Kind == reference.TraceApplied {
			return t.committed(e)
		}
	}
	return 0
}

// committed is the entry in which an update was made.
func (t *Truth) committed(e Told) int {
	for j := range t.told {
		if c := t.told[j]; c.Kind == reference.TraceCommitted && c.Origin == e.Origin && c.Seq == e.Seq {
			return j
		}
	}
	return 0
}

// outOfOrder are reads of registers that returned something else than the last
// write before them, in the order in which operations were executed, or that were
// not executed between their start and their answer. Where there are none, that
// order proves linearizability; where there are some, another one may.
func (t *Truth) outOfOrder() []Breach {
	var order []int
	for k := range t.ops {
		if t.exec[k] >= 0 && t.ops[k].Outcome != history.Fail {
			order = append(order, k)
		}
	}
	slices.SortStableFunc(order, func(a, b int) int { return t.place(a) - t.place(b) })
	holds := map[string]int64{}
	var bad []Breach
	for _, k := range order {
		for _, s := range t.ops[k].Steps {
			switch {
			case s.F == history.Write:
				holds[s.Key] = s.Value.N
			case s.F == history.Read && t.plain[s.Key] && t.ops[k].Outcome == history.OK && s.Value.N != holds[s.Key]:
				bad = append(bad, Breach{[]int{k, t.by[named{history.Write, s.Key, holds[s.Key]}]}, s.Key, "not what was written last"})
			}
		}
	}
	return bad
}

// arbitrated says whether stamps explain every read: each returned the write with
// the greatest stamp of all that its leader knew, and no stamp is less than one in
// its past. Then causal convergence is proved.
func (t *Truth) arbitrated() bool {
	if !strings.HasPrefix(t.h.Header.Policy, "lww") {
		return false
	}
	for k := range t.ops {
		for p := range t.ops {
			if t.commit[k] >= 0 && t.commit[p] >= 0 && t.really.Before(p, k) && stampLess(t.told[t.commit[k]], t.told[t.commit[p]], t.h.Header.Nodes) {
				return false
			}
		}
	}
	for _, l := range t.looks() {
		for _, w := range t.writes[cell{key: l.key}] {
			if w.op != l.op && t.commit[w.op] >= 0 && t.really.Before(w.op, l.op) && w.op != l.src &&
				(l.src < 0 || stampLess(t.told[t.commit[l.src]], t.told[t.commit[w.op]], t.h.Header.Nodes)) {
				return false
			}
		}
	}
	return true
}
