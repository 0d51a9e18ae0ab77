package mlcheck

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/mlcheck/mlcheck/history"
	"github.com/mlcheck/mlcheck/workload"
)

// fillScript sets what a script determines, and refuses what it takes the place of.
func (p *plan) fillScript() error {
	if p.Keys != 0 || p.Rate != 0 || p.Reads != nil || p.Moves != nil {
		return usage("the script says what is asked when and where: leave out keys, rate, reads and moves")
	}
	sessions := 0
	for _, a := range p.Script {
		sessions = max(sessions, a.Session+1)
	}
	set(&p.Sessions, sessions)
	if p.Sessions != sessions {
		return usage("the script has sessions 0 to %d, so there are %d of them, not %d: leave out sessions", sessions-1, sessions, p.Sessions)
	}
	return nil
}

// checkScript says what is wrong with a script, by the place of the operation.
func (p *plan) checkScript() error {
	written := map[int64]bool{}
	for i, a := range p.Script {
		where := fmt.Sprintf("script[%d]", i)
		switch err := a.Check(p.supportsInScript); {
		case err != nil:
			return usage("%s: %w", where, err)
		case a.Session < 0 || a.Session >= 1000:
			return usage("%s: session %d: sessions are numbered from 0 to 999", where, a.Session)
		case !slices.Contains(p.nodes, a.Node):
			return usage("%s: there is no node %q", where, a.Node)
		case a.At < 0 || a.At >= p.Time:
			return usage("%s: it is asked at %s, but sessions run from 0 to %s", where, a.At, p.Time)
		case len(a.Steps) > 1 && (!p.workload.Atomic || !p.conf.Atomic):
			return usage("%s: it has %d steps; workload %s on this target has one in each operation", where, len(a.Steps), p.Workload)
		}
		for _, s := range a.Steps {
			if !s.Value.Set || s.F == history.Inc || s.F == history.Remove {
				continue
			}
			if written[s.Value.N] {
				return usage("%s: %d is written twice: a number must name one write", where, s.Value.N)
			}
			written[s.Value.N] = true
		}
	}
	return nil
}

func (p *plan) supportsInScript(f history.F) bool { return slices.Contains(p.workload.Needs, f) }

// scriptKeys are the keys of the script, in the order in which they come.
func scriptKeys(script []workload.Ask) []string {
	var keys []string
	for _, a := range script {
		for _, s := range a.Steps {
			keys = append(keys, s.Key)
		}
	}
	return distinct(keys)
}

// generator is what a session does.
func (p *plan) generator(session int) workload.Generator {
	if len(p.Script) > 0 {
		return workload.Script(p.Script, session, p.Time)
	}
	return p.workload.Session(p.params, session)
}

// lastNumber is the greatest number that the script writes: those that the runner
// gives come after it.
func (p *plan) lastNumber() int64 {
	last := int64(0)
	for _, a := range p.Script {
		for _, s := range a.Steps {
			if s.F != history.Inc {
				last = max(last, s.Value.N)
			}
		}
	}
	return last
}

// HasCommand says whether flags alone can say the Test: its schedule is drawn from
// its seed, and it has no script.
func (t Test) HasCommand() bool {
	if len(t.Script) > 0 {
		return false
	}
	drawn := t
	drawn.Faults = nil
	again, err := drawn.Complete()
	return err == nil && sameFaults(again, t)
}

// scriptOf writes down what the sessions of a run asked, each operation with the
// numbers that it wrote, without the final reads. O(operations).
func scriptOf(h *history.History) []workload.Ask {
	var script []workload.Ask
	for k := range h.Len() {
		op := h.Op(k)
		if op.Final {
			continue
		}
		a := workload.Ask{Session: op.Session, At: op.Start, Node: op.Node}
		for _, s := range op.Steps {
			if s.F == history.Read {
				s.Value = history.Value{}
			}
			a.Steps = append(a.Steps, workload.Step(s))
		}
		script = append(script, a)
	}
	return script
}

// scripted is the Test with a script of what its run asked.
func (t Test) scripted(h *history.History) Test {
	t.Script = scriptOf(h)
	t.Sessions, t.Keys, t.Rate, t.Reads, t.Moves = 0, 0, 0, nil, nil
	t.Nemesis = nil // the faults are written down
	for _, a := range t.Script {
		for t.Time <= a.At { // in real time the last operations come a little late
			t.Time += time.Millisecond
		}
	}
	return t
}

// Scene is what happens in a Test with a script, a line each, in the order of time.
func (t Test) Scene() []string {
	type moment struct {
		at   time.Duration
		line string
	}
	var ms []moment
	add := func(at time.Duration, format string, args ...any) {
		ms = append(ms, moment{at, fmt.Sprintf("%10s  ", at) + fmt.Sprintf(format, args...)})
	}
	for _, f := range t.Faults {
		add(f.From, "fault %d begins: %s", f.ID, f)
		add(f.Until, "fault %d ends", f.ID)
	}
	for _, a := range t.Script {
		var steps []string
		for _, s := range a.Steps {
			steps = append(steps, s.String())
		}
		add(a.At, "session %d at %s: %s", a.Session, a.Node, strings.Join(steps, ", "))
	}
	slices.SortStableFunc(ms, func(a, b moment) int { return cmp.Compare(a.at, b.at) })
	var lines []string
	for _, m := range ms {
		lines = append(lines, m.line)
	}
	return lines
}
