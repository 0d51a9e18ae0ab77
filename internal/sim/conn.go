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
	life     int    // of the node, when it was opened
	inbox    []byte // at the client, unread
	outbox   []byte // at the node, not yet a whole frame
	reader   *task
	deadline time.Duration // virtual; 0: none
	closed   bool
	ended    error // how the client has learned that nothing more will come; nil: it has not
	severed  bool  // the node's end is gone
	up       way   // to the node
	down     way   // to the client
}

func (c *conn) latency() time.Duration {
	return clientLatency + time.Duration(c.node.r.Int64N(int64(clientTail)))
}

// Write sends also what the client will not wait for: it is under way, and arrives
// though the connection may be closed by then.
func (c *conn) Write(p []byte) (int, error) {
	if c.closed || c.ended != nil {
		return 0, net.ErrClosed
	}
	c.up.send(slices.Clone(p))
	return len(p), nil
}

// atNode is the arrival of what the client sent.
type atNode conn

func (a *atNode) happen() {
	c := (*conn)(a)
	data, came := c.up.take()
	if !came || c.severed || c.life != c.node.life {
		return
	}
	c.outbox = joined(c.outbox, data)
	for {
		body, rest, err := targets.CutFrame(c.outbox)
		if err != nil {
			c.hangUp(io.EOF)
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

// hangUp ends both sides at once.
func (c *conn) hangUp(why error) {
	c.ended = why
	delete(c.node.conns, c.name)
	c.node.c.wake(c.reader)
}

// sever is the end of the node's process: the client reads what had left it, and
// then the end.
func (c *conn) sever() {
	c.severed = true
	c.down.send(nil)
}

// atClient is the arrival of what the node sent; nothing is the end.
type atClient conn

func (a *atClient) happen() {
	c := (*conn)(a)
	data, came := c.down.take()
	switch {
	case !came:
		return
	case data == nil:
		c.ended = io.EOF
	default:
		c.inbox = joined(c.inbox, data)
	}
	c.node.c.wake(c.reader)
}

func (c *conn) Read(p []byte) (int, error) {
	k := &c.node.c.kernel
	for len(c.inbox) == 0 {
		switch {
		case c.closed:
			return 0, net.ErrClosed
		case c.ended != nil:
			return 0, c.ended
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
