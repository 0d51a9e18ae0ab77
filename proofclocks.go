package mlcheck

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/mlcheck/mlcheck/history"
	"github.com/mlcheck/mlcheck/nemesis"
	"github.com/mlcheck/mlcheck/targets"
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

// mostReadings bounds how often a strobe is looked at beside what is looked at anyway.
const mostReadings = 8

// readings are the times at which a clock fault is looked at because it takes time
// to show itself: a drift late, when it has grown, a strobe in the middle between its
// jumps.
func readings(f nemesis.Fault) (at []time.Duration) {
	if drifts(f) {
		at = append(at, proofOfDrift(f))
	}
	for _, c := range f.Clocks {
		for i := time.Duration(0); c.Period > 0 && i < mostReadings; i++ {
			if t := f.From + i*c.Period + c.Period/2; t < f.Until {
				at = append(at, t)
			}
		}
	}
	slices.Sort(at)
	return slices.Compact(at)
}

// proofOfDrift is when a drift is measured at the latest.
func proofOfDrift(f nemesis.Fault) time.Duration { return f.From + (f.Until-f.From)*9/10 }

// drifts says whether a fault needs time until it can be measured.
func drifts(f nemesis.Fault) bool { return slices.ContainsFunc(f.Clocks, onlyDrifts) }

func onlyDrifts(s nemesis.Skew) bool { return s.Offset == 0 && s.PPM != 0 }

// clockProof is what is known of a clock fault in force. Each of its nodes is looked
// at while it is up: one that is paused or down shows no clock, and has none to be
// misled by.
type clockProof struct {
	nemesis.Fault
	nodes map[string]*nodeProof
}

// nodeProof is what is known of one node's clock under a fault.
type nodeProof struct {
	looked    bool          // the node was up at some look
	shown     time.Duration // how far it was off when it agreed last
	off, back bool          // seen while it is to be off; and, of a strobe, while it is to be back
	why       string        // what has spoken against it; "": nothing
}

func newClockProof(f nemesis.Fault) *clockProof {
	p := &clockProof{f, map[string]*nodeProof{}}
	for _, c := range f.Clocks {
		p.nodes[c.Node] = &nodeProof{}
	}
	return p
}

// lookAtClocks measures, for the clocks' sake.
func (n *saboteur) lookAtClocks(ctx context.Context) error {
	m, err := n.look(ctx)
	if err != nil {
		return fmt.Errorf("measuring clocks: %w", err)
	}
	n.noteClocks(m.Measured)
	n.proveClocks(m)
	return n.watch(ctx, m)
}

// prove looks at a clock fault, unless it is proved already.
func (n *saboteur) prove(ctx context.Context, f nemesis.Fault) error {
	i := slices.IndexFunc(n.proving, func(p *clockProof) bool { return p.ID == f.ID })
	if i < 0 {
		return nil
	}
	now := n.cluster.Now()
	if at := n.proving[i].turn(now); at > now && !n.edgeBefore(at) {
		if err := n.cluster.Sleep(ctx, at-now); err != nil {
			return err
		}
	}
	return n.lookAtClocks(ctx)
}

// turn is when the next side of a strobe's jumps that was not seen yet is to be
// looked at: in its middle. A look that took long, along slow links, makes the next
// one late. It is now where nothing is to be waited for.
func (p *clockProof) turn(now time.Duration) time.Duration {
	for _, c := range p.Clocks {
		is := p.nodes[c.Node]
		if c.Period == 0 || is.complete(c) {
			continue
		}
		half := (now - p.From) / c.Period
		if now > p.From+half*c.Period+c.Period*3/4 {
			half++ // too near to its end
		}
		if seen := half%2 == 0 && is.off || half%2 == 1 && is.back; seen {
			half++
		}
		return p.From + half*c.Period + c.Period/2
	}
	return now
}

// edgeBefore says whether an edge comes before a time.
func (n *saboteur) edgeBefore(at time.Duration) bool {
	return slices.ContainsFunc(nemesis.Edges(n.Faults), func(edge time.Duration) bool { return edge > n.at && edge <= at })
}

// proveClocks holds a look against all that is to be proved of clocks.
func (n *saboteur) proveClocks(m look) {
	n.proving = slices.DeleteFunc(n.proving, func(p *clockProof) bool {
		if n.gone[p.ID] {
			return true
		}
		for _, c := range p.Clocks {
			n.proveClock(p, c, m)
		}
		phase, why := p.sofar()
		if phase != "" {
			n.clockEvent(p, phase, why)
		}
		n.gone[p.ID] = n.gone[p.ID] || phase == history.Absent
		return phase != ""
	})
	n.proveHealed(m)
}

// proveClock holds a look against one node's clock under a fault.
func (n *saboteur) proveClock(p *clockProof, c nemesis.Skew, m look) {
	s, is := n.state(), p.nodes[c.Node]
	if is.complete(c) || !runs(s, c.Node, m) {
		return
	}
	is.looked = true
	want, without := s.Clock(c.Node), n.without(p.ID).Clock(c.Node)
	if why := clockDiffers(want, m); why != "" {
		is.why = why
		return
	}
	by, slack := want.At(m.from)-without.At(m.from), clockSlack(m.Within[c.Node], want.PPM)
	off, back := true, false
	if c.Period > 0 {
		by = c.Offset
		off, back = sides(want.Strobe, m)
	}
	switch {
	case by.Abs() <= slack && onlyDrifts(c): // it has to grow
	case by.Abs() <= slack:
		is.why = fmt.Sprintf("it cannot be proved: it moves %s's clock by %s, and that clock was read to within %s", c.Node, by, slack)
	case off && back: // it may have jumped meanwhile
	case off:
		is.off, is.shown = true, m.Clocks[c.Node]
	case back:
		is.back = true
	}
}

// runs says whether a node has a clock that can be read: one that the State has
// paused or down shows none, nor does one that has died of its full disk.
func runs(s nemesis.State, node string, m look) bool {
	return s.Process(node) == nemesis.Up && (!s.Disk(node).Full || m.Nodes[node].Is != nemesis.Down)
}

// without is the State that another fault's absence would make.
func (n *saboteur) without(id int) nemesis.State {
	others := slices.DeleteFunc(slices.Clone(n.Faults), func(g nemesis.Fault) bool { return g.ID == id })
	return nemesis.At(others, n.at).With(n.members.left)
}

// clocksDiffer says which clocks of a fault are not what the State asks for, where
// they can be read.
func clocksDiffer(f nemesis.Fault, s nemesis.State, m look) (bad []string) {
	for _, c := range f.Clocks {
		if !runs(s, c.Node, m) {
			continue
		}
		if why := clockDiffers(s.Clock(c.Node), m); why != "" {
			bad = append(bad, why)
		}
	}
	return bad
}

// clockDiffers says where a clock that was read is not what it should be.
func clockDiffers(want nemesis.ClockState, m look) string {
	is, measured := m.Clocks[want.Node]
	if !measured {
		return want.Node + "'s clock could not be read"
	}
	off, back := sides(want.Strobe, m)
	near := func(a, b time.Duration) bool {
		slack := clockSlack(m.Within[want.Node], want.PPM) // a drift starts late, when its node knows of it
		return is >= min(a, b)-slack && is <= max(a, b)+slack
	}
	// A clock that drifts has moved while it was looked at.
	offFrom, backFrom := want.Sides(m.from)
	offTo, backTo := want.Sides(m.to)
	if off && near(offFrom, offTo) || back && near(backFrom, backTo) {
		return ""
	}
	return fmt.Sprintf("%s's clock is off by %s, not by %s", want.Node, is.Round(time.Millisecond), want.At(m.to).Round(time.Millisecond))
}

// sides says on which sides of its jumps a clock may have been during a look. A jump
// may come late, by the time that it takes until a node knows of it.
func sides(s nemesis.Strobe, m look) (off, back bool) {
	if s.Period == 0 {
		return false, true
	}
	for half := s.Half(max(m.from-s.Period/4, s.From)); half <= s.Half(m.to); half++ {
		off, back = off || half%2 == 0, back || half%2 == 1
	}
	return off, back
}

// complete says whether all is proved that is to be.
func (is *nodeProof) complete(c nemesis.Skew) bool { return is.off && (is.back || c.Period == 0) }

// sofar is the phase that a fault is in by what was seen while it lasts; "" where
// more has to be seen. A clock that does not strobe is wrong once it was seen wrong.
func (p *clockProof) sofar() (phase, why string) {
	phase = history.Effective
	for _, c := range p.Clocks {
		is := p.nodes[c.Node]
		switch {
		case is.why != "" && c.Period == 0:
			return history.Absent, is.why
		case !is.complete(c):
			phase = ""
		}
	}
	return phase, ""
}

// atEnd is the phase that a fault was in by all that was seen until its end.
func (n *saboteur) atEnd(p *clockProof) (phase, why string) {
	var bad, idle []string
	proved := false
	for _, c := range p.Clocks {
		switch is := p.nodes[c.Node]; {
		case is.complete(c):
			proved = true
		case is.why != "":
			bad = append(bad, is.why)
		case !is.looked:
			idle = append(idle, c.Node+" was not up while it lasted")
		case onlyDrifts(c):
			idle = append(idle, c.Node+" was not up any more when its clock had moved far enough to be read")
		default: // no look at the other side spoke against it: there was none
			proved = proved || is.off
			idle = append(idle, c.Node+"'s clock could be read on one side of its jumps only")
		}
	}
	switch {
	case len(bad) > 0:
		return history.Absent, strings.Join(bad, "; ")
	case proved:
		return history.Effective, strings.Join(idle, "; ")
	}
	return history.Covered, strings.Join(idle, "; ")
}

// clocksEnd says whether a proof needs a look before the State changes at an edge:
// its fault ends, or a node of it will not be up any more.
func (n *saboteur) clocksEnd(ending []nemesis.Fault, at time.Duration) bool {
	next := nemesis.At(n.Faults, at)
	return slices.ContainsFunc(n.proving, func(p *clockProof) bool {
		return slices.ContainsFunc(ending, func(f nemesis.Fault) bool { return f.ID == p.ID }) ||
			slices.ContainsFunc(p.Clocks, func(c nemesis.Skew) bool { return next.Process(c.Node) != nemesis.Up })
	})
}

// concludeClocks says of a clock fault that ends what was not said of it yet.
func (n *saboteur) concludeClocks(f nemesis.Fault) {
	n.proving = slices.DeleteFunc(n.proving, func(p *clockProof) bool {
		if p.ID != f.ID {
			return false
		}
		phase, why := n.atEnd(p)
		n.clockEvent(p, phase, why)
		return true
	})
}

func (n *saboteur) clockEvent(p *clockProof, phase, why string) {
	ev := describe(p.Fault, phase)
	ev.Why, ev.Offsets = why, map[string]int64{}
	for node, is := range p.nodes { // the order does not show: it is a map again
		if is.off {
			ev.Offsets[node] = int64(is.shown)
		}
	}
	if phase != history.Effective {
		n.opt.Progress("%6.1f s  %s: %s: %s", n.cluster.Now().Seconds(), p.Kind, phase, why)
	} else if drifts(p.Fault) && why == "" {
		ev.Why = "a drift is measured once it has grown"
	}
	n.rec.Event(ev)
}

// proveHealed holds a look against the clock faults that are over.
func (n *saboteur) proveHealed(m look) {
	s := n.state()
	n.unhealed = slices.DeleteFunc(n.unhealed, func(f nemesis.Fault) bool {
		if slices.ContainsFunc(f.Clocks, func(c nemesis.Skew) bool { return !runs(s, c.Node, m) }) {
			return false // until all are up again, or all is healed
		}
		bad := clocksDiffer(f, s, m)
		phase := history.Healed
		if len(bad) > 0 {
			phase = history.Stuck
			n.opt.Progress("%6.1f s  %s: %s: %s", n.cluster.Now().Seconds(), f.Kind, phase, strings.Join(bad, "; "))
		}
		n.clockOver(f, phase, strings.Join(bad, "; "), m.Measured)
		return true
	})
}

// allClocksHealed notes it of the faults whose nodes were not up before.
func (r *runner) allClocksHealed(m nemesis.Measured) {
	for _, f := range r.unhealed {
		r.clockOver(f, history.Healed, "", m)
	}
	r.unhealed = nil
}

func (r *runner) clockOver(f nemesis.Fault, phase, why string, m nemesis.Measured) {
	ev := describe(f, phase)
	ev.Why, ev.Offsets = why, map[string]int64{}
	for _, c := range f.Clocks {
		if off, ok := m.Clocks[c.Node]; ok {
			ev.Offsets[c.Node] = int64(off)
		}
	}
	r.rec.Event(ev)
}

// distorts says what skews do beside what they should: "" where they do no more, as in
// the simulated world.
func (r *runner) distorts() string {
	in, ok := r.conf.System.(targets.Containers)
	if r.World != "docker" || !ok {
		return ""
	}
	var nodes, notes []string
	for _, n := range r.nodes {
		spec := in.Spec(n)
		if !r.skewed(n) || spec.Clock != "vdso" {
			continue
		}
		if !spec.Undistorted {
			nodes = append(nodes, n)
		}
		if note := spec.ClockNote; note != "" && !slices.Contains(notes, note) {
			notes = append(notes, note)
		}
	}
	if len(nodes) > 0 {
		notes = append([]string{"the clocks of " + strings.Join(nodes, ", ") + " were skewed in the processes' own code for telling the time, while the kernel keeps to the true time: " +
			"a program that waits until an absolute time of the wall clock (clock_nanosleep, futex or timerfd with CLOCK_REALTIME, and so glibc's pthread_cond_timedwait and sem_timedwait) " +
			"waits longer by the whole skew while its clock is ahead, and not at all while it is behind"}, notes...)
	}
	return strings.Join(notes, ". ")
}
