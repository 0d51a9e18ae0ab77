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

// elementFates is what became of the acknowledged effects on elements.
type elementFates struct {
	counts map[string]int
	lost   []int32 // adds and appends of which no leader has the element, though no remove explains that
	undone []int32 // removes that no leader knows of, though every add was made before
}

func (ix *index) elementFates() elementFates {
	fs := elementFates{counts: map[string]int{}}
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
			ix.judgeEffect(&fs, s, at)
		}
	}
	return fs
}

// staleEffect is the older effect on the same element that has the greater stamp
// and so won over step s; ok is false if the stamps do not say so.
func (ix *index) staleEffect(s int32) (winner int32, ok bool) {
	mine, stamped := stampOf(ix.h, ix.opOfStep(s))
	if !stamped || choosesOtherwise(ix.h.Header.Policy) {
		return -1, false
	}
	v, _ := ix.elementOf(s)
	el := ix.sets[int32(ix.h.StepKey(int(s)))].element(v)
	against := el.removes
	if ix.h.StepF(int(s)) == history.Remove {
		against = el.adds
	}
	for _, w := range ix.mayHaveHappened(against) {
		if theirs, ok := stampOf(ix.h, ix.opOfStep(w)); ok && mine.compare(theirs) < 0 && ix.co().before(ix.eventOf(w), ix.eventOf(s)) {
			return w, true
		}
	}
	return -1, false
}

// lostElements counts effects on elements that are missing at the end; one that an
// older effect won over by its stamp is a stale win.
func (ix *index) lostElements(r *Result) {
	fs := ix.elementFates()
	for name, n := range fs.counts {
		r.count(name, n)
	}
	for _, s := range fs.undone {
		if _, stale := ix.staleEffect(s); !stale {
			r.count("remove undone", 1)
			r.add(func() Finding { return ix.undoneFinding(s, ix.firstEnd(s)) })
		}
	}
	if len(fs.lost) == 0 {
		return
	}
	seenAt := ix.shownElsewhereFirst(fs.lost)
	for _, s := range fs.lost {
		at := seenAt[s]
		if _, stale := ix.staleEffect(s); stale {
			continue
		}
		if at < 0 && ix.wiped(ix.opOfStep(s)) {
			r.count("lost with its disk", 1)
			continue
		}
		r.count("lost", 1)
		r.count(lostLabel(at), 1)
		r.add(func() Finding { return ix.elementFinding(s, ix.firstEnd(s), at) })
	}
}

// staleElements counts effects on elements that an older one won over.
func (ix *index) staleElements(r *Result) {
	fs := ix.elementFates()
	for _, s := range append(fs.undone, fs.lost...) {
		if w, stale := ix.staleEffect(s); stale {
			r.count("stale win", 1)
			r.add(func() Finding { return ix.staleElementFinding(s, w) })
		}
	}
}

// firstEnd is the first leader's final read of the key of step s.
func (ix *index) firstEnd(s int32) int32 { return ix.end.read[int32(ix.h.StepKey(int(s)))][0] }

func (ix *index) staleElementFinding(s, winner int32) Finding {
	o, e, w := ix.co(), ix.eventOf(s), ix.eventOf(winner)
	hops := o.path(w, e)
	v, _ := ix.elementOf(s)
	did, end := "removed from", "has it"
	if ix.h.StepF(int(s)) != history.Remove {
		did, end = "added to", "is without it"
	}
	story := fmt.Sprintf("Element %d was %s %s, %s. Every leader ends as if that had not been, and %s, because what had been done before (#%d) has the greater stamp%s. %s",
		v, did, ix.h.Keys()[ix.h.StepKey(int(s))], ix.acked(e), end, ix.h.Index(ix.op(w)), ix.knewOf(hops, e), ix.clockWords(w, e))
	edges := o.edges(hops)
	if edge, ok := ix.stampEdge(loss{w: e, beaten: w}); ok {
		edges = append(edges, edge)
	}
	return ix.finding("no-stale-wins", "stale win of an element", story, append(ix.opsOf(hops), ix.op(w), ix.op(e), ix.opOfStep(ix.firstEnd(s))), edges)
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

// judgeEffect notes what became of one acknowledged effect, by what each leader
// finally shows.
func (ix *index) judgeEffect(fs *elementFates, s int32, at []map[int64]bool) {
	h := ix.h
	v, ok := ix.elementOf(s)
	if !ok {
		return
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
			fs.undone = append(fs.undone, s)
		}
	case present == len(at):
		fs.counts["survived"]++
	case o.excusesAbsence(el.removes, e, -1):
		fs.counts["removed"]++
	case present > 0:
		fs.counts["partial"]++
		fs.counts[ix.partialWord(here)]++
	default:
		fs.lost = append(fs.lost, s)
	}
}

func (ix *index) elementFinding(s, final int32, seenAt int) Finding {
	k := ix.opOfStep(s)
	v, _ := ix.elementOf(s)
	story := fmt.Sprintf("Element %d of %s was %s, and nothing ever removed it. At the end no leader has it. %s",
		v, ix.h.Keys()[ix.h.StepKey(int(s))], ix.acked(ix.eventOf(s)), ix.seenWords(k, seenAt))
	return ix.finding("durability", "lost", story, []int{k, ix.opOfStep(final)}, nil)
}

func (ix *index) undoneFinding(s, final int32) Finding {
	v, _ := ix.elementOf(s)
	story := fmt.Sprintf("The removal of element %d from %s was %s, and every add of it was made before that. At the end every leader has it all the same.",
		v, ix.h.Keys()[ix.h.StepKey(int(s))], ix.acked(ix.eventOf(s)))
	return ix.finding("durability", "remove undone", story, []int{ix.opOfStep(s), ix.opOfStep(final)}, nil)
}
