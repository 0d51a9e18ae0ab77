package checker

// digits is how many increments a counter can take that tells exactly which of
// them took effect: 3^39 is the last power of three below 2^63.
const digits = 39

// ternary reads a counter whose increments are different powers of three: digit
// i of its value is how often the increment of 3^i took effect, 0, 1 or 2 times.
// One that took effect three times looks like the next one, so what a digit says
// of an increment that nobody asked for is only that something is wrong.
type ternary struct {
	not bool          // this counter is not of that kind
	of  [digits]int32 // exponent → the step of the increment + 1
}

// add notes an increment; false: this makes it no counter of that kind.
func (t *ternary) add(n int64, s int32) bool {
	if t.not || n < 1 {
		return false
	}
	for i, p := 0, int64(1); i < digits; i, p = i+1, 3*p {
		if p == n && t.of[i] == 0 {
			t.of[i] = s + 1
			return true
		}
	}
	return false
}

// decode is how often each power of three is in a value that is not negative.
func decode(v int64) (times [digits + 1]uint8) {
	for i := 0; v > 0 && i < len(times); i++ {
		times[i] = uint8(v % 3)
		v /= 3
	}
	return times
}

// eachTime calls f with every increment, as a step, that is in a value, and how
// often; a power that nobody had added when the read was answered has step -1.
func (t *ternary) eachTime(ix *index, read int, v int64, f func(step int32, exponent int, times uint8)) {
	for i, n := range decode(max(0, v)) {
		if n == 0 {
			continue
		}
		step := int32(-1)
		if i < digits {
			if s := t.of[i] - 1; s >= 0 && ix.did(s) && ix.h.Index(ix.opOfStep(s)) < ix.h.Return(read) {
				step = s
			}
		}
		f(step, i, n)
	}
}

// times is how often the increment of 3^exponent is in a value.
func times(v int64, exponent int) uint8 { return decode(max(0, v))[exponent] }

// overcounted marks the counters of which some read shows an increment twice, or
// one that nobody had asked for. One that took effect three times has left its digit
// and looks like the next, so of these counters no value tells what is missing.
func (ix *index) overcounted(ts []*counterKey) {
	ix.counterReads(ts, func(t *counterKey, k int, _ int32, v int64) {
		if exact := t.exactly(); exact != nil && !t.over {
			if v < 0 { // beyond what 64 bits hold
				t.over = true
			}
			exact.eachTime(ix, k, v, func(step int32, _ int, times uint8) { t.over = t.over || step < 0 || times > 1 })
		}
	})
}
