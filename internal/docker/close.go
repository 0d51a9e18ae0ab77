package docker

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

const (
	// closeTime bounds the tear-down, which does not end with the run's context:
	// after Ctrl-C there is as much to remove as ever.
	closeTime = 30 * time.Second
	// abandonSettle is how long a failed start waits for objects that the
	// engine may still be making.
	abandonSettle = time.Second
)

// Logs writes the log of each node to dir/logs/<node>.log. Every line begins with
// its time by the engine's clock, in RFC 3339 with nanoseconds.
func (c *Cluster) Logs(ctx context.Context, dir string) error {
	dir = filepath.Join(dir, "logs")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("no place for the logs: %w", err)
	}
	var errs []error
	for _, n := range c.nodes {
		if n.target == "" {
			continue
		}
		if err := n.log(ctx, filepath.Join(dir, n.name+".log")); err != nil {
			errs = append(errs, fmt.Errorf("the log of %s: %w", n.name, err))
		}
	}
	return errors.Join(errs...)
}

func (n *node) log(ctx context.Context, path string) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	return errors.Join(n.cluster.eng.Logs(ctx, n.target, f, 0), f.Close())
}

// Close removes everything that the cluster made, whatever became of ctx; or
// leaves the nodes up, without faults, where they are to be kept. The second
// call does nothing, unless the first one failed.
func (c *Cluster) Close(ctx context.Context) error {
	c.closing.Lock()
	defer c.closing.Unlock()
	if c.closed {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTime)
	defer cancel()
	var err error
	if c.cfg.Keep {
		err = c.release(ctx)
	} else {
		err = c.remove(ctx, 0)
	}
	if err != nil {
		return err
	}
	c.closed = true
	c.janitor.dismiss()
	return c.eng.Close()
}

// release heals the nodes and lets them live on their own.
func (c *Cluster) release(ctx context.Context) error {
	if err := c.fabric.heal(ctx); err != nil {
		return err
	}
	if err := c.fabric.every(func(n *node) error { return n.agent.Keep(ctx) }); err != nil {
		return err
	}
	c.hangUp()
	return nil
}

// RemoveCommand is what removes a cluster that was kept.
func (c *Cluster) RemoveCommand() string { return "mlcheck clean " + c.cfg.Run }

func (c *Cluster) remove(ctx context.Context, settle time.Duration) error {
	c.hangUp()
	return removeLabelled(ctx, c.eng, runLabel+"="+c.cfg.Run, settle)
}

// hangUp ends the streams to the agents and all that runs on them.
func (c *Cluster) hangUp() {
	c.stop()
	c.beats.Wait()
	for _, n := range c.nodes {
		if n.agent != nil {
			_ = n.agent.Close()
		}
		if n.gate != nil {
			n.gate.Close()
		}
	}
}

// abandon removes what a start that failed has made.
func (c *Cluster) abandon(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTime)
	defer cancel()
	if c.janitor == nil {
		return c.eng.Close()
	}
	if err := c.remove(ctx, abandonSettle); err != nil {
		c.janitor.summon()
		return errors.Join(err, c.eng.Close())
	}
	c.janitor.dismiss()
	return c.eng.Close()
}
