// Package reference is a multi-leader key-value store of mlcheck's own: real
// replication over lossy links, a log on disk, conflict policies by name, all
// as a deterministic machine. Its promises are known exactly, so it is what the
// checkers are tried on, and what a first run shows without any engine.
package reference

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"slices"
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
		{Name: "policy", Default: policies[0].name, Values: policyNames(), Help: policyHelp()},
		{
			Name: "delivery", Default: fifo, Values: []string{fifo, causal, unordered, antiEntropy},
			Help: "fifo: the updates of one leader arrive in its order. causal: an update also waits until everything that its writer had seen is there; " +
				"in a ring or star, which forward in the order of arrival, both are the same. unordered: an update is taken when it comes. " +
				"anti-entropy: leaders ask each other in turn for what they lack, key by key",
		},
		{
			Name: "reads", Default: readsDecided, Values: []string{readsDecided, readsLocal},
			Help: "policies home and certify: decided, reads go where writes go, to the home or through the order; local, every leader answers from what it has",
		},
		{Name: "failover", Default: failoverNone, Values: []string{failoverNone, failoverAsync, failoverLease, failoverMajority}, Help: failoverHelp},
		{
			Name: "context", Default: on, Values: []string{on, off},
			Help: "policy siblings: off, a write does not say what its client had read, so it replaces nothing, and siblings grow",
		},
		{
			Name: "token", Default: off, Values: []string{off, on},
			Help: "on: a session that moves hands over a causal token, which says what it has seen (a version vector and a stamp), and its new leader serves it once all of that has arrived",
		},
		{Name: "durability", Default: visible, Values: []string{visible, acknowledged, never}, Help: durabilityHelp},
		{Name: "rejoin", Default: off, Values: []string{off, on}, Help: rejoinHelp},
		{Name: "members", Default: off, Values: []string{off, on}, Help: membersHelp},
		{Name: "tombstones", Default: tombstonesKept, Values: []string{tombstonesKept, tombstonesCollected}, Help: tombstonesHelp},
		{Name: "defect", Default: noDefect, Values: defectNames(), Help: defectHelp()},
	}
}

// The ways in which updates travel, and where reads are answered.
const (
	fifo         = "fifo"
	causal       = "causal"
	unordered    = "unordered"
	antiEntropy  = "anti-entropy"
	readsDecided = "decided"
	readsLocal   = "local"
	on           = "on"
	off          = "off"
)

type config struct {
	asked targets.Config // what all of this was made from

	nodes    []string // the leaders, and after them their followers
	links    []history.Link
	topology string
	policy   policy
	delivery string
	reads    string
	blind    bool // writers without context
	tokens   bool
	defect   string
	traced   bool // leaders tell what they do, see Traced

	followers  int // how many of the nodes
	failover   string
	durability string
	tombstones string
	rejoin     bool
	members    bool
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
	cfg := config{
		nodes: slices.Concat(c.Nodes, c.Followers), followers: len(c.Followers), links: append(links, below(c.Nodes, c.Followers)...),
		topology: c.Topology, policy: lookupPolicy(c.Options["policy"]),
		delivery: c.Options["delivery"], reads: c.Options["reads"], blind: c.Options["context"] == off, tokens: c.Options["token"] == on, durability: c.Options["durability"], tombstones: c.Options["tombstones"],
		failover: c.Options["failover"],
		rejoin:   c.Options["rejoin"] == on,
		members:  c.Options["members"] == on,
		defect:   c.Options["defect"],
	}
	if err := cfg.check(); err != nil {
		return targets.Plan{}, err
	}
	promised := claims(cfg)
	cfg = withDefect(cfg)
	cfg.asked = c
	return targets.Plan{
		Worlds: worlds, Topologies: topologies(c.Topology), Followers: true, Links: cfg.links,
		Supports: cfg.policy.steps, Atomic: true, Granularity: "transaction",
		Policy: cfg.header(), Claims: promised, Settle: cfg.settle(), Rejoins: cfg.rejoin, RejoinsWhy: noRejoin, Members: cfg.members, MembersWhy: noMembers, System: system{cfg},
	}, nil
}

// topologies are those that there are, and the one that was written out as links.
func topologies(asked string) []string {
	all := []string{"all-to-all", "ring", "star"}
	if targets.IsLinks(asked) {
		all = append(all, asked)
	}
	return all
}

// header is what the history calls the policy.
func (c *config) header() string {
	if c.blind {
		return "siblings-without-context"
	}
	if c.failsOver() {
		return "home-" + c.failover
	}
	return cmp.Or(c.policy.header, c.policy.name)
}

// check says why options do not go together.
func (c *config) check() error {
	if p := c.policy; p.home || p.certify {
		switch {
		case c.topology != "all-to-all":
			return fmt.Errorf("policy %s asks the leader that decides directly, which needs the topology all-to-all, not %s", p.name, c.topology)
		case c.delivery != fifo && c.delivery != causal:
			return fmt.Errorf("policy %s applies changes in the order of the leader that decided, which needs the delivery fifo or causal, not %s", p.name, c.delivery)
		}
	}
	if err := c.checkFailover(); err != nil {
		return err
	}
	if c.blind && !c.policy.asked {
		return fmt.Errorf("-o context=off is an option of policy siblings, under which writes say what they replace; %s has no such context", c.policy.name)
	}
	return cmp.Or(c.checkDurability(), c.checkTombstones(), c.checkRejoin(), c.checkDefect())
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
	return &client{conn: conn, node: n.Name(), tokens: s.cfg.tokens}, nil
}

// ConnectFinal opens a client that is answered by the node itself, whoever decides.
func (s system) ConnectFinal(ctx context.Context, n targets.Node) (targets.Client, error) {
	conn, err := n.Dial(ctx)
	if err != nil {
		return nil, err
	}
	return &client{conn: conn, node: n.Name(), local: true, tokens: s.cfg.tokens}, nil
}

type client struct {
	conn  net.Conn
	node  string
	local bool
	had   map[string]had // what it has read, by key, where that matters

	tokens bool
	seen   token // by the session
	hand   token // to be handed over with the next operation
}

// Do performs the steps in one request.
func (c *client) Do(ctx context.Context, ss []history.Step) (targets.Done, error) {
	e := enc{}
	e.byte(askSteps)
	e.order(order{ss, c.had, c.local, c.hand})
	d, err := c.ask(ctx, e.b)
	if err != nil {
		return targets.Done{}, err
	}
	done := targets.Done{Steps: d.steps()}
	done.Meta.Stamp = d.string()
	if by := d.string(); by != c.node {
		done.Meta.By = by
	}
	done.Meta.Ctx = d.string()
	known := d.had()
	seen := c.seen
	if c.tokens {
		seen = seen.and(d.token())
	}
	if d.err != nil {
		return targets.Done{}, fmt.Errorf("%s's answer: %w", c.node, d.err)
	}
	if c.had == nil {
		c.had = known
	} else {
		maps.Copy(c.had, known)
	}
	c.seen, c.hand = seen, token{}
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
	d, err := s.once(ctx, n, askStatus)
	if err != nil {
		return status{}, err
	}
	st := d.status()
	return st, d.err
}

// Quiet is exact: replication rests when nothing is on its way that a leader has
// sent or holds back; where leaders ask each other, when all have applied the same.
// Leaders are asked one after the other, and what one had confirmed when it was asked
// may since have been passed on behind the questions. So all are asked twice: where
// none has applied anything in between, all were at rest at the moment between.
func (s system) Quiet(ctx context.Context, nodes []targets.Node) (string, string, error) {
	before, why, err := s.resting(ctx, nodes)
	if err != nil || why != "" {
		return history.QuietMoving, why, err
	}
	after, why, err := s.resting(ctx, nodes)
	if err != nil || why != "" {
		return history.QuietMoving, why, err
	}
	for i, n := range nodes {
		if !slices.Equal(before[i].applied, after[i].applied) {
			return history.QuietMoving, fmt.Sprintf("%s had applied %v and now %v", n.Name(), before[i].applied, after[i].applied), nil
		}
	}
	return history.QuietYes, "", nil
}

// resting asks every leader once, and says which one is not at rest.
func (s system) resting(ctx context.Context, nodes []targets.Node) (all []status, why string, err error) {
	for _, n := range nodes {
		st, err := s.status(ctx, n)
		if err != nil {
			return nil, "", err
		}
		all = append(all, st)
		switch {
		case st.held > 0:
			return nil, fmt.Sprintf("%s has %d updates that are not everywhere yet", n.Name(), st.held), nil
		case s.cfg.delivery == antiEntropy && !slices.Equal(st.applied, all[0].applied):
			return nil, fmt.Sprintf("%s has applied %v, %s %v", nodes[0].Name(), all[0].applied, n.Name(), st.applied), nil
		}
	}
	return all, "", nil
}

// Clock is the leader's own clock.
func (s system) Clock(ctx context.Context, n targets.Node) (time.Time, error) {
	st, err := s.status(ctx, n)
	return time.Unix(0, st.wall).UTC(), err
}
