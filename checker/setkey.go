package checker

import (
	"github.com/mlcheck/mlcheck/history"
)

// setKey is what is done to the elements of one set, or of a list from which
// elements are taken out.
type setKey struct {
	elems []element
	at    map[int64]int32 // element → position in elems
	plain bool            // every element is added once, in an event of its own, and none is removed
}

// element is one element of a set: the steps that may have added or removed it.
type element struct {
	v             int64
	adds, removes []int32
}

func (ix *index) setKey(key int32) *setKey {
	k := ix.sets[key]
	if k == nil {
		k = &setKey{at: map[int64]int32{}}
		ix.sets[key] = k
	}
	return k
}

func (sk *setKey) step(s int32, h *history.History) {
	v, ok := h.StepInt(int(s))
	if l := h.StepList(int(s)); h.StepF(int(s)) == history.Insert && len(l) > 0 {
		v, ok = l[0], true
	}
	if !ok {
		return
	}
	i, known := sk.at[v]
	if !known {
		i = int32(len(sk.elems))
		sk.at[v] = i
		sk.elems = append(sk.elems, element{v: v})
	}
	if h.StepF(int(s)) == history.Remove {
		sk.elems[i].removes = append(sk.elems[i].removes, s)
	} else {
		sk.elems[i].adds = append(sk.elems[i].adds, s)
	}
}

// element is what is known of an element; one that nobody put in or took out has
// no adds and no removes.
func (sk *setKey) element(v int64) element {
	if sk == nil {
		return element{v: v}
	}
	if i, ok := sk.at[v]; ok {
		return sk.elems[i]
	}
	return element{v: v}
}

// mayHaveHappened drops the steps of operations that certainly did not.
func (ix *index) mayHaveHappened(steps []int32) []int32 {
	for i, s := range steps {
		if ix.did(s) {
			continue
		}
		kept := append([]int32(nil), steps[:i]...)
		for _, t := range steps[i+1:] {
			if ix.did(t) {
				kept = append(kept, t)
			}
		}
		return kept
	}
	return steps
}

func (ix *index) did(s int32) bool {
	return ix.h.Outcome(ix.opOfStep(s)) != history.Fail || ix.read[ix.eventOf(s)]
}

// excusesAbsence says whether a remove may explain that an element whose add
// took effect is not shown by a read, or at the end (-1): a remove that is not
// itself before that add, nor after that read.
func (o *order) excusesAbsence(removes []int32, add, read int32) bool {
	for _, r := range o.ix.mayHaveHappened(removes) {
		if re := o.ix.eventOf(r); !o.before(re, add) && (read < 0 || !o.before(read, re)) {
			return true
		}
	}
	return false
}

// excusesPresence says whether an add may explain that an element is shown
// after its remove took effect: an add that is not itself before that remove.
func (o *order) excusesPresence(adds []int32, remove int32) bool {
	for _, a := range o.ix.mayHaveHappened(adds) {
		if ae := o.ix.eventOf(a); !o.before(ae, remove) {
			return true
		}
	}
	return false
}

// plainSets notes the sets of which counting elements is enough to see that none
// is missing.
func (ix *index) plainSets() {
	for _, sk := range ix.sets {
		sk.plain = true
		last := int32(-1)
		for _, el := range sk.elems {
			if len(el.adds) != 1 || len(el.removes) > 0 || ix.eventOf(el.adds[0]) == last {
				sk.plain = false
				break
			}
			last = ix.eventOf(el.adds[0])
		}
	}
}
