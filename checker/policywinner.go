package checker

import (
	"fmt"
	"slices"

	"github.com/mlcheck/mlcheck/history"
)

// lastWriteWins: the winner has the greatest stamp among the writes that took
// effect. Without stamps there is only that every leader has the same, and that
// somebody wrote it.
func (j *policyJudge) lastWriteWins(key, read int32) (label, why string, ops []int32) {
	return j.byStamp(key, read, "greater", 1)
}

// firstWriteWins: the winner has the least one.
func (j *policyJudge) firstWriteWins(key, read int32) (label, why string, ops []int32) {
	if j.deleted(key) {
		return "", "", nil
	}
	return j.byStamp(key, read, "lesser", -1)
}

// deleted says whether a key was ever removed, which the policies first, max and
// min say nothing of.
func (j *policyJudge) deleted(key int32) bool {
	if len(j.ix.deletes[key]) == 0 {
		return false
	}
	j.r.count("keys with removals, not judged", 1)
	return true
}

func (j *policyJudge) byStamp(key, read int32, word string, sign int) (label, why string, ops []int32) {
	ix := j.ix
	if ix.kind[key] != register {
		return "", "", nil
	}
	winner, ok := j.winner(key, read, sign)
	if !ok {
		return j.nobodyWrote(key, read)
	}
	if winner < 0 {
		return "", "", nil
	}
	mine, stamped := stampOf(ix.h, ix.opOfStep(winner))
	if !stamped {
		j.r.count("winners without a stamp, not judged", 1)
		return "", "", nil
	}
	best, beaten := mine, int32(-1)
	for _, s := range j.writes[key] {
		st, ok := stampOf(ix.h, ix.opOfStep(s))
		if ok && j.took(s) && sign*st.compare(best) > 0 {
			best, beaten = st, s
		}
	}
	if beaten < 0 {
		return "", "", nil
	}
	why = fmt.Sprintf("every leader has %s with the stamp %s, and %s, which took effect, has the %s stamp %s",
		ix.assigned(winner), ix.stampWord(winner), ix.assigned(beaten), word, ix.stampWord(beaten))
	return "wrong stamp won", why, []int32{beaten, winner}
}

func (ix *index) stampWord(s int32) string { return ix.h.Meta(ix.opOfStep(s)).Stamp }

// winner is the write that all leaders show, as a step, or -1 if what they show
// may be any of several; ok is false if it is nobody's.
func (j *policyJudge) winner(key, read int32, sign int) (step int32, ok bool) {
	ix := j.ix
	switch src := ix.src[read]; src {
	case srcNothing: // some removal won: the best one, in the target's favour
		return j.bestRemoval(key, sign), true
	case srcInitial:
		return -1, !slices.ContainsFunc(j.writes[key], j.took)
	case srcThinAir:
		return -1, false
	default:
		return max(src, -1), true
	}
}

// took says whether a write certainly took effect, and not only on a disk that was
// wiped before anybody read it.
func (j *policyJudge) took(s int32) bool {
	e := j.ix.eventOf(s)
	return j.ix.certain(e) && (j.ix.read[e] || !j.ix.wiped(j.ix.op(e)))
}

// bestRemoval is the removal with the best stamp, or -1 if one has none.
func (j *policyJudge) bestRemoval(key int32, sign int) int32 {
	best, found := stamp{}, int32(-1)
	for _, s := range j.ix.deletes[key] {
		st, ok := stampOf(j.ix.h, j.ix.opOfStep(s))
		if !ok {
			return -1
		}
		if found < 0 || sign*st.compare(best) > 0 {
			best, found = st, s
		}
	}
	return found
}

func (j *policyJudge) nobodyWrote(key, read int32) (label, why string, ops []int32) {
	what := j.ix.assigned(read) + ", which nobody wrote"
	if j.ix.src[read] == srcInitial {
		what = "nothing, though it was written and never removed"
	}
	for _, s := range j.writes[key] {
		if j.ix.h.Outcome(j.ix.opOfStep(s)) == history.OK {
			ops = []int32{s}
			break
		}
	}
	return "nobody's", "every leader has " + what, ops
}

// greatestWins: max is a fold over all writes that took effect, and so is min.
func (j *policyJudge) greatestWins(key, read int32) (label, why string, ops []int32) {
	return j.fold(key, read, "greater", func(a, b int64) bool { return a > b })
}

func (j *policyJudge) leastWins(key, read int32) (label, why string, ops []int32) {
	return j.fold(key, read, "lesser", func(a, b int64) bool { return a < b })
}

func (j *policyJudge) fold(key, read int32, word string, better func(a, b int64) bool) (label, why string, ops []int32) {
	ix := j.ix
	if ix.kind[key] != register || j.deleted(key) {
		return "", "", nil
	}
	winner, ok := j.winner(key, read, 1)
	if !ok {
		return j.nobodyWrote(key, read)
	}
	if winner < 0 {
		return "", "", nil
	}
	best, _ := ix.h.StepInt(int(winner))
	beaten := int32(-1)
	for _, s := range j.writes[key] {
		if v, _ := ix.h.StepInt(int(s)); j.took(s) && better(v, best) {
			best, beaten = v, s
		}
	}
	if beaten < 0 {
		return "", "", nil
	}
	why = fmt.Sprintf("every leader has %s, and %s, which took effect, is %s", ix.assigned(winner), ix.assigned(beaten), word)
	return "wrong value won", why, []int32{beaten, winner}
}
