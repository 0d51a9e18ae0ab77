package checker

import (
	"fmt"
	"slices"

	"github.com/mlcheck/mlcheck/history"
)

// fateOfVersion is what a policy that keeps versions must make of one.
type fateOfVersion uint8

const (
	mayBeThere fateOfVersion = iota
	mustBeThere
	mustBeGone
)

// maximal says of every version of a key whether it must be there: none that
// may have happened replaces it, and it took effect; or must be gone: one that
// took effect replaces it. It is nil where contexts do not say enough.
func (j *policyJudge) maximal(key int32) map[int32]fateOfVersion {
	ix, v := j.ix, j.ix.versionsOf(j.writes[key])
	if v.unclear {
		j.r.count("keys with contexts that name nobody's version, not judged", 1)
		return nil
	}
	fates := map[int32]fateOfVersion{}
	for _, s := range v.writes {
		if ix.h.StepF(int(s)) == history.Delete && len(v.replaces[s]) == 0 && !v.untold(s) {
			j.r.count("keys with removals that name nothing, not judged", 1)
			return nil
		}
		if j.took(s) && v.named(s) {
			fates[s] = mustBeThere
		}
	}
	for _, s := range v.writes {
		gone := v.replaces[s]
		if v.untold(s) { // it may replace whatever was there when it was executed, some time or other
			gone = slices.DeleteFunc(slices.Clone(v.writes), func(w int32) bool { return w == s || slices.Contains(v.replaces[w], s) })
		}
		for _, w := range gone {
			switch {
			case ix.certain(ix.eventOf(s)) && !v.untold(s):
				fates[w] = mustBeGone
			case fates[w] == mustBeThere:
				fates[w] = mayBeThere
			}
		}
	}
	return fates
}

// keepsSiblings: exactly the writes that none replaces, as a set.
func (j *policyJudge) keepsSiblings(key, read int32) (label, why string, ops []int32) {
	ix := j.ix
	if ix.kind[key] != register {
		return j.converges(key, read)
	}
	fates := j.maximal(key)
	if fates == nil {
		return "", "", nil
	}
	shown := asList(ix.h.StepValue(int(read)))
	for _, s := range j.writes[key] {
		if ix.h.StepF(int(s)) != history.Write {
			continue
		}
		n, _ := ix.h.StepInt(int(s))
		there := slices.Contains(shown, n)
		switch {
		case !there && fates[s] == mustBeThere:
			why = fmt.Sprintf("every leader has %s, and %s took effect, is not among them, and no write says that it replaces it", ix.assigned(read), ix.assigned(s))
			return "version missing", why, []int32{s}
		case there && fates[s] == mustBeGone:
			by := j.replacer(key, s)
			why = fmt.Sprintf("every leader has %s with %s among them, which %s replaces", ix.assigned(read), ix.assigned(s), ix.assigned(by))
			return "replaced version kept", why, []int32{s, by}
		}
	}
	return j.strangers(key, read, shown)
}

// replacer is a write that took effect and says that it replaces s.
func (j *policyJudge) replacer(key, s int32) int32 {
	v := j.ix.versionsOf(j.writes[key])
	for _, u := range v.writes {
		if j.ix.certain(j.ix.eventOf(u)) && slices.Contains(v.replaces[u], s) {
			return u
		}
	}
	return s
}

func (j *policyJudge) strangers(key, read int32, shown []int64) (label, why string, ops []int32) {
	for _, n := range shown {
		if _, ok := j.ix.values.get(key, n); !ok {
			return "nobody's", fmt.Sprintf("every leader has %s, and nobody wrote %d", j.ix.assigned(read), n), nil
		}
	}
	return "", "", nil
}

// merges: where one version alone is left, it is what every leader has. Of
// merge-max and merge-min the winner is a version that none replaces, and none of
// those that must be there is better.
func (j *policyJudge) merges(key, read int32) (label, why string, ops []int32) {
	ix := j.ix
	if ix.kind[key] != register {
		return j.converges(key, read)
	}
	fates := j.maximal(key)
	if fates == nil || ix.h.StepIsList(int(read)) {
		return "", "", nil
	}
	v, _ := ix.h.StepInt(int(read))
	var left []int32
	sure := true
	for _, s := range j.writes[key] {
		if fates[s] != mustBeGone {
			left = append(left, s)
			sure = sure && fates[s] == mustBeThere
		}
	}
	folds := map[string]func(a, b int64) bool{
		"merge-max": func(a, b int64) bool { return a > b },
		"merge-min": func(a, b int64) bool { return a < b },
	}
	better := folds[ix.h.Header.Policy]
	for _, s := range left {
		n, _ := ix.h.StepInt(int(s))
		switch alone := len(left) == 1 && sure; {
		case alone && n != v:
			return "version missing", fmt.Sprintf("every leader has %s, and %s is the only version that none replaces", ix.assigned(read), ix.assigned(s)), []int32{s}
		case better != nil && fates[s] == mustBeThere && n != 0 && better(n, v):
			return "wrong value won", fmt.Sprintf("every leader has %s, and %s is a version that none replaces", ix.assigned(read), ix.assigned(s)), []int32{s}
		}
	}
	if w := ix.src[read]; w >= 0 && fates[w] == mustBeGone && better != nil {
		return "replaced version kept", fmt.Sprintf("every leader has %s, which another write replaces", ix.assigned(read)), []int32{w}
	}
	return "", "", nil
}

// converges is what sets and counters must end with: every element of which an
// add took effect and no removal can explain that it is gone, none of which every
// add was made before a removal; and a sum within its interval.
func (j *policyJudge) converges(key, read int32) (label, why string, ops []int32) {
	ix := j.ix
	if t := j.counters[key]; t != nil {
		if v, _ := ix.h.StepInt(int(read)); !ix.h.StepIsList(int(read)) && t.judgeEnd(v) != within {
			return "beyond its interval", fmt.Sprintf("every leader has %s, and the increments add up to between %d and %d", ix.assigned(read), t.low, t.high), nil
		}
		return "", "", nil
	}
	o, sk := ix.co(), ix.sets[key]
	if ix.kind[key] != set || o.flaw != "" {
		return "", "", nil
	}
	shown := map[int64]bool{}
	for _, v := range asList(ix.h.StepValue(int(read))) {
		shown[v] = true
	}
	for i := range sk.elems {
		el := &sk.elems[i]
		for _, a := range el.adds {
			if !shown[el.v] && ix.certain(ix.eventOf(a)) && !o.excusesAbsence(el.removes, ix.eventOf(a), -1) {
				return "element missing", fmt.Sprintf("no leader has element %d, which was added, and no removal explains that", el.v), []int32{a}
			}
		}
		for _, s := range el.removes {
			if shown[el.v] && ix.h.Outcome(ix.opOfStep(s)) == history.OK && len(el.adds) > 0 && !o.excusesPresence(el.adds, ix.eventOf(s)) {
				return "removed element kept", fmt.Sprintf("every leader has element %d, which was removed after every add of it", el.v), []int32{s}
			}
		}
	}
	return "", "", nil
}
