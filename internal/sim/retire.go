package sim

import (
	"context"
	"slices"
	"time"

	"github.com/mlcheck/mlcheck/nemesis"
)

// retire asks the machine to end: it takes nothing more, what it has said still
// leaves, and what it has logged is brought to the disk.
func (n *node) retire() {
	n.paused, n.leaving = false, true
	n.disk.finish()
}

// farewell waits until those that were asked to end have done so. Who is not ready
// within the grace is killed.
func (c *Cluster) farewell(ctx context.Context) error {
	leaving := func(name string) bool { return c.nodes[name].leaving }
	for until := c.now + nemesis.Grace; slices.ContainsFunc(c.names, leaving); {
		var wait time.Duration
		for _, name := range c.names {
			n := c.nodes[name]
			if left := n.disk.wait(); n.leaving && (left == 0 || c.now >= until) {
				n.stop()
				n.overdue = left > 0
			} else if n.leaving {
				wait = max(wait, left)
			}
		}
		if wait == 0 {
			break
		}
		if err := c.Sleep(ctx, min(wait, until-c.now)); err != nil {
			return err
		}
	}
	return nil
}
