package checker

import "github.com/mlcheck/mlcheck/history"

// keyDeletes are the deletes of every key that did not fail. Those in nobody's
// past are beside the runs.
type keyDeletes struct {
	keyRuns
	event []int32 // beside at
	loose map[int32][]int32
}

func (o *order) deletesByKey() keyDeletes {
	ix := o.ix
	if len(ix.deletes) == 0 {
		return keyDeletes{keyRuns: keyRuns{first: make([]int32, len(ix.h.Keys())+1)}}
	}
	kr, steps := o.runsByKey(true, func(s int) bool {
		return ix.h.StepF(s) == history.Delete && ix.h.Outcome(ix.opOfStep(int32(s))) != history.Fail
	})
	ds := keyDeletes{keyRuns: kr, event: steps, loose: map[int32][]int32{}}
	for i, s := range steps {
		ds.event[i] = ix.eventOf(s)
	}
	for key, steps := range ix.deletes {
		for _, s := range steps {
			if d := ix.eventOf(s); o.slot[d] < 0 {
				ds.loose[key] = append(ds.loose[key], d)
			}
		}
	}
	return ds
}

// deleteExplains says whether any delete of the key may be what e read: one that
// is not after e, and that no write between the two has replaced. Of each slot the
// last one before e replaced those before it: O(k·k·log n).
func (o *order) deleteExplains(key, e int32) bool {
	past := o.viewOf(e)
	for _, r := range o.deletes.of(key) {
		n := o.deletes.upTo(r, past.of(r.slot))
		if n > 0 && o.overwritten(key, o.deletes.event[int(r.from)+n-1], e) < 0 {
			return true
		}
	}
	return o.otherDelete(key, past, e)
}

// otherDelete says whether any delete of the key is neither in a past nor after
// e: of each slot the first that is not in the past is before all others.
func (o *order) otherDelete(key int32, past view, e int32) bool {
	for _, r := range o.deletes.of(key) {
		at := r.from + int32(o.deletes.upTo(r, past.of(r.slot)))
		if at < r.to && o.deletes.event[at] != e && !o.before(e, o.deletes.event[at]) {
			return true
		}
	}
	for _, d := range o.deletes.loose[key] {
		if !o.before(e, d) {
			return true
		}
	}
	return false
}

// deleteSince says whether any delete may be what a read of nothing returned, and
// is not from before write w.
func (o *order) deleteSince(r reading, than int32) bool {
	if than != r.event {
		from, _ := o.ix.steps(r.event)
		for s := int32(from); s < r.step; s++ { // the same operation removed it before it read
			if o.ix.h.StepF(int(s)) == history.Delete && int32(o.ix.h.StepKey(int(s))) == r.key {
				return true
			}
		}
	}
	return o.otherDelete(r.key, o.viewOf(than), r.event)
}
