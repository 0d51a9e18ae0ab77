package sim

import (
	"slices"
	"syscall"
	"time"

	"github.com/mlcheck/mlcheck/history"
	"github.com/mlcheck/mlcheck/nemesis"
)

// way is one direction of a connection: nothing arrives before what was sent earlier,
// and nothing is lost. What a cut holds up arrives when the cut is over, unless it
// rejects.
type way struct {
	c       *conn
	link    *link
	arrival happening
	refuse  func(*conn)   // what it does to the connection that the link rejects
	at      time.Duration // when the last of it arrives
	sent    []piece       // what has not arrived
	held    int           // so many of them have met a cut
	late    bool          // the link knows that some of it is late
}

type piece struct {
	data []byte
	due  time.Duration
}

// send says when data will arrive, which is after everything that was sent before.
func (w *way) send(data []byte) {
	k := &w.c.node.c.kernel
	soonest := k.now + w.c.latency()
	if w.link.impair != (nemesis.Impairment{}) {
		soonest += w.link.delays(k.now, len(data))
		w.isLate()
	}
	w.at = max(w.at, soonest)
	w.sent = append(w.sent, piece{data, w.at})
	k.agenda.add(k.now, w.at, w.arrival)
}

// take is what arrives now, if anything does.
func (w *way) take() (data []byte, came bool) {
	switch now := w.c.node.c.now; {
	case w.held >= len(w.sent) || w.sent[w.held].due > now:
		return nil, false
	case !w.link.cut:
		data = w.sent[0].data
		w.sent = slices.Delete(w.sent, 0, 1)
		return data, true
	}
	w.link.dropped++
	if w.link.reject {
		w.sent, w.held = nil, 0
		w.refuse(w.c)
		return nil, false
	}
	w.held++
	w.isLate()
	return nil, false
}

// isLate lets the link hurry what is late once it is well.
func (w *way) isLate() {
	if !w.late {
		w.late, w.link.late = true, append(w.link.late, w)
	}
}

// hurry sends at once what waits.
func (w *way) hurry() {
	w.late, w.held = false, 0
	if len(w.sent) == 0 {
		return
	}
	k := &w.c.node.c.kernel
	w.at = k.now + w.c.latency()
	for i := range w.sent {
		w.sent[i].due = w.at
		k.agenda.add(k.now, w.at, w.arrival)
	}
}

// hurry sends what waits on all connections, when what was wrong with the link has
// changed and it is not cut.
func (l *link) hurry() {
	late := l.late
	l.late = nil
	for _, w := range late {
		w.hurry()
	}
}

// delays is by how much an impaired link makes a piece of a stream later: each loss
// costs the time after which it is sent again.
func (l *link) delays(now time.Duration, size int) (late time.Duration) {
	for again := nemesis.SentAgain; ; again *= 2 {
		wait, came := l.pass(now+late, size)
		if came || again > nemesis.SentAnyway {
			return late + wait
		}
		late += again
	}
}

// pass is what becomes of a single packet: whether it arrives, and how much later
// than it would.
func (l *link) pass(now time.Duration, size int) (late time.Duration, came bool) {
	switch {
	case l.cut:
		l.dropped++
		return 0, false
	case l.impair == nemesis.Impairment{}:
		return 0, true
	}
	l.impaired++
	copies, wait := l.fate.of(l.impair, now, size)
	return wait + extra(l.impair, l.fate.r), copies > 0
}

// connect is a connection before anything was sent.
func (n *node) connect(name string) *conn {
	cn := &conn{node: n, name: name, life: n.life}
	cn.up = way{c: cn, link: n.asked, arrival: (*atNode)(cn), refuse: func(c *conn) { c.hangUp(syscall.ECONNRESET) }}
	cn.down = way{c: cn, link: n.answered, arrival: (*atClient)(cn), refuse: (*conn).forget}
	n.conns[name] = cn
	return cn
}

// forget is what a node does that is told that its answers are refused. The client
// learns nothing.
func (c *conn) forget() {
	c.severed = true
	delete(c.node.conns, c.name)
}

// clientLink is one direction between the clients and a node.
func (c *Cluster) clientLink(from, to string, seed uint64) *link {
	l := newLink(history.Link{From: from, To: to}, clientLatency, seed)
	c.links[l.Link] = l
	return l
}
