package docker

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/mlcheck/mlcheck/internal/engine"
	"github.com/mlcheck/mlcheck/targets"
)

// Cluster is a target deployed on a container engine. It implements world.Cluster.
type Cluster struct {
	realTime
	cfg     Config
	system  targets.Containers
	eng     engine.Engine
	arch    string
	janitor *janitor
	network string
	token   string // what agents show to prove that an address is theirs
	nodes   []*node
	fabric  *fabric

	alive context.Context // of the heartbeats
	stop  context.CancelFunc
	beats sync.WaitGroup

	closing sync.Mutex
	closed  bool
}

// Start deploys a target: it returns when every node is ready and they are wired.
// If it cannot, it removes what it made and says why. It also removes what dead
// runs have left.
func Start(ctx context.Context, cfg Config) (_ *Cluster, err error) {
	system, err := cfg.check()
	if err != nil {
		return nil, err
	}
	eng, err := open(ctx)
	if err != nil {
		return nil, err
	}
	c := &Cluster{cfg: cfg, system: system, eng: eng, token: rand.Text(), stop: func() {}}
	defer func() {
		if err != nil && ctx.Err() != nil {
			err = fmt.Errorf("the start was ended: %w", context.Cause(ctx)) // whatever failed, failed of that
		}
		if err != nil {
			err = errors.Join(err, c.abandon(ctx))
		}
	}()
	info, err := eng.Info(ctx)
	if err != nil {
		return nil, fmt.Errorf("the container engine does not say what it is: %w", err)
	}
	if info.OS != "linux" {
		return nil, fmt.Errorf("the container engine runs %s containers; mlcheck needs Linux ones", info.OS)
	}
	c.arch = info.Arch
	swept, err := sweep(ctx, eng, leftOver)
	if err != nil {
		return nil, fmt.Errorf("what dead runs left cannot be removed: %w", err)
	}
	if len(swept) > 0 {
		cfg.Progress("removed what dead runs had left: %s", strings.Join(swept, ", "))
	}
	if c.janitor, err = startJanitor(ctx, cfg.Run); err != nil {
		return nil, err
	}
	return c, c.deploy(ctx)
}

// open finds an engine, or says what to do about there being none.
func open(ctx context.Context) (engine.Engine, error) {
	eng, err := engine.Open(ctx)
	if err != nil {
		return nil, fmt.Errorf("%w\nOn Debian or Ubuntu, `scripts/engine up` (as root) installs and starts one; elsewhere start Docker or set DOCKER_HOST. "+
			"The simulated world needs no engine: --target reference", err)
	}
	return eng, nil
}

// deploy makes everything, in stages; within a stage the nodes go side by side.
func (c *Cluster) deploy(ctx context.Context) error {
	im := &images{eng: c.eng, arch: c.arch, progress: c.cfg.Progress, script: c.baseScript}
	agentImage, err := im.own(ctx)
	if err != nil {
		return err
	}
	for _, name := range c.cfg.Nodes {
		n := &node{cluster: c, name: name, spec: c.system.Spec(name)}
		if c.cfg.Clients {
			n.gate = newGate(name, c.cfg.Seed)
		}
		if n.image, err = im.target(ctx, n.spec); err != nil {
			return err
		}
		c.nodes = append(c.nodes, n)
	}
	began := time.Now()
	c.network, err = c.eng.CreateNetwork(ctx, c.cfg.name(""), c.cfg.labels())
	if err != nil {
		return fmt.Errorf("the run's network cannot be made: %w (if no address range is free, `docker network prune` removes networks that nothing uses)", err)
	}
	c.alive, c.stop = context.WithCancel(context.WithoutCancel(ctx))
	if err := c.each(ctx, func(ctx context.Context, n *node) error { return n.startSandbox(ctx, agentImage) }); err != nil {
		return err
	}
	c.fabric = newFabric(c)
	c.reach(ctx)
	if err := c.each(ctx, func(ctx context.Context, n *node) error { return n.startTarget(ctx) }); err != nil {
		return err
	}
	if err := c.each(ctx, func(ctx context.Context, n *node) error { return n.waitReady(ctx) }); err != nil {
		return err
	}
	if err := c.system.Wire(ctx, c.members()); err != nil {
		return fmt.Errorf("the nodes cannot be wired: %w", err)
	}
	if err := c.slowLinks(ctx); err != nil {
		return err
	}
	c.cfg.Progress("%d × %s are up and wired after %.1f s", len(c.nodes), c.cfg.Target, time.Since(began).Seconds())
	c.base = time.Now()
	return nil
}

// slowLinks gives links the latency that they have for the whole run. Every State,
// also the healthy one, has it from then on.
func (c *Cluster) slowLinks(ctx context.Context) error {
	if len(c.cfg.Latency) == 0 {
		return nil
	}
	for _, n := range c.nodes {
		if why := n.hello.ImpairWhy; why != "" {
			return fmt.Errorf("links cannot be given a latency at %s: %s", n.name, why)
		}
	}
	return c.fabric.heal(ctx)
}

// each does the same for all nodes side by side. The first failure ends the
// other attempts and is the error: theirs only say that they were ended.
func (c *Cluster) each(ctx context.Context, do func(context.Context, *node) error) error {
	ctx, fail := context.WithCancelCause(ctx)
	defer fail(nil)
	var wg sync.WaitGroup
	for _, n := range c.nodes {
		wg.Go(func() {
			if err := do(ctx, n); err != nil {
				fail(fmt.Errorf("node %s: %w", n.name, err))
			}
		})
	}
	wg.Wait()
	return context.Cause(ctx)
}

// Nodes are the nodes as clients reach them, in the order of the configuration.
func (c *Cluster) Nodes() []targets.Node {
	list := c.members()
	for i, n := range c.nodes {
		if n.gate != nil {
			list[i] = guarded{n}
		}
	}
	return list
}

// members are the nodes in the order of the configuration.
func (c *Cluster) members() []targets.Node {
	list := make([]targets.Node, len(c.nodes))
	for i, n := range c.nodes {
		list[i] = n
	}
	return list
}
