package checker

import (
	"sort"
)

// keyWrites are the certain writes of every key, by slot and in session order:
// what makes "the last write of this key in that event's past" a binary search.
type keyWrites struct {
	first []int32 // key → its first run; one more than there are keys
	runs  []run
	event []int32
	at    []int32 // positions in the slot, beside event, for searching
}

// run is the writes of one key in one slot: event[from:to].
type run struct{ slot, from, to int32 }

func (o *order) writesByKey() keyWrites {
	h := o.ix.h
	nk := len(h.Keys())
	fill := make([]int32, nk+1)
	for s := range stepCount(h) {
		if h.StepF(s).IsWrite() {
			fill[h.StepKey(s)+1]++
		}
	}
	for k := range nk {
		fill[k+1] += fill[k]
	}
	begin := append([]int32(nil), fill...)
	kw := keyWrites{event: make([]int32, fill[nk]), at: make([]int32, fill[nk]), first: make([]int32, nk+1)}
	slotOf := make([]int32, fill[nk])
	for t := range o.slots {
		for _, e := range o.slots[t].events {
			from, to := o.ix.steps(e)
			for s := from; s < to; s++ {
				if !h.StepF(s).IsWrite() {
					continue
				}
				k := h.StepKey(s)
				if i := fill[k]; i > begin[k] && kw.event[i-1] == e {
					continue // a second write of the same operation
				}
				kw.event[fill[k]], kw.at[fill[k]], slotOf[fill[k]] = e, o.pos[e], int32(t)
				fill[k]++
			}
		}
	}
	for k := range nk {
		kw.first[k] = int32(len(kw.runs))
		for i := begin[k]; i < fill[k]; {
			j := i + 1
			for j < fill[k] && slotOf[j] == slotOf[i] {
				j++
			}
			kw.runs = append(kw.runs, run{slotOf[i], i, j})
			i = j
		}
	}
	kw.first[nk] = int32(len(kw.runs))
	return kw
}

func (kw *keyWrites) of(key int32) []run { return kw.runs[kw.first[key]:kw.first[key+1]] }

// upTo is how many writes of the run are among the first n events of its slot.
func (kw *keyWrites) upTo(r run, n int32) int {
	ps := kw.at[r.from:r.to]
	if len(ps) == 0 || ps[0] >= n {
		return 0
	}
	if ps[len(ps)-1] < n {
		return len(ps)
	}
	return sort.Search(len(ps), func(i int) bool { return ps[i] >= n })
}

// lastBefore is the last write of the run that is before e, or -1.
func (o *order) lastBefore(r run, e int32) int32 {
	n := o.keys.upTo(r, o.past(e, r.slot))
	if n == 0 {
		return -1
	}
	return o.keys.event[int(r.from)+n-1]
}

// overwritten is a certain write of the key that is after w and before e, or -1.
// It prefers one of e's own session. Where c collects rivals, it also notes the
// writes before e that are concurrent with w, the last of each session: step s
// of e returned w, and so put it after them.
func (o *order) overwritten(key, w, e, s int32, c *causal) int32 {
	found := int32(-1)
	past, own := o.viewOf(e), o.viewOf(w)
	for _, r := range o.keys.of(key) {
		n := o.keys.upTo(r, past.of(r.slot))
		// Nearly every write that e knows of was known to w too: its row alone
		// says so, without a look at the rows of the others.
		if n == 0 || o.keys.at[int(r.from)+n-1] < own.of(r.slot) {
			continue
		}
		v := o.keys.event[int(r.from)+n-1]
		if v == w {
			continue
		}
		if !o.before(w, v) {
			if c != nil && c.rivals != nil {
				c.rivals = append(c.rivals, rival{v, w, s})
			}
			continue
		}
		if r.slot == o.slot[e] {
			return v
		}
		if found < 0 {
			found = v
		}
	}
	return found
}

// writtenBefore is a certain write of the key that is before e, or -1. It
// prefers one of e's own session.
func (o *order) writtenBefore(key, e int32) int32 {
	found := int32(-1)
	for _, r := range o.keys.of(key) {
		v := o.lastBefore(r, e)
		if v < 0 {
			continue
		}
		if r.slot == o.slot[e] {
			return v
		}
		if found < 0 {
			found = v
		}
	}
	return found
}

// superseded is a certain write of the key that is after w, or -1: the last
// write of each slot has the longest past, so it alone needs a look.
func (o *order) superseded(key, w int32) int32 {
	for _, r := range o.keys.of(key) {
		if v := o.keys.event[r.to-1]; v != w && o.before(w, v) {
			return v
		}
	}
	return -1
}
