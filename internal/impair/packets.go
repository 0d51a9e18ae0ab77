package impair

import (
	"math/rand/v2"
	"time"
)

// Packets decides on packets that no kernel hands over: those that a program of ours
// holds. It is not for several goroutines at a time.
type Packets struct{ line line }

// NewPackets is a link that nothing has passed yet.
func NewPackets(l Link, r *rand.Rand) *Packets { return &Packets{line{Link: l, rand: r}} }

// Next is what becomes of the packet that comes at a time since any fixed moment:
// whether it arrives, and by how much it is late. What arrives twice does so once.
func (p *Packets) Next(now time.Duration, size int) (late time.Duration, came bool) {
	at := p.line.next(now, size)
	if len(at) == 0 {
		return 0, false
	}
	return at[0] - now, true
}
