package checker

import (
	"context"
	"fmt"

	"github.com/mlcheck/mlcheck/history"
)

func cm() Property {
	return Property{
		Name:    "cm",
		Title:   "Causal memory: each session can put all that it knows of in one order that explains everything it ever read.",
		Source:  "Bouajjani, Enea, Guerraoui, Hamza, POPL 2017 (bad patterns of CM); Ahamad et al., Distributed Computing 1995",
		Applies: causalApplies,
		Check: func(ctx context.Context, h *history.History) Result {
			return checkCM(ctx, indexFor(ctx, h))
		},
	}
}

// checkCM looks for the patterns of cc, and for sessions whose reads no order of
// what they knew explains. See docs/cm.md for the algorithm and its bound.
func checkCM(ctx context.Context, ix *index) Result {
	o := ix.co()
	if o.flaw != "" {
		return Result{Verdict: Unknown, Reason: o.flaw}
	}
	j, err := o.judge(ctx)
	if err != nil {
		return stopped(err)
	}
	m, err := newMemory(ctx, o, j.causes.bad)
	if err != nil {
		return stopped(err)
	}
	r := o.causalResult("cm", &j.causes)
	causes := r.Violations
	broken, judged, err := m.brokenViews(ctx)
	r.Violations += len(broken)
	r.count("sessions without an order", len(broken))
	r.count("sessions that chose between concurrent writes", judged)
	for i, c := range broken[:min(len(broken), maxFindings)] {
		if i == 0 || ctx.Err() == nil {
			r.Findings = append(r.Findings, m.finding(c))
		}
	}
	r.Findings = smallest(r.Findings)
	switch {
	case len(broken) > 0:
		r.Verdict = Violated
		r.Reason = "no order of what it knew explains all that was read by " + plural(len(broken), "session", "sessions")
		if causes > 0 {
			r.Reason += fmt.Sprintf("; and cc is violated (%d)", causes)
		}
	case causes > 0:
		r.Verdict = Violated
		r.Reason = fmt.Sprintf("cc is violated (%d), and with it this", causes)
	case err != nil:
		return stopped(err)
	case r.Chances == 0:
		r.Verdict, r.Reason = Unknown, "0 chances: no read had a write of its key in its past"
	default:
		r.Verdict = Holds
		r.Reason = fmt.Sprintf("each session has an order that explains all it read (%s, %s between concurrent writes)",
			plural(r.Chances, "chance", "chances"), plural(m.choices, "choice", "choices"))
	}
	return r
}

// memory is what the check of causal memory knows of the whole history.
type memory struct {
	*order
	choices int    // reads that chose between concurrent writes
	mark    []mark // of each step
	follows followers
}

// mark says of a read what causal order alone says about it.
type mark uint8

const (
	bad   mark = 1 << iota // it breaks cc: no order is asked to explain it
	chose                  // it returned one of several concurrent writes that its reader knew of
)

func newMemory(ctx context.Context, o *order, wrong []badRead) (*memory, error) {
	m := &memory{order: o, mark: make([]mark, len(o.ix.src))}
	for _, b := range wrong {
		m.mark[b.step] |= bad
	}
	parts, err := parallel(ctx, len(m.mark), func(from, to int) int { return m.markChoices(int32(from), int32(to)) })
	for _, n := range parts {
		m.choices += n
	}
	if err == nil && m.choices > 0 {
		m.follows = o.followersOf()
	}
	return m, err
}

// markChoices finds which of some steps chose, and counts them: O(k·log n) each.
func (m *memory) markChoices(from, to int32) int {
	n := 0
	var rivals []rival
	for s := from; s < to; s++ {
		if m.ix.src[s] < 0 || m.mark[s]&bad != 0 || !m.chooses(s) {
			continue
		}
		if rivals = m.order.choices(s, rivals[:0]); len(rivals) > 0 {
			m.mark[s] |= chose
			n++
		}
	}
	return n
}

// brokenViews judges every session, on all processors: those whose reads made no
// choice are right by causal order alone.
func (m *memory) brokenViews(ctx context.Context) (broken []chain, judged int, err error) {
	if m.choices == 0 {
		return nil, 0, ctx.Err()
	}
	views := m.viewsThatChose()
	parts, err := parallelEach(ctx, len(views), func() func(i int) bool {
		p := newPlacement(m)
		return func(i int) bool { return p.broken(ctx, views[i]) }
	})
	for i, is := range parts {
		if is {
			broken = append(broken, views[i])
		}
	}
	return broken, len(views), err
}
