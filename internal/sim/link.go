package sim

import (
	"math/rand/v2"
	"time"

	"github.com/mlcheck/mlcheck/history"
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
	probeTime     = linkBaseMin + linkBaseRange + time.Millisecond // a probe takes the base latency
)

type link struct {
	history.Link
	to      *node
	base    time.Duration
	r       *rand.Rand
	cut     bool
	dropped int64
}

func newLink(l history.Link, r *rand.Rand) *link {
	return &link{Link: l, r: r, base: linkBaseMin + time.Duration(r.Int64N(int64(linkBaseRange)))}
}

// become makes true what the State says of this link.
func (l *link) become(s nemesis.State) {
	cut := s.Cuts(l.Link)
	if cut && !l.cut {
		l.dropped = 0
	}
	l.cut = cut
}

// send puts a message on a link. A cut link swallows it, also when the cut
// comes while it is on its way.
func (n *node) send(to string, body []byte) {
	for _, l := range n.links {
		switch {
		case l.To != to:
		case l.cut:
			l.dropped++
			return
		default:
			n.c.deliver(l, body)
			return
		}
	}
	// A machine may address any name; there is no wire to this one.
}

// delivery is a message on its way. They are used again.
type delivery struct {
	l    *link
	body []byte
}

func (c *Cluster) deliver(l *link, body []byte) {
	d := &delivery{}
	if free := c.deliveries; len(free) > 0 {
		d, c.deliveries = free[len(free)-1], free[:len(free)-1]
	}
	d.l, d.body = l, body
	c.agenda.add(c.now, c.now+l.latency(), d)
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
	return l.base + min(time.Duration(l.r.ExpFloat64()*float64(linkTail)), linkTailMax)
}
