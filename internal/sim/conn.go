package sim

import (
	"io"
	"net"
	"os"
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
	upAt     time.Duration
	downAt   time.Duration
}

func (c *conn) latency() time.Duration {
	return clientLatency + time.Duration(c.node.r.Int64N(int64(clientTail)))
}

// toNode and toClient keep order: nothing arrives before what was sent earlier.
func (c *conn) Write(p []byte) (int, error) {
	if c.closed || c.broken {
		return 0, net.ErrClosed
	}
	k := &c.node.c.kernel
	data := append([]byte(nil), p...)
	c.upAt = max(c.upAt, k.now+c.latency())
	k.after(c.upAt-k.now, func() { c.arrive(data) })
	return len(p), nil
}

func (c *conn) arrive(data []byte) {
	if c.closed || c.severed {
		return
	}
	c.outbox = append(c.outbox, data...)
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
		c.node.receive(targets.In{Kind: targets.Request, From: c.name, Body: append([]byte(nil), body...)})
	}
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
	c.downAt = max(c.downAt, k.now+c.latency())
	k.after(c.downAt-k.now, func() {
		c.broken = true
		k.wake(c.reader)
	})
}

func (c *conn) toClient(data []byte) {
	k := &c.node.c.kernel
	c.downAt = max(c.downAt, k.now+c.latency())
	k.after(c.downAt-k.now, func() {
		c.inbox = append(c.inbox, data...)
		k.wake(c.reader)
	})
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
