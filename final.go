package mlcheck

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"time"

	"github.com/mlcheck/mlcheck/history"
	"github.com/mlcheck/mlcheck/internal/world"
	"github.com/mlcheck/mlcheck/targets"
	"github.com/mlcheck/mlcheck/workload"
)

// finalTries is how often a node is asked for a key at the end: each time is an
// operation of its own in the history. A node that has failed to answer
// finalFailures times is given up, since each may have cost a whole timeout.
const (
	finalTries    = 5
	finalFailures = 3 * finalTries
)

// final reads every key at every node, by a fresh session for each node.
func (r *runner) final(ctx context.Context) error {
	r.stage(history.StageFinal, "", "")
	var tasks []world.Task
	for i, node := range r.nodes {
		s := &session{runner: r, id: r.Sessions + i}
		tasks = append(tasks, world.Task{Name: "final " + node, Do: func(ctx context.Context) error {
			defer s.disconnect()
			failures := 0
			for _, key := range r.keys {
				n, err := s.readFinally(ctx, node, key)
				if failures += n; err != nil || failures >= finalFailures {
					return err // what could not be read is for the checker to judge
				}
			}
			return nil
		}})
	}
	if err := r.cluster.Run(ctx, tasks...); err != nil {
		return fmt.Errorf("final reads: %w", err)
	}
	return nil
}

// readFinally reads a key, and says how often it failed.
func (s *session) readFinally(ctx context.Context, node, key string) (failures int, err error) {
	for failures < finalTries {
		_, err := s.perform(ctx, workload.Request{Node: node, Steps: []history.Step{{F: history.Read, Key: key}}}, true)
		if err == nil || ctx.Err() != nil {
			return failures, ctx.Err()
		}
		failures++
		if err := s.cluster.Sleep(ctx, afterRefusal); err != nil {
			return failures, err
		}
	}
	return failures, nil
}

// sweepUnchanged serves targets that cannot tell whether replication rests: it
// does once nothing that can be read has changed for the target's settling time.
func (r *runner) sweepUnchanged() func(context.Context, []targets.Node) (string, string, error) {
	var last string
	var since time.Duration
	return func(ctx context.Context, nodes []targets.Node) (string, string, error) {
		now, err := r.sweep(ctx, nodes)
		if err != nil {
			return "", "", err
		}
		if now != last {
			last, since = now, r.cluster.Now()
		}
		if rest := r.cluster.Now() - since; rest < r.conf.Settle {
			return history.QuietMoving, "values still change", nil
		}
		return history.QuietYes, fmt.Sprintf("nothing that can be read has changed for %s", r.conf.Settle), nil
	}
}

func (r *runner) sweep(ctx context.Context, nodes []targets.Node) (string, error) {
	all := sha256.New()
	for _, n := range nodes {
		if err := r.sweepNode(ctx, n, all); err != nil {
			return "", fmt.Errorf("%s: %w", n.Name(), err)
		}
	}
	return string(all.Sum(nil)), nil
}

// sweepNode hashes what a node holds. Every read has the time of an operation.
func (r *runner) sweepNode(ctx context.Context, n targets.Node, all io.Writer) error {
	within := func(do func(context.Context) error) error {
		ctx, cancel := r.cluster.WithTimeout(ctx, r.Timeout)
		defer cancel()
		return do(ctx)
	}
	var c targets.Client
	err := within(func(ctx context.Context) (err error) {
		c, err = r.conf.System.Connect(ctx, n)
		return err
	})
	if err != nil {
		return err
	}
	defer func() { _ = c.Close() }() // what it may say concerns nobody any more
	for _, key := range r.keys {
		err := within(func(ctx context.Context) error {
			done, err := c.Do(ctx, []history.Step{{F: history.Read, Key: key}})
			fmt.Fprintf(all, "%v;", done.Steps)
			return err
		})
		if err != nil {
			return fmt.Errorf("reading %s: %w", key, err)
		}
	}
	return nil
}
