package workload

import (
	"math/rand/v2"
	"slices"
	"time"

	"github.com/mlcheck/mlcheck/history"
)

func removals() Workload {
	return Workload{
		Name:    "removals",
		Help:    "add elements to sets and write registers, remove what was seen, and read all of it again: what was removed must stay away",
		Needs:   []history.F{history.Read, history.Write, history.Delete, history.Add, history.Remove},
		Decides: append(slices.Clone(registers), "no-duplicates", "deletes-stay-deleted"),
		Keys: func(p Params) []string {
			return append(allKeys(p), prefixed("s", allKeys(p))...)
		},
		Session: func(p Params, id int) Generator {
			r := &remover{p: p, seen: map[string][]int64{}}
			s := newSession(p, id, r.step)
			s.then = r.saw
			return s
		},
	}
}

// prefixed are the same keys with something before each.
func prefixed(prefix string, keys []string) []string {
	all := make([]string, len(keys))
	for i, k := range keys {
		all[i] = prefix + k
	}
	return all
}

// remover is one session of the workload: it removes what it has read or written
// itself, so that there is something for a removal to come after.
type remover struct {
	p    Params
	seen map[string][]int64 // key → what the last read of it showed, and what was put there since
}

func (m *remover) step(now time.Duration, r *rand.Rand) []history.Step {
	st := history.Step{F: history.Read, Key: skewed(m.p, now, r)}
	isSet := r.IntN(2) == 0
	if isSet {
		st.Key = "s" + st.Key
	}
	known := m.seen[st.Key]
	switch remove := r.IntN(2) == 0 && len(known) > 0; {
	case r.Float64() < m.p.Reads:
	case remove && isSet:
		v := known[r.IntN(len(known))]
		m.seen[st.Key] = slices.DeleteFunc(slices.Clone(known), func(w int64) bool { return w == v })
		st.F, st.Value = history.Remove, history.Int(v)
	case remove:
		m.seen[st.Key] = nil
		st.F = history.Delete
	case isSet:
		st.F = history.Add
	default:
		st.F = history.Write
	}
	return []history.Step{st}
}

// saw remembers what is there to be removed. Nothing follows at once.
func (m *remover) saw(op history.Op) (history.Step, bool) {
	if op.Outcome == history.OK {
		for _, st := range op.Steps {
			switch st.F {
			case history.Read:
				m.seen[st.Key] = elements(st.Value)
			case history.Write:
				m.seen[st.Key] = []int64{st.Value.N}
			case history.Add:
				m.seen[st.Key] = append(slices.Clone(m.seen[st.Key]), st.Value.N)
			}
		}
	}
	return history.Step{}, false
}

// elements are what a read showed, of a set or a register.
func elements(v history.Value) []int64 {
	if v.List != nil || !v.Set || v.N == 0 {
		return v.List
	}
	return []int64{v.N}
}
