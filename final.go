package mlcheck

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"strings"
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
	finalFailures = finalTries
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
				if failures += n; err != nil {
					return err
				}
				if failures >= finalFailures { // what could not be read is for the checker to judge
					r.opt.Progress("%6.1f s  %s does not answer: its last reads are given up", r.cluster.Now().Seconds(), node)
					return nil
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

// sweepUnchanged serves targets that cannot tell whether replication rests, and
// those that could but for a leader that does not answer: replication rests once
// nothing that can be read has changed for the target's settling time. A leader
// that cannot be read is left out, and named.
func (r *runner) sweepUnchanged() func(context.Context, []targets.Node) (string, string) {
	var last string
	var since time.Duration
	return func(ctx context.Context, nodes []targets.Node) (string, string) {
		now, silent := r.sweep(ctx, nodes)
		if now != last {
			last, since = now, r.cluster.Now()
		}
		where := ""
		if len(silent) > 0 {
			where = strings.Join(silent, "; ") + "; at the other leaders "
		}
		switch rest := r.cluster.Now() - since; {
		case len(silent) == len(nodes):
			return history.QuietMoving, strings.Join(silent, "; ")
		case rest < r.conf.Settle:
			return history.QuietMoving, where + "values still change, or have not rested long enough"
		}
		return history.QuietYes, where + fmt.Sprintf("nothing that can be read has changed for %s", r.conf.Settle)
	}
}

// sweep hashes what can be read, and says who could not be read.
func (r *runner) sweep(ctx context.Context, nodes []targets.Node) (hash string, silent []string) {
	all := sha256.New()
	for _, n := range nodes {
		part := sha256.New()
		if err := r.sweepNode(ctx, n, part); err != nil {
			silent = append(silent, fmt.Sprintf("%s does not answer (%v)", n.Name(), err))
			fmt.Fprintf(all, "%s is silent;", n.Name())
			continue
		}
		all.Write(part.Sum(nil)) // never fails
	}
	return string(all.Sum(nil)), silent
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
