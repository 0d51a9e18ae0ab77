package checker

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
)

// longRuns is how many random histories are compared: MLCHECK_RANDOM asks for
// more than every run of the tests can afford.
func longRuns(t *testing.T) int {
	n, err := strconv.Atoi(os.Getenv("MLCHECK_RANDOM"))
	switch {
	case os.Getenv("MLCHECK_RANDOM") != "" && (err != nil || n < 1):
		t.Fatalf("MLCHECK_RANDOM=%s: want a number of histories", os.Getenv("MLCHECK_RANDOM"))
	case n > 0:
		return n
	case raceEnabled:
		return 100
	}
	return 1500
}

// random is a history of up to 60 operations by a few sessions or by very many,
// with reads that probe what is new, what is old, and now and then the future.
func random(r *rand.Rand) []tiny {
	sessions, keys := 2+r.IntN(6), 1+r.IntN(5)
	if r.IntN(4) == 0 {
		sessions = 30 + r.IntN(120) // several pages of a row
	}
	ops := make([]tiny, 10+r.IntN(51))
	strange := r.IntN(3)
	for i := range ops {
		ops[i] = tiny{session: r.IntN(sessions), key: r.IntN(keys), write: r.IntN(2) == 0}
		if ops[i].write {
			ops[i].v = i + 1
			continue
		}
		for j := range i {
			if w := ops[j]; w.write && w.key == ops[i].key && (strange == 0 || r.IntN(4) > 0) {
				ops[i].v = w.v
			}
		}
		if strange == 2 && r.IntN(6) == 0 {
			if j := r.IntN(len(ops)); ops[j].write {
				ops[i].key, ops[i].v = ops[j].key, ops[j].v
			}
		}
	}
	if r.IntN(20) == 0 {
		i, j := r.IntN(len(ops)), r.IntN(len(ops))
		if !ops[i].write && ops[j].write {
			ops[i].key, ops[i].v = ops[j].key, ops[j].v
		}
	}
	return ops
}

// badReadsByMatrix counts the reads that match a bad pattern of CC, by definition.
func badReadsByMatrix(ops []tiny, before [][]bool) int {
	n := 0
	for r, read := range ops {
		bad := false
		for w, newer := range ops {
			if read.write || !newer.write || newer.key != read.key || !before[w][r] {
				continue
			}
			bad = bad || read.v == 0 || before[writer(ops, read)][w]
		}
		if bad {
			n++
		}
	}
	return n
}

// conflictsAreCyclic says whether causal order and conflict order together have a
// cycle: the writes that a reader knew of come before the one that it returned.
func conflictsAreCyclic(ops []tiny, before [][]bool) bool {
	m := make([][]bool, len(ops))
	for i := range ops {
		m[i] = append([]bool(nil), before[i]...)
	}
	for r, read := range ops {
		for w, other := range ops {
			if !read.write && read.v != 0 && other.write && other.key == read.key && before[w][r] && w != writer(ops, read) {
				m[w][writer(ops, read)] = true
			}
		}
	}
	for k := range ops {
		for i := range ops {
			if m[i][k] {
				for j := range ops {
					m[i][j] = m[i][j] || m[k][j]
				}
			}
		}
	}
	for i := range ops {
		if m[i][i] {
			return true
		}
	}
	return false
}

// agreeByMatrix compares every causal checker with matrices on one history.
func agreeByMatrix(t *testing.T, ops []tiny) (cc, ccv bool) {
	ix := newIndex(build(ops))
	ctx := withIndex(context.Background(), ix)
	before, acyclic := causalOrder(ops)
	r := checkCC(ctx, ix)
	if !acyclic {
		if r.Counts["CyclicCO"] == 0 {
			t.Fatalf("%v: the causal order is cyclic, and the checker says %s", ops, r.Reason)
		}
		return false, false
	}
	if want := badReadsByMatrix(ops, before); r.Violations != want {
		t.Fatalf("%v: cc is violated %d times by the matrices, the checker says %s", ops, want, r.Reason)
	}
	v := checkCCv(ctx, ix)
	if want := r.Violations > 0 || conflictsAreCyclic(ops, before); want != (v.Verdict == Violated) {
		t.Fatalf("%v: ccv is violated by the matrices: %v, the checker says %s", ops, want, v.Reason)
	}
	for name, own := range map[string]bool{"read-your-writes": true, "monotonic-reads": false} {
		if got, want := checkSessions(ctx, ix, name), wentBack(ops, before, own); got.Violations != want {
			t.Fatalf("%v: %s is violated %d times by the matrices, the checker says %s", ops, name, want, got.Reason)
		}
	}
	agreeWriteOrder(ctx, t, ops, before, ix)
	return r.Violations == 0, v.Verdict != Violated
}

// TestLongRandomHistoriesAgreeWithTheMatrices: MLCHECK_RANDOM=1000000 compares a
// million of them.
func TestLongRandomHistoriesAgreeWithTheMatrices(t *testing.T) {
	const shards = 2
	runs := longRuns(t)
	for shard := range shards {
		t.Run(fmt.Sprint(shard), func(t *testing.T) {
			t.Parallel()
			n, causal, convergent := 0, 0, 0
			for seed := shard; seed < runs; seed += shards {
				cc, ccv := agreeByMatrix(t, random(rand.New(rand.NewPCG(uint64(seed), 9))))
				n++
				if cc {
					causal++
				}
				if ccv {
					convergent++
				}
			}
			t.Logf("%d histories: %d are causally consistent, %d convergent", n, causal, convergent)
			if n > 50 && (causal == 0 || convergent == 0 || causal == n || causal == convergent) {
				t.Errorf("of %d histories %d are causally consistent and %d convergent: these compare nothing", n, causal, convergent)
			}
		})
	}
}
