package mlcheck

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/mlcheck/mlcheck/history"
	"github.com/mlcheck/mlcheck/internal/world"
	"github.com/mlcheck/mlcheck/nemesis"
	"github.com/mlcheck/mlcheck/targets"
	"github.com/mlcheck/mlcheck/workload"
)

// finalTries is how often a node is asked for a key at the end: each time is an
// operation of its own in the history.
const finalTries = 5

// final reads every key at every node, by a fresh session for each node.
func (r *runner) final(ctx context.Context) error {
	r.stage(history.StageFinal, "", "")
	var tasks []world.Task
	for i, node := range r.nodes {
		s := &session{runner: r, id: r.Sessions + i}
		tasks = append(tasks, world.Task{Name: "final " + node, Do: func(ctx context.Context) error {
			defer s.disconnect()
			for _, key := range r.keys {
				if err := s.readFinally(ctx, node, key); err != nil {
					return err
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

func (s *session) readFinally(ctx context.Context, node, key string) error {
	for range finalTries {
		_, err := s.perform(ctx, workload.Request{Node: node, Steps: []history.Step{{F: history.Read, Key: key}}}, true)
		if err == nil || ctx.Err() != nil {
			return ctx.Err()
		}
		if err := s.cluster.Sleep(ctx, afterRefusal); err != nil {
			return err
		}
	}
	return nil // a node that cannot be read is for the checker to judge
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
	all := ""
	for _, n := range nodes {
		c, err := r.conf.System.Connect(ctx, n)
		if err != nil {
			return "", fmt.Errorf("%s: %w", n.Name(), err)
		}
		for _, key := range r.keys {
			done, err := c.Do(ctx, []history.Step{{F: history.Read, Key: key}})
			if err != nil {
				_ = c.Close()
				return "", fmt.Errorf("%s: reading %s: %w", n.Name(), key, err)
			}
			all += fmt.Sprint(done.Steps[0].Value, ";")
		}
		_ = c.Close()
	}
	return all, nil
}

func sortedKeys(m map[history.Link]bool) []history.Link {
	ls := slices.Collect(maps.Keys(m))
	nemesis.SortLinks(ls)
	return ls
}

func sortedNames[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
