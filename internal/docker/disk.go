package docker

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/mlcheck/mlcheck/internal/agent"
	"github.com/mlcheck/mlcheck/internal/engine"
	"github.com/mlcheck/mlcheck/nemesis"
)

const (
	// dataSize is how much the bounded volume of a node holds. It is memory.
	dataSize = 128 << 20
	// diskError is how long a sync of that may take: the agent is a program among others.
	diskError = time.Second
)

// noSlowDisk is why no container has a slow disk.
const noSlowDisk = "a container's disk cannot be slowed: what the kernel throttles is a whole device, which all nodes share, and its throttle does not make a sync longer by a given time; the simulated world does that"

// fills says whether the node's data are on a volume that can be filled.
func (n *node) fills() bool { return n.cluster.cfg.Fills && n.spec.Data != "" }

// mounts says whether the node's data are on a volume of the sandbox, which its agent
// reaches, and which outlives a restart of the target.
func (n *node) mounts() bool { return n.fills() || n.cluster.cfg.Wipes && n.spec.Data != "" }

// mount puts the node's data on a volume: one in memory, bounded, where it is to be
// filled, or else an ordinary one.
func (n *node) mount(box *engine.Container) {
	switch {
	case !n.mounts():
		return
	case n.fills():
		box.Bounded = []engine.Volume{{Path: n.spec.Data, Bytes: dataSize}}
	default:
		box.Volumes = append(box.Volumes, n.spec.Data)
	}
	box.Env = append(box.Env, agent.DataVariable+"="+n.spec.Data)
	if !slices.Contains(box.Add, "DAC_OVERRIDE") { // the target may keep its directory to itself
		box.Add = append(box.Add, "DAC_OVERRIDE")
	}
}

// cannotTrouble says why a disk cannot be troubled so; "": it can.
func (n *node) cannotTrouble(d nemesis.DiskTrouble) string {
	switch {
	case d.Slow > 0:
		return noSlowDisk
	case n.spec.Data != "" && !n.fills():
		return "no disk can be filled: the nodes were made without a volume for it"
	}
	return neverFilled(n.spec)
}

// choke notes whether the node's disk is full. A target that has died of that is
// started again when there is room.
func (n *node) choke(ctx context.Context, full bool) error {
	if !n.choked.Swap(full) || full || n.process() != nemesis.Up {
		return nil
	}
	s, err := n.cluster.eng.InspectContainer(ctx, n.target)
	if err != nil {
		return fmt.Errorf("its container cannot be inspected: %w", err)
	}
	if s.Running {
		return nil
	}
	if err := n.start(ctx); err != nil {
		return fmt.Errorf("it died of its full disk and cannot be started again: %w", err)
	}
	return nil
}

// tryDisk writes to the node's volume and says what became of that.
func (n *node) tryDisk(ctx context.Context) (nemesis.DiskTrial, error) {
	t, err := n.agent.TryDisk(ctx)
	if err != nil {
		return nemesis.DiskTrial{}, n.explain(err)
	}
	return nemesis.DiskTrial{Full: t.Full, Sync: t.Sync, Within: diskError, Met: -1}, nil
}
