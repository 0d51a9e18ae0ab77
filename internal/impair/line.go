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
	Delay     time.Duration `json:"delay,omitempty"`     // of every packet
	Jitter    time.Duration `json:"jitter,omitempty"`    // and up to so much more, evenly; see Tail
	Tail      time.Duration `json:"tail,omitempty"`      // above 0: jitter is the mean of an exponential tail that ends here
	Loss      int64         `json:"loss,omitempty"`      // how many packets are lost
	Burst     int64         `json:"burst,omitempty"`     // how many are lost in a row on average; 0 and 1: each for itself
	Duplicate int64         `json:"duplicate,omitempty"` // how many packets arrive twice, each copy in its own time
	Reorder   int64         `json:"reorder,omitempty"`   // how many are held back, so that later ones overtake them
	HoldBack  time.Duration `json:"hold_back,omitempty"` // and for how long at most
	Rate      int64         `json:"rate,omitempty"`      // bytes a second; 0: no limit
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

// next decides on the packet that comes now: when it arrives, and when its copy
// does; no time at all: it is lost. Times are since any fixed moment.
func (l *line) next(now time.Duration, size int) []time.Duration {
	if l.loses() {
		return nil
	}
	at := now
	if l.Rate > 0 {
		at = max(now, l.free)
		if at-now > backlog {
			return nil
		}
		at += time.Duration(size) * time.Second / time.Duration(l.Rate)
		l.free = at
	}
	if l.chance(l.Duplicate) {
		return []time.Duration{at + l.extra(), at + l.extra()}
	}
	return []time.Duration{at + l.extra()}
}

// extra is by how much one packet is late.
func (l *line) extra() time.Duration {
	d := l.Delay
	switch {
	case l.Tail > 0:
		d += min(time.Duration(l.rand.ExpFloat64()*float64(l.Jitter)), l.Tail)
	case l.Jitter > 0:
		d += time.Duration(l.rand.Int64N(int64(l.Jitter) + 1))
	}
	if l.HoldBack > 0 && l.chance(l.Reorder) {
		d += time.Duration(l.rand.Int64N(int64(l.HoldBack)) + 1)
	}
	return d
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
