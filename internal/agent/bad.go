package agent

import (
	"errors"
	"net/netip"

	"github.com/mlcheck/mlcheck/internal/impair"
)

// badLinks holds the queue in which packets are impaired. A healthy node's packets
// pass no program: the rules that send packets there are the firewall's, and stand
// only while a link is bad.
type badLinks struct {
	queue *impair.Queue
	met   map[netip.Addr]int64 // what the last bad links have met, after their healing
}

// set says which links are bad from now on. A queue that was opened stays: giving
// it up waits for the kernel, 10 to 20 ms.
func (b *badLinks) set(links map[netip.Addr]impair.Link, seed uint64) error {
	if b.queue == nil {
		if len(links) == 0 {
			return nil
		}
		q, err := impair.Open(Port)
		if err != nil {
			return err
		}
		b.queue = q
	}
	return b.queue.Set(links, seed)
}

// restore sends what waits and gives up the queue.
func (b *badLinks) restore() error {
	if b.queue == nil {
		return nil
	}
	b.met = b.queue.Met()
	q := b.queue
	b.queue = nil
	return q.Close()
}

// counts are the packets that bad links have met, by address.
func (b *badLinks) counts() map[string]int64 {
	met := b.met
	if b.queue != nil {
		met = b.queue.Met()
	}
	all := map[string]int64{}
	for a, n := range met {
		all[a.String()] = n
	}
	return all
}

// try says whether links can be made bad here, by doing so to nobody's.
func (s *sandbox) tryBadLink() error {
	nobody := "192.0.2.1"
	trial := State{Impaired: []Impaired{{To: nobody, Link: impair.Link{Delay: 1, Duplicate: 1}}}}
	links, err := trial.impaired()
	if err != nil {
		return err
	}
	return errors.Join(s.bad.set(links, 0), s.firewall.apply(trial), s.firewall.apply(State{}), s.bad.restore())
}
