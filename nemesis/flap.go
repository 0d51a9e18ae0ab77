package nemesis

import (
	"fmt"
	"time"
)

// leastFlap is the shortest time for which a link that flaps is cut or is not: it
// takes as long to prove either.
const leastFlap = 100 * time.Millisecond

// Active says whether the fault is in force at a time. One that flaps is in force
// and is not in turns, each for as long as its Flap, beginning with its start.
func (f Fault) Active(t time.Duration) bool {
	return t >= f.From && t < f.Until && (f.Flap <= 0 || (t-f.From)/f.Flap%2 == 0)
}

// Turns are the times at which the fault begins, ends, comes and goes, in order.
func (f Fault) Turns() []time.Duration {
	ts := []time.Duration{f.From}
	for t := f.From + f.Flap; f.Flap > 0 && t < f.Until; t += f.Flap {
		ts = append(ts, t)
	}
	return append(ts, f.Until)
}

// Between is the fault at another time. One that flaps does so as often, and ends
// a little sooner where that does not fit exactly.
func (f Fault) Between(from, until time.Duration) Fault {
	phases := max(len(f.Turns())-1, 1)
	f.From, f.Until = from, until
	if f.Flap > 0 {
		f.Flap = (until - from) / time.Duration(phases)
		f.Until = from + f.Flap*time.Duration(phases)
	}
	return f
}

// flapIn lets a fault that was drawn flap in the time that it lasts: an odd number
// of times, so that it ends with a cut, and three at least.
func (f Fault) flapIn() Fault {
	length := f.Until - f.From
	phases := max(length/f.Flap, 3)
	phases -= 1 - phases%2
	f.Flap = (length / phases).Truncate(time.Millisecond)
	f.Until = f.From + f.Flap*phases
	return f
}

func checkFlap(f Fault) error {
	switch {
	case f.Reject && f.Kind != Partition:
		return fmt.Errorf("only cut links reject: take out its reject, or make it a partition")
	case f.Flap == 0:
		return nil
	case f.Kind != Partition:
		return fmt.Errorf("only cut links flap: take out its flap, or make it a partition")
	case f.Flap < leastFlap:
		return fmt.Errorf("its flap is %s; it must be %s or more, the time that it takes to prove that a link is cut, and that it is not", f.Flap, leastFlap)
	case (f.Until-f.From)%f.Flap != 0 || (f.Until-f.From)/f.Flap%2 == 0 || f.Until-f.From == f.Flap:
		return fmt.Errorf("its flap of %s must fit 3, 5, 7 or more times into the %s that it lasts, so that it ends with a cut", f.Flap, f.Until-f.From)
	}
	return nil
}
