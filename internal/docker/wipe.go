package docker

import (
	"context"
	"fmt"

	"github.com/mlcheck/mlcheck/nemesis"
	"github.com/mlcheck/mlcheck/targets"
)

// A lost disk: the target is killed, the agent empties the volume that has its data, and
// the target is started on that. Nothing else of the node changes, so that cuts, clocks
// and the target's own configuration are what they were.

// files is what is counted on a wiped disk.
const files = "files"

// cannotWipe says why the node cannot lose its disk; "": it can.
func (n *node) cannotWipe() string {
	switch {
	case n.spec.Data == "": // why it cannot be filled is another matter
		return "no disk can be lost: the target does not say where it keeps its data"
	case !n.mounts():
		return "no disk can be lost: the nodes were made without a volume for it"
	}
	return ""
}

// wipe empties the disk of a node whose target is down; once, until it is started again.
func (n *node) wipe(ctx context.Context) error {
	if n.wiped.Load() != nil {
		return nil
	}
	lost, err := n.agent.Empty(ctx)
	if err != nil {
		return n.explain(err)
	}
	n.wiped.Store(&lost)
	return nil
}

// start starts the node's target, and waits until it is ready; one that has lost its disk
// on an empty one.
func (n *node) start(ctx context.Context) error {
	wiped := n.wiped.Load() != nil
	if wiped {
		left, err := n.agent.Held(ctx)
		if err != nil {
			return n.explain(err)
		}
		if left > 0 {
			return fmt.Errorf("its disk was emptied, and there are %d files on it again before it is started", left)
		}
		n.unwired.Store(true)
	}
	if err := n.cluster.eng.StartContainer(ctx, n.target); err != nil {
		return err
	}
	n.wiped.Store(nil)
	n.bare.Store(wiped)
	return n.waitReady(ctx)
}

// rejoin has a node wired to the others that has come up with an empty disk, if the target
// needs that: when it runs and there is room on its disk. Where that fails while other
// faults are in force it is tried again when they change.
func (n *node) rejoin(ctx context.Context, healthy bool) error {
	if !n.unwired.Load() || n.choked.Load() || n.process() != nemesis.Up {
		return nil
	}
	if r, ok := n.cluster.system.(targets.Rejoining); ok {
		bounded, cancel := context.WithTimeout(ctx, n.startup())
		defer cancel()
		if err := r.Rejoin(bounded, n, n.cluster.members()); err != nil && healthy {
			return n.failed(ctx, fmt.Errorf("it has come up with an empty disk and cannot be wired to the others: %w", err))
		} else if err != nil {
			why := fmt.Sprintf("and is not wired to the others yet: %v", err)
			n.alone.Store(&why)
			return nil
		}
	}
	n.unwired.Store(false)
	n.alone.Store(nil)
	return nil
}

// lookAtDisk adds to what is known of a node whether it came up with an empty disk, and of
// one that is down what is left there.
func (n *node) lookAtDisk(ctx context.Context, p *nemesis.Process) {
	if p.Is == nemesis.Up {
		p.Bare = n.bare.Load()
		if why := n.alone.Load(); why != nil {
			p.Why = *why
		}
	}
	lost := n.wiped.Load()
	if lost == nil {
		return
	}
	p.Of, p.Lost = files, int64(*lost)
	if left, err := n.agent.Held(ctx); err == nil {
		p.Kept = int64(left)
	} // else nobody could see it: it is not known
}
