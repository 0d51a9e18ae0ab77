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
	var lost []int32
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
			if ix.judgeEffect(r, s, at, reads[0]) {
				lost = append(lost, s)
			}
		}
	}
	ix.lostWithLabels(r, lost)
}

// lostWithLabels says of each lost element whether any other leader ever showed it.
func (ix *index) lostWithLabels(r *Result, lost []int32) {
	if len(lost) == 0 {
		return
	}
	seenAt := ix.shownElsewhereFirst(lost)
	for _, s := range lost {
		at := seenAt[s]
		if at < 0 && ix.wiped(ix.opOfStep(s)) {
			r.count("lost with its disk", 1)
			continue
		}
		r.count("lost", 1)
		r.count(lostLabel(at), 1)
		r.add(func() Finding {
			return ix.elementFinding(s, ix.end.read[int32(ix.h.StepKey(int(s)))][0], lostLabel(at), at)
		})
	}
}

// shownElsewhereFirst is, for each add, a leader other than its own that showed the
// element, or -1.
func (ix *index) shownElsewhereFirst(adds []int32) map[int32]int {
	seenAt, of := map[int32]int{}, map[keyed][]int32{}
	for _, s := range adds {
		seenAt[s] = -1
		v, _ := ix.elementOf(s)
		place := keyed{int32(ix.h.StepKey(int(s))), v}
		of[place] = append(of[place], s)
	}
	ix.eachRead(func(k int, s int32) {
		read := ix.reads[s]
		if read == nil {
			return
		}
		for _, v := range read.came {
			for _, a := range of[keyed{int32(ix.h.StepKey(int(s))), v}] {
				if ix.node(k) != ix.node(ix.opOfStep(a)) {
					seenAt[a] = ix.node(k)
				}
			}
		}
	})
	return seenAt
}

// elementOf is the element that a step adds, inserts or removes.
func (ix *index) elementOf(s int32) (v int64, ok bool) {
	if v, ok = ix.h.StepInt(int(s)); ok {
		return v, true
	}
	if l := ix.h.StepList(int(s)); len(l) > 0 {
		return l[0], true
	}
	return 0, false
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

// judgeEffect counts what became of one acknowledged effect; lost says that it is
// an element which no leader has any more.
func (ix *index) judgeEffect(r *Result, s int32, at []map[int64]bool, final int32) (lost bool) {
	h := ix.h
	v, ok := ix.elementOf(s)
	if !ok {
		return false
	}
	here, present := make([]fate, len(at)), 0
	for i, m := range at {
		if here[i] = superseded; m[v] {
			here[i] = survived
			present++
		}
	}
	e, o, el := ix.eventOf(s), ix.co(), ix.sets[int32(h.StepKey(int(s)))].element(v)
	switch {
	case h.StepF(int(s)) == history.Remove:
		if present == len(at) && !o.excusesPresence(el.adds, e) {
			r.Counts["remove undone"]++
			r.add(func() Finding { return ix.undoneFinding(s, final) })
		}
	case present == len(at):
		r.Counts["survived"]++
	case o.excusesAbsence(el.removes, e):
		r.Counts["removed"]++
	case present > 0:
		r.Counts["partial"]++
		r.Counts[ix.partialWord(here)]++
	default:
		return true
	}
	return false
}

func (ix *index) elementFinding(s, final int32, label string, seenAt int) Finding {
	k := ix.opOfStep(s)
	v, _ := ix.elementOf(s)
	story := fmt.Sprintf("Element %d of %s was %s, and nothing ever removed it. At the end no leader has it. %s",
		v, ix.h.Keys()[ix.h.StepKey(int(s))], ix.acked(ix.eventOf(s)), ix.seenWords(k, seenAt))
	return ix.finding("durability", label, story, []int{k, ix.opOfStep(final)}, nil)
}

func (ix *index) undoneFinding(s, final int32) Finding {
	v, _ := ix.elementOf(s)
	story := fmt.Sprintf("The removal of element %d from %s was %s, and every add of it was made before that. At the end every leader has it all the same.",
		v, ix.h.Keys()[ix.h.StepKey(int(s))], ix.acked(ix.eventOf(s)))
	return ix.finding("durability", "remove undone", story, []int{ix.opOfStep(s), ix.opOfStep(final)}, nil)
}
