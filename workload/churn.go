package workload

import (
	"math/rand/v2"
	"slices"
	"strconv"
	"time"

	"github.com/mlcheck/mlcheck/history"
)

func churn() Workload {
	return Workload{
		Name:     "churn",
		Help:     "add elements to sets, remove what was seen, add it again, and read: elements come and go, and two leaders may do both at once",
		Needs:    []history.F{history.Read, history.Add, history.Remove},
		Decides:  []string{"convergence", "durability", "read-your-writes", "monotonic-reads", "no-thin-air", "no-duplicates", "deletes-stay-deleted", "conflict-policy"},
		KeyCount: 3, // few sets, so that they grow
		Keys:     func(p Params) []string { return keys("s", p.KeyCount) },
		Session: func(p Params, id int) Generator {
			c := &churner{p: p, there: map[string][]int64{}, gone: map[string][]int64{}}
			s := newSession(p, id, c.step)
			s.then = c.saw
			return s
		},
	}
}

// churner is one session of the workload, with what the last read of each set showed
// and what was there before and is not any more.
type churner struct {
	p           Params
	there, gone map[string][]int64
}

func (c *churner) step(_ time.Duration, r *rand.Rand) []history.Step {
	st := history.Step{F: history.Read, Key: "s" + strconv.Itoa(r.IntN(c.p.KeyCount))}
	what := r.IntN(3)
	switch there, gone := c.there[st.Key], c.gone[st.Key]; {
	case r.Float64() < c.p.Reads:
	case what == 0 && len(there) > 0:
		st.F, st.Value = history.Remove, history.Int(there[r.IntN(len(there))])
	case what == 1 && len(gone) > 0:
		st.F, st.Value = history.Add, history.Int(gone[r.IntN(len(gone))])
	default:
		st.F = history.Add
	}
	return []history.Step{st}
}

// saw remembers what there is to be removed, or to be added again. Nothing follows
// at once.
func (c *churner) saw(op history.Op) (history.Step, bool) {
	if op.Outcome != history.OK {
		return history.Step{}, false
	}
	for _, st := range op.Steps {
		there, gone := slices.Clone(c.there[st.Key]), slices.Clone(c.gone[st.Key])
		switch v := st.Value.N; {
		case st.F == history.Read:
			for _, v := range there {
				if !slices.Contains(st.Value.List, v) && !slices.Contains(gone, v) {
					gone = append(gone, v)
				}
			}
			there = slices.Clone(st.Value.List)
		case v == 0: // no element
		case st.F == history.Add:
			there = append(there, v)
		case st.F == history.Remove:
			there = slices.DeleteFunc(there, func(w int64) bool { return w == v })
			gone = append(gone, v)
		}
		c.there[st.Key] = there
		c.gone[st.Key] = slices.DeleteFunc(gone, func(v int64) bool { return slices.Contains(there, v) })
	}
	return history.Step{}, false
}
