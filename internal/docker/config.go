// Package docker deploys a target on a container engine and breaks it there: it
// is the world in which real systems run. A node is a sandbox, an agent's
// container that owns the network and the processes, and the target's container
// that joins it. Whatever is made is labelled with the run and removed again,
// however the run ends. The package knows targets by their interfaces only, and
// nothing of workloads, histories or checkers.
package docker

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"time"

	"github.com/mlcheck/mlcheck/history"
	"github.com/mlcheck/mlcheck/nemesis"
	"github.com/mlcheck/mlcheck/targets"
)

// Config says what to deploy.
type Config struct {
	Run    string // the run's id: it names and labels everything
	Target string // the target's name
	Nodes  []string
	Links  []history.Link // who replicates to whom; nil: everybody to everybody
	System targets.System // must be [targets.Containers]
	Seed   uint64         // of what chance does to packets
	// Latency is what a link takes for the whole run, beside its natural time.
	Latency map[history.Link]time.Duration
	// Fills says that disks are to be filled: data are on bounded volumes then.
	Fills bool
	// Wipes says that disks are to be emptied: data are on volumes that the agents reach.
	Wipes bool
	// Clients says that links of clients are to be cut or impaired: what they say to
	// nodes passes this program's hands then.
	Clients bool
	// Keep leaves the nodes up at Close; see [Cluster.RemoveCommand].
	Keep bool
	// Progress is told what happens, in lines, during the start; nil: nobody is.
	Progress func(format string, args ...any)

	pipe bool // clients go through the sandbox even where they need not
}

// The labels. Everything has the first one.
const (
	runLabel    = "mlcheck"        // the run's id
	roleLabel   = "mlcheck.role"   // "agent" or "target"
	nodeLabel   = "mlcheck.node"   // the node's name
	targetLabel = "mlcheck.target" // the target's name
	keepLabel   = "mlcheck.keep"   // "true": never swept
	imageLabel  = "mlcheck.image"  // images: "agent" or "target"
)

const (
	agentRole  = "agent"
	targetRole = "target"
)

var goodName = regexp.MustCompile(`^[a-zA-Z0-9][a-zA-Z0-9_.-]*$`)

func (c *Config) check() (targets.Containers, error) {
	system, ok := c.System.(targets.Containers)
	if !ok {
		return nil, fmt.Errorf("target %s does not run in containers", c.Target)
	}
	if !goodName.MatchString(c.Run) {
		return nil, fmt.Errorf("%q cannot name a run: letters, digits, '_', '.' and '-' only", c.Run)
	}
	if len(c.Nodes) == 0 {
		return nil, errors.New("a cluster needs at least one node")
	}
	for i, n := range c.Nodes {
		if n == nemesis.Clients {
			return nil, fmt.Errorf("no node can be called %q: that is the other end of the links of clients", n)
		}
		if !goodName.MatchString(n) {
			return nil, fmt.Errorf("%q cannot name a node: letters, digits, '_', '.' and '-' only", n)
		}
		if slices.Contains(c.Nodes[:i], n) {
			return nil, fmt.Errorf("node %s is named twice", n)
		}
	}
	for _, l := range c.Links {
		if !slices.Contains(c.Nodes, l.From) || !slices.Contains(c.Nodes, l.To) {
			return nil, fmt.Errorf("link %s→%s joins a node that does not exist", l.From, l.To)
		}
	}
	if c.Links == nil {
		for _, from := range c.Nodes {
			for _, to := range c.Nodes {
				if from != to {
					c.Links = append(c.Links, history.Link{From: from, To: to})
				}
			}
		}
	}
	if c.Progress == nil {
		c.Progress = func(string, ...any) {}
	}
	return system, nil
}

func (c *Config) labels(more ...string) map[string]string {
	m := map[string]string{runLabel: c.Run, targetLabel: c.Target}
	if c.Keep {
		m[keepLabel] = "true"
	}
	for i := 0; i+1 < len(more); i += 2 {
		m[more[i]] = more[i+1]
	}
	return m
}

func (c *Config) name(parts string) string { return "mlcheck-" + c.Run + parts }
