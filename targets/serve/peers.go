package serve

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/mlcheck/mlcheck/targets"
)

const (
	// patience is how long a connection may go without a confirmation of what was
	// sent, and how long a write may take.
	patience = time.Second
	// dialTime bounds one attempt to connect. It is short: a packet that asks for
	// a connection and is lost is repeated after a second.
	dialTime = 500 * time.Millisecond
	redial   = 100 * time.Millisecond
	// mostMessages is how many messages may wait for a peer; further ones are lost.
	mostMessages = 1024
)

// link carries messages to one peer, on a connection of its own: what the peer
// sends comes on another. Messages are datagrams. Without a connection they are
// lost, as they are on a cut link of the simulated world; machines send again what
// matters.
type link struct {
	node, peer, address string
	logf                func(format string, args ...any)
	stop                context.CancelFunc
	out                 chan []byte
	up                  atomic.Bool

	once sync.Once
	ever chan struct{} // closed when the first connection is up
	why  atomic.Value  // string: why there is none
}

func (l *link) send(body []byte) {
	if !l.up.Load() {
		return
	}
	select {
	case l.out <- body:
	default:
	}
}

// run keeps a connection to the peer until the context ends.
func (l *link) run(ctx context.Context) {
	for ctx.Err() == nil {
		conn, err := l.dial(ctx)
		if err == nil {
			l.why.Store("")
			l.logf("%s is connected to %s", l.node, l.peer)
			err = l.feed(ctx, conn)
			_ = conn.Close()
		}
		l.failed(ctx, err)
		select {
		case <-ctx.Done():
		case <-time.After(redial):
		}
	}
}

// failed notes why there is no connection, and tells it once for as long as the
// reason stays.
func (l *link) failed(ctx context.Context, err error) {
	if why := err.Error(); l.why.Swap(why) != why && ctx.Err() == nil {
		l.logf("%s is not connected to %s: %s", l.node, l.peer, why)
	}
}

// dial connects and makes sure that it is the peer who answers: an address may
// be somebody else's by now.
func (l *link) dial(ctx context.Context) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, dialTime)
	defer cancel()
	dialer := net.Dialer{KeepAlive: -1, Control: giveUpAfter(patience)}
	conn, err := dialer.DialContext(ctx, "tcp", l.address)
	if err != nil {
		return nil, err
	}
	deadline, _ := ctx.Deadline()
	_ = conn.SetDeadline(deadline)
	answer := make([]byte, len(welcome))
	_, err = fmt.Fprintf(conn, "%s%s %s\n", peerPrefix, l.node, l.peer)
	if err == nil {
		_, err = io.ReadFull(conn, answer)
	}
	if err == nil && string(answer) != welcome {
		err = fmt.Errorf("%s is not the node %s", l.address, l.peer)
	}
	if err != nil {
		_ = conn.Close()
		return nil, err
	}
	return conn, conn.SetDeadline(time.Time{})
}

// feed writes messages until the connection breaks, or the peer closes it.
func (l *link) feed(ctx context.Context, conn net.Conn) error {
	gone := make(chan struct{})
	go func() {
		_, _ = io.Copy(io.Discard, conn) // nothing comes: only the end
		close(gone)
	}()
	defer func() {
		l.up.Store(false)
		_ = conn.Close()
		<-gone
		for len(l.out) > 0 { // the loop may add one more, which the next connection carries
			<-l.out
		}
	}()
	l.up.Store(true)
	l.once.Do(func() { close(l.ever) })
	w := bufio.NewWriter(conn)
	for {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-gone:
			return errors.New("the connection was closed by the peer or given up")
		case body := <-l.out:
			_ = conn.SetWriteDeadline(time.Now().Add(patience))
			_, err := w.Write(targets.AppendFrame(nil, body))
			if err == nil && len(l.out) == 0 {
				err = w.Flush()
			}
			if err != nil {
				return err
			}
		}
	}
}

// servePeer makes the frames of a peer messages.
func (n *node) servePeer(conn net.Conn, r io.Reader, names []string) {
	if len(names) != 2 || names[1] != n.cfg.Node {
		return
	}
	from := names[0]
	known := n.do(func() {
		if old := n.incoming[from]; old != nil {
			_ = old.Close() // the peer has given it up, whether or not that has come through
		}
		n.incoming[from] = conn
	})
	if _, err := io.WriteString(conn, welcome); err != nil || !known {
		return
	}
	_ = conn.SetDeadline(time.Time{})
	for {
		body, err := targets.ReadFrame(r)
		if err != nil {
			return
		}
		if !n.do(func() { n.step(targets.In{Kind: targets.Message, From: from, Body: body}) }) {
			return
		}
	}
}

// closeWith closes a connection when the context ends. What it returns closes it
// before.
func closeWith(ctx context.Context, conn net.Conn) func() {
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	return func() {
		stop()
		_ = conn.Close()
	}
}
