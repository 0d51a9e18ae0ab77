package checker

import "github.com/mlcheck/mlcheck/history"

// atomic says whether an operation of several steps is one event: it is promised
// to take effect, and to read, as a whole.
func (ix *index) atomic() bool { return !ix.single && !ix.byStep }

// ownRead judges a read of a key that its own transaction had written before, by
// step own.
func (w *sessionWalk) ownRead(r reading, own int32) (badRead, bool) {
	switch {
	case r.src == own, r.src == srcNothing && w.ix.h.StepF(int(own)) == history.Delete:
		return badRead{}, false
	case r.from != r.event:
		return badRead{r.step, r.event, -1, "NotMyOwnWrite"}, true
	case r.src > r.step:
		return badRead{}, false // from its own future: a cycle, and told as one
	}
	return badRead{r.step, r.event, -1, "NotMyLastWrite"}, true
}

// torn finds what a read returns of another transaction though no transaction
// may: a value of one that was aborted, one that its own transaction replaced,
// or another value than an earlier read of the same key in the same transaction.
func (w *sessionWalk) torn(r reading) (badRead, bool) {
	from, _ := w.ix.steps(r.event)
	if last := w.read[r.key] - 1; last >= int32(from) && w.ix.src[last] != r.src {
		return badRead{r.step, r.from, -1, "NonRepeatableRead"}, true
	}
	switch {
	case r.src < 0:
		return badRead{}, false
	case w.ix.h.Outcome(w.ix.op(r.from)) == history.Fail:
		return badRead{r.step, r.from, -1, "AbortedRead"}, true
	case w.ix.writeOf(r.from, r.key) != r.src:
		return badRead{r.step, r.from, -1, "IntermediateRead"}, true
	}
	return badRead{}, false
}

// label names a read of something older than write v, which is in its past. A
// transaction that shows v in another key shows half of what v's wrote.
func (w *sessionWalk) label(r reading, v int32) string {
	if w.ix.atomic() {
		from, to := w.ix.steps(r.event)
		for s := from; s < to; s++ {
			if src := w.ix.src[s]; src >= 0 && w.ix.eventOf(src) == v {
				return "FracturedRead"
			}
		}
	}
	if r.src >= 0 {
		return "WriteCORead"
	}
	return "WriteCOInitRead"
}
