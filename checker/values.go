package checker

import "github.com/mlcheck/mlcheck/history"

// values finds the write of a value. Written numbers come from one counter, so
// a plain table indexed by the number serves nearly every history; numbers that
// are sparse, or that are unique only within their key, go into a map.
type values struct {
	h     *history.History
	table []int32 // number → step + 1
	more  map[keyed]int32
	again map[keyed]bool
}

type keyed struct {
	key int32
	v   int64
}

func newValues(h *history.History, writes int, greatest int64) values {
	vs := values{h: h, more: map[keyed]int32{}, again: map[keyed]bool{}}
	if size := min(greatest+1, int64(4*writes)+64); size > 0 {
		vs.table = make([]int32, size)
	}
	return vs
}

// put remembers that step writes v to key. Only an element of a set is ever
// added a second time: package history refuses other numbers that come twice.
func (vs *values) put(key int32, v int64, step int32) {
	if _, ok := vs.get(key, v); ok {
		vs.again[keyed{key, v}] = true
		return
	}
	if v >= 0 && v < int64(len(vs.table)) && vs.table[v] == 0 {
		vs.table[v] = step + 1
	} else {
		vs.more[keyed{key, v}] = step
	}
}

func (vs *values) get(key int32, v int64) (step int32, ok bool) {
	if v >= 0 && v < int64(len(vs.table)) {
		if s := vs.table[v] - 1; s >= 0 && int32(vs.h.StepKey(int(s))) == key {
			return s, true
		}
	}
	if len(vs.more) == 0 {
		return 0, false
	}
	step, ok = vs.more[keyed{key, v}]
	return step, ok
}

// elsewhere is a write of v to any other key, for words only.
func (vs *values) elsewhere(v int64) (step int32, ok bool) {
	if v >= 0 && v < int64(len(vs.table)) && vs.table[v] != 0 {
		return vs.table[v] - 1, true
	}
	return 0, false
}

func (vs *values) twice(key int32, v int64) bool {
	return len(vs.again) > 0 && vs.again[keyed{key, v}]
}
