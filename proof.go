package mlcheck

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/mlcheck/mlcheck/history"
	"github.com/mlcheck/mlcheck/nemesis"
)

// clockError is how far off a measured clock may be, beside half of the round
// trip, before it counts as another time: the target's clock may have a coarse
// grain, and it moves while it is asked.
const clockError = 20 * time.Millisecond

func clockTolerance(m nemesis.Measured, node string) time.Duration {
	return clockError + m.Within[node]
}

// clockSlack allows for a drift as well, which moves the clock while it is read:
// a tenth of a second's worth.
func clockSlack(within time.Duration, ppm int64) time.Duration {
	return clockError + within + time.Duration(ppm).Abs()*time.Microsecond/10
}

// look is a measurement, and the time that it took.
type look struct {
	nemesis.Measured
	from, to time.Duration
}

func (n *saboteur) look(ctx context.Context) (look, error) {
	from := n.cluster.Now()
	m, err := n.cluster.Fabric().Measure(ctx)
	return look{m, from, n.cluster.Now()}, err
}

// describe is a fault in a phase, as the history has it.
func describe(f nemesis.Fault, phase string) history.Event {
	ev := history.Event{Type: history.FaultEvent, Fault: f.ID, Kind: f.Kind, Phase: phase, Links: f.Links, Nodes: slices.Clone(f.Nodes)}
	if (f.Impair != nil || f.Disk != nil || f.Flap > 0) && phase == history.Planned {
		ev.What = f.String()
	}
	for _, s := range f.Clocks {
		if ev.Offsets == nil {
			ev.Offsets = map[string]int64{}
		}
		ev.Offsets[s.Node] = int64(s.Offset)
		ev.Nodes = append(ev.Nodes, s.Node)
		ev.PPM = s.PPM
	}
	return ev
}

// judge compares what was measured with what the State asks for, where the
// fault is concerned, and records the good phase or the bad one.
func (n *saboteur) judge(f nemesis.Fault, m look, good, bad string) {
	phase := good
	why := n.differs(f, nemesis.At(n.Faults, n.at), m)
	if why == "" && good == history.Effective {
		why = n.unproved(f, m)
	}
	if why != "" {
		phase = bad
		n.opt.Progress("%6.1f s  %s: %s: %s", n.cluster.Now().Seconds(), f.Kind, bad, why)
	}
	ev := describe(f, phase)
	ev.Why = why
	switch {
	case phase == history.Effective && drifts(f):
		ev.Why = "a drift is measured once it has grown"
	case f.Impair != nil && why == "":
		ev.Why = ofLinks(f, phase, nemesis.At(n.Faults, n.at))
	case phase == history.Healed && slices.ContainsFunc(f.Links, nemesis.At(n.Faults, n.at).Cuts):
		ev.Why = "another fault still cuts a link of this one"
	case phase == history.Healed && f.Flap > 0:
		ev.Why = ofTurns(f)
	case f.Disk == nil && len(f.Nodes) > 0 && ev.Why == "":
		ev.Why = ofProcesses(f, nemesis.At(n.Faults, n.at), m.Measured)
	}
	if len(f.Clocks) > 0 {
		ev.Offsets = map[string]int64{}
		for _, c := range f.Clocks {
			if off, ok := m.Clocks[c.Node]; ok {
				ev.Offsets[c.Node] = int64(off)
			}
		}
	}
	n.rec.Event(ev)
}

// unproved says where a clock fault agrees with what was measured, but so would
// its absence. A clock that could not be told from a right one proves nothing.
func (n *saboteur) unproved(f nemesis.Fault, m look) string {
	others := slices.DeleteFunc(slices.Clone(n.Faults), func(g nemesis.Fault) bool { return g.ID == f.ID })
	with, without := nemesis.At(n.Faults, n.at), nemesis.At(others, n.at)
	for _, c := range f.Clocks {
		want := with.Clock(c.Node)
		by := want.At(m.from) - without.Clock(c.Node).At(m.from)
		if slack := clockSlack(m.Within[c.Node], want.PPM); by.Abs() <= slack {
			return fmt.Sprintf("it cannot be proved: it moves %s's clock by %s, and that clock was read to within %s", c.Node, by, slack)
		}
	}
	return ""
}

// differs says where the measurement is not what the State asks for; "" means
// that it is.
func (n *saboteur) differs(f nemesis.Fault, s nemesis.State, m look) string {
	bad := append(n.linksDiffer(f, s, m.Measured), processesDiffer(f, s, m.Measured)...)
	bad = append(bad, disksDiffer(f, s, m.Measured)...)
	for _, l := range f.Links {
		if f.Impair != nil {
			break
		}
		up, measured := m.Up[l]
		switch {
		case !measured:
			bad = append(bad, fmt.Sprintf("%s → %s was not measured", l.From, l.To))
		case up && s.Cuts(l):
			bad = append(bad, fmt.Sprintf("a probe passed from %s to %s", l.From, l.To))
		case !up && !s.Cuts(l) && s.Impairs(l).Loss < 1e6:
			bad = append(bad, fmt.Sprintf("no probe passed from %s to %s", l.From, l.To))
		}
	}
	for _, c := range f.Clocks {
		want := s.Clock(c.Node)
		off, measured := m.Clocks[c.Node]
		// A clock that drifts has moved while it was looked at.
		slack := clockTolerance(m.Measured, c.Node)
		low, high := min(want.At(m.from), want.At(m.to)), max(want.At(m.from), want.At(m.to))
		switch {
		case !measured:
			bad = append(bad, c.Node+"'s clock could not be read")
		case off < low-slack || off > high+slack:
			bad = append(bad, fmt.Sprintf("%s's clock is off by %s, not by %s", c.Node, off.Round(time.Millisecond), want.At(m.to).Round(time.Millisecond)))
		}
	}
	return strings.Join(bad, "; ")
}

// proveDrift looks at clocks that drift once they have had time to.
func (n *saboteur) proveDrift(ctx context.Context, faults []nemesis.Fault) error {
	m, err := n.look(ctx)
	if err != nil {
		return fmt.Errorf("measuring a drift: %w", err)
	}
	n.noteClocks(m.Measured)
	for _, f := range faults {
		n.judge(f, m, history.Effective, history.Absent)
	}
	return nil
}
