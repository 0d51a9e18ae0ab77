package mlcheck

import (
	"cmp"
	"strings"

	"github.com/mlcheck/mlcheck/internal/docker"
	"github.com/mlcheck/mlcheck/nemesis"
	"github.com/mlcheck/mlcheck/targets"
)

// checkWipes refuses to empty the disk of a leader that cannot come back without.
func (p *plan) checkWipes() error {
	if !p.conf.Rejoins && p.wipes() {
		why := cmp.Or(p.conf.RejoinsWhy, "it does not say that a leader can come back with an empty one")
		return usage("target %s cannot lose a disk (fault %s): %s", p.Target, nemesis.Wipe, why)
	}
	return nil
}

func (p *plan) schedule() error {
	if len(p.Faults) > 0 {
		if err := p.checkDrawn(); err != nil {
			return err
		}
		if err := nemesis.Check(p.Faults, p.nodes, p.conf.Links); err != nil {
			return &UsageError{err}
		}
		return p.checkProvable()
	}
	faults, err := p.draw().Schedule()
	if err != nil {
		return &UsageError{err}
	}
	if len(p.Nemesis) > 0 && len(faults) == 0 {
		return usage("a run of %s is too short for a fault of kind %s; a second is the least", p.Time, strings.Join(p.Nemesis, ", "))
	}
	p.Faults = faults
	return p.checkProvable()
}

func (p *plan) draw() nemesis.Draw {
	return nemesis.Draw{
		Kinds: p.Nemesis, Nodes: p.nodes, Followers: p.params.Followers, Centers: p.Datacenters,
		Links: p.conf.Links, Time: p.Time, Skew: p.Skew, Strobe: p.Strobe, Seed: p.Seed, Lacks: p.lacks(),
	}
}

// lacks is what the Test's world cannot make of this target. The simulated one makes all.
func (p *plan) lacks() []nemesis.Lack {
	in, ok := p.conf.System.(targets.Containers)
	if p.World == "sim" || !ok {
		return nil
	}
	return docker.Lacks(in.Spec(p.nodes[0]))
}

// LeftOut says which of the faults that Nemesis stands for cannot be made of the Test's
// target in its world, so that they are not drawn, and why.
func (t Test) LeftOut() []string {
	p, err := t.plan()
	if err != nil {
		return nil
	}
	return p.draw().LeftOut()
}

// checkDrawn refuses a document that has both a schedule and kinds to draw one
// from, unless the one is what is drawn from the other.
func (p *plan) checkDrawn() error {
	if len(p.Nemesis) == 0 {
		return nil
	}
	if drawn, err := p.draw().Schedule(); err == nil && sameFaults(Test{Faults: drawn}, p.Test) {
		return nil
	}
	return usage("the document has faults, and nemesis: %s, from which other faults would be drawn: take out one of the two", strings.Join(p.Nemesis, ", "))
}

// checkProvable refuses faults whose end or whose effect the run could not
// measure: nothing but unknown could come of them.
func (p *plan) checkProvable() error {
	for _, f := range p.Faults {
		if f.Until > p.Time {
			return usage("fault %d (%s) lasts until %s, but the run's time is %s: end it by then, or make the time longer", f.ID, f, f.Until, p.Time)
		}
		at := f.From
		if drifts(f) {
			at = proofOfDrift(f)
		}
		for _, c := range f.Clocks {
			s := nemesis.ClockState{Offset: c.Offset, PPM: c.PPM, Since: f.From}
			if by, least := s.At(at).Abs(), clockSlack(0, c.PPM); by <= least {
				return usage("fault %d (%s) is too weak to be told from a right clock: %s after its start the clock of %s is off by %s, and clocks are measured to within %s; a larger skew helps",
					f.ID, f, at-f.From, c.Node, by, least)
			}
			if c.Period > 0 && c.Period < nemesis.LeastPeriod {
				return usage("fault %d (%s) jumps too often to be measured: the clock of %s is off for %s, and %s is the least", f.ID, f, c.Node, c.Period, nemesis.LeastPeriod)
			}
		}
	}
	return nil
}
