package sim

import (
	"math/rand/v2"
	"time"

	"github.com/mlcheck/mlcheck/nemesis"
)

// fate decides on the messages of an impaired link, one after the other.
type fate struct {
	r    *rand.Rand
	bad  bool          // in the middle of a burst of losses
	free time.Duration // when a narrow link will have sent what it has taken
}

// of decides how often a message arrives, and how long it waits for those before it.
func (f *fate) of(i nemesis.Impairment, now time.Duration, size int) (copies int, wait time.Duration) {
	if f.loses(i) {
		return 0, 0
	}
	if i.Rate > 0 {
		start := max(now, f.free)
		if start-now > nemesis.Backlog {
			return 0, 0
		}
		f.free = start + time.Duration(size)*time.Second/time.Duration(i.Rate)
		wait = f.free - now
	}
	if happens(i.Duplicate, f.r) {
		return 2, wait
	}
	return 1, wait
}

// loses follows Gilbert (1960): in bursts everything is lost, between them nothing,
// and both are left with a chance that gives the share and the length.
func (f *fate) loses(i nemesis.Impairment) bool {
	const all = 1_000_000
	switch {
	case i.Burst <= 1 || i.Loss >= all:
		return happens(i.Loss, f.r)
	case f.bad:
		f.bad = f.r.Int64N(i.Burst) > 0
	default:
		f.bad = f.r.Int64N(i.Burst*(all-i.Loss)) < i.Loss
	}
	return f.bad
}
