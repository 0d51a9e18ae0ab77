package mlcheck

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/mlcheck/mlcheck/history"
	"github.com/mlcheck/mlcheck/internal/stream"
	"github.com/mlcheck/mlcheck/targets"
	"github.com/mlcheck/mlcheck/workload"
)

// afterRefusal is how long a session rests when it cannot even connect.
const afterRefusal = 100 * time.Millisecond

// session is one single-threaded client.
type session struct {
	*runner
	id     int
	gen    workload.Generator
	rand   *rand.Rand
	node   string
	client targets.Client
	token  string // what it has seen, where its clients can tell
	handed string // of the token: what the present operation handed over
}

func newSession(r *runner, id int) *session {
	s := &session{runner: r, id: id, gen: r.generator(id)}
	s.rand = stream.New(r.Seed, s.name())
	return s
}

func (s *session) name() string { return fmt.Sprintf("session %d", s.id) }

// run asks what the generator says until it is done, or the run ends.
func (s *session) run(ctx context.Context) error {
	defer s.disconnect()
	for {
		if s.rec.Err() != nil {
			s.stop() // what nobody records need not be done
			return nil
		}
		req, at, ok := s.gen.Next(s.cluster.Now(), s.rand)
		if !ok {
			return nil
		}
		if wait := at - s.cluster.Now(); wait > 0 {
			if s.cluster.Sleep(ctx, wait) != nil {
				return nil
			}
		}
		op, err := s.perform(ctx, req, false)
		if ctx.Err() != nil {
			return nil
		}
		s.gen.Seen(op)
		if err != nil && s.client == nil && op.Outcome == history.Fail {
			if s.cluster.Sleep(ctx, afterRefusal) != nil {
				return nil
			}
		}
	}
}

func (s *session) disconnect() {
	if s.client != nil {
		if t, ok := s.client.(targets.Tokens); ok {
			s.token = t.Token()
		}
		_ = s.client.Close() // what it may say concerns nobody any more
		s.client = nil
	}
}

// perform records and executes one operation. The error is what the client
// said; it is in the operation's outcome already.
func (s *session) perform(ctx context.Context, req workload.Request, final bool) (history.Op, error) {
	if req.Node != s.node {
		s.disconnect()
		if s.node != "" {
			s.rec.Event(history.Event{Type: history.MoveEvent, Session: s.id, From: s.node, To: req.Node})
		}
		s.node = req.Node
	}
	op := history.Op{Session: s.id, Node: s.node, Steps: s.number(req.Steps), Final: final}
	op.Index, op.Start = s.rec.Invoke(s.id, s.node, op.Steps, final)
	asked, cancel := s.cluster.WithTimeout(ctx, s.Timeout)
	done, err := s.do(asked, op.Steps, final)
	cancel()
	if err == nil {
		op.Outcome, op.Steps, op.Meta = history.OK, done.Steps, done.Meta
	} else {
		op.Meta.Error = err.Error()
		reads := !slices.ContainsFunc(op.Steps, func(st history.Step) bool { return st.F.IsWrite() })
		if reads || errors.Is(err, targets.ErrRefused) {
			op.Outcome = history.Fail
		}
		s.disconnect()
	}
	op.Meta.Token = s.handed
	op.Return, op.End = s.rec.Complete(s.id, s.node, op.Outcome, op.Steps, op.Meta)
	return op, err
}

// number gives every written value the next number of the run.
func (s *session) number(steps []history.Step) []history.Step {
	steps = slices.Clone(steps)
	for i := range steps {
		if f := steps[i].F; (f == history.Write || f == history.Add || f == history.Append) && !steps[i].Value.Set {
			steps[i].Value = history.Int(s.value.Add(1))
		}
	}
	return steps
}

func (s *session) do(ctx context.Context, steps []history.Step, final bool) (targets.Done, error) {
	s.handed = ""
	if s.client == nil {
		c, err := s.connect(ctx, final)
		if err != nil {
			return targets.Done{}, targets.Refused(fmt.Errorf("cannot connect to %s: %w", s.node, err))
		}
		s.client = c
		if err := s.resume(final); err != nil {
			return targets.Done{}, targets.Refused(err)
		}
	}
	return s.client.Do(ctx, steps)
}

// resume hands over what the session has seen. Final reads follow on nothing.
func (s *session) resume(final bool) error {
	t, ok := s.client.(targets.Tokens)
	if !ok || s.token == "" || final {
		return nil
	}
	s.handed = s.token
	return t.Resume(s.token)
}

func (s *session) connect(ctx context.Context, final bool) (targets.Client, error) {
	node := s.cluster.Nodes()[slices.Index(s.nodes, s.node)]
	if f, ok := s.conf.System.(targets.Finals); ok && final {
		return f.ConnectFinal(ctx, node)
	}
	return s.conf.System.Connect(ctx, node)
}
