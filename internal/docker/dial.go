package docker

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"time"

	"github.com/mlcheck/mlcheck/internal/agent"
)

// reachTime is how long a container's address may take to answer. On the same
// machine it takes a fraction of a millisecond.
const reachTime = time.Second

// reach finds out how clients get to the nodes: straight to the container's
// address where that leads to our own agent, else through an exec in the
// sandbox, which works with every engine, remote or in a virtual machine.
func (c *Cluster) reach(ctx context.Context) {
	for _, n := range c.nodes {
		n.pipe = c.cfg.pipe || !n.answers(ctx)
	}
}

// answers says whether the node's address is reached from here, and is its own:
// somewhere else the same address may be somebody else's.
func (n *node) answers(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, reachTime)
	defer cancel()
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", net.JoinHostPort(n.ip, strconv.Itoa(agent.Port)))
	if err != nil {
		return false
	}
	defer func() { _ = conn.Close() }()
	_ = conn.SetDeadline(time.Now().Add(reachTime))
	return n.isOurs(conn)
}

// isOurs says whether a connection leads to the agent of this run.
func (n *node) isOurs(conn net.Conn) bool {
	token := make([]byte, len(n.cluster.token))
	_, err := io.ReadFull(conn, token)
	return err == nil && string(token) == n.cluster.token
}

// Dial connects to the port that the target serves, whatever is wrong with the links
// of clients.
func (n *node) Dial(ctx context.Context) (net.Conn, error) { return n.dial(ctx, n.spec.Port) }

// dial connects to a port of the node, on the way that clients take.
func (n *node) dial(ctx context.Context, port int) (net.Conn, error) {
	address := net.JoinHostPort(n.ip, strconv.Itoa(port))
	if !n.pipe {
		return new(net.Dialer).DialContext(ctx, "tcp", address)
	}
	conn, err := n.cluster.eng.Exec(ctx, n.sandbox, []string{"/mlcheck", "agent", "dial", address})
	if err != nil {
		return nil, fmt.Errorf("a pipe into the sandbox of %s cannot be opened: %w", n.name, err)
	}
	if err := connected(ctx, conn); err != nil {
		_ = conn.Close()
		return nil, fmt.Errorf("dial %s through its sandbox: %w", n.name, err)
	}
	return conn, nil
}

// connected reads what the pipe's other end says about its connection.
func connected(ctx context.Context, conn net.Conn) error {
	stop := context.AfterFunc(ctx, func() { _ = conn.SetReadDeadline(time.Unix(1, 0)) })
	first := make([]byte, 1)
	_, err := io.ReadFull(conn, first)
	if !stop() {
		return context.Cause(ctx)
	}
	if err != nil {
		return fmt.Errorf("the pipe ended at once: %w", err)
	}
	if first[0] == agent.Connected {
		return nil
	}
	why, _ := io.ReadAll(io.LimitReader(conn, 1024))
	return errors.New(string(why))
}
