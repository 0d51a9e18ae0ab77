package checker

import (
	"context"
	"math/rand/v2"
	"slices"
	"testing"
)

// causallyConvergent is the definition of CCv: there is one order of all writes,
// extending causal order, such that every read returns the last write of its key
// in that order among those in its causal past. It shares no code with the
// checker: it tries the orders.
func causallyConvergent(ops []tiny) bool {
	before, ok := causalOrder(ops)
	if !ok {
		return false
	}
	for r, op := range ops {
		if op.write || op.v != 0 {
			continue
		}
		for w, by := range ops {
			if by.write && by.key == op.key && before[w][r] {
				return false // the read knew of a write and returned the initial state
			}
		}
	}
	return arbitrated(ops, before, make([]bool, len(ops)))
}

// arbitrated tries every write that may come next in the order.
func arbitrated(ops []tiny, before [][]bool, placed []bool) bool {
	left := false
next:
	for w, op := range ops {
		if !op.write || placed[w] {
			continue
		}
		left = true
		for u := range ops {
			if ops[u].write && before[u][w] && !placed[u] {
				continue next
			}
		}
		for r, read := range ops {
			// w comes after what the read returned though the read knew of w.
			if src := writer(ops, read); !read.write && read.key == op.key && before[w][r] && src != w && placed[src] {
				continue next
			}
		}
		placed[w] = true
		if arbitrated(ops, before, placed) {
			placed[w] = false
			return true
		}
		placed[w] = false
	}
	return !left
}

// agreeCCv compares the checker of ccv with the definition on one history.
func agreeCCv(t testing.TB, ops []tiny, ix *index) {
	want := causallyConvergent(ops)
	got := checkCCv(withIndex(context.Background(), ix), ix)
	if (got.Violations == 0) != want {
		t.Fatalf("%v: ccv is %v by definition, the checker says %s %+v", ops, want, got.Verdict, got.Findings)
	}
	for _, f := range got.Findings {
		if shown := opsOfFinding(ops, f); causallyConvergent(shown) {
			t.Fatalf("%v: the operations %v of a finding are not wrong by themselves: %s", ops, shown, f.Story)
		}
	}
}

// opsOfFinding are the operations that a finding shows, in order.
func opsOfFinding(ops []tiny, f Finding) []tiny {
	var shown []tiny
	for i, op := range ops {
		if slices.Contains(f.Ops, 2*i+1) {
			shown = append(shown, op)
		}
	}
	return shown
}

// TestRandomChoicesAgreeWithTheDefinition has mostly concurrent writes of few keys,
// read in orders that often contradict each other, so that circles of choices are
// as common as their absence.
func TestRandomChoicesAgreeWithTheDefinition(t *testing.T) {
	runs, circles := 4000, 0
	if raceEnabled {
		runs = 400
	}
	for seed := range runs {
		r := rand.New(rand.NewPCG(uint64(seed), 4))
		ops := make([]tiny, 8+r.IntN(9))
		for i := range ops {
			ops[i] = tiny{session: r.IntN(5), key: r.IntN(2), write: i < 5 || r.IntN(6) == 0}
			if ops[i].write {
				ops[i].v = i + 1
				continue
			}
			for j := range i {
				if w := ops[j]; w.write && w.key == ops[i].key && (ops[i].v == 0 || r.IntN(3) == 0) {
					ops[i].v = w.v
				}
			}
		}
		ix := newIndex(build(ops))
		agreeCCv(t, ops, ix)
		if checkCCv(context.Background(), ix).Counts["CyclicCF"] > 0 {
			circles++
		}
	}
	if circles < runs/20 || circles > runs*19/20 {
		t.Errorf("%d of %d histories had a circle", circles, runs)
	}
}
