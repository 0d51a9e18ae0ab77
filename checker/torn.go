package checker

import (
	"fmt"

	"github.com/mlcheck/mlcheck/history"
)

// atomic says whether an operation is promised to take effect, and to read, as a
// whole.
func (ix *index) atomic() bool { return ix.h.Header.Granularity == "transaction" }

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

// label names a read of something older than a write in its past. A
// transaction that shows, in any key, a write that is newer than what it read shows
// half of what that write's transaction wrote.
func (w *sessionWalk) label(r reading) string {
	if w.ix.atomic() {
		from, to := w.ix.steps(r.event)
		for s := from; s < to; s++ {
			if src := w.ix.src[s]; src >= 0 && w.newerThan(r, w.ix.eventOf(src)) {
				return "FracturedRead"
			}
		}
	}
	if r.src >= 0 {
		return "WriteCORead"
	}
	return "WriteCOInitRead"
}

// newerThan says whether a write of the key that is read is after what was read.
func (w *sessionWalk) newerThan(r reading, v int32) bool {
	if v == r.event || v == r.from || r.from >= 0 && !w.before(r.from, v) {
		return false
	}
	from, to := w.ix.steps(v)
	for s := from; s < to; s++ {
		if w.ix.h.StepF(s).IsWrite() && int32(w.ix.h.StepKey(s)) == r.key {
			return true
		}
	}
	return false
}

// tornFinding tells of a read that no transaction may make, or nothing if b is
// none of these.
func (ix *index) tornFinding(property string, b badRead, reader string) (Finding, bool) {
	key := int32(ix.h.StepKey(int(b.step)))
	read, k := ix.assigned(b.step), ix.op(ix.eventOf(b.step))
	ops := []int{k}
	if ix.src[b.step] >= 0 {
		ops = []int{ix.opOfStep(ix.src[b.step]), k}
	}
	var story string
	switch b.label {
	case "AbortedRead":
		story = fmt.Sprintf("%s read %s, which #%d wrote, which was aborted. Nobody may ever see what an aborted transaction did.", reader, read, ix.h.Index(ops[0]))
	case "IntermediateRead":
		story = fmt.Sprintf("%s read %s, which #%d had replaced by %s before it ended. Nobody may see a transaction unfinished.", reader, read, ix.h.Index(ops[0]), ix.written(b.by, key))
	case "NonRepeatableRead":
		first := b.step - 1
		for ix.h.StepF(int(first)) != history.Read || int32(ix.h.StepKey(int(first))) != key {
			first--
		}
		if src := ix.src[first]; src >= 0 {
			ops = append([]int{ix.opOfStep(src)}, ops...)
		}
		story = fmt.Sprintf("%s read first %s and then %s in one transaction, and did not write %s in between.", reader, ix.assigned(first), read, ix.h.Keys()[key])
	case "NotMyOwnWrite", "NotMyLastWrite":
		last := b.step - 1
		for !ix.h.StepF(int(last)).IsWrite() || int32(ix.h.StepKey(int(last))) != key {
			last--
		}
		story = fmt.Sprintf("%s read %s after it had written %s itself, in the same transaction.", reader, read, ix.assigned(last))
	default:
		return Finding{}, false
	}
	return ix.finding(property, b.label, upper(story), ops, nil), true
}
