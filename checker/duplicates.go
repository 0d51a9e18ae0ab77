package checker

import (
	"context"
	"fmt"

	"github.com/mlcheck/mlcheck/history"
)

func noDuplicates() Property {
	return Property{
		Name:   "no-duplicates",
		Title:  "No operation takes effect twice.",
		Source: "Kleppmann, DDIA ch. 11 (exactly-once); Jepsen (duplicates in sets and lists)",
		Applies: func(h *history.History) string {
			for s := range stepCount(h) {
				if kindOf(h.StepF(s))&(set|list|counter) != 0 {
					return ""
				}
			}
			return "no set, list or counter is written, and a register cannot show that a write took effect twice"
		},
		Check: func(ctx context.Context, h *history.History) Result {
			return checkDuplicates(indexFor(ctx, h))
		},
	}
}

func checkDuplicates(ix *index) Result {
	var r Result
	ix.eachRead(func(k int, s int32) { ix.judgeRepeats(&r, k, s) })
	ix.countedTwice(&r)
	r.Findings = smallest(r.Findings)
	switch {
	case r.Violations > 0:
		r.Verdict = Violated
		r.Reason = fmt.Sprintf("effects were seen twice, in %s", plural(r.Violations, "place", "places"))
	case r.Chances == 0:
		r.Verdict, r.Reason = Unknown, "0 chances: no read returned an element, and no counter was read after an increment"
	default:
		r.Verdict = Holds
		r.Reason = fmt.Sprintf("no effect was seen twice (%s)", plural(r.Chances, "chance", "chances"))
	}
	return r
}

// judgeRepeats looks for elements that one read shows more often than they were added.
func (ix *index) judgeRepeats(r *Result, k int, s int32) {
	read := ix.reads[s]
	if read == nil || read.size == 0 {
		return
	}
	r.Chances++
	if read.repeats == 0 {
		return
	}
	r.count("repeated element", 1)
	r.add(func() Finding {
		key, v, n := int32(ix.h.StepKey(int(s))), read.repeated, 0
		for _, u := range ix.h.StepList(int(s)) {
			if u == v {
				n++
			}
		}
		story := fmt.Sprintf("%s read %s at %s at %s (#%d) and found element %d %d times. It was added once.",
			upper(ix.who(k)), ix.h.Keys()[key], ix.nodeName(k), seconds(ix.when(k)), ix.h.Index(k), v, n)
		ops := []int{k}
		if w, ok := ix.values.get(key, v); ok {
			ops = []int{ix.opOfStep(w), k}
		}
		return ix.finding("no-duplicates", "repeated element", story, ops, nil)
	})
}
