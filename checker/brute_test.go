package checker

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/mlcheck/mlcheck/history"
)

// The reference below shares no code with the checkers: it knows operations,
// their sessions, keys and values, and goes by the definitions.

// tiny is one operation of a small history: a write of value v, or a read that
// returned v, 0 for nothing.
type tiny struct {
	session, key int
	write        bool
	v            int
}

func (o tiny) String() string {
	f := "r"
	if o.write {
		f = "w"
	}
	return fmt.Sprintf("s%d %s %d=%d", o.session, f, o.key, o.v)
}

// causalOrder is the transitive closure of session order and reads-from; ok is
// false when it is cyclic or a value has no write.
func causalOrder(ops []tiny) (before [][]bool, ok bool) {
	n := len(ops)
	before = make([][]bool, n)
	for i := range before {
		before[i] = make([]bool, n)
	}
	ok = true
	for i, a := range ops {
		for j, b := range ops {
			if i < j && a.session == b.session {
				before[i][j] = true
			}
			if a.write && !b.write && a.key == b.key && a.v == b.v {
				before[i][j] = true
			}
		}
	}
	for k := range n {
		for i := range n {
			for j := range n {
				before[i][j] = before[i][j] || before[i][k] && before[k][j]
			}
		}
	}
	for i := range n {
		ok = ok && !before[i][i]
	}
	for _, r := range ops {
		found := r.write || r.v == 0
		for _, w := range ops {
			found = found || w.write && w.key == r.key && w.v == r.v
		}
		ok = ok && found
	}
	return before, ok
}

// causallyConsistent is the definition of CC: for every read there is an order of
// its causal past, extending causal order, after which the read is right.
func causallyConsistent(ops []tiny) bool {
	before, ok := causalOrder(ops)
	if !ok {
		return false
	}
	for r, op := range ops {
		if op.write {
			continue
		}
		var past []int
		for i := range ops {
			if before[i][r] {
				past = append(past, i)
			}
		}
		if !someOrder(ops, before, past, map[int]bool{}, op.key, 0, op.v) {
			return false
		}
	}
	return true
}

// someOrder tries every order of the operations that are left.
func someOrder(ops []tiny, before [][]bool, past []int, done map[int]bool, key, now, want int) bool {
	if len(done) == len(past) {
		return now == want
	}
next:
	for _, i := range past {
		if done[i] {
			continue
		}
		for _, j := range past {
			if before[j][i] && !done[j] {
				continue next
			}
		}
		then := now
		if ops[i].write && ops[i].key == key {
			then = ops[i].v
		}
		done[i] = true
		if someOrder(ops, before, past, done, key, then, want) {
			delete(done, i)
			return true
		}
		delete(done, i)
	}
	return false
}

// wentBack counts reads that are certainly older than an own write (own) or than
// an earlier read of the session.
func wentBack(ops []tiny, before [][]bool, own bool) int {
	n := 0
	for r, op := range ops {
		if op.write {
			continue
		}
		bad := false
		for i := range r {
			if ops[i].session != op.session || ops[i].key != op.key || ops[i].write != own || ops[i].v == 0 {
				continue
			}
			bad = bad || op.v == 0 || before[writer(ops, op)][writer(ops, ops[i])]
		}
		if bad {
			n++
		}
	}
	return n
}

func writer(ops []tiny, op tiny) int {
	for i, w := range ops {
		if w.write && w.key == op.key && w.v == op.v {
			return i
		}
	}
	return -1
}

func build(ops []tiny) *history.History {
	b := history.NewBuilder(history.Header{Nodes: []string{"n1", "n2", "n3"}})
	for i, o := range ops {
		f, v := history.Read, history.Value{}
		if o.write {
			f = history.Write
		}
		if o.v != 0 {
			v = history.Int(int64(o.v))
		}
		step := []history.Step{{F: f, Key: keyName(o.key)}}
		asked := []history.Step{{F: f, Key: keyName(o.key), Value: v}}
		if !o.write {
			asked = step
		}
		done := []history.Step{{F: f, Key: keyName(o.key), Value: v}}
		t := time.Duration(i) * time.Millisecond
		if err := b.Invoke(2*i+1, t, o.session, "n1", asked, false); err != nil {
			panic(err)
		}
		if err := b.Complete(2*i+2, t, o.session, history.OK, done, history.Meta{}); err != nil {
			panic(err)
		}
	}
	return b.History()
}

// agree compares the checkers with the reference on one history.
func agree(t testing.TB, ops []tiny) {
	ix := newIndex(build(ops))
	ctx := withIndex(context.Background(), ix)
	want := causallyConsistent(ops)
	got := checkCC(ctx, ix)
	if (got.Violations == 0) != want {
		t.Fatalf("%v: cc is %v by definition, the checker says %s %+v", ops, want, got.Verdict, got.Findings)
	}
	agreeCCv(t, ops, ix)
	agreeCM(t, ops, ix)
	before, ok := causalOrder(ops)
	if !ok {
		return
	}
	for _, p := range []struct {
		name string
		own  bool
	}{{"read-your-writes", true}, {"monotonic-reads", false}} {
		if got, want := checkSessions(ctx, ix, p.name), wentBack(ops, before, p.own); got.Violations != want {
			t.Fatalf("%v: %s is violated %d times by definition, the checker says %d", ops, p.name, want, got.Violations)
		}
	}
	agreeWriteOrder(ctx, t, ops, before, ix)
}

// TestSmallHistoriesAgreeWithTheDefinition goes through every history of up to
// three sessions, two keys and five operations (six without -short).
func TestSmallHistoriesAgreeWithTheDefinition(t *testing.T) {
	most := 5
	if !testing.Short() && !raceEnabled {
		most = 6
	}
	histories := 0
	for n := 1; n <= most; n++ {
		for _, sizes := range sessionSizes(n, 3, n) {
			ops := make([]tiny, 0, n)
			for s, size := range sizes {
				for range size {
					ops = append(ops, tiny{session: s})
				}
			}
			everyHistory(ops, 0, func() {
				histories++
				agree(t, ops)
			})
		}
	}
	t.Logf("%d histories", histories)
}

// sessionSizes are the ways to give n operations to at most k sessions, the
// longest first.
func sessionSizes(n, k, longest int) [][]int {
	if n == 0 {
		return [][]int{nil}
	}
	if k == 0 {
		return nil
	}
	var all [][]int
	for first := min(n, longest); first > 0; first-- {
		for _, rest := range sessionSizes(n-first, k-1, first) {
			all = append(all, append([]int{first}, rest...))
		}
	}
	return all
}

// everyHistory fills in what operation i and those after it do, in every way
// that does not only rename keys: the first operation is on key 0.
func everyHistory(ops []tiny, i int, visit func()) {
	if i == len(ops) {
		everyRead(ops, 0, visit)
		return
	}
	for key := range min(i+1, 2) {
		ops[i].key = key
		ops[i].write, ops[i].v = true, i+1
		everyHistory(ops, i+1, visit)
		ops[i].write, ops[i].v = false, 0
		everyHistory(ops, i+1, visit)
	}
}

// everyRead lets every read return nothing or any write of its key.
func everyRead(ops []tiny, i int, visit func()) {
	for i < len(ops) && ops[i].write {
		i++
	}
	if i == len(ops) {
		visit()
		return
	}
	ops[i].v = 0
	everyRead(ops, i+1, visit)
	for _, w := range ops {
		if w.write && w.key == ops[i].key {
			ops[i].v = w.v
			everyRead(ops, i+1, visit)
		}
	}
	ops[i].v = 0
}

// TestRandomHistoriesAgreeWithTheDefinition goes beyond what can be enumerated:
// more sessions and operations, mostly nearly consistent.
func TestRandomHistoriesAgreeWithTheDefinition(t *testing.T) {
	runs := 3000
	if raceEnabled {
		runs = 300
	}
	for seed := range runs {
		r := rand.New(rand.NewPCG(uint64(seed), 2))
		ops := make([]tiny, 7+r.IntN(6))
		for i := range ops {
			ops[i] = tiny{session: r.IntN(4), key: r.IntN(3), write: r.IntN(5) < 2}
			if ops[i].write {
				ops[i].v = i + 1
				continue
			}
			for j := range i {
				if w := ops[j]; w.write && w.key == ops[i].key && r.IntN(3) > 0 {
					ops[i].v = w.v
				}
			}
		}
		if r.IntN(10) == 0 { // a read from the future
			i, j := r.IntN(len(ops)), r.IntN(len(ops))
			if !ops[i].write && ops[j].write {
				ops[i].key, ops[i].v = ops[j].key, ops[j].v
			}
		}
		agree(t, ops)
	}
}
