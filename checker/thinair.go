package checker

import (
	"context"
	"fmt"

	"github.com/mlcheck/mlcheck/history"
)

func noThinAir() Property {
	return Property{
		Name:   "no-thin-air",
		Title:  "Every value that is read was written, and its write was not refused.",
		Source: "Bouajjani et al., POPL 2017 (ThinAirRead); Adya 1999 (G1a, aborted reads)",
		Applies: func(h *history.History) string {
			for s := range stepCount(h) {
				if k := kindOf(h.StepF(s)); k != 0 && k != counter {
					return ""
				}
			}
			if readsStray(h) {
				return ""
			}
			return "no value that names its write is written"
		},
		Check: func(ctx context.Context, h *history.History) Result {
			return checkThinAir(indexFor(ctx, h))
		},
	}
}

func checkThinAir(ix *index) Result {
	h := ix.h
	var r Result
	for k := range h.Len() {
		if h.Outcome(k) != history.OK {
			continue
		}
		from, to := h.Steps(k)
		for s := from; s < to; s++ {
			if h.StepF(s) == history.Read && ix.kind[h.StepKey(s)]&counter == 0 {
				ix.judgeOrigin(&r, k, int32(s))
			}
		}
	}
	r.Findings = smallest(r.Findings)
	switch {
	case r.Violations > 0:
		r.Verdict = Violated
		r.Reason = fmt.Sprintf("%s that nobody wrote, or whose write was refused", plural(r.Violations, "value was read", "values were read"))
	case r.Chances == 0:
		r.Verdict, r.Reason = Unknown, "0 chances: no read returned a value"
	default:
		r.Verdict = Holds
		r.Reason = fmt.Sprintf("every value that was read was written (%s)", plural(r.Chances, "chance", "chances"))
	}
	return r
}

// judgeOrigin looks up every value that a read returned.
func (ix *index) judgeOrigin(r *Result, k int, s int32) {
	key := int32(ix.h.StepKey(int(s)))
	for _, v := range asList(ix.h.StepValue(int(s))) {
		r.Chances++
		w, ok := ix.values.get(key, v)
		switch {
		case !ok:
			r.count("thin air", 1)
			r.add(func() Finding { return ix.thinAirFinding(k, s, v) })
		case ix.h.Outcome(ix.opOfStep(w)) == history.Fail && !ix.otherAdd(key, v):
			r.count("phantom", 1)
			r.add(func() Finding { return ix.phantomFinding(k, w) })
		}
	}
}

// otherAdd says whether an element was put there again by an operation that may
// have happened. That is rare enough to look through the whole history.
func (ix *index) otherAdd(key int32, v int64) bool {
	if !ix.values.twice(key, v) {
		return false
	}
	for s := range stepCount(ix.h) {
		if w, ok := writtenValue(ix.h, s); ok && w == v && int32(ix.h.StepKey(s)) == key && ix.h.Outcome(ix.opOfStep(int32(s))) != history.Fail {
			return true
		}
	}
	return false
}

func (ix *index) thinAirFinding(k int, s int32, v int64) Finding {
	key := ix.h.Keys()[ix.h.StepKey(int(s))]
	story := fmt.Sprintf("%s read %d from %s at %s at %s (#%d). Nobody ever wrote %d to %s.",
		upper(ix.who(k)), v, key, ix.nodeName(k), seconds(ix.when(k)), ix.h.Index(k), v, key)
	ops := []int{k}
	if w, ok := ix.values.elsewhere(v); ok {
		story += fmt.Sprintf(" It was written to another key: %s, by #%d.", ix.assigned(w), ix.h.Index(ix.opOfStep(w)))
		ops = []int{ix.opOfStep(w), k}
	}
	return ix.finding("no-thin-air", "thin air", story, ops, nil)
}

func (ix *index) phantomFinding(k int, w int32) Finding {
	fail := ix.opOfStep(w)
	why := ix.h.Meta(fail).Error
	if why != "" {
		why = " (" + why + ")"
	}
	story := fmt.Sprintf("%s was told by %s at %s that its write of %s had failed%s (#%d). %s read it all the same, at %s at %s (#%d).",
		upper(ix.who(fail)), ix.nodeName(fail), seconds(ix.when(fail)), ix.assigned(w), why, ix.h.Index(fail),
		upper(ix.who(k)), ix.nodeName(k), seconds(ix.when(k)), ix.h.Index(k))
	edge := Edge{From: ix.h.Index(fail), To: ix.h.Index(k), Kind: "wr", Because: "it read the value of the write that had failed"}
	return ix.finding("no-thin-air", "phantom", story, []int{fail, k}, []Edge{edge})
}
