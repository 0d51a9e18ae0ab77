package checker

import (
	"context"
	"fmt"

	"github.com/mlcheck/mlcheck/history"
)

func conserved() Property {
	return Property{
		Name:   "conserved",
		Title:  "What is moved between accounts is neither made nor lost: every read of all accounts shows the same total.",
		Source: "Berenson et al. 1995 (A5A, read skew); Jepsen (bank)",
		Applies: func(h *history.History) string {
			switch {
			case h.Header.Values != history.ValuesBalances:
				return "this history is not of accounts between which amounts are moved"
			case h.Header.Granularity != "transaction":
				return "reads of several accounts are not promised to be of one state"
			}
			return ""
		},
		Check: func(ctx context.Context, h *history.History) Result {
			return checkConserved(indexFor(ctx, h))
		},
	}
}

// total is what one read of all accounts adds up to.
type total struct {
	op  int
	sum int64
}

// checkConserved takes the total that most reads show for the right one, of
// several the one that was read first: what accounts held at first is not told.
func checkConserved(ix *index) Result {
	totals := ix.totals()
	times, right := map[int64]int{}, total{op: -1}
	for _, t := range totals {
		times[t.sum]++
	}
	for _, t := range totals {
		if right.op < 0 || times[t.sum] > times[right.sum] {
			right = t
		}
	}
	r := Result{Counts: map[string]int{"reads of all accounts": len(totals), "transfers": ix.transfers()}}
	if r.Counts["transfers"] > 0 {
		r.Chances = max(0, len(totals)-1)
	}
	for _, t := range totals {
		if t.sum != right.sum {
			r.add(func() Finding { return ix.notConserved(t, right) })
		}
	}
	r.Findings = smallest(r.Findings)
	switch {
	case r.Violations > 0:
		r.Verdict = Violated
		r.Reason = fmt.Sprintf("%s another total than %d, which %s", plural(r.Violations, "read shows", "reads show"), right.sum, plural(times[right.sum], "read shows", "reads show"))
	case r.Chances == 0:
		r.Verdict, r.Reason = Unknown, "0 chances: nothing was moved, or all accounts were not read twice"
	default:
		r.Verdict, r.Reason = Holds, fmt.Sprintf("every read shows %d (%s)", right.sum, plural(r.Chances, "chance", "chances"))
	}
	return r
}

// totals are the answered reads of every account, in order.
func (ix *index) totals() []total {
	h := ix.h
	accounts := len(ix.writtenKeys())
	for k := range h.Len() { // an account to which nothing was moved is one too
		from, to := h.Steps(k)
		accounts = max(accounts, to-from)
	}
	var totals []total
	for k := range h.Len() {
		from, to := h.Steps(k)
		t, keys := total{op: k}, map[int]bool{}
		for s := from; s < to && h.StepF(s) == history.Read; s++ {
			v, _ := h.StepInt(s)
			t.sum += v
			keys[h.StepKey(s)] = true
		}
		if h.Outcome(k) == history.OK && len(keys) == accounts {
			totals = append(totals, t)
		}
	}
	return totals
}

// transfers are the operations that moved something, or may have.
func (ix *index) transfers() int {
	n := 0
	for k := range ix.h.Len() {
		if from, to := ix.h.Steps(k); from < to && ix.h.StepF(from).IsWrite() && ix.h.Outcome(k) != history.Fail {
			n++
		}
	}
	return n
}

func (ix *index) notConserved(t, right total) Finding {
	story := fmt.Sprintf("%s read all accounts (#%d), and they held %d together; %s read %d (#%d). Amounts were only moved from one account to another, so every state has the same total.",
		upper(ix.who(right.op)), ix.h.Index(right.op), right.sum, ix.who(t.op), t.sum, ix.h.Index(t.op))
	return ix.finding("conserved", "another total", story, []int{right.op, t.op}, nil)
}
