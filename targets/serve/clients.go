package serve

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"time"

	"github.com/mlcheck/mlcheck/targets"
)

// A connection of a client is frames and nothing else. Others begin with a line,
// whose first letter no frame begins with: it would be longer than frames may be.
const (
	prefix     = "mlcheck "
	peerPrefix = prefix + "peer "  // then: the names of the sender and of the receiver
	wireLine   = prefix + "wire"   // then a frame: the peers' addresses; answered when all links are up
	rejoinLine = prefix + "rejoin" // the same, answered at once
	welcome    = "welcome\n"       // the answer to a peer that is at the right place
)

// helloTime bounds the first line of a connection and the answer to it.
const helloTime = dialTime

// accept takes connections until the node ends.
func (n *node) accept() {
	for {
		conn, err := n.cfg.Listen.Accept()
		if errors.Is(err, net.ErrClosed) {
			n.fail(errors.New("its listener was closed"))
			return
		}
		if err != nil { // too many open files, for one
			n.cfg.Logf("a connection cannot be accepted: %v", err)
			time.Sleep(10 * time.Millisecond)
			continue
		}
		n.begin(func() { n.receive(conn) })
	}
}

// receive finds out who has connected, and reads until the connection ends.
func (n *node) receive(conn net.Conn) {
	defer closeWith(n.ctx, conn)()
	r := bufio.NewReader(conn)
	first, err := r.Peek(1)
	if err != nil {
		return
	}
	if first[0] != prefix[0] {
		n.serveClient(conn, r)
		return
	}
	_ = conn.SetDeadline(time.Now().Add(helloTime))
	line, err := r.ReadSlice('\n') // no longer than the reader's buffer
	if err != nil {
		return
	}
	switch words := strings.TrimSuffix(string(line), "\n"); {
	case words == wireLine, words == rejoinLine:
		n.takeWiring(conn, r, words == wireLine)
	case strings.HasPrefix(words, peerPrefix):
		n.servePeer(conn, r, strings.Fields(words[len(peerPrefix):]))
	}
}

// client is a connection that a client has opened.
type client struct {
	name string
	conn net.Conn
	out  chan []byte // replies on their way; closed by the loop
}

// mostReplies is how many replies may wait for a client to read them.
const mostReplies = 256

// serveClient makes frames requests.
func (n *node) serveClient(conn net.Conn, r io.Reader) {
	c := &client{conn: conn, out: make(chan []byte, mostReplies)}
	known := n.do(func() {
		n.named++
		c.name = fmt.Sprintf("client-%d", n.named)
		n.clients[c.name] = c
	})
	if !known {
		return
	}
	n.begin(func() { c.answer(n.ctx) })
	for {
		body, err := targets.ReadFrame(r)
		if err != nil {
			break
		}
		if !n.do(func() { n.request(c, body) }) {
			break
		}
	}
	n.do(func() { n.forget(c) })
}

func (n *node) request(c *client, body []byte) {
	if n.clients[c.name] == c {
		n.step(targets.In{Kind: targets.Request, From: c.name, Body: body})
	}
}

// forget ends a client's connection.
func (n *node) forget(c *client) {
	if n.clients[c.name] == c {
		delete(n.clients, c.name)
		_ = c.conn.Close()
		close(c.out)
	}
}

// send queues a reply; false: too many wait already.
func (c *client) send(body []byte) bool {
	select {
	case c.out <- body:
		return true
	default:
		return false
	}
}

// answer writes replies until there are no more. Where they cannot be written, its
// reader notices as well, and the queue is closed.
func (c *client) answer(ctx context.Context) {
	w := bufio.NewWriter(c.conn)
	for {
		select {
		case body, more := <-c.out:
			if !more {
				return
			}
			_, _ = w.Write(targets.AppendFrame(nil, body)) // an error stays until Flush
			if len(c.out) == 0 {
				_ = w.Flush()
			}
		case <-ctx.Done():
			return
		}
	}
}
