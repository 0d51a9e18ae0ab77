package sim

import (
	"io"
	"net"
	"os"
	"slices"
	"time"

	"github.com/mlcheck/mlcheck/targets"
)

// conn is a client's connection to a node: a stream each way, in order. Frames
// from the client become Requests to the machine, its Replies become frames.
type conn struct {
	node     *node
	name     string
	inbox    []byte // at the client, unread
	outbox   []byte // at the node, not yet a whole frame
	reader   *task
	deadline time.Duration // virtual; 0: none
	closed   bool
	broken   bool // the node has closed it, and the client has learned of it
	severed  bool // the node's end is gone
	up       way  // to the node
	down     way  // to the client
}

// way is one direction: nothing arrives before what was sent earlier.
type way struct {
	at   time.Duration // when the last of it arrives
	sent [][]byte      // what has not arrived
}

// send says when data will arrive, which is after everything that was sent before.
func (w *way) send(data []byte, soonest time.Duration) time.Duration {
	w.sent, w.at = append(w.sent, data), max(w.at, soonest)
	return w.at
}

func (w *way) arrive() []byte {
	data := w.sent[0]
	w.sent = slices.Delete(w.sent, 0, 1)
	return data
}

func (c *conn) latency() time.Duration {
	return clientLatency + time.Duration(c.node.r.Int64N(int64(clientTail)))
}

func (c *conn) Write(p []byte) (int, error) {
	if c.closed || c.broken {
		return 0, net.ErrClosed
	}
	k := &c.node.c.kernel
	k.agenda.add(k.now, c.up.send(slices.Clone(p), k.now+c.latency()), (*atNode)(c))
	return len(p), nil
}

// atNode is the arrival of what the client sent.
type atNode conn

func (a *atNode) happen() {
	c := (*conn)(a)
	data := c.up.arrive()
	if c.closed || c.severed {
		return
	}
	c.outbox = joined(c.outbox, data)
	for {
		body, rest, err := targets.CutFrame(c.outbox)
		if err != nil {
			c.hangUp()
			return
		}
		if body == nil {
			return
		}
		c.outbox = rest
		c.node.receive(targets.In{Kind: targets.Request, From: c.name, Body: slices.Clip(body)})
	}
}

// joined appends data, which is the connection's own, to what has not been read.
func joined(unread, data []byte) []byte {
	if len(unread) == 0 {
		return data
	}
	return append(unread, data...)
}

func (c *conn) hangUp() {
	c.broken = true
	delete(c.node.conns, c.name)
	c.node.c.wake(c.reader)
}

// sever is the end of the node's process: the client reads what had left it, and
// then the end.
func (c *conn) sever() {
	c.severed = true
	k := &c.node.c.kernel
	c.down.at = max(c.down.at, k.now+c.latency())
	k.after(c.down.at-k.now, func() {
		c.broken = true
		k.wake(c.reader)
	})
}

// toClient sends data, which nobody else will change.
func (c *conn) toClient(data []byte) {
	k := &c.node.c.kernel
	k.agenda.add(k.now, c.down.send(data, k.now+c.latency()), (*atClient)(c))
}

// atClient is the arrival of what the node sent.
type atClient conn

func (a *atClient) happen() {
	c := (*conn)(a)
	c.inbox = joined(c.inbox, c.down.arrive())
	c.node.c.wake(c.reader)
}

func (c *conn) Read(p []byte) (int, error) {
	k := &c.node.c.kernel
	for len(c.inbox) == 0 {
		switch {
		case c.closed:
			return 0, net.ErrClosed
		case c.broken:
			return 0, io.EOF
		case c.deadline != 0 && k.now >= c.deadline:
			return 0, os.ErrDeadlineExceeded
		}
		until := forever
		if c.deadline != 0 {
			until = c.deadline
		}
		c.reader = k.current
		k.waitUntil(until, "Read")
		c.reader = nil
	}
	n := copy(p, c.inbox)
	c.inbox = c.inbox[n:]
	return n, nil
}

func (c *conn) Close() error {
	if c.closed {
		return net.ErrClosed
	}
	c.closed = true
	delete(c.node.conns, c.name)
	c.node.c.wake(c.reader)
	return nil
}

// SetDeadline takes a virtual time, such as a context of this world gives.
func (c *conn) SetDeadline(t time.Time) error {
	c.deadline = 0
	if !t.IsZero() {
		c.deadline = max(t.Sub(Epoch), 1)
	}
	return nil
}

func (c *conn) SetReadDeadline(t time.Time) error { return c.SetDeadline(t) }
func (c *conn) SetWriteDeadline(time.Time) error  { return nil } // writes never block
func (c *conn) LocalAddr() net.Addr               { return addr(c.name) }
func (c *conn) RemoteAddr() net.Addr              { return addr(c.node.name) }

type addr string

func (a addr) Network() string { return "sim" }
func (a addr) String() string  { return string(a) }
