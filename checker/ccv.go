package checker

import (
	"context"
	"fmt"
	"slices"

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
	j, err := o.judge(ctx)
	if err != nil {
		return stopped(err)
	}
	g, knots, err := o.circles(ctx)
	if err != nil {
		return stopped(err)
	}
	only, err := ix.circlesAtMoves(ctx, g, knots)
	if err != nil {
		return stopped(err)
	}
	r := o.causalResult("ccv", &j.causes)
	causes := r.Violations
	r.Violations += len(knots)
	r.count("CyclicCF", len(knots))
	r.count("reads that let a write win over a concurrent later one", j.causes.against)
	r.count("circles if sessions were ordered across leaders", only)
	for _, k := range knots[:min(len(knots), candidates)] {
		r.Findings = append(r.Findings, g.finding(k))
	}
	r.Findings = smallest(r.Findings)
	r.Verdict, r.Reason = convergenceVerdict(&r, len(knots), causes)
	if only > 0 {
		r.Reason += fmt.Sprintf("; %s more if sessions were ordered across leaders: lost at a move without a token", plural(only, "circle", "circles"))
	}
	return r
}

func convergenceVerdict(r *Result, knots, causes int) (Verdict, string) {
	switch {
	case knots > 0 && causes > 0:
		return Violated, fmt.Sprintf("no order of the writes explains every read: %s; and cc is violated (%d)", plural(knots, "circle of choices", "circles of choices"), causes)
	case knots > 0:
		return Violated, "no order of the writes explains every read: " + plural(knots, "circle of choices", "circles of choices")
	case causes > 0:
		return Violated, fmt.Sprintf("cc is violated (%d), and with it this", causes)
	case r.Chances == 0:
		return Unknown, "0 chances: no read had a write of its key in its past"
	}
	return Holds, fmt.Sprintf("one order of the writes explains every read (%s)", plural(r.Chances, "chance", "chances"))
}

// circles are the knots of causal and conflict order together. Where every read
// returned the write that was placed last of those in its past, the order of
// placing extends both, and there are none.
func (o *order) circles(ctx context.Context) (*conflicts, [][]int32, error) {
	j, err := o.judge(ctx)
	if err != nil || j.causes.against == 0 {
		return nil, nil, err
	}
	rivals, err := o.rivals(ctx, j.causes.bad)
	if err != nil {
		return nil, nil, err
	}
	g := newConflicts(o, rivals)
	return g, g.knots(), nil
}

// circlesAtMoves counts the knots that there would be besides if sessions were
// ordered across leaders.
func (ix *index) circlesAtMoves(ctx context.Context, g *conflicts, knots [][]int32) (int, error) {
	if !ix.sessionsMove() || ix.plus().flaw != "" {
		return 0, nil
	}
	known := map[int32]bool{}
	for _, knot := range knots {
		for _, v := range knot {
			known[g.events[v]] = true
		}
	}
	plus, more, err := ix.plus().circles(ctx)
	only := 0
	for _, knot := range more {
		if !slices.ContainsFunc(knot, func(v int32) bool { return known[plus.events[v]] }) {
			only++
		}
	}
	return only, err
}
