package nemesis

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"
)

// Skew is how far one node's clock is off: Offset at the fault's start, and
// PPM more (or less) for every second that passes. With a Period it strobes: it is off
// by Offset for one Period from the fault's start, right for the next, and so on.
type Skew struct {
	Node   string        `json:"node" yaml:"node"`
	Offset time.Duration `json:"offset,omitempty" yaml:"offset,omitempty"`
	PPM    int64         `json:"ppm,omitempty" yaml:"ppm,omitempty"`
	Period time.Duration `json:"period,omitempty" yaml:"period,omitempty"`
}

// ClockState is one node's clock: off by Offset at the instant Since on the
// history's clock, drifting by PPM from there, and by that of its Strobe beside it.
type ClockState struct {
	Node   string
	Offset time.Duration
	PPM    int64
	Since  time.Duration
	Strobe Strobe
}

// Strobe is a clock that jumps back and forth: off by Offset for one Period from
// the instant From, right for the next, and so on. The zero Strobe stands still.
type Strobe struct {
	Offset time.Duration
	Period time.Duration
	From   time.Duration
}

// At is how far the clock is off at t, on the history's clock.
func (c ClockState) At(t time.Duration) time.Duration {
	return c.line(t) + c.Strobe.at(t)
}

func (c ClockState) line(t time.Duration) time.Duration {
	return c.Offset + time.Duration(int64(t-c.Since)/1000*c.PPM/1000)
}

func (s Strobe) at(t time.Duration) time.Duration {
	if s.Period == 0 || t < s.From || s.Half(t)%2 == 1 {
		return 0
	}
	return s.Offset
}

// Half counts the jumps between From and t. It must not be asked of a Strobe that
// stands still.
func (s Strobe) Half(t time.Duration) int64 { return int64((t - s.From) / s.Period) }

// Sides are the two offsets between which the clock jumps at t: while it is off,
// and while it is not.
func (c ClockState) Sides(t time.Duration) (off, back time.Duration) {
	return c.line(t) + c.Strobe.Offset, c.line(t)
}

// plus adds what a fault does to a clock. Every line is referred to time 0, so that
// sums of lines with different starts are one line, and equal at every t.
func (c ClockState) plus(s Skew, from time.Duration) ClockState {
	c.Node = s.Node
	if s.Period > 0 {
		c.Strobe = Strobe{s.Offset, s.Period, from} // the only one: see checkSums
		return c
	}
	c.Offset += ClockState{Offset: s.Offset, PPM: s.PPM, Since: from}.At(0)
	c.PPM += s.PPM
	return c
}

// skewed are the clocks that are not right, in order.
func skewed(clocks map[string]ClockState) []ClockState {
	var list []ClockState
	// The order does not show: they are sorted.
	for _, c := range clocks {
		if c != (ClockState{Node: c.Node}) {
			list = append(list, c)
		}
	}
	slices.SortFunc(list, func(a, b ClockState) int { return cmp.Compare(a.Node, b.Node) })
	return list
}

// Clock is the state of one node's clock; the zero ClockState when it is right.
func (s State) Clock(node string) ClockState {
	for _, c := range s.Clocks {
		if c.Node == node {
			return c
		}
	}
	return ClockState{Node: node}
}

// The shapes of clock faults.
const (
	bump     = "bump"      // jumps by an offset, either way
	back     = "jump-back" // jumps back
	drift    = "drift"     // reaches the offset at the end of the fault
	strobe   = "strobe"    // jumps back and forth
	scramble = "scramble"  // every node's clock jumps by another offset, at once
)

// clockShapes has each shape as often as it is likely, in sixteenths.
var clockShapes = []string{
	drift, strobe, scramble, back,
	drift, strobe, scramble, back,
	drift, bump, bump, bump,
	drift, bump, bump, bump,
}

// drawClock takes the clock of one node, or in a scramble all of them, and skews by
// a fifth of the largest skew at least.
func drawClock(d Draw, r *rand.Rand) (string, Fault) {
	one := Skew{Node: d.Nodes[r.IntN(len(d.Nodes))], Offset: d.Skew/5 + jitter(r, d.Skew*4/5)}
	one.Offset = max(one.Offset.Truncate(time.Millisecond), time.Millisecond)
	if r.IntN(2) == 0 {
		one.Offset = -one.Offset
	}
	shape := clockShapes[r.IntN(len(clockShapes))]
	switch shape {
	case scramble:
		return shape, Fault{Clocks: scrambled(d, r)}
	case strobe:
		one.Period = d.Time
		if d.Strobe > 0 {
			one.Period = d.Strobe/5 + jitter(r, d.Strobe*4/5)
		}
	case back:
		one.Offset = -one.Offset.Abs()
	}
	return shape, Fault{Clocks: []Skew{one}}
}

// scrambled are clocks that all show another time: each takes its offset from a
// stretch of its own between a fifth of the largest skew and all of it.
func scrambled(d Draw, r *rand.Rand) []Skew {
	var all []Skew
	stretch := d.Skew * 4 / 5 / time.Duration(len(d.Nodes))
	for i, which := range r.Perm(len(d.Nodes)) {
		off := d.Skew/5 + stretch*time.Duration(which) + jitter(r, stretch*9/10)
		off = max(off.Truncate(time.Millisecond), time.Millisecond)
		if r.IntN(2) == 0 {
			off = -off
		}
		all = append(all, Skew{Node: d.Nodes[i], Offset: off})
	}
	return all
}

// fit makes a drawn clock fault one that does in its length what its shape says. A
// drift reaches the offset at the end, as far as a clock can be driven; a strobe
// goes there and back twice, or more often.
func fit(shape string, clocks []Skew, length time.Duration) {
	switch shape {
	case drift:
		ppm := int64(clocks[0].Offset) / int64(length/1e6)
		clocks[0] = Skew{Node: clocks[0].Node, PPM: min(max(ppm, -900_000), 900_000)}
	case strobe:
		most := max(length/4, min(length/2, LeastPeriod))
		clocks[0].Period = min(clocks[0].Period, most).Truncate(time.Millisecond)
	}
}

// keepApart makes a bump of a drawn strobe whose clock strobes already: two of them
// do not add up.
func keepApart(faults []Fault) {
	for i, f := range faults {
		for _, s := range f.Clocks {
			if s.Period > 0 && len(strobing(faults[:i+1], s.Node, f.From)) > 1 {
				faults[i].Shape, faults[i].Clocks[0].Period = bump, 0
			}
		}
	}
}

// LeastPeriod is the shortest time between two jumps of a clock that can be proved: a
// reading in the middle is far from both.
const LeastPeriod = 100 * time.Millisecond

// The bounds of a clock. Times stay far from what nanoseconds in 64 bits hold.
const (
	maxOffset = 100 * 365 * 24 * time.Hour
	minPPM    = -1_000_000
	maxPPM    = 10_000_000
)

func checkSkews(f Fault, nodes []string) error {
	seen := map[string]bool{}
	for _, c := range f.Clocks {
		switch {
		case !slices.Contains(nodes, c.Node):
			return fmt.Errorf("there is no node %s", c.Node)
		case seen[c.Node]:
			return fmt.Errorf("it names %s twice", c.Node)
		case c.Offset == 0 && c.PPM == 0:
			return fmt.Errorf("%s's clock has neither an offset nor a drift (ppm)", c.Node)
		case c.Offset.Abs() > maxOffset:
			return fmt.Errorf("%s's clock cannot be off by %s: that is more than 100 years", c.Node, c.Offset)
		case c.PPM <= minPPM || c.PPM > maxPPM:
			return fmt.Errorf("a drift of %d ppm would stop %s's clock or turn it back; it must be above %d and at most %d", c.PPM, c.Node, minPPM, maxPPM)
		case c.Period < 0:
			return fmt.Errorf("the period of %s's clock must be above 0, not %s", c.Node, c.Period)
		case c.Period > 0 && (c.Offset == 0 || c.PPM != 0):
			return fmt.Errorf("%s's clock has a period, so it needs an offset to jump to and back from, and no drift (ppm); a drift can be a fault of its own", c.Node)
		case 2*c.Period > f.Until-f.From:
			return fmt.Errorf("%s's clock cannot jump there and back in periods of %s, since the fault lasts %s; it must last two periods at least", c.Node, c.Period, f.Until-f.From)
		}
		seen[c.Node] = true
	}
	return nil
}

// checkSums applies the bound of a drift to faults that overlap, since drifts add
// up, and refuses two strobes of one clock, which do not.
func checkSums(faults []Fault) error {
	clocks := slices.DeleteFunc(slices.Clone(faults), func(f Fault) bool { return len(f.Clocks) == 0 })
	for _, at := range Edges(clocks) {
		for _, c := range At(clocks, at).Clocks {
			if c.PPM <= minPPM || c.PPM > maxPPM {
				return fmt.Errorf("at %s the faults together let %s's clock drift by %d ppm; it must be above %d and at most %d", at, c.Node, c.PPM, minPPM, maxPPM)
			}
			if ids := strobing(clocks, c.Node, at); len(ids) > 1 {
				return fmt.Errorf("at %s the faults %s all let %s's clock jump back and forth; one at a time can", at, strings.Join(ids, " and "), c.Node)
			}
		}
	}
	return nil
}

// strobing are the faults that make a clock strobe at a time.
func strobing(faults []Fault, node string, at time.Duration) (ids []string) {
	for _, f := range faults {
		for _, s := range f.Clocks {
			if s.Node == node && s.Period > 0 && f.From <= at && at < f.Until {
				ids = append(ids, fmt.Sprint(f.ID))
			}
		}
	}
	return ids
}

// String says in words what becomes of the clock: "n3's clock +2.1s".
func (s Skew) String() string {
	text := s.Node + "'s clock"
	if s.Offset != 0 {
		text += fmt.Sprintf(" %+.3gs", s.Offset.Seconds())
	}
	if s.PPM != 0 {
		text += fmt.Sprintf(" drifting %+.3g ms/s", float64(s.PPM)/1000)
	}
	if s.Period != 0 {
		text += fmt.Sprintf(" and back every %s", s.Period)
	}
	return text
}
