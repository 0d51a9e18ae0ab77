package mlcheck

import (
	"fmt"
	"slices"
	"time"

	"github.com/mlcheck/mlcheck/history"
	"github.com/mlcheck/mlcheck/nemesis"
)

// turnsAt are the faults that come or go for a while at a time, between their start
// and their end.
func (n *saboteur) turnsAt(at time.Duration) []nemesis.Fault {
	return slices.DeleteFunc(slices.Clone(n.Faults), func(f nemesis.Fault) bool {
		return f.Flap == 0 || at <= f.From || at >= f.Until || !slices.Contains(f.Turns(), at)
	})
}

// pausing notes what faults have met that go for a while: counters begin anew with
// the next cut.
func (n *saboteur) pausing(turning []nemesis.Fault, at time.Duration, m nemesis.Measured) {
	for _, f := range turning {
		if !f.Active(at) {
			n.met[f.ID] += max(metBy(f, m)-n.before[f.ID], 0)
		}
	}
}

// turned judges faults that have come or gone. What is as it should be is recorded
// when the fault ends.
func (n *saboteur) turned(turning []nemesis.Fault, were nemesis.State, m look) {
	for _, f := range turning {
		bad := history.Stuck
		if f.Active(n.at) {
			bad = history.Absent
			n.before[f.ID] = max(metBy(already(f, were), m.Measured), 0)
		}
		if why := n.differs(f, n.state(), m); why != "" {
			ev := describe(f, bad)
			ev.Why = why
			n.opt.Progress("%6.1f s  %s: %s: %s", n.cluster.Now().Seconds(), f.Kind, bad, why)
			n.rec.Event(ev)
		}
	}
}

// ofTurns says at the end of a fault that it flapped.
func ofTurns(f nemesis.Fault) string {
	return fmt.Sprintf("it came %d times, and each time it was measured that it came and went", len(f.Turns())/2)
}
