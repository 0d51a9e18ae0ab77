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
	if n.wiped.Load() != nil {
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
	if err := n.waitReady(ctx); err != nil {
		return err
	}
	return n.rejoin(ctx)
}

// rejoin has a node wired to the others that has come up with an empty disk, if the target
// needs that. One whose disk is full is wired when there is room.
func (n *node) rejoin(ctx context.Context) error {
	if !n.unwired.Load() || n.choked.Load() {
		return nil
	}
	if r, ok := n.cluster.system.(targets.Rejoining); ok {
		bounded, cancel := context.WithTimeout(ctx, n.startup())
		defer cancel()
		if err := r.Rejoin(bounded, n, n.cluster.members()); err != nil {
			return n.failed(ctx, fmt.Errorf("it has come up with an empty disk and cannot be wired to the others: %w", err))
		}
	}
	n.unwired.Store(false)
	return nil
}

// lookAtDisk adds to what is known of a node that is down what is left on its disk.
func (n *node) lookAtDisk(ctx context.Context, p *nemesis.Process) {
	lost := n.wiped.Load()
	if lost == nil {
		return
	}
	p.Of, p.Lost = files, int64(*lost)
	if left, err := n.agent.Held(ctx); err == nil {
		p.Kept = int64(left)
	} // else nobody could see it: it is not known
}
