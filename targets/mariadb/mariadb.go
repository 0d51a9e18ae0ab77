// Package mariadb is the target "mariadb": MariaDB servers that all accept
// writes and replicate to each other asynchronously, in a ring or each to every
// other. It says how such a server is deployed and wired, executes steps as SQL,
// and promises what the vendor promises; see README.md. It knows neither Docker
// nor what is checked.
package mariadb

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/mlcheck/mlcheck/history"
	"github.com/mlcheck/mlcheck/targets"
)

// The topologies.
const (
	ring     = "ring"
	allToAll = "all-to-all"
)

// How many leaders there may be. The server would take more; nine are 72 links in
// a mesh already.
const (
	minNodes = 2
	maxNodes = 9
)

// settle is twice the server's own retry bound with a margin: a link that is
// dead without a word is noticed after netTimeout, and the attempt to connect
// again lasts up to netTimeout and follows after connectRetry.
const settle = 2 * (2*netTimeout + connectRetry)

type target struct{}

// New returns the target.
func New() targets.Target { return target{} }

func (target) Name() string { return "mariadb" }

func (target) Help() string {
	return "MariaDB servers in Docker, every one a leader, replicating asynchronously in a ring or each to every other; conflicts are not resolved"
}

// Options implements [targets.Target].
func (target) Options() []targets.Option { return options() }

// Configure implements [targets.Target].
func (target) Configure(c targets.Config) (targets.Plan, error) {
	if c.World != "" && c.World != "docker" {
		return targets.Plan{}, fmt.Errorf("mariadb cannot run in the world %q: it is a real server, so only --world docker has it", c.World)
	}
	if n := len(c.Nodes); n < minNodes || n > maxNodes {
		return targets.Plan{}, fmt.Errorf("mariadb takes %d to %d leaders, not %d", minNodes, maxNodes, n)
	}
	topology := c.Topology
	if topology == "" {
		topology = ring
	}
	links, err := linksOf(topology, c.Nodes)
	if err != nil {
		return targets.Plan{}, err
	}
	o, err := parse(c.Options)
	if err != nil {
		return targets.Plan{}, err
	}
	if topology == ring && !o.relay {
		return targets.Plan{}, fmt.Errorf("-o relay=off needs --topology %s: in a ring a write reaches the leaders after the next only by being relayed", allToAll)
	}
	return targets.Plan{
		Worlds:     []string{"docker"},
		Topologies: []string{ring, allToAll},
		Links:      links,
		Supports:   []history.F{history.Read, history.Write, history.Delete, history.Add, history.Remove, history.Inc},
		Atomic:     true,
		Policy:     "none",
		// InnoDB serves each statement from what is committed at that moment at
		// that leader, and an acknowledged write is committed.
		NodeOrder:   true,
		Granularity: o.granularity(),
		Claims:      claims(),
		Settle:      settle,
		RejoinsWhy:  "a server with an empty disk would need a copy of another one (mariadb-backup) and new positions in all of its replicas, which is an operator's work",
		System: &system{
			options: o,
			nodes:   slices.Clone(c.Nodes),
			links:   links,
			keys:    slices.Clone(c.Keys),
			sets:    c.Workload == "set",
		},
	}, nil
}

// claims are what stands whatever the options: README.md quotes the vendor for
// what is not among them.
func claims() []history.Claim {
	return []history.Claim{
		{Property: "no-thin-air", Source: "every target's promise (targets/mariadb/README.md)"},
		{Property: "no-duplicates", Source: `MariaDB documentation, "gtid_ignore_duplicates": "Only one will be applied, any others will be ignored."`},
	}
}

// linksOf says who replicates to whom.
func linksOf(topology string, nodes []string) ([]history.Link, error) {
	var links []history.Link
	switch topology {
	case ring:
		for i, n := range nodes {
			links = append(links, history.Link{From: n, To: nodes[(i+1)%len(nodes)]})
		}
	case allToAll:
		for _, from := range nodes {
			for _, to := range nodes {
				if from != to {
					links = append(links, history.Link{From: from, To: to})
				}
			}
		}
	default:
		return nil, fmt.Errorf("mariadb has no topology %q; valid: %s", topology, strings.Join([]string{ring, allToAll}, ", "))
	}
	return links, nil
}

// system is a configured target; see spec.go, wire.go, client.go, quiet.go.
type system struct {
	options settings
	nodes   []string
	links   []history.Link
	keys    []string
	sets    bool // an absent key reads as the empty set, not as nothing
}

var (
	_ targets.System     = (*system)(nil)
	_ targets.Containers = (*system)(nil)
	_ targets.Quiet      = (*system)(nil)
	_ targets.Clocked    = (*system)(nil)
)

// id is a leader's number, from 1: its server id and its GTID domain.
func (s *system) id(node string) int { return slices.Index(s.nodes, node) + 1 }

// The server's patience, short so that a run need not wait for it.
const (
	netTimeout   = 2 * time.Second // slave_net_timeout: silence after which a link is dead
	connectRetry = time.Second     // MASTER_CONNECT_RETRY
	heartbeat    = netTimeout / 4  // MASTER_HEARTBEAT_PERIOD: what a live link says when idle
)
