package mlcheck

import (
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/mlcheck/mlcheck/history"
	"github.com/mlcheck/mlcheck/nemesis"
)

// linkError is how far off a measured latency may be, beside a tenth of what is
// asked for: the machine that measures has other work too.
const linkError = 2 * time.Millisecond

// timeLinks notes how fast links are that nothing impairs: the least time that any
// probe took, since a busy machine can make it more and nothing makes it less.
func (n *saboteur) timeLinks(m nemesis.Measured) {
	s := n.state()
	if n.fastest == nil {
		n.fastest = map[history.Link]time.Duration{}
	}
	for l, p := range m.Probes { // the order does not show
		if p.Came == 0 || s.Cuts(l) || s.Impairs(l) != (nemesis.Impairment{}) {
			continue
		}
		if least, timed := n.fastest[l]; !timed || p.Least < least {
			n.fastest[l] = p.Least
		}
	}
}

// linksDiffer says on which links of a fault probes did not fare as the State asks.
// What a cut swallows tells nothing.
func (n *saboteur) linksDiffer(f nemesis.Fault, s nemesis.State, m nemesis.Measured) []string {
	if f.Impair == nil {
		return nil
	}
	var bad []string
	for _, l := range f.Links {
		if s.Cuts(l) {
			continue
		}
		if why := n.linkDiffers(l, s.Impairs(l), m); why != "" {
			bad = append(bad, why)
		}
	}
	return bad
}

// linkDiffers says in which way the probes along a link did not fare as an
// impairment makes them, or the healthy link.
func (r *runner) linkDiffers(l history.Link, want nemesis.Impairment, m nemesis.Measured) string {
	p, measured := m.Probes[l]
	fastest, timed := r.fastest[l]
	switch {
	case !measured:
		return fmt.Sprintf("%s → %s was not measured", l.From, l.To)
	case p.Sent < want.Probes():
		return "" // too few to tell; see tooFew
	case !timed && p.Came > 0:
		return fmt.Sprintf("nobody knows how fast %s → %s is when nothing impairs it", l.From, l.To)
	}
	if why := probesDiffer(p, want, fastest); why != "" {
		return fmt.Sprintf("from %s to %s %s", l.From, l.To, why)
	}
	return ""
}

// impairs says whether a fault of the schedule impairs the link.
func (r *runner) impairs(l history.Link) bool {
	return slices.ContainsFunc(r.Faults, func(f nemesis.Fault) bool { return f.Impair != nil && slices.Contains(f.Links, l) })
}

// probesDiffer says in which way probes did not fare as an impairment makes them.
// Chance alone exceeds these bounds about once in a hundred million times.
func probesDiffer(p nemesis.Probes, want nemesis.Impairment, fastest time.Duration) string {
	if want.Rate > 0 {
		return narrowDiffers(p, want, fastest)
	}
	if why := lossDiffers(p, want); why != "" || p.Came == 0 {
		return why
	}
	if why := shareDiffers(p.Twice, p.Came, want.Duplicate, 1, "doubled"); why != "" {
		return why
	}
	added, spread := p.Least-fastest, p.Mean-p.Least
	slack := linkError + p.Within + want.Delay/10
	steady := want.Jitter == 0 && want.Reorder == 0
	switch {
	case added < want.Delay-slack || added > want.Delay+slack+want.Jitter/4:
		return fmt.Sprintf("the fastest probe took %s longer, not %s", added.Round(time.Microsecond), want.Delay)
	case spread < want.Jitter/4:
		return fmt.Sprintf("probes took alike, to within %s, which is no jitter of %s", spread.Round(time.Microsecond), want.Jitter)
	case want == nemesis.Impairment{} && spread > slack: // of a bad link see lateness
		return fmt.Sprintf("probes took %s longer on average than the fastest", spread.Round(time.Microsecond))
	case want.Reorder > 0 && p.Overtaken == 0:
		return "no probe was overtaken by a later one"
	case steady && want.Duplicate == 0 && p.Overtaken > 0:
		return fmt.Sprintf("%d probes were overtaken by later ones", p.Overtaken)
	}
	return ""
}

// narrowDiffers says whether probes passed as on a link that is not narrow: all of
// them, and one as fast as the other. Those of the target take their part of the
// bandwidth too, so that probes may fare worse than they would alone.
func narrowDiffers(p nemesis.Probes, want nemesis.Impairment, fastest time.Duration) string {
	jam := min(time.Duration(p.Sent)*nemesis.ProbeSize*time.Second/time.Duration(want.Rate), nemesis.Backlog)
	jammed := p.Mean-p.Least > jam/4+want.Jitter || p.Least-fastest > want.Delay+nemesis.Jam/2
	if p.Sent-p.Came > 0 && want.Loss == 0 || jammed {
		return ""
	}
	if want.Loss > 0 {
		return fmt.Sprintf("probes took alike, to within %s, though few bytes are to pass", (p.Mean - p.Least).Round(time.Microsecond))
	}
	return fmt.Sprintf("all %d probes passed, and took alike, to within %s, which is wider than %d bytes a second", p.Sent, (p.Mean - p.Least).Round(time.Microsecond), want.Rate)
}

// lossDiffers says whether so many probes were not lost by chance, or not in bursts.
// A burst is like one loss that weighs more, so that shares vary more.
func lossDiffers(p nemesis.Probes, want nemesis.Impairment) string {
	lost := p.Sent - p.Came
	if why := shareDiffers(lost, p.Sent, want.Loss, max(1, math.Sqrt(2*float64(want.Burst))), "lost"); why != "" {
		return why
	}
	if !want.Bursty() || p.Gaps == 0 {
		return ""
	}
	// A third of what is asked for is a third more than chance gives, see Bursty.
	if run := float64(lost) / float64(p.Gaps); run < float64(want.Burst)/3 {
		return fmt.Sprintf("probes were lost %.1f in a row, which are no bursts of %d", run, want.Burst)
	}
	return ""
}

// shareDiffers says whether so many of all cannot be chance where each is met with
// a probability: further than six standard deviations away, or none or any at all
// where there should be some or none. Where they are not met each by itself, the
// deviation is wider by a factor.
func shareDiffers(some, all int, ppm int64, wider float64, what string) string {
	p := float64(ppm) / 1e6
	by := math.Abs(float64(some) - p*float64(all))
	if (some > 0) == (ppm > 0) && by <= 6*wider*math.Sqrt(float64(all)*p*(1-p))+1 {
		return ""
	}
	return fmt.Sprintf("%d of %d probes were %s, which is not %.3g %%", some, all, what, p*100)
}

// ofLinks is what else there is to say of impaired links that are as they should be.
func ofLinks(f nemesis.Fault, phase string, s nemesis.State, m nemesis.Measured) string {
	if why := lateness(f, s, m); why != "" && phase == history.Effective {
		return why
	}
	if slices.ContainsFunc(f.Links, s.Cuts) {
		return "another fault cuts a link of this one"
	}
	still := func(l history.Link) bool { return s.Impairs(l) != nemesis.Impairment{} }
	if phase == history.Healed && slices.ContainsFunc(f.Links, still) {
		return "another fault still impairs a link of this one"
	}
	return ""
}

// lateness says where packets took longer than they should on a link that is to have no
// jitter. Whoever makes links bad may be late, and the packets of the target are then late
// with the probes: the fault is there, and somewhat more than was asked for.
func lateness(f nemesis.Fault, s nemesis.State, m nemesis.Measured) string {
	for _, l := range f.Links {
		want, p := s.Impairs(l), m.Probes[l]
		late := p.Mean - p.Least
		if s.Cuts(l) || p.Came == 0 || want.Jitter > 0 || want.Reorder > 0 || want.Rate > 0 {
			continue
		}
		if late > linkError+p.Within+want.Delay/10 {
			return fmt.Sprintf("packets from %s to %s also took %s longer on average than the fastest, which nobody asked for: this machine was busy", l.From, l.To, late.Round(time.Microsecond))
		}
	}
	return ""
}

// tooFew says where a fault's links were not probed often enough to prove it.
func tooFew(f nemesis.Fault, s nemesis.State, m nemesis.Measured) string {
	for _, l := range f.Links {
		if want := s.Impairs(l).Probes(); f.Impair != nil && !s.Cuts(l) && m.Probes[l].Sent < want {
			return fmt.Sprintf("%d probes from %s to %s prove nothing; it takes %d", m.Probes[l].Sent, l.From, l.To, want)
		}
	}
	return ""
}

// closely lets the next measurement probe the links of a fault as often as it takes
// to see what is to be there, even if it is not.
func (n *saboteur) closely(f nemesis.Fault) {
	t, ok := n.cluster.Fabric().(nemesis.Thorough)
	if !ok || f.Impair == nil {
		return
	}
	s, probes := n.state(), 0
	for _, l := range f.Links {
		probes = max(probes, s.Impairs(l).Probes())
	}
	t.Thoroughly(f.Links, probes)
}

// cover says whether other faults cut all links of an impairment that begins, and
// notes that nobody can measure it.
func (n *saboteur) cover(f nemesis.Fault) bool {
	if !n.isCovered(f) {
		return false
	}
	n.covered = append(n.covered, f)
	ev := describe(f, history.Covered)
	ev.Why = "other faults cut all of its links, so that it cannot act"
	n.rec.Event(ev)
	return true
}

func (n *saboteur) isCovered(f nemesis.Fault) bool {
	now := n.state()
	return f.Impair != nil && !slices.ContainsFunc(f.Links, func(l history.Link) bool { return !now.Cuts(l) })
}

// uncover judges impairments that were covered and are no longer, and forgets those
// that have ended.
func (n *saboteur) uncover(m look) {
	n.covered = slices.DeleteFunc(n.covered, func(f nemesis.Fault) bool {
		if f.Active(n.at) && !n.isCovered(f) {
			n.judge(f, m, history.Effective, history.Absent)
			return true
		}
		return !f.Active(n.at)
	})
}
