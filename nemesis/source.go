package nemesis

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"
)

// Source is what faults of one kind are drawn from, with a rhythm of its own. All
// but the kind may be left out.
type Source struct {
	Kind   string        `json:"kind" yaml:"kind"`
	Shapes []string      `json:"shapes,omitempty" yaml:"shapes,omitempty"` // none: all of the kind
	Every  time.Duration `json:"every,omitempty" yaml:"every,omitempty"`   // one fault in each of these
	For    time.Duration `json:"for,omitempty" yaml:"for,omitempty"`       // how long each lasts
	First  time.Duration `json:"first,omitempty" yaml:"first,omitempty"`   // none begins before
	Until  time.Duration `json:"until,omitempty" yaml:"until,omitempty"`   // and none lasts longer
	Skew   time.Duration `json:"skew,omitempty" yaml:"skew,omitempty"`     // clock: the largest offset
}

// The shortest rhythms: to prove that a fault is there, and that it is gone, takes
// a part of them.
const (
	leastFor   = 300 * time.Millisecond
	leastEvery = time.Second
	leastSkew  = 200 * time.Millisecond
)

// ParseSource reads a kind of faults, or a kind with shapes and a rhythm:
// "partition", "partition:bridge+halves:every=5s:for=2s".
func ParseSource(text string) (Source, error) {
	var s Source
	for i, part := range strings.Split(text, ":") {
		name, value, assigned := strings.Cut(part, "=")
		switch {
		case i == 0:
			s.Kind = part
		case assigned:
			d, err := time.ParseDuration(value)
			field := s.times()[name]
			if err != nil || field == nil || d <= 0 {
				return s, fmt.Errorf("%q of %q is not understood: there are every=, for=, first=, until= and skew=, each with a time above 0, as in every=5s", part, text)
			}
			*field = d
		default:
			s.Shapes = append(s.Shapes, strings.Split(part, "+")...)
		}
	}
	return s, s.check()
}

func (s *Source) times() map[string]*time.Duration {
	return map[string]*time.Duration{"every": &s.Every, "for": &s.For, "first": &s.First, "until": &s.Until, "skew": &s.Skew}
}

// String is the form that ParseSource reads.
func (s Source) String() string {
	parts := []string{s.Kind}
	if len(s.Shapes) > 0 {
		parts = append(parts, strings.Join(s.Shapes, "+"))
	}
	for _, name := range []string{"every", "for", "first", "until", "skew"} {
		if d := *s.times()[name]; d != 0 {
			parts = append(parts, name+"="+d.String())
		}
	}
	return strings.Join(parts, ":")
}

func (s Source) check() error {
	k, ok := Lookup(s.Kind)
	if slices.Contains(ProfileNames(), s.Kind) {
		return fmt.Errorf("%q is a profile, which has shapes and rhythms of its own: name it alone", s.Kind)
	}
	if !ok {
		return fmt.Errorf("no kind of fault is called %q; there are %s, and the profiles %s", s.Kind, strings.Join(KindNames(), ", "), strings.Join(ProfileNames(), ", "))
	}
	for _, shape := range s.Shapes {
		if all := slices.Concat(k.Shapes, k.Asked); !slices.Contains(all, shape) {
			return fmt.Errorf("%s has no shape %q; there are %s", s.Kind, shape, strings.Join(all, ", "))
		}
	}
	switch {
	case s.Every != 0 && s.Every < leastEvery:
		return fmt.Errorf("%s: every=%s is too often; %s is the least", s, s.Every, leastEvery)
	case s.For != 0 && s.For < leastFor:
		return fmt.Errorf("%s: for=%s is too short to prove that a fault is there; %s is the least", s, s.For, leastFor)
	case s.For != 0 && s.Every != 0 && s.For > s.Every*9/10:
		return fmt.Errorf("%s: for=%s is too long; nine tenths of %s are the most, so that there is health in between", s, s.For, s.Every)
	case s.Until != 0 && s.Until <= s.First:
		return fmt.Errorf("%s: it ends before it begins", s)
	case s.Skew != 0 && s.Kind != Clock:
		return fmt.Errorf("%s: only faults of the kind clock have a skew", s)
	case s.Skew != 0 && s.Skew < leastSkew:
		return fmt.Errorf("%s: skew=%s is too little to be measured; %s is the least", s, s.Skew, leastSkew)
	}
	return nil
}

// within is what a source is drawn from: its own bounds go before those of the run.
func (s Source) within(d Draw) Draw {
	d.Skew = cmp.Or(s.Skew, d.Skew)
	d.clients = slices.Contains(s.Shapes, ofClients)
	if s.Until > 0 {
		d.Time = min(d.Time, s.Until)
	}
	return d
}

// canBe says why none of the shapes that are asked for can be drawn here.
func (s Source) canBe(d Draw) error {
	if why := d.canLeave(); s.Kind == Member && why != "" {
		return fmt.Errorf("%s cannot be drawn here: %s", s, why)
	}
	if s.Kind != Partition || len(s.Shapes) == 0 || slices.Contains(s.Shapes, ofClients) {
		return nil
	}
	var needs []string
	for _, c := range cuts() {
		if slices.Contains(s.Shapes, c.name) {
			if c.fits(d.network()) {
				return nil
			}
			needs = append(needs, c.name+" needs "+c.needs)
		}
	}
	return fmt.Errorf("%s cannot be drawn here: %s", s, strings.Join(needs, "; "))
}

// one draws a fault of one of the shapes that are asked for.
func (s Source) one(k Kind, d Draw, r *rand.Rand) (shape string, f Fault, err error) {
	for range 10_000 { // shapes that can be are drawn long before
		shape, f = k.draw(d, r)
		if (len(s.Shapes) == 0 || slices.Contains(s.Shapes, shape)) && d.lacking(s.Kind, shape) == "" {
			return shape, f, nil
		}
	}
	return "", Fault{}, fmt.Errorf("%s cannot be drawn here: it needs more nodes than the %d that there are, or other shapes", s, len(d.Nodes))
}

// cycle is in what time one fault comes.
func (s Source) cycle(whole time.Duration) time.Duration {
	if s.Every == 0 && s.For > 0 {
		return max(min(max(whole/4, leastEvery), 10*time.Second), s.For*10/9+time.Millisecond)
	}
	return cmp.Or(s.Every, min(max(whole/4, leastEvery), 10*time.Second))
}

// least is how much of a cycle must be left for a fault.
func (s Source) least(cycle time.Duration) time.Duration { return cmp.Or(s.For, cycle*3/4) }

// play is how late in its cycle a fault may begin; left is the time until the end.
func (s Source) play(k Kind, cycle, left time.Duration) time.Duration {
	if s.For == 0 {
		return k.play(cycle)
	}
	return max(0, min(k.play(cycle), cycle*9/10-s.For, left-s.For))
}

func (s Source) length(k Kind, cycle time.Duration, r *rand.Rand) time.Duration {
	if s.For > 0 {
		return s.For
	}
	return k.length(cycle, r)
}
