package checker

import (
	"slices"
	"sort"
)

// keyRuns are steps of every key, by slot and in session order: what makes "the
// last of this key in that event's past" a matter of a few numbers.
type keyRuns struct {
	first []int32 // key → its first run; one more than there are keys
	runs  []run
	at    []int32 // positions in the slot, for searching
}

// run is the steps of one key in one slot: at[from:to] and what is beside it.
type run struct{ slot, from, to int32 }

func (kr *keyRuns) of(key int32) []run { return kr.runs[kr.first[key]:kr.first[key+1]] }

// in is the run of a key in a slot, by its number, or -1.
func (kr *keyRuns) in(key, slot int32) int32 {
	runs := kr.of(key)
	i, found := sort.Find(len(runs), func(i int) int { return int(slot - runs[i].slot) })
	if !found {
		return -1
	}
	return kr.first[key] + int32(i)
}

// upTo is how many steps of the run are among the first n events of its slot.
func (kr *keyRuns) upTo(r run, n int32) int {
	ps := kr.at[r.from:r.to]
	if len(ps) == 0 || ps[0] >= n {
		return 0
	}
	if ps[len(ps)-1] < n {
		return len(ps)
	}
	return sort.Search(len(ps), func(i int) bool { return ps[i] >= n })
}

// keyWrites are the certain writes of every key. An event that writes a key
// twice has one entry.
type keyWrites struct {
	keyRuns
	event []int32 // beside at
}

func (o *order) writesByKey() keyWrites {
	h := o.ix.h
	kr, steps := o.runsByKey(true, func(s int) bool { return h.StepF(s).IsWrite() })
	if !o.ix.single && !o.ix.byStep {
		for i, s := range steps {
			steps[i] = o.ix.eventOf(s)
		}
	}
	return keyWrites{kr, steps}
}

// keyReads are the reads of every register that returned a write, or siblings: its
// step, not the event that read it.
type keyReads struct {
	keyRuns
	step []int32 // beside at
}

func (o *order) readsByKey() keyReads {
	kr, steps := o.runsByKey(false, func(s int) bool {
		src := o.ix.src[s]
		return src >= 0 && o.ix.eventOf(src) != o.ix.eventOf(int32(s)) ||
			src == srcList && o.ix.kind[o.ix.h.StepKey(s)] == register && o.ix.sibling(int32(o.ix.h.StepKey(s))) != nil && len(o.ix.h.StepList(s)) > 0
	})
	return keyReads{kr, steps}
}

// runsByKey sorts the steps that are wanted by key and slot, of each event and
// key only the last if it is wanted once: O(n).
func (o *order) runsByKey(once bool, wanted func(s int) bool) (keyRuns, []int32) {
	h := o.ix.h
	fill := make([]int32, len(h.Keys())+1)
	for s := range stepCount(h) {
		if wanted(s) {
			fill[h.StepKey(s)+1]++
		}
	}
	for k := range h.Keys() {
		fill[k+1] += fill[k]
	}
	total := fill[len(h.Keys())]
	kr, steps := keyRuns{at: make([]int32, total)}, make([]int32, total)
	var begun []keyRun
	open := make([]int32, len(h.Keys())) // key → the slot whose run was begun last, plus 1
	for t := range o.slots {
		for p, e := range o.slots[t].events {
			from, to := o.ix.steps(e)
			for s := from; s < to; s++ {
				if !wanted(s) {
					continue
				}
				k := h.StepKey(s)
				i := fill[k]
				if open[k] != int32(t)+1 {
					open[k], begun = int32(t)+1, append(begun, keyRun{int32(k), run{int32(t), i, i}})
				} else if once && kr.at[i-1] == int32(p) {
					steps[i-1] = int32(s)
					continue
				}
				kr.at[i], steps[i] = int32(p), int32(s)
				fill[k]++
			}
		}
	}
	kr.sort(begun, fill)
	return kr, steps
}

// keyRun is a run and its key.
type keyRun struct {
	key int32
	run run
}

// sort puts the runs in the order of their keys. They come slot by slot; fill is
// where the last run of each key ends.
func (kr *keyRuns) sort(begun []keyRun, fill []int32) {
	keys := len(fill) - 1
	kr.first, kr.runs = make([]int32, keys+1), make([]run, len(begun))
	for _, b := range begun {
		kr.first[b.key+1]++
	}
	for k := range keys {
		kr.first[k+1] += kr.first[k]
	}
	next := slices.Clone(kr.first)
	for _, b := range begun {
		kr.runs[next[b.key]] = b.run
		next[b.key]++
	}
	for k := range keys {
		for i := kr.first[k]; i < kr.first[k+1]; i++ {
			kr.runs[i].to = fill[k]
			if i+1 < kr.first[k+1] {
				kr.runs[i].to = kr.runs[i+1].from
			}
		}
	}
}
