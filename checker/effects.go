package checker

import (
	"fmt"
	"slices"

	"github.com/mlcheck/mlcheck/history"
)

// ends are the final reads of a key by all leaders; ok is false when one of them
// is missing.
func (ix *index) ends(key int32) (reads []int32, ok bool) {
	reads = ix.end.read[key]
	return reads, reads != nil && !slices.Contains(reads, -1)
}

// lostElements counts acknowledged adds and appends of which every leader has
// lost the element, though no remove explains it, and acknowledged removes that
// no leader knows of.
func (ix *index) lostElements(r *Result) {
	effects := ix.effects()
	for _, key := range ix.writtenKeys() {
		if ix.kind[key]&(set|list) == 0 {
			continue
		}
		reads, all := ix.ends(key)
		if !all {
			continue
		}
		at := make([]map[int64]bool, len(reads))
		for i, s := range reads {
			at[i] = map[int64]bool{}
			for _, v := range asList(ix.h.StepValue(int(s))) {
				at[i][v] = true
			}
		}
		for _, s := range effects[key] {
			ix.judgeEffect(r, s, at, reads[0])
		}
	}
}

// effects are, by key, the acknowledged steps that put elements into sets and
// lists or take them out.
func (ix *index) effects() map[int32][]int32 {
	steps := map[int32][]int32{}
	for s := range stepCount(ix.h) {
		if kindOf(ix.h.StepF(s))&(set|list) != 0 && ix.h.Outcome(ix.opOfStep(int32(s))) == history.OK {
			key := int32(ix.h.StepKey(s))
			steps[key] = append(steps[key], int32(s))
		}
	}
	return steps
}

func (ix *index) judgeEffect(r *Result, s int32, at []map[int64]bool, final int32) {
	h := ix.h
	key := int32(h.StepKey(int(s)))
	v, ok := h.StepInt(int(s))
	if l := h.StepList(int(s)); len(l) > 0 {
		v, ok = l[0], true
	}
	if !ok {
		return
	}
	present := 0
	for _, m := range at {
		if m[v] {
			present++
		}
	}
	e, o, el := ix.eventOf(s), ix.co(), ix.sets[key].element(v)
	if h.StepF(int(s)) == history.Remove {
		if present == len(at) && !o.excusesPresence(el.adds, e) {
			r.Counts["remove undone"]++
			r.add(func() Finding { return ix.elementFinding(s, v, final, true) })
		}
		return
	}
	if present == len(at) {
		r.Counts["survived"]++
		return
	}
	if o.excusesAbsence(el.removes, e) {
		r.Counts["removed"]++
		return
	}
	if present > 0 {
		r.Counts["partial"]++
		return
	}
	r.Counts["lost"]++
	r.add(func() Finding { return ix.elementFinding(s, v, final, false) })
}

func (ix *index) elementFinding(s int32, v int64, final int32, undone bool) Finding {
	h := ix.h
	k := ix.opOfStep(s)
	key := h.Keys()[h.StepKey(int(s))]
	label := "lost"
	story := fmt.Sprintf("Element %d of %s was %s, and nothing ever removed it. At the end no leader has it.", v, key, ix.acked(ix.eventOf(s)))
	if undone {
		label = "remove undone"
		story = fmt.Sprintf("The removal of element %d from %s was %s, and every add of it was made before that. At the end every leader has it all the same.", v, key, ix.acked(ix.eventOf(s)))
	}
	return ix.finding("durability", label, story, []int{k, ix.opOfStep(final)}, nil)
}

// interval is what a counter may show when everything that happened has arrived.
type interval struct{ low, high int64 }

// intervals are those of all counters: acknowledged increments count in full,
// those that may have happened widen the interval.
func (ix *index) intervals() map[int32]interval {
	m := map[int32]interval{}
	for s := range stepCount(ix.h) {
		key := int32(ix.h.StepKey(s))
		n, _ := ix.h.StepInt(s)
		if ix.h.StepF(s) != history.Inc || ix.kind[key] != counter {
			continue
		}
		iv := m[key]
		switch ix.h.Outcome(ix.opOfStep(int32(s))) {
		case history.OK:
			iv.low, iv.high = iv.low+n, iv.high+n
		case history.Info:
			iv.low, iv.high = iv.low+min(0, n), iv.high+max(0, n)
		}
		m[key] = iv
	}
	return m
}

// lostIncrements counts counters that every leader shows below their interval.
func (ix *index) lostIncrements(r *Result) {
	ivs := ix.intervals()
	for _, key := range ix.writtenKeys() {
		iv, ok := ivs[key]
		reads, all := ix.ends(key)
		if !ok || !all {
			continue
		}
		below := func(s int32) bool { v, _ := ix.h.StepInt(int(s)); return v < iv.low }
		if slices.ContainsFunc(reads, func(s int32) bool { return !below(s) }) {
			continue
		}
		r.Counts["counters below their interval"]++
		r.add(func() Finding {
			story := fmt.Sprintf("Counter %s must end between %d and %d, by the increments that were acknowledged and those that may have happened; the final read at %s returned %s. Increments were lost, or decrements took effect twice.",
				ix.h.Keys()[key], iv.low, iv.high, ix.nodeName(ix.opOfStep(reads[0])), valueWord(ix.h.StepValue(int(reads[0]))))
			return ix.finding("durability", "below its interval", story, []int{ix.opOfStep(reads[0])}, nil)
		})
	}
}
