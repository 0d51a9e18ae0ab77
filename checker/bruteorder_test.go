package checker

import (
	"context"
	"math/rand/v2"
	"testing"
)

// missingBefore counts by definition, without the checker's code, the reads that
// are certainly older than a write which is related to one that an earlier read of
// the session showed, of another key.
func missingBefore(ops []tiny, before, related [][]bool) int {
	n := 0
	for r2, op := range ops {
		bad := false
		for r1 := range r2 {
			shown := ops[r1]
			if op.write || shown.write || shown.session != op.session || shown.v == 0 || shown.key == op.key {
				continue
			}
			for w1, first := range ops {
				if first.write && first.key == op.key && related[w1][writer(ops, shown)] {
					bad = bad || op.v == 0 || before[writer(ops, op)][w1]
				}
			}
		}
		if bad {
			n++
		}
	}
	return n
}

// sameSession relates the writes of each session, in its order.
func sameSession(ops []tiny) [][]bool {
	m := make([][]bool, len(ops))
	for i, a := range ops {
		m[i] = make([]bool, len(ops))
		for j, b := range ops {
			m[i][j] = i < j && a.write && b.write && a.session == b.session
		}
	}
	return m
}

// readFirst relates a write to those that followed a read of it, over any number
// of authors: (wr;so)+.
func readFirst(ops []tiny) [][]bool {
	m := make([][]bool, len(ops))
	for i, a := range ops {
		m[i] = make([]bool, len(ops))
		for j, b := range ops {
			for r := range j {
				read := ops[r]
				m[i][j] = m[i][j] || a.write && b.write && !read.write && read.session == b.session && read.key == a.key && read.v == a.v
			}
		}
	}
	for k := range ops {
		for i := range ops {
			for j := range ops {
				m[i][j] = m[i][j] || m[i][k] && m[k][j]
			}
		}
	}
	return m
}

// agreeWriteOrder compares the checkers of monotonic-writes and writes-follow-reads
// with the definitions on one history.
func agreeWriteOrder(ctx context.Context, t testing.TB, ops []tiny, before [][]bool, ix *index) {
	for name, related := range map[string][][]bool{"monotonic-writes": sameSession(ops), "writes-follow-reads": readFirst(ops)} {
		got, want := checkWriteOrder(ctx, ix, name), missingBefore(ops, before, related)
		if got.Violations != want {
			t.Fatalf("%v: %s is violated %d times by definition, the checker says %d: %+v", ops, name, want, got.Violations, got.Findings)
		}
		for _, f := range got.Findings {
			shown := opsOfFinding(ops, f)
			still, _ := causalOrder(shown)
			again := map[string][][]bool{"monotonic-writes": sameSession(shown), "writes-follow-reads": readFirst(shown)}[name]
			if missingBefore(shown, still, again) == 0 {
				t.Fatalf("%v: the operations %v of a finding are not wrong by themselves: %s", ops, shown, f.Story)
			}
		}
	}
}

// TestRandomOrdersOfWritesAgreeWithTheDefinition goes beyond what can be
// enumerated: several authors who read each other, and readers that are shown
// things in any order.
func TestRandomOrdersOfWritesAgreeWithTheDefinition(t *testing.T) {
	runs := 4000
	if raceEnabled {
		runs = 400
	}
	broken := map[string]int{}
	for seed := range runs {
		r := rand.New(rand.NewPCG(uint64(seed), 5))
		ops := make([]tiny, 14+r.IntN(12))
		for i := range ops {
			ops[i] = tiny{session: r.IntN(4), key: r.IntN(3), write: r.IntN(5) < 2}
			if ops[i].write {
				ops[i].v = i + 1
				continue
			}
			if j := r.IntN(i + 1); ops[j].write { // any write, of any key, or nothing
				ops[i].key, ops[i].v = ops[j].key, ops[j].v
			}
		}
		ix := newIndex(build(ops))
		ctx := withIndex(context.Background(), ix)
		before, _ := causalOrder(ops)
		agreeWriteOrder(ctx, t, ops, before, ix)
		for _, name := range []string{"monotonic-writes", "writes-follow-reads"} {
			if checkWriteOrder(ctx, ix, name).Violations > 0 {
				broken[name]++
			}
		}
	}
	for _, name := range []string{"monotonic-writes", "writes-follow-reads"} {
		if broken[name] < runs/50 || broken[name] > runs*19/20 {
			t.Errorf("%s is broken in %d of %d histories", name, broken[name], runs)
		}
	}
}
