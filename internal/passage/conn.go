package passage

import (
	"errors"
	"io"
	"net"
	"slices"
	"sync/atomic"
	"syscall"
)

// backlog is how many pieces of a stream may be under way, before whoever sends has to
// wait as for a full buffer of the kernel.
const backlog = 1024

// conn is the client's end of a connection.
type conn struct {
	net.Conn              // a pipe
	outer    net.Conn     // what leads to the node
	reset    *atomic.Bool // the client is told that its connection was reset
}

func (c *conn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	return n, c.told(err)
}

func (c *conn) Write(p []byte) (int, error) {
	n, err := c.Conn.Write(p)
	return n, c.told(err)
}

// told is how a connection that was reset ends.
func (c *conn) told(err error) error {
	if c.reset.Load() && (errors.Is(err, io.EOF) || errors.Is(err, io.ErrClosedPipe)) {
		return syscall.ECONNRESET
	}
	return err
}

func (c *conn) LocalAddr() net.Addr  { return c.outer.LocalAddr() }
func (c *conn) RemoteAddr() net.Addr { return c.outer.RemoteAddr() }

// Wrap lets an open connection pass through the gate. Deadlines of what it returns are
// those of its client: they end nothing that is under way.
func (g *Gate) Wrap(outer net.Conn) net.Conn {
	client, inner := net.Pipe()
	var reset, deaf atomic.Bool
	go pump{g.In, inner, outer, g, func() {
		reset.Store(true)
		_ = inner.Close()
		g.In.open(g.over) // until then the node hears nothing of it
		abort(outer)
	}, func() { _ = outer.Close() }}.run()
	go pump{g.Out, outer, inner, g, func() {
		deaf.Store(true)
		abort(outer)
	}, func() {
		if !deaf.Load() {
			_ = inner.Close()
		}
	}}.run()
	return &conn{client, outer, &reset}
}

// abort ends a connection so that the other end is told that it was reset.
func abort(c net.Conn) {
	if tcp, ok := c.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = c.Close()
}

// pump is one direction of one connection.
type pump struct {
	way      *Way
	from, to net.Conn
	gate     *Gate
	refused  func() // what becomes of the connection where the way rejects
	ended    func() // and when the stream has ended and that got through
}

// run takes what comes and lets it out when it has arrived.
func (p pump) run() {
	under, done := make(chan *piece, backlog), make(chan struct{})
	defer close(done)
	go p.take(under, done)
	for {
		one := <-under
		switch err := p.way.await(one, p.gate.over); {
		case errors.Is(err, errRefused):
			p.refused()
			return
		case err != nil || len(one.data) == 0:
			p.ended()
			return
		}
		if _, err := p.to.Write(one.data); err != nil {
			_ = p.to.Close() // nobody takes it any more
			return
		}
	}
}

// take sends what comes on its way, until the stream ends; its end is sent too.
func (p pump) take(under chan<- *piece, done <-chan struct{}) {
	send := func(data []byte) bool {
		one := &piece{data: data, quiet: p.gate.quiet}
		p.way.send(one)
		select {
		case under <- one:
			return true
		case <-done:
			return false
		}
	}
	buf := make([]byte, 32<<10)
	for {
		n, err := p.from.Read(buf)
		if n > 0 && !send(slices.Clone(buf[:n])) {
			return
		}
		if err != nil {
			send(nil)
			return
		}
	}
}
