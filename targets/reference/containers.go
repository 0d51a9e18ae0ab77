package reference

import (
	"context"
	"time"

	"github.com/mlcheck/mlcheck/targets"
	"github.com/mlcheck/mlcheck/targets/serve"
)

// worlds are where the store runs: everything in one process, or each leader in a
// container of its own. It is the same machine in both.
var worlds = []string{"sim", "docker"}

// settle is twice what a leader may take to be heard again: until it sends what was
// not confirmed, and over TCP until there is a connection.
func (c *config) settle() time.Duration {
	if c.asked.World == "docker" {
		return 2 * (resend + serve.Recovery)
	}
	return 2 * resend
}

var (
	_ targets.Containers = system{}
	_ targets.Rejoining  = system{}
)

// Spec is a container with mlcheck's own binary in it.
func (s system) Spec(node string) targets.Spec {
	return serve.Spec(Target{}.Name(), node, s.cfg.asked)
}

// Ready asks the leader how it is.
func (s system) Ready(ctx context.Context, n targets.Node) error {
	_, err := s.status(ctx, n)
	return err
}

// Wire tells leaders where their peers are.
func (s system) Wire(ctx context.Context, nodes []targets.Node) error {
	return serve.Wire(ctx, nodes, s.cfg.links, serve.Port)
}

// Rejoin tells a leader that has lost its disk where its peers are: it kept that there.
// What they know of it and have it asks them itself.
func (s system) Rejoin(ctx context.Context, node targets.Node, all []targets.Node) error {
	return serve.Rejoin(ctx, node, all, s.cfg.links, serve.Port)
}
