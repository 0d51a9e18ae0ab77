package mlcheck

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"slices"
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

// Where replication still moved at the deadline, every key is read in several
// rounds, so that the history shows how fast values change and whether they go
// round. A further round begins only within movingTime.
const (
	movingRounds = 16
	movingTime   = 10 * time.Second
)

// reader is the session that reads at a node since clients are closed. It is in
// no order with anything, and its reads are marked as final.
func (r *runner) reader(node string) *session {
	i := slices.Index(r.nodes, node)
	if r.readers == nil {
		r.readers = make([]*session, len(r.nodes))
	}
	if r.readers[i] == nil {
		r.readers[i] = &session{runner: r, id: r.Sessions + i}
	}
	return r.readers[i]
}

// final reads every key at every node, by a fresh session for each node.
func (r *runner) final(ctx context.Context) error {
	r.stage(history.StageFinal, "", "")
	var tasks []world.Task
	for _, node := range r.nodes {
		s := r.reader(node)
		tasks = append(tasks, world.Task{Name: "final " + node, Do: func(ctx context.Context) error { return s.readRounds(ctx, node) }})
	}
	if err := r.cluster.Run(ctx, tasks...); err != nil {
		return fmt.Errorf("final reads: %w", err)
	}
	return nil
}

// readRounds reads every key at a node: once where replication rests. The pauses
// between rounds are of different lengths, so that values which go round in step
// with the reads are seen to move all the same.
func (s *session) readRounds(ctx context.Context, node string) error {
	defer s.disconnect()
	began, failures := s.cluster.Now(), 0
	for round := 0; ; round++ {
		for _, key := range s.keys {
			n, err := s.readFinally(ctx, node, key)
			if failures += n; err != nil {
				return err
			}
			if failures >= finalFailures { // what could not be read is for the checker to judge
				s.opt.Progress("%6.1f s  %s does not answer: its last reads are given up", s.cluster.Now().Seconds(), node)
				return nil
			}
		}
		if !s.moving || round+1 == movingRounds || s.cluster.Now()-began > movingTime {
			return nil
		}
		if err := s.cluster.Sleep(ctx, s.pause()*time.Duration(5+round%4)/5); err != nil {
			return err
		}
	}
}

// pause is how long to wait before looking again whether replication moves.
func (r *runner) pause() time.Duration {
	return min(max(r.conf.Settle/10, 5*time.Millisecond), 250*time.Millisecond)
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

// sweep hashes what can be read, and says who could not be read. Its reads are
// in the history: they show what still moved.
func (r *runner) sweep(ctx context.Context, nodes []targets.Node) (hash string, silent []string) {
	all := sha256.New()
	for _, n := range nodes {
		part := sha256.New()
		if err := r.reader(n.Name()).sweepNode(ctx, n.Name(), part); err != nil {
			silent = append(silent, fmt.Sprintf("%s does not answer (%v)", n.Name(), err))
			fmt.Fprintf(all, "%s is silent;", n.Name())
			continue
		}
		all.Write(part.Sum(nil)) // never fails
	}
	return string(all.Sum(nil)), silent
}

// sweepNode hashes what a node holds. Every read has the time of an operation.
func (s *session) sweepNode(ctx context.Context, node string, all io.Writer) error {
	defer s.disconnect()
	for _, key := range s.keys {
		op, err := s.perform(ctx, workload.Request{Node: node, Steps: []history.Step{{F: history.Read, Key: key}}}, true)
		if err != nil {
			return fmt.Errorf("reading %s: %w", key, err)
		}
		fmt.Fprintf(all, "%v;", op.Steps)
	}
	return nil
}
