package checker

import (
	"context"
	"fmt"

	"github.com/mlcheck/mlcheck/history"
)

func readYourWrites() Property {
	return Property{
		Name:    "read-your-writes",
		Title:   "A session that has written never reads a state from before its write.",
		Source:  "Terry et al., PDIS 1994",
		Applies: causalApplies,
		Check: func(ctx context.Context, h *history.History) Result {
			return checkSessions(ctx, indexFor(ctx, h), "read-your-writes")
		},
	}
}

func monotonicReads() Property {
	return Property{
		Name:    "monotonic-reads",
		Title:   "A session that has seen a state never sees an older one afterwards.",
		Source:  "Terry et al., PDIS 1994",
		Applies: causalApplies,
		Check: func(ctx context.Context, h *history.History) Result {
			return checkSessions(ctx, indexFor(ctx, h), "monotonic-reads")
		},
	}
}

func checkSessions(ctx context.Context, ix *index, property string) Result {
	o := ix.co()
	if o.flaw != "" {
		return Result{Verdict: Unknown, Reason: o.flaw}
	}
	j, err := o.judge(ctx)
	if err != nil {
		return stopped(err)
	}
	of, what := func(j *judged) *guarantee { return &j.own }, "an own write"
	if property == "monotonic-reads" {
		of, what = func(j *judged) *guarantee { return &j.seen }, "an earlier read"
	}
	g := of(j)
	r := Result{Chances: g.chances, Violations: len(g.broken)}
	r.count("suspicious", g.suspicious)
	for _, b := range g.broken[:min(len(g.broken), candidates)] {
		r.Findings = append(r.Findings, ix.sessionStory(property, o, b))
	}
	r.Findings = smallest(r.Findings)
	only, err := ix.lostAtMoves(ctx, j, func(j *judged) []int32 { return of(j).steps() }, &r)
	switch {
	case r.Violations > 0:
		r.Verdict = Violated
		r.Reason = fmt.Sprintf("%s to a state from before %s", plural(r.Violations, "read went back", "reads went back"), what)
	case err != nil:
		return stopped(err)
	case r.Chances == 0:
		r.Verdict, r.Reason = Unknown, "0 chances: no session read a key again after "+what
	default:
		r.Verdict = Holds
		r.Reason = fmt.Sprintf("no read went back to before %s (%s)", what, plural(r.Chances, "chance", "chances"))
	}
	r.lostAtMoves(only)
	return r
}
