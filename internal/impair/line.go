// Package impair makes links bad in ways that are short of a cut: it delays,
// loses, duplicates and reorders the packets that leave for given addresses, and
// narrows the bandwidth. The kernel hands it the packets through a netfilter
// queue, which needs no queueing discipline of the kernel; what becomes of each is
// decided here. It knows addresses and packets, and no faults.
package impair

import (
	"math/rand/v2"
	"time"
)

// Link is what is wrong with one direction of a link. Its zero value is nothing.
// Shares are in millionths of all packets.
type Link struct {
	Delay  time.Duration `json:"delay,omitempty"`  // of every packet
	Jitter time.Duration `json:"jitter,omitempty"` // a packet's delay differs by up to so much either way, evenly
	Loss   int64         `json:"loss,omitempty"`   // how many packets are lost
	Burst  int64         `json:"burst,omitempty"`  // how many are lost in a row on average; 0 and 1: each for itself
	// Duplicate is how many packets arrive twice, Reorder how many are not delayed,
	// and so overtake others.
	Duplicate int64 `json:"duplicate,omitempty"`
	Reorder   int64 `json:"reorder,omitempty"`
	Rate      int64 `json:"rate,omitempty"` // bytes a second; 0: no limit
}

const million = 1_000_000

// backlog is how long a packet waits at most for those before it, where the
// bandwidth is narrow; what would wait longer is lost, as in a router.
const backlog = time.Second

// line is one impaired direction while it lasts.
type line struct {
	Link
	rand *rand.Rand
	free time.Duration // when the last packet will have been sent, at the link's rate
	bad  bool          // in the middle of a burst of losses
}

// fate is what becomes of a packet: lost, or sent at a time, once or twice.
type fate struct {
	lost  bool
	at    time.Duration
	twice bool
}

// next decides on the packet that comes now. Times are since any fixed moment.
func (l *line) next(now time.Duration, size int) fate {
	if l.loses() {
		return fate{lost: true}
	}
	at := now
	if l.Rate > 0 {
		at = max(now, l.free)
		if at-now > backlog {
			return fate{lost: true}
		}
		at += time.Duration(int64(size) * int64(time.Second) / l.Rate)
		l.free = at
	}
	if !l.chance(l.Reorder) {
		at += l.delay()
	}
	return fate{at: at, twice: l.chance(l.Duplicate)}
}

func (l *line) delay() time.Duration {
	d := l.Delay
	if l.Jitter > 0 {
		d += time.Duration(l.rand.Int64N(2*int64(l.Jitter)+1)) - l.Jitter
	}
	return max(d, 0)
}

// loses follows Gilbert (1960): in bursts everything is lost, between them
// nothing, and both are left with a chance that gives the share and the length.
func (l *line) loses() bool {
	switch {
	case l.Burst <= 1 || l.Loss >= million:
		return l.chance(l.Loss)
	case l.bad:
		l.bad = l.rand.Int64N(l.Burst) > 0
	default:
		l.bad = l.rand.Int64N(l.Burst*(million-l.Loss)) < l.Loss
	}
	return l.bad
}

func (l *line) chance(share int64) bool { return share > 0 && l.rand.Int64N(million) < share }
