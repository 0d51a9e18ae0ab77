package workload

import (
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"time"

	"github.com/mlcheck/mlcheck/history"
)

// session is the generator behind every workload: when to ask, where, and, by
// way of body and prober, what.
type session struct {
	p      Params
	id     int
	at     int // index of the node it is at
	moves  bool
	next   time.Duration
	probe  *prober
	follow []history.Step                                 // what must come next, at the same node
	body   func(time.Duration, *rand.Rand) []history.Step // one ordinary operation
	then   func(op history.Op) (s history.Step, ok bool)  // an operation that follows one
}

// newSession spreads the sessions over the nodes. The first one at each node
// stays there for ever; the others move where moves are asked for.
func newSession(p Params, id int, body func(time.Duration, *rand.Rand) []history.Step) *session {
	return &session{p: p, id: id, at: id % len(p.Nodes), moves: id >= len(p.Nodes) && len(p.Nodes) > 1, body: body}
}

// withShapes mixes probing shapes in: one epoch for every n ordinary operations.
func (s *session) withShapes(n float64) *session {
	every := max(time.Duration(n/s.p.Rate*float64(time.Second)), 20*time.Millisecond)
	s.probe = &prober{p: s.p, session: s.id, every: every}
	return s
}

// Next paces the session by exponential gaps. The steps of a shape follow each
// other at once, since a shape that is torn apart shows nothing.
func (s *session) Next(now time.Duration, r *rand.Rand) (Request, time.Duration, bool) {
	if now >= s.p.Time {
		return Request{}, 0, false
	}
	req := func(steps ...history.Step) Request { return Request{Node: s.node(steps), Steps: steps} }
	if len(s.follow) > 0 {
		steps := s.follow
		s.follow = nil
		return req(steps...), now, true
	}
	at := max(now, s.next)
	if s.probe != nil {
		if step, when, ok := s.probe.next(now, at, r); ok {
			return req(step), when, true
		}
	}
	if s.moves && r.Float64() < s.p.Moves {
		s.at = (s.at + 1 + r.IntN(len(s.p.Nodes)-1)) % len(s.p.Nodes)
	}
	s.next = at + time.Duration(r.ExpFloat64()/s.p.Rate*float64(time.Second))
	if at >= s.p.Time {
		return Request{}, 0, false
	}
	return req(s.body(at, r)...), at, true
}

// node is where a request goes: to the session's leader, or, if it only reads and
// the session is one of those that do, to a follower below it. Every other session
// that moves does, always to the same one below a leader.
func (s *session) node(steps []history.Step) string {
	leader := s.p.Nodes[s.at]
	if !s.moves || s.id%2 == 0 || slices.ContainsFunc(steps, func(st history.Step) bool { return st.F.IsWrite() }) {
		return leader
	}
	var below []string
	for i, f := range s.p.Followers {
		if i%len(s.p.Nodes) == s.at {
			below = append(below, f)
		}
	}
	if len(below) == 0 {
		return leader
	}
	return below[s.id/2%len(below)]
}

// Seen hands the outcome on to whoever asked for the operation.
func (s *session) Seen(op history.Op) {
	if s.probe != nil {
		s.probe.saw(op)
	}
	if s.then != nil {
		if step, ok := s.then(op); ok {
			s.follow = []history.Step{step}
		}
	}
}

// generations is how many sets of keys a run uses up, one after the other. What
// goes wrong with a key shows in the end only if nobody writes it again; so keys
// are retired, and the last reads see the traces of the whole run.
func generations(p Params) int { return min(max(int(p.Time/time.Second), 1), 16) }

// allKeys are the keys of all generations.
func allKeys(p Params) []string { return keys("x", p.KeyCount*generations(p)) }

// skewed draws one of the present generation's keys, so that the first ones are
// hot: conflicts need meetings.
func skewed(p Params, now time.Duration, r *rand.Rand) string {
	generation := min(int(int64(now)*int64(generations(p))/int64(p.Time)), generations(p)-1)
	slot := min(int(float64(p.KeyCount)*math.Pow(r.Float64(), 2)), p.KeyCount-1)
	return "x" + strconv.Itoa(generation*p.KeyCount+slot)
}

func keys(prefix string, n int) []string {
	ks := make([]string, n)
	for i := range ks {
		ks[i] = prefix + strconv.Itoa(i)
	}
	return ks
}
