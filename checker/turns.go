package checker

// turns are the writes of each key in the order in which events were placed: an
// order that extends the causal one. What was written after one write and is in
// the past of a read has its turn between the two, and in most histories there is
// next to nothing between a write and those who read it.
type turns struct {
	first []int32 // key → its first turn in steps
	taken []int32 // key → how many of its turns were taken
	steps []int32 // the step that has the turn
	of    []int32 // step → a write: its turn; a read: how many turns of its key were taken before
}

func newTurns(ix *index) turns {
	keys := len(ix.h.Keys())
	t := turns{first: make([]int32, keys+1), taken: make([]int32, keys), of: make([]int32, stepCount(ix.h))}
	for s := range t.of {
		if ix.h.StepF(s).IsWrite() {
			t.first[ix.h.StepKey(s)+1]++
		}
	}
	for k := range keys {
		t.first[k+1] += t.first[k]
	}
	t.steps = make([]int32, t.first[keys])
	return t
}

// take gives every step of an event its turn. A write that is in nobody's past
// has none.
func (t *turns) take(o *order, e int32) {
	from, to := o.ix.steps(e)
	for s := from; s < to; s++ {
		key := o.ix.h.StepKey(s)
		t.of[s] = t.taken[key]
		if o.slot[e] >= 0 && o.ix.h.StepF(s).IsWrite() {
			t.steps[t.first[key]+t.taken[key]] = int32(s)
			t.taken[key]++
		}
	}
}

// between are the steps that write the key after one write, or after nothing
// (-1), and before step s.
func (t *turns) between(key, write, s int32) []int32 {
	from := t.first[key]
	if write >= 0 {
		from += t.of[write] + 1
	}
	return t.steps[min(from, t.first[key]+t.of[s]) : t.first[key]+t.of[s]]
}
