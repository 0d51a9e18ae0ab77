package checker

import (
	"context"
	"fmt"
	"slices"

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
	var r Result
	o := &origins{ix: ix, r: &r, shown: map[int32][]int64{}}
	ix.eachRead(o.judge)
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

// origins looks up who wrote the values that reads returned. Of a set only what
// came since the read before is looked up.
type origins struct {
	ix    *index
	r     *Result
	shown map[int32][]int64 // read of a set → the values in it that nobody wrote
}

func (o *origins) judge(k int, s int32) {
	ix := o.ix
	if ix.kind[ix.h.StepKey(int(s))]&counter != 0 {
		return // a sum, not a value that somebody wrote
	}
	read, isSet := ix.reads[s]
	if !isSet {
		vs := asList(ix.h.StepValue(int(s)))
		o.r.Chances += len(vs)
		for _, v := range vs {
			o.note(k, s, v)
		}
		return
	}
	o.r.Chances += read.size
	var bad []int64
	for _, v := range o.shown[read.base] {
		if !slices.Contains(read.went, v) && o.note(k, s, v) {
			bad = append(bad, v)
		}
	}
	for _, v := range read.came {
		if o.note(k, s, v) {
			bad = append(bad, v)
		}
	}
	if bad != nil {
		o.shown[s] = bad
	}
}

// note counts a value that nobody wrote, or whose write was refused.
func (o *origins) note(k int, s int32, v int64) bool {
	ix := o.ix
	key := int32(ix.h.StepKey(int(s)))
	w, ok := ix.values.get(key, v)
	switch {
	case !ok:
		o.r.count("thin air", 1)
		o.r.add(func() Finding { return ix.thinAirFinding(k, s, v) })
	case ix.h.Outcome(ix.opOfStep(w)) == history.Fail && !ix.otherAdd(key, v):
		o.r.count("phantom", 1)
		o.r.add(func() Finding { return ix.phantomFinding(k, w) })
	default:
		return false
	}
	return true
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
