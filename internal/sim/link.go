package sim

import (
	"math/rand/v2"
	"time"

	"github.com/mlcheck/mlcheck/history"
	"github.com/mlcheck/mlcheck/internal/stream"
	"github.com/mlcheck/mlcheck/nemesis"
	"github.com/mlcheck/mlcheck/targets"
)

// The network. Messages between leaders are datagrams: each takes the link's own
// base latency and a random part that is mostly small and sometimes large, so
// they overtake each other, on one link and across links. Clients are near
// their leader and their connections keep order, as TCP does.
const (
	linkBaseMin   = 500 * time.Microsecond
	linkBaseRange = 4500 * time.Microsecond
	linkTail      = time.Millisecond // mean of the exponential part
	linkTailMax   = 50 * time.Millisecond
	clientLatency = 150 * time.Microsecond
	clientTail    = 100 * time.Microsecond
)

type link struct {
	history.Link
	to      *node
	base    time.Duration
	r       *rand.Rand
	cut     bool
	reject  bool // the sender is told that the link is cut
	dropped int64

	impair   nemesis.Impairment
	fate     fate   // what an impairment does to each message
	impaired int64  // messages that it has met
	late     []*way // of clients' connections, what may wait for the link to be well

	probes fate // what becomes of probes changes nothing for messages
	owed   int  // so many are needed to see what has changed
}

// newLink draws a link's base latency; standing, where it is not 0, takes its place.
func newLink(l history.Link, standing time.Duration, seed uint64) *link {
	r := stream.New(seed, "link "+l.From+" "+l.To)
	base := linkBaseMin + time.Duration(r.Int64N(int64(linkBaseRange)))
	if standing > 0 {
		base = standing
	}
	return &link{Link: l, r: r, base: base, fate: fate{r: stream.New(seed, "fate "+l.From+" "+l.To)}, probes: fate{r: stream.New(seed, "probes "+l.From+" "+l.To)}}
}

// become makes true what the State says of this link.
func (l *link) become(s nemesis.State) {
	cut := s.Cuts(l.Link)
	if cut && !l.cut {
		l.dropped = 0
	}
	impair := s.Impairs(l.Link)
	if impair != (nemesis.Impairment{}) && l.impair == (nemesis.Impairment{}) {
		l.impaired = 0
	}
	if impair != l.impair {
		l.fate, l.probes = fate{r: l.fate.r}, fate{r: l.probes.r}
	}
	changes := impair != l.impair || cut != l.cut
	if changes {
		l.owed = max(impair.Probes(), l.impair.Probes())
	}
	l.cut, l.impair, l.reject = cut, impair, s.Rejects(l.Link)
	if changes && !cut {
		l.hurry()
	}
}

// send puts a message on a link. A cut link swallows it, also when the cut
// comes while it is on its way.
func (n *node) send(to string, body []byte) {
	for _, l := range n.links {
		switch {
		case l.To != to:
		case l.cut:
			l.dropped++
			n.bounce(l, body)
			return
		default:
			n.c.deliver(l, body)
			return
		}
	}
	// A machine may address any name; there is no wire to this one.
}

// bounce tells a machine, after the time of a way, that a message was refused.
func (n *node) bounce(l *link, body []byte) {
	if l.reject {
		n.later(l.base, targets.In{Kind: targets.Bounced, From: l.To, Body: body})
	}
}

// delivery is a message on its way. They are used again.
type delivery struct {
	l    *link
	body []byte
}

// deliver sends a message on its way, as often as the link is to deliver it.
func (c *Cluster) deliver(l *link, body []byte) {
	copies, wait := 1, time.Duration(0)
	if l.impair != (nemesis.Impairment{}) {
		l.impaired++
		copies, wait = l.fate.of(l.impair, c.now, len(body))
	}
	for range copies {
		c.deliverOne(l, body, wait)
	}
}

func (c *Cluster) deliverOne(l *link, body []byte, wait time.Duration) {
	var d *delivery
	if free := c.deliveries; len(free) > 0 {
		d, c.deliveries = free[len(free)-1], free[:len(free)-1]
	} else {
		d = new(delivery)
	}
	d.l, d.body = l, body
	c.agenda.add(c.now, c.now+wait+l.latency(), d)
}

func (d *delivery) happen() {
	l, body := d.l, d.body
	c := l.to.c
	d.l, d.body = nil, nil
	c.deliveries = append(c.deliveries, d)
	if l.cut {
		l.dropped++
		return
	}
	l.to.receive(targets.In{Kind: targets.Message, From: l.From, Body: body})
}

func (l *link) latency() time.Duration {
	d := l.base + min(time.Duration(l.r.ExpFloat64()*float64(linkTail)), linkTailMax)
	if l.impair != (nemesis.Impairment{}) {
		d += extra(l.impair, l.fate.r)
	}
	return d
}

// extra decides how much longer a message takes.
func extra(i nemesis.Impairment, r *rand.Rand) time.Duration {
	d := i.Delay
	switch {
	case i.Jitter == 0:
	case i.Tail:
		d += time.Duration(min(r.ExpFloat64(), nemesis.TailEnds) * float64(i.Jitter))
	default:
		d += time.Duration(r.Int64N(int64(i.Jitter) + 1))
	}
	if happens(i.Reorder, r) {
		d += time.Duration(r.Int64N(int64(nemesis.HoldBack) + 1))
	}
	return d
}

func happens(ppm int64, r *rand.Rand) bool { return ppm > 0 && r.Int64N(1e6) < ppm }
