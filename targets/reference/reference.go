// Package reference is a multi-leader key-value store of mlcheck's own: real
// replication over lossy links, a log on disk, conflict policies by name, all
// as a deterministic machine. Its promises are known exactly, so it is what the
// checkers are tried on, and what a first run shows without any engine.
package reference

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/mlcheck/mlcheck/history"
	"github.com/mlcheck/mlcheck/targets"
)

// Target is the reference store.
type Target struct{}

// Name is its name on the command line.
func (Target) Name() string { return "reference" }

// Help is one sentence about it.
func (Target) Help() string {
	return "mlcheck's own multi-leader key-value store: a deterministic machine whose promises are known exactly"
}

// Options are the -o options.
func (Target) Options() []targets.Option {
	return []targets.Option{
		{
			Name: "policy", Default: "lww-wall", Values: []string{"lww-wall", "lww-hlc"},
			Help: "which of two concurrent writes wins. lww-wall: the one with the later wall clock time; a clock that is wrong makes " +
				"older writes win. lww-hlc: the one with the later hybrid time, which never falls behind what its leader has seen, so a later write wins whatever the clocks say",
		},
		{
			Name: "delivery", Default: "fifo", Values: []string{"fifo", "causal"},
			Help: "fifo: the updates of one leader arrive in its order. causal: an update also waits until everything that its writer had seen is there; " +
				"in a ring, which forwards in the order of arrival, both are the same",
		},
	}
}

type config struct {
	nodes    []string
	links    []history.Link
	topology string
	policy   string
	causal   bool
}

// Configure says what the store, so configured, promises.
func (Target) Configure(c targets.Config) (targets.Plan, error) {
	if n := len(c.Nodes); n < 2 || n > 9 {
		return targets.Plan{}, fmt.Errorf("the reference store runs on 2 to 9 leaders, not on %d", n)
	}
	links, err := targets.Wire(c.Topology, c.Nodes)
	if err != nil {
		return targets.Plan{}, err
	}
	cfg := config{c.Nodes, links, c.Topology, c.Options["policy"], c.Options["delivery"] == "causal"}
	return targets.Plan{
		Worlds: []string{"sim"}, Topologies: []string{"all-to-all", "ring"}, Links: links,
		Supports: []history.F{history.Read, history.Write, history.Delete, history.Add, history.Remove, history.Inc},
		Atomic:   true, Granularity: "transaction",
		Policy: cfg.policy, Claims: claims(cfg), Settle: 2 * resend, System: system{cfg},
	}, nil
}

// claims are the rows of PROPERTIES section 4 for this store: what a
// configuration promises under any partition and any skew.
func claims(cfg config) []history.Claim {
	names := []string{"convergence", "durability", "conflict-policy", "no-thin-air", "no-duplicates"}
	causal := cfg.causal || cfg.topology == "ring"
	switch {
	case causal && cfg.policy == "lww-hlc":
		names = append(names, "no-stale-wins", "deletes-stay-deleted", "cc", "ccv", "read-your-writes", "monotonic-reads", "monotonic-writes", "writes-follow-reads")
	case cfg.policy == "lww-hlc":
		names = append(names, "no-stale-wins", "deletes-stay-deleted", "read-your-writes", "monotonic-reads", "monotonic-writes")
	case causal:
		names = append(names, "monotonic-reads", "writes-follow-reads")
	}
	var cs []history.Claim
	for _, n := range names {
		cs = append(cs, history.Claim{Property: n, Source: "reference store, " + cfg.policy})
	}
	return cs
}

type system struct{ cfg config }

// New makes one leader.
func (s system) New(node string, d targets.Disk) targets.Machine { return newMachine(s.cfg, node, d) }

// Connect opens a client.
func (s system) Connect(ctx context.Context, n targets.Node) (targets.Client, error) {
	conn, err := n.Dial(ctx)
	if err != nil {
		return nil, err
	}
	return &client{conn: conn, node: n.Name()}, nil
}

type client struct {
	conn net.Conn
	node string
}

// Do performs the steps in one request.
func (c *client) Do(ctx context.Context, ss []history.Step) (targets.Done, error) {
	e := enc{}
	e.byte(askSteps)
	e.steps(ss)
	d, err := c.ask(ctx, e.b)
	if err != nil {
		return targets.Done{}, err
	}
	done := targets.Done{Steps: d.steps()}
	done.Meta.Stamp = d.string()
	if d.err != nil {
		return targets.Done{}, fmt.Errorf("%s's answer: %w", c.node, d.err)
	}
	return done, nil
}

// ask sends one request and reads its answer; the connection is dead after an error.
func (c *client) ask(ctx context.Context, body []byte) (*dec, error) {
	if deadline, ok := ctx.Deadline(); ok {
		if err := c.conn.SetDeadline(deadline); err != nil {
			return nil, fmt.Errorf("%s: %w", c.node, err)
		}
	}
	if _, err := c.conn.Write(targets.AppendFrame(nil, body)); err != nil {
		return nil, fmt.Errorf("asking %s: %w", c.node, err)
	}
	answer, err := targets.ReadFrame(c.conn)
	if err != nil {
		return nil, fmt.Errorf("waiting for %s: %w", c.node, err)
	}
	d := &dec{b: answer}
	switch kind := d.byte(); kind {
	case tellOK:
		return d, nil
	case tellNo:
		return nil, targets.Refused(errors.New(d.string()))
	default: // nobody can say what that means for the operation
		return nil, fmt.Errorf("%s answered with %q, which is no kind of reply", c.node, kind)
	}
}

// Close ends the connection.
func (c *client) Close() error { return c.conn.Close() }

func (s system) status(ctx context.Context, n targets.Node) (status, error) {
	conn, err := n.Dial(ctx)
	if err != nil {
		return status{}, err
	}
	c := &client{conn: conn, node: n.Name()}
	defer func() { _ = c.Close() }()
	d, err := c.ask(ctx, []byte{askStatus})
	if err != nil {
		return status{}, err
	}
	st := d.status()
	return st, d.err
}

// Quiet is exact: replication rests when every leader has applied the same
// updates and holds none back.
func (s system) Quiet(ctx context.Context, nodes []targets.Node) (string, string, error) {
	var first status
	for i, n := range nodes {
		st, err := s.status(ctx, n)
		if err != nil {
			return "", "", err
		}
		if i == 0 {
			first = st
		}
		if st.held > 0 || !equal(st.applied, first.applied) {
			return history.QuietMoving, fmt.Sprintf("%s has applied %v, %s %v, and holds %d back",
				nodes[0].Name(), first.applied, n.Name(), st.applied, st.held), nil
		}
	}
	return history.QuietYes, "", nil
}

// Clock is the leader's own clock.
func (s system) Clock(ctx context.Context, n targets.Node) (time.Time, error) {
	st, err := s.status(ctx, n)
	return time.Unix(0, st.wall).UTC(), err
}
