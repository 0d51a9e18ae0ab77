package sim

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"slices"
	"time"

	"github.com/mlcheck/mlcheck/history"
	"github.com/mlcheck/mlcheck/internal/stream"
	"github.com/mlcheck/mlcheck/nemesis"
	"github.com/mlcheck/mlcheck/targets"
)

// Config says what to simulate.
type Config struct {
	Nodes  []string
	Links  []history.Link // who replicates to whom
	System targets.Simulated
	Seed   uint64
	// Warn is where the watchdog writes; nil: standard error.
	Warn io.Writer
	// Trace is handed what machines tell about themselves, at the moment of it.
	Trace func(at time.Duration, node string, body []byte)
}

// Cluster is a simulated world with machines in it.
type Cluster struct {
	kernel
	names []string
	nodes map[string]*node
	links map[history.Link]*link
	conns int
	trace func(at time.Duration, node string, body []byte)
}

// The network. Messages between leaders are datagrams: each takes the link's own
// base latency and a random part that is mostly small and sometimes large, so
// they overtake each other, on one link and across links. Clients are near
// their leader and their connections keep order, as TCP does.
const (
	linkBaseMin   = 500 * time.Microsecond
	linkBaseRange = 4500 * time.Microsecond
	linkTail      = time.Millisecond // mean of the exponential part
	linkTailMax   = 50 * time.Millisecond
	clientLatency = 150 * time.Microsecond
	clientTail    = 100 * time.Microsecond
	diskSync      = 200 * time.Microsecond
	probeTime     = linkBaseMin + linkBaseRange + time.Millisecond // a probe takes the base latency
)

type link struct {
	history.Link
	base    time.Duration
	r       *rand.Rand
	cut     bool
	dropped int64
}

type node struct {
	c       *Cluster
	name    string
	machine targets.Machine
	disk    disk
	synced  time.Duration // when the last record that was to be synced is on disk
	clock   nemesis.ClockState
	conns   map[string]*conn
	r       *rand.Rand
}

// disk is what was synced.
type disk struct{ records [][]byte }

func (d *disk) Read() [][]byte { return d.records }

// Start brings the machines up at virtual time 0.
func Start(cfg Config) *Cluster {
	c := &Cluster{names: cfg.Nodes, nodes: map[string]*node{}, links: map[history.Link]*link{}}
	c.warn, c.trace = cfg.Warn, cfg.Trace
	for _, l := range nemesis.Paths(cfg.Links) {
		r := stream.New(cfg.Seed, "link "+l.From+" "+l.To)
		c.links[l] = &link{Link: l, r: r, base: linkBaseMin + time.Duration(r.Int64N(int64(linkBaseRange)))}
	}
	for _, name := range cfg.Nodes {
		n := &node{c: c, name: name, conns: map[string]*conn{}, r: stream.New(cfg.Seed, "node "+name)}
		n.machine = cfg.System.New(name, &n.disk)
		c.nodes[name] = n
		c.after(0, func() { n.step(targets.In{Kind: targets.Start}) })
	}
	return c
}

// wall is the node's own clock.
func (n *node) wall() time.Time { return Epoch.Add(n.c.now + n.clock.At(n.c.now)) }

// step hands one thing to the machine and does what it says, in order. Nothing
// leaves the node while a record that was to be synced is not on disk yet, not
// even what an earlier step has logged: what somebody has seen is durable.
func (n *node) step(in targets.In) {
	in.Wall = n.wall()
	outs := n.machine.Step(in)
	if slices.ContainsFunc(outs, func(o targets.Out) bool { return o.Kind == targets.Log && o.Sync }) {
		n.synced = max(n.synced, n.c.now) + diskSync // one sync for a step
	}
	wait := max(n.synced-n.c.now, 0)
	for _, out := range outs {
		switch out.Kind {
		case targets.Log:
			body := out.Body
			n.c.after(wait, func() { n.disk.records = append(n.disk.records, body) })
		case targets.Timer:
			body := out.Body
			n.c.after(out.After, func() { n.step(targets.In{Kind: targets.Timer, Body: body}) })
		case targets.Message:
			n.c.after(wait, func() { n.c.send(n.name, out.To, out.Body) })
		case targets.Reply:
			n.c.after(wait, func() { n.reply(out.To, out.Body) })
		case targets.Trace:
			if n.c.trace != nil {
				n.c.trace(n.c.now, n.name, out.Body)
			}
		}
	}
}

func (n *node) reply(to string, body []byte) {
	if cn := n.conns[to]; cn != nil {
		cn.toClient(targets.AppendFrame(nil, body))
	}
}

// send puts a message on a link. A cut link swallows it, also when the cut
// comes while it is on its way.
func (c *Cluster) send(from, to string, body []byte) {
	l := c.links[history.Link{From: from, To: to}]
	if l == nil {
		return // a machine may address any name; there is no wire to this one
	}
	if l.cut {
		l.dropped++
		return
	}
	c.after(l.latency(), func() {
		if l.cut {
			l.dropped++
			return
		}
		c.nodes[to].step(targets.In{Kind: targets.Message, From: from, Body: body})
	})
}

func (l *link) latency() time.Duration {
	return l.base + min(time.Duration(l.r.ExpFloat64()*float64(linkTail)), linkTailMax)
}

// Nodes are the members, in the order of the configuration.
func (c *Cluster) Nodes() []targets.Node {
	var ns []targets.Node
	for _, name := range c.names {
		ns = append(ns, c.nodes[name])
	}
	return ns
}

// Fabric makes faults true.
func (c *Cluster) Fabric() nemesis.Fabric { return (*fabric)(c) }

// Logs writes nothing: machines have no log beside their disk.
func (c *Cluster) Logs(context.Context, string) error { return nil }

// Close ends the world: nothing of it is left but memory.
func (c *Cluster) Close(context.Context) error { return nil }

func (n *node) Name() string { return n.name }
func (n *node) Peer() string { return n.name }

// Dial opens a client's connection; it takes one round trip.
func (n *node) Dial(ctx context.Context) (net.Conn, error) {
	if err := n.c.Sleep(ctx, 2*clientLatency); err != nil {
		return nil, fmt.Errorf("cannot connect to %s: %w", n.name, err)
	}
	n.c.conns++
	cn := &conn{node: n, name: fmt.Sprintf("client-%d", n.c.conns)}
	n.conns[cn.name] = cn
	return cn, nil
}

type fabric Cluster

// Apply makes the State true at once.
func (f *fabric) Apply(_ context.Context, s nemesis.State) error {
	for _, l := range f.links {
		cut := s.Cuts(l.Link)
		if cut && !l.cut {
			l.dropped = 0
		}
		l.cut = cut
	}
	for _, n := range f.nodes {
		n.clock = s.Clock(n.name)
	}
	return nil
}

// Measure sends a probe along every path, waits for as long as the slowest
// may take, and reads every node's clock as the machine sees it.
func (f *fabric) Measure(ctx context.Context) (nemesis.Measured, error) {
	c := (*Cluster)(f)
	m := nemesis.Measured{
		Up: map[history.Link]bool{}, Dropped: map[history.Link]int64{},
		Clocks: map[string]time.Duration{}, Within: map[string]time.Duration{},
	}
	for _, l := range c.sortedLinks() {
		m.Up[l.Link] = false
		if !l.cut {
			c.after(l.base, func() { m.Up[l.Link] = !l.cut })
		}
	}
	if err := c.Sleep(ctx, probeTime); err != nil {
		return m, err
	}
	for _, l := range c.links {
		m.Dropped[l.Link] = l.dropped
	}
	for _, n := range c.nodes {
		m.Clocks[n.name], m.Within[n.name] = n.wall().Sub(Epoch.Add(c.now)), 0
	}
	return m, nil
}

func (c *Cluster) sortedLinks() []*link {
	var names []history.Link
	for l := range c.links {
		names = append(names, l)
	}
	nemesis.SortLinks(names)
	var ls []*link
	for _, n := range names {
		ls = append(ls, c.links[n])
	}
	return ls
}

// Cannot is empty: everything that a State can say can be simulated.
func (f *fabric) Cannot(s nemesis.State) []string {
	var why []string
	for _, cs := range s.Clocks {
		if !slices.Contains(f.names, cs.Node) {
			why = append(why, "there is no node "+cs.Node)
		}
	}
	return why
}
