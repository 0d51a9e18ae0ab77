package docker

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/mlcheck/mlcheck/internal/agent"
	"github.com/mlcheck/mlcheck/internal/engine"
	"github.com/mlcheck/mlcheck/internal/passage"
	"github.com/mlcheck/mlcheck/targets"
)

const (
	beatEvery      = agent.Lease / 5
	defaultStartup = time.Minute
	readyTry       = 5 * time.Second // for one question whether a node is ready
	readyPause     = 100 * time.Millisecond
	logTail        = 20 // lines shown when a node fails
)

// node is one member: a sandbox with its agent, and the target's container in it.
type node struct {
	cluster *Cluster
	name    string
	spec    targets.Spec
	image   string
	sandbox string // container id
	target  string // container id
	ip      string
	agent   *agent.Client
	hello   agent.Reply
	stderr  tail          // of the agent
	pipe    bool          // clients come through an exec in the sandbox
	gate    *passage.Gate // between it and its clients; nil: nothing is
	// clockWhy says why this node's clock cannot be skewed; "": it can.
	clockWhy string
	is       atomic.Pointer[string] // what we have made of its process; nil: up
	choked   atomic.Bool            // its disk was made full
	stopped  atomic.Bool            // it was last asked to end, not killed
	wiped    atomic.Pointer[int]    // how many files its disk lost; nil: none since it was last started
	bare     atomic.Bool            // it was last started with an empty disk
	unwired  atomic.Bool            // it came up with an empty disk, and was not wired since
	alone    atomic.Pointer[string] // why it is not wired yet
}

func (n *node) Name() string { return n.name }

// Peer is the node's address in the run's network. It stays the same through
// restarts of the target, and needs no name server.
func (n *node) Peer() string { return n.ip }

// preloads says whether the clock is skewed by a library.
func (n *node) preloads() bool { return n.spec.Clock == agent.Libfaketime }

// box is the agent's container: with the capabilities that the node's faults take, and the
// volumes that it shares with the target.
func (n *node) box(image string) engine.Container {
	c := n.cluster
	box := engine.Container{
		Name: c.cfg.name("-" + n.name + "-agent"), Image: image, Command: []string{"agent"}, Hostname: n.name,
		Labels:  c.cfg.labels(roleLabel, agentRole, nodeLabel, n.name),
		Network: c.network, Aliases: []string{n.name},
		Init: true, Stdin: true, NoLog: true, ReadOnly: true, DropAll: true, Add: []string{"NET_ADMIN", "NET_RAW"},
	}
	switch {
	case n.preloads():
		box.Volumes = []string{agent.ClockDir}
	case n.spec.Clock == agent.VDSO: // it writes into processes, whoever they belong to
		box.Add = append(box.Add, "SYS_PTRACE", "DAC_OVERRIDE")
	}
	n.mount(&box)
	return box
}

// startSandbox makes and starts the agent's container and asks it what it can do.
func (n *node) startSandbox(ctx context.Context, image string) error {
	c := n.cluster
	var err error
	if n.sandbox, err = c.eng.CreateContainer(ctx, n.box(image)); err != nil {
		return fmt.Errorf("its sandbox cannot be made: %w", err)
	}
	stream, err := c.eng.Attach(ctx, n.sandbox, &n.stderr)
	if err != nil {
		return fmt.Errorf("its sandbox cannot be attached to: %w", err)
	}
	n.agent = agent.NewClient(stream)
	if err := c.eng.StartContainer(ctx, n.sandbox); err != nil {
		return fmt.Errorf("its sandbox does not start: %w", err)
	}
	if n.hello, err = n.agent.Hello(ctx, c.token, n.spec.Clock); err != nil {
		return n.explain(err)
	}
	c.beats.Go(func() { n.heartbeat(c.alive) })
	status, err := c.eng.InspectContainer(ctx, n.sandbox)
	if err != nil {
		return fmt.Errorf("its sandbox cannot be inspected: %w", err)
	}
	if n.ip = status.IP; n.ip == "" {
		return errors.New("its sandbox has no IPv4 address")
	}
	return nil
}

// explain adds to an error of the agent what it said before it ended.
func (n *node) explain(err error) error {
	if said := n.stderr.String(); said != "" {
		return fmt.Errorf("its agent: %w (%s)", err, said)
	}
	return fmt.Errorf("its agent: %w", err)
}

// heartbeat keeps the lease of the agent. It goes on after failures: if the
// agent is gone for good, whatever is asked of it next says so.
func (n *node) heartbeat(ctx context.Context) {
	tick := time.NewTicker(beatEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-n.agent.Ended():
			return
		case <-tick.C:
			_ = n.agent.Ping(ctx)
		}
	}
}

// startTarget makes the target's container in the sandbox, with its files, and
// starts it.
func (n *node) startTarget(ctx context.Context) error {
	c := n.cluster
	env, preload := n.environment()
	box := engine.Container{
		Name: c.cfg.name("-" + n.name), Image: n.image, Command: n.spec.Command, Env: env,
		Labels: c.cfg.labels(roleLabel, targetRole, nodeLabel, n.name),
		JoinOf: n.sandbox, Memory: n.spec.Memory,
	}
	if n.preloads() || n.mounts() {
		box.VolumesOf = n.sandbox
	}
	var err error
	if n.target, err = c.eng.CreateContainer(ctx, box); err != nil {
		return fmt.Errorf("its container cannot be made: %w", err)
	}
	if err := n.putFiles(ctx); err != nil {
		return err
	}
	if err := n.checkClock(ctx, preload); err != nil {
		return err
	}
	if err := c.eng.StartContainer(ctx, n.target); err != nil {
		return fmt.Errorf("its container does not start: %w", err)
	}
	return nil
}

func (n *node) putFiles(ctx context.Context) error {
	if len(n.spec.Files) == 0 {
		return nil
	}
	var files []engine.File
	for _, path := range slices.Sorted(maps.Keys(n.spec.Files)) {
		files = append(files, engine.File{Name: strings.TrimPrefix(path, "/"), Mode: 0o644, Body: []byte(n.spec.Files[path])})
	}
	tar, err := engine.Tar(files...)
	if err != nil {
		return err
	}
	if err := n.cluster.eng.CopyTo(ctx, n.target, "/", tar); err != nil {
		return fmt.Errorf("its files cannot be put into its container: %w", err)
	}
	return nil
}

// startup is how long the target may take until it is ready.
func (n *node) startup() time.Duration { return cmp.Or(max(n.spec.Startup, 0), defaultStartup) }

// waitReady asks the target until it answers, its deadline has passed, or its
// container has ended.
func (n *node) waitReady(ctx context.Context) error {
	limit := n.startup()
	bounded, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	for {
		try, stop := context.WithTimeout(bounded, readyTry)
		err := n.cluster.system.Ready(try, n)
		stop()
		if err == nil {
			return nil
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		status, inspected := n.cluster.eng.InspectContainer(ctx, n.target)
		if inspected == nil && !status.Running {
			return n.failed(ctx, fmt.Errorf("its container ended with status %d before it was ready", status.ExitCode))
		}
		select {
		case <-bounded.Done():
			if ctx.Err() == nil {
				return n.failed(ctx, fmt.Errorf("it is not ready after %v: %w", limit, err))
			}
		case <-time.After(readyPause):
		}
	}
}

// failed adds the last lines of the node's log to an error.
func (n *node) failed(ctx context.Context, why error) error {
	var log bytes.Buffer
	if err := n.cluster.eng.Logs(ctx, n.target, &log, logTail); err != nil {
		return errors.Join(why, fmt.Errorf("its log cannot be read: %w", err))
	}
	text := strings.TrimRight(log.String(), "\n")
	if text == "" {
		return fmt.Errorf("%w; its log is empty", why)
	}
	return fmt.Errorf("%w; the last lines of its log:\n  %s", why, strings.ReplaceAll(text, "\n", "\n  "))
}

// tail keeps the end of what is written to it, for one line of an error.
type tail struct {
	mu   sync.Mutex
	text []byte
}

func (t *tail) Write(p []byte) (int, error) {
	const most = 2000
	t.mu.Lock()
	defer t.mu.Unlock()
	t.text = append(t.text, p...)
	t.text = t.text[max(0, len(t.text)-most):]
	return len(p), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return strings.Join(strings.Fields(string(t.text)), " ")
}
