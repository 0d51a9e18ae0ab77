package checker

import (
	"math"
	"sort"

	"github.com/mlcheck/mlcheck/history"
)

// counterKey is everything that is known of one counter: its increments in the order
// in which they were asked for, those that were refused left out.
type counterKey struct {
	key   int32
	steps []int32
	plus  []int64 // plus[i]: the sum of the positive ones among the first i
	minus []int64
	huge  bool     // the sums do not fit into 64 bits, so nothing is said
	exact *ternary // not nil: every increment is another power of three
	over  bool     // see overcounted

	// Of the end: acknowledged increments count in full, and those that may have
	// happened, or were on a disk that was wiped, widen the interval.
	low, high int64
}

// counterKeys are those of all counters, in the order of their keys.
func (ix *index) counterKeys() []*counterKey {
	byKey := map[int32]*counterKey{}
	for s := range stepCount(ix.h) {
		key := int32(ix.h.StepKey(s))
		if ix.h.StepF(s) != history.Inc || ix.kind[key] != counter {
			continue
		}
		if byKey[key] == nil {
			byKey[key] = &counterKey{key: key, plus: []int64{0}, minus: []int64{0}, exact: &ternary{}}
		}
		byKey[key].add(ix, int32(s))
	}
	var all []*counterKey
	for _, key := range ix.writtenKeys() {
		if t := byKey[key]; t != nil {
			all = append(all, t)
		}
	}
	return all
}

func (t *counterKey) add(ix *index, s int32) {
	n, _ := ix.h.StepInt(int(s))
	if !t.exact.add(n, s) {
		t.exact = &ternary{not: true}
	}
	k := ix.opOfStep(s)
	if ix.h.Outcome(k) == history.Fail {
		return
	}
	i := len(t.steps)
	t.steps = append(t.steps, s)
	t.plus, t.minus = append(t.plus, t.plus[i]+max(0, n)), append(t.minus, t.minus[i]+min(0, n))
	t.huge = t.huge || t.plus[i+1] < t.plus[i] || t.minus[i+1] > t.minus[i] || n == math.MinInt64
	if ix.h.Outcome(k) == history.OK && !ix.wiped(k) {
		t.low, t.high = t.low+n, t.high+n
	} else {
		t.low, t.high = t.low+min(0, n), t.high+max(0, n)
	}
}

// exactly is how often each increment is in a value, or nil for counters that
// cannot tell.
func (t *counterKey) exactly() *ternary {
	if t.exact.not {
		return nil
	}
	return t.exact
}

// askedBy is how many increments had been asked for when a read was answered: no
// other can be in what it returned.
func (t *counterKey) askedBy(ix *index, read int) int {
	return sort.Search(len(t.steps), func(i int) bool {
		return ix.h.Index(ix.opOfStep(t.steps[i])) >= ix.h.Return(read)
	})
}

// sums are the least and the greatest value that increments which had been asked
// for can add up to when each took effect once or not at all.
func (t *counterKey) sums(n int) (least, greatest int64) { return t.minus[n], t.plus[n] }

// oneWay says whether a counter only grows, or only shrinks: then a value that is
// off says whether effects were lost or came twice.
func (t *counterKey) oneWay() bool {
	n := len(t.steps)
	return t.plus[n] == 0 || t.minus[n] == 0
}

// astray is how a final value is outside of the counter's interval.
type astray uint8

const (
	within    astray = iota
	twice            // no choice of increments adds up to so much: some took effect twice
	missing          // some were lost: all have one sign, and there is less of it
	ambiguous        // lost, or twice: with both signs it cannot be told
)

func (t *counterKey) judgeEnd(v int64) astray {
	least, greatest := t.sums(len(t.steps))
	switch {
	case t.huge || v >= t.low && v <= t.high:
		return within
	case v < least || v > greatest:
		return twice
	case t.oneWay():
		return missing
	}
	return ambiguous
}

// ends judges what the leaders finally show, and gives a final read that shows
// it. Where one shows what no choice of increments adds up to, something took
// effect twice; anything else counts only where every leader is off, because one
// that is off alone may just not have heard of all.
func (t *counterKey) ends(ix *index) (off astray, shown int32) {
	reads, all := ix.ends(t.key)
	off, shown = missing, -1
	for _, s := range reads {
		if s < 0 {
			continue
		}
		if ix.h.StepIsList(int(s)) { // that is no number to judge
			all = false
			continue
		}
		v, _ := ix.h.StepInt(int(s))
		switch t.judgeEnd(v) {
		case twice:
			return twice, s
		case within:
			all = false
		case ambiguous:
			off = ambiguous
		}
		shown = s
	}
	if !all {
		return within, -1
	}
	return off, shown
}

// counterReads calls f with every answered read of a counter that can be judged.
func (ix *index) counterReads(ts []*counterKey, f func(t *counterKey, k int, s int32, v int64)) {
	if len(ts) == 0 {
		return
	}
	byKey := map[int32]*counterKey{}
	for _, t := range ts {
		byKey[t.key] = t
	}
	ix.eachRead(func(k int, s int32) {
		t := byKey[int32(ix.h.StepKey(int(s)))]
		if t == nil || t.huge || ix.h.StepIsList(int(s)) {
			return
		}
		v, _ := ix.h.StepInt(int(s))
		f(t, k, s, v)
	})
}
