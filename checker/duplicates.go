package checker

import (
	"context"
	"fmt"
	"slices"

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
	ix.aboveInterval(&r)
	r.Findings = smallest(r.Findings)
	switch {
	case r.Violations > 0:
		r.Verdict = Violated
		r.Reason = fmt.Sprintf("%s an effect twice", plural(r.Violations, "read shows", "reads show"))
	case r.Chances == 0:
		r.Verdict, r.Reason = Unknown, "0 chances: no read returned an element, and no counter was finally read"
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

// aboveInterval counts counters that some leader finally shows above what all
// increments that may have happened add up to.
func (ix *index) aboveInterval(r *Result) {
	if ix.end.cannot() != "" {
		return
	}
	ivs := ix.intervals()
	for _, key := range ix.writtenKeys() {
		iv, ok := ivs[key]
		if !ok {
			continue
		}
		reads := slices.DeleteFunc(slices.Clone(ix.end.read[key]), func(s int32) bool { return s < 0 })
		if len(reads) > 0 {
			r.Chances++
		}
		for _, s := range reads {
			v, _ := ix.h.StepInt(int(s))
			if v <= iv.high {
				continue
			}
			r.count("counters above their interval", 1)
			r.add(func() Finding {
				k := ix.opOfStep(s)
				story := fmt.Sprintf("Counter %s must end between %d and %d, by the increments that were acknowledged and those that may have happened; the final read at %s returned %d. Increments took effect twice, or decrements were lost.",
					ix.h.Keys()[key], iv.low, iv.high, ix.nodeName(k), v)
				return ix.finding("no-duplicates", "above its interval", story, []int{k}, nil)
			})
			break
		}
	}
}
