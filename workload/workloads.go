package workload

import (
	"math/rand/v2"
	"slices"
	"strconv"
	"time"

	"github.com/mlcheck/mlcheck/history"
)

// What a history of registers can decide.
var registers = []string{"convergence", "durability", "no-stale-wins", "cc", "cm", "ccv", "read-your-writes", "monotonic-reads", "monotonic-writes", "writes-follow-reads", "conflict-policy", "linearizable", "no-thin-air"}

// All are the workloads, in the order of their names.
func All() []Workload {
	return []Workload{causal(), churn(), counterExact(), register(), removals(), rmw(), set()}
}

// Lookup finds a workload by name.
func Lookup(name string) (Workload, bool) {
	i := slices.IndexFunc(All(), func(w Workload) bool { return w.Name == name })
	if i < 0 {
		return Workload{}, false
	}
	return All()[i], true
}

func register() Workload {
	return Workload{
		Name:    "register",
		Help:    "reads and blind writes of skewed keys, with probing shapes mixed in (message passing, WRC, IRIW, store buffering, read before write)",
		Needs:   []history.F{history.Read, history.Write},
		Decides: registers,
		Keys:    func(p Params) []string { return append(allKeys(p), shapeKeys()...) },
		Session: func(p Params, id int) Generator {
			return newSession(p, id, readOrWrite(p)).withShapes(8)
		},
	}
}

func readOrWrite(p Params) func(time.Duration, *rand.Rand) []history.Step {
	return func(now time.Duration, r *rand.Rand) []history.Step {
		f := history.Write
		if r.Float64() < p.Reads {
			f = history.Read
		}
		return []history.Step{{F: f, Key: skewed(p, now, r)}}
	}
}

// causalSessions is how many sessions the causal workload has, whatever was
// asked for: in a session that moves, all evidence would be about the move.
const causalSessions = 3

func causal() Workload {
	return Workload{
		Name:     "causal",
		Help:     "three sessions that each stay at a leader and play one probing shape after the other",
		Needs:    []history.F{history.Read, history.Write},
		Decides:  registers,
		Sessions: causalSessions,
		Keys:     func(p Params) []string { return append(allKeys(p), shapeKeys()...) },
		Session: func(p Params, id int) Generator {
			p.Moves = 0
			return newSession(p, id, readOrWrite(p)).withShapes(2)
		},
	}
}

func rmw() Workload {
	return Workload{
		Name:    "rmw",
		Help:    "read a key, then write a new value to it, in one transaction; where the target has none it is called rmw-blind: two operations in a row",
		Needs:   []history.F{history.Read, history.Write},
		Atomic:  true,
		Decides: append(slices.Clone(registers), "no-lost-updates"),
		Keys:    allKeys,
		Session: func(p Params, id int) Generator {
			blind := ""
			s := newSession(p, id, func(now time.Duration, r *rand.Rand) []history.Step {
				key := skewed(p, now, r)
				read := history.Step{F: history.Read, Key: key}
				switch {
				case r.Float64() < p.Reads:
					return []history.Step{read}
				case p.Blind:
					blind = key
					return []history.Step{read}
				}
				return []history.Step{read, {F: history.Write, Key: key}}
			})
			s.then = func(op history.Op) (history.Step, bool) {
				key := blind
				blind = ""
				return history.Step{F: history.Write, Key: key}, key != "" && op.Outcome == history.OK
			}
			return s
		},
	}
}

func set() Workload {
	return Workload{
		Name:     "set",
		Help:     "add a new element to a set, or read the whole set",
		Needs:    []history.F{history.Read, history.Add},
		KeyCount: 3, // few sets, so that they grow
		Decides:  []string{"convergence", "durability", "read-your-writes", "monotonic-reads", "no-thin-air", "no-duplicates"},
		Keys:     func(p Params) []string { return keys("s", p.KeyCount) },
		Session: func(p Params, id int) Generator {
			return newSession(p, id, func(_ time.Duration, r *rand.Rand) []history.Step {
				f := history.Add
				if r.Float64() < p.Reads {
					f = history.Read
				}
				return []history.Step{{F: f, Key: "s" + strconv.Itoa(r.IntN(p.KeyCount))}}
			})
		},
	}
}
