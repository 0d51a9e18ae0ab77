// Package passage stands between clients and a node: what passes are the bytes of
// their connections, and each direction can be cut, slow or lossy by itself. It does
// what a bad network does to TCP: nothing of a stream is lost for good, what is late
// holds up what follows, and what was sent arrives though its sender may have given up.
// It knows connections, and neither engines nor faults.
package passage

import (
	"errors"
	"math/rand/v2"
	"net"
	"sync"
	"time"

	"github.com/mlcheck/mlcheck/internal/impair"
	"github.com/mlcheck/mlcheck/nemesis"
)

// Trouble is what is wrong with one direction. The zero value is nothing.
type Trouble struct {
	Cut    bool
	Reject bool // of what is cut: who sends is told
	Impair impair.Link
}

// Way is one direction between the clients and a node. It is for any number of
// goroutines.
type Way struct {
	mu       sync.Mutex
	rand     *rand.Rand
	began    time.Time
	is       Trouble
	epoch    int           // grows with every change: what waits is looked at again
	changed  chan struct{} // closed by the next change
	packets  *impair.Packets
	probes   *impair.Packets // what becomes of probes changes nothing for others
	dropped  int64
	impaired int64
}

// NewWay is a healthy direction; chance comes from r.
func NewWay(r *rand.Rand) *Way {
	w := &Way{rand: r, began: time.Now(), changed: make(chan struct{})}
	w.fate()
	return w
}

// fate lets chance begin anew.
func (w *Way) fate() {
	own := func() *rand.Rand { return rand.New(rand.NewPCG(w.rand.Uint64(), w.rand.Uint64())) }
	w.packets, w.probes = impair.NewPackets(w.is.Impair, own()), impair.NewPackets(w.is.Impair, own())
}

// Become makes true what is wrong from now on. What waits is sent at once if the
// direction is not cut any more.
func (w *Way) Become(t Trouble) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if t == w.is {
		return
	}
	if t.Cut && !w.is.Cut {
		w.dropped = 0
	}
	if w.is.Impair == (impair.Link{}) && t.Impair != w.is.Impair {
		w.impaired = 0
	}
	w.is = t
	w.fate()
	w.epoch++
	close(w.changed)
	w.changed = make(chan struct{})
}

// Met is how many pieces, first packets among them, a cut has stopped since the last
// one began, and how many an impairment has treated. Probes do not count.
func (w *Way) Met() (dropped, impaired int64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.dropped, w.impaired
}

// Probe is what becomes of one packet that is sent to find out.
func (w *Way) Probe(size int) (late time.Duration, came bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.is.Cut {
		return 0, false
	}
	return w.probes.Next(time.Since(w.began), size)
}

// first is what becomes of the first packet of a connection.
func (w *Way) first(quiet bool) (late time.Duration, came, refused bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case w.is.Cut:
		w.dropped += counted(!quiet)
		return 0, false, w.is.Reject
	case w.is.Impair == impair.Link{}:
		return 0, true, false
	}
	w.impaired += counted(!quiet)
	late, came = w.packets.Next(time.Since(w.began), nemesis.SynSize)
	return late, came, false
}

// piece is something of a stream that is under way.
type piece struct {
	data  []byte    // nothing is the end
	due   time.Time // when it arrives
	epoch int
	met   bool // a cut, which has counted it
	quiet bool // it does not count
}

func counted(is bool) int64 {
	if is {
		return 1
	}
	return 0
}

// send lets the way decide when a piece arrives: each loss costs the time after which
// it is sent again.
func (w *Way) send(p *piece) {
	w.mu.Lock()
	defer w.mu.Unlock()
	now := time.Since(w.began)
	late := time.Duration(0)
	if w.is.Impair != (impair.Link{}) && !w.is.Cut {
		w.impaired += counted(!p.quiet && len(p.data) > 0)
		for again := nemesis.SentAgain; ; again *= 2 {
			wait, came := w.packets.Next(now+late, len(p.data))
			if late += wait; came || again > nemesis.SentAnyway {
				break
			}
			late += again
		}
	}
	p.due, p.epoch = w.began.Add(now+late), w.epoch
}

var errRefused = errors.New("refused")

// await waits until a piece arrives, and returns errRefused if it never will, and
// net.ErrClosed when it is over.
func (w *Way) await(p *piece, over <-chan struct{}) error {
	for {
		w.mu.Lock()
		is, epoch, changed := w.is, w.epoch, w.changed
		if is.Cut && !p.met {
			p.met = true
			w.dropped += counted(!p.quiet && len(p.data) > 0)
		}
		w.mu.Unlock()
		wait := time.Until(p.due)
		switch {
		case is.Cut && is.Reject:
			return errRefused
		case is.Cut:
			wait = nemesis.SentAnyway // or until it changes
		case wait <= 0 || epoch != p.epoch:
			return nil
		}
		if err := pause(wait, changed, over); err != nil {
			return err
		}
	}
}

// open waits until the way is not cut, or it is over.
func (w *Way) open(over <-chan struct{}) {
	for {
		w.mu.Lock()
		cut, changed := w.is.Cut, w.changed
		w.mu.Unlock()
		if !cut || pause(nemesis.SentAnyway, changed, over) != nil {
			return
		}
	}
}

// pause waits for as long, or until something changes.
func pause(d time.Duration, changed, over <-chan struct{}) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-changed:
	case <-over:
		return net.ErrClosed
	}
	return nil
}
