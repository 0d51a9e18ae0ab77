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
