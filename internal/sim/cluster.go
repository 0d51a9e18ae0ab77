package sim

import (
	"context"
	"io"
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
	// Latency stands in for the base latency of some links; others draw theirs.
	Latency map[history.Link]time.Duration
	Seed    uint64
	// Warn is where the watchdog writes; nil: standard error.
	Warn io.Writer
	// Trace is handed what machines tell about themselves, at the moment of it.
	Trace func(at time.Duration, node string, body []byte)
}

// Cluster is a simulated world with machines in it.
type Cluster struct {
	kernel
	system targets.Simulated
	names  []string
	nodes  map[string]*node
	links  map[history.Link]*link
	conns  int
	trace  func(at time.Duration, node string, body []byte)

	errands    []*errand // that are free to be used again
	deliveries []*delivery
}

// Start brings the machines up at virtual time 0.
func Start(cfg Config) *Cluster {
	c := &Cluster{system: cfg.System, names: cfg.Nodes, nodes: map[string]*node{}, links: map[history.Link]*link{}}
	c.warn, c.trace = cfg.Warn, cfg.Trace
	for _, name := range cfg.Nodes {
		c.nodes[name] = newNode(c, name, stream.New(cfg.Seed, "node "+name))
	}
	for _, path := range nemesis.Paths(cfg.Links) {
		l := newLink(path, cfg.Latency[path], cfg.Seed)
		l.to = c.nodes[path.To]
		c.links[path] = l
		c.nodes[path.From].links = append(c.nodes[path.From].links, l)
	}
	for _, name := range cfg.Nodes {
		n := c.nodes[name]
		n.asked, n.answered = c.clientLink(nemesis.Clients, name, cfg.Seed), c.clientLink(name, nemesis.Clients, cfg.Seed)
		n.start()
	}
	return c
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
