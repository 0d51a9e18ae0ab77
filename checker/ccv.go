package checker

import (
	"context"
	"fmt"

	"github.com/mlcheck/mlcheck/history"
)

func ccv() Property {
	return Property{
		Name:    "ccv",
		Title:   "Causal convergence: whoever has seen the same concurrent writes agrees on which of them won.",
		Source:  "Bouajjani, Enea, Guerraoui, Hamza, POPL 2017 (bad patterns of CCv); Burckhardt et al., POPL 2014",
		Applies: causalApplies,
		Check: func(ctx context.Context, h *history.History) Result {
			return checkCCv(ctx, indexFor(ctx, h))
		},
	}
}

// checkCCv looks for the patterns of cc, and for a cycle in causal order joined
// with conflict order.
func checkCCv(ctx context.Context, ix *index) Result {
	o := ix.co()
	if o.flaw != "" {
		return Result{Verdict: Unknown, Reason: o.flaw}
	}
	c, err := ix.patterns(ctx)
	if err != nil {
		return Result{Verdict: Unknown, Reason: "the check was stopped before its end: " + err.Error()}
	}
	r := o.causalResult("ccv", c)
	causes := r.Violations
	g := newConflicts(o, c.rivals)
	knots := g.knots()
	r.Violations += len(knots)
	r.count("CyclicCF", len(knots))
	r.count("reads that chose between concurrent writes", c.choices)
	for _, k := range knots[:min(len(knots), candidates)] {
		r.Findings = append(r.Findings, g.finding(k))
	}
	r.Findings = smallest(r.Findings)
	switch {
	case len(knots) > 0:
		r.Verdict = Violated
		r.Reason = "no order of the writes explains every read: " + plural(len(knots), "circle of choices", "circles of choices")
		if causes > 0 {
			r.Reason += fmt.Sprintf("; and cc is violated (%d)", causes)
		}
	case causes > 0:
		r.Verdict = Violated
		r.Reason = fmt.Sprintf("cc is violated (%d), and with it this", causes)
	case ctx.Err() != nil:
		r.Verdict, r.Reason = Unknown, "the check was stopped before its end: "+ctx.Err().Error()
	case r.Chances == 0:
		r.Verdict, r.Reason = Unknown, "0 chances: no read had a write of its key in its past"
	default:
		r.Verdict = Holds
		r.Reason = fmt.Sprintf("one order of the writes explains every read (%s, %s between concurrent writes)",
			plural(r.Chances, "chance", "chances"), plural(c.choices, "choice", "choices"))
	}
	return r
}
