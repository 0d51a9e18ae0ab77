package mlcheck

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/mlcheck/mlcheck/history"
	"github.com/mlcheck/mlcheck/nemesis"
)

// look is a measurement, and the time that it took to read the clocks.
type look struct {
	nemesis.Measured
	from, to time.Duration
	views    map[string]view // by leader, where any is out
}

func (n *saboteur) look(ctx context.Context) (look, error) {
	from := n.cluster.Now()
	m, err := n.cluster.Fabric().Measure(ctx)
	n.timeLinks(m)
	l := look{Measured: m, from: from, to: n.cluster.Now()}
	if m.Read > 0 { // probes take much longer than it takes to read clocks
		l.from, l.to = m.Read, m.Read
	}
	if len(n.members.left) > 0 {
		l.views = n.views(ctx, n.state())
	}
	return l, err
}

// describe is a fault in a phase, as the history has it.
func describe(f nemesis.Fault, phase string) history.Event {
	ev := history.Event{Type: history.FaultEvent, Fault: f.ID, Kind: f.Kind, Phase: phase, Links: f.Links, Nodes: slices.Clone(f.Nodes)}
	mixed := false
	for _, s := range f.Clocks {
		if ev.Offsets == nil {
			ev.Offsets = map[string]int64{}
		}
		ev.Offsets[s.Node] = int64(s.Offset)
		ev.Nodes = append(ev.Nodes, s.Node)
		ev.PPM, ev.Period = s.PPM, int64(s.Period)
		mixed = mixed || s.PPM != f.Clocks[0].PPM || s.Period != f.Clocks[0].Period
	}
	if (f.Impair != nil || f.Disk != nil || f.Flap > 0 || f.Reject || mixed) && phase == history.Planned {
		ev.What = f.String()
	}
	return ev
}

// judge compares what was measured with what the State asks for, where the
// fault is concerned, and records the good phase or the bad one. Clocks have proofs of
// their own, which may take longer.
func (n *saboteur) judge(f nemesis.Fault, m look, good, bad string) {
	phase := good
	why := n.differs(f, n.state(), m)
	if why == "" && good == history.Effective {
		why = cmp.Or(tooFew(f, n.state(), m.Measured), n.nobodySays(f, m))
	}
	if why != "" {
		phase = bad
		n.opt.Progress("%6.1f s  %s: %s: %s", n.cluster.Now().Seconds(), f.Kind, bad, why)
	}
	ev := describe(f, phase)
	ev.Why = why
	switch {
	case f.Impair != nil && why == "":
		ev.Why = ofLinks(f, phase, n.state(), m.Measured)
	case phase == history.Healed && slices.ContainsFunc(f.Links, n.state().Cuts):
		ev.Why = "another fault still cuts a link of this one"
	case phase == history.Healed && f.Flap > 0:
		ev.Why = ofTurns(f)
	case f.Disk == nil && len(f.Nodes) > 0 && ev.Why == "":
		ev.Why = ofProcesses(f, n.state(), m.Measured)
	}
	n.gone[f.ID] = n.gone[f.ID] || phase == history.Absent // once said is enough
	n.rec.Event(ev)
}

// differs says where the measurement is not what the State asks for; "" means
// that it is.
func (n *saboteur) differs(f nemesis.Fault, s nemesis.State, m look) string {
	bad := append(n.linksDiffer(f, s, m.Measured), processesDiffer(f, s, m.Measured)...)
	bad = append(bad, disksDiffer(f, s, m.Measured)...)
	bad = append(bad, n.membersDiffer(f, s, m)...)
	for _, l := range f.Links {
		if f.Impair != nil {
			break
		}
		up, measured := m.Up[l]
		refused, dialled := m.Refused[l]
		switch {
		case !measured, s.Rejects(l) && !dialled:
			bad = append(bad, fmt.Sprintf("%s → %s was not measured", l.From, l.To))
		case s.Rejects(l) && !refused:
			bad = append(bad, fmt.Sprintf("a connection from %s to %s was not refused", l.From, l.To))
		case up && s.Cuts(l):
			bad = append(bad, fmt.Sprintf("a probe passed from %s to %s", l.From, l.To))
		case !up && !s.Cuts(l) && s.Impairs(l).Loss < 1e6 && s.Impairs(l).Rate == 0:
			bad = append(bad, fmt.Sprintf("no probe passed from %s to %s", l.From, l.To))
		}
	}
	bad = append(bad, clocksDiffer(f, s, m)...)
	return strings.Join(bad, "; ")
}
