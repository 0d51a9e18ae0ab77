package naive

import (
	"slices"
	"strings"

	"github.com/mlcheck/mlcheck/history"
)

// ending is how a run ended: what each leader showed last of each key.
type ending struct {
	leaders []string
	healed  bool
	closed  bool
	quiet   string // the state of replication; "": never told

	closedAt, quietAt int // indexes of these events; 0: there are none
	reads             bool
}

func (m *model) ending() ending {
	end := ending{leaders: m.h.Header.Nodes}
	for _, ev := range m.h.Events {
		switch {
		case ev.Type != history.StageEvent:
		case ev.Stage == history.StageHealed:
			end.healed = true
		case ev.Stage == history.StageClosed:
			end.closed, end.closedAt = true, ev.Index
		case ev.Stage == history.StageQuiet:
			end.quiet, end.quietAt = "state "+ev.State, ev.Index
		}
	}
	for _, op := range m.ops {
		if !op.Final {
			continue
		}
		if len(m.h.Header.Nodes) == 0 && !slices.Contains(end.leaders, op.Node) {
			end.leaders = append(end.leaders, op.Node)
		}
	}
	for _, op := range m.ops {
		end.reads = end.reads || op.Final && op.Outcome == history.OK && op.Index > end.quietAt && slices.Contains(end.leaders, op.Node) &&
			slices.ContainsFunc(op.Steps, func(s history.Step) bool { return s.F == history.Read })
	}
	return end
}

// known says whether the run came to a rest that can be judged.
func (end ending) known() bool {
	return end.healed && end.closed && end.quiet != "" && end.quiet != "state "+history.QuietMoving && end.reads
}

// last is the step by which a leader answered the last final read of a key since
// replication rested, or -1.
func (m *model) last(leader, key string) int {
	rested := m.ending().quietAt
	for s := len(m.steps) - 1; s >= 0; s-- {
		st := m.steps[s]
		op := m.ops[st.op]
		if op.Final && op.Outcome == history.OK && op.Index > rested && op.Node == leader && st.F == history.Read && st.Key == key {
			return s
		}
	}
	return -1
}

// lasts are the last final reads of a key, by leader; all says whether each has one.
func (m *model) lasts(end ending, key string) (steps []int, all bool) {
	all = true
	for _, n := range end.leaders {
		if s := m.last(n, key); s >= 0 {
			steps = append(steps, s)
		} else {
			all = false
		}
	}
	return steps, all && len(steps) > 0
}

// keys are those that somebody may have written.
func (m *model) keys() []string {
	var keys []string
	for _, k := range m.h.Keys() {
		if m.kinds[k] != 0 {
			keys = append(keys, k)
		}
	}
	return keys
}

// convergence: leaders that rest differ in no key, and where replication does not
// come to rest no values go round.
func convergence(m *model) []Violation {
	end := m.ending()
	if end.healed && end.closed && end.quiet == "state "+history.QuietMoving {
		return m.loops(end)
	}
	if !end.known() || len(end.leaders) < 2 {
		return nil
	}
	label := "different at rest"
	if strings.HasSuffix(end.quiet, history.QuietStopped) {
		label = "stopped"
	}
	var found []Violation
	for _, key := range m.keys() {
		steps, _ := m.lasts(end, key)
		v := Violation{Label: label}
		differ := false
		for _, s := range steps {
			v.Ops = append(v.Ops, m.ops[m.steps[s].op].Index)
			differ = differ || !m.sameState(key, m.steps[steps[0]].Value, m.steps[s].Value)
		}
		if differ {
			found = append(found, v)
		}
	}
	return found
}

// sameState compares what two leaders hold: lists keep their order, sets and
// siblings do not, and nothing is the same as 0 or an empty collection.
func (m *model) sameState(key string, a, b history.Value) bool {
	x, y := slices.Clone(elementsShown(a)), slices.Clone(elementsShown(b))
	if m.kinds[key]&list == 0 || a.List == nil && b.List == nil {
		slices.Sort(x)
		slices.Sort(y)
		x, y = slices.Compact(x), slices.Compact(y)
	}
	return slices.Equal(x, y)
}
