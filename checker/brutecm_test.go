package checker

import (
	"context"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"testing"
)

// The two references below share no code with the checker, nor with each other:
// the patterns of causal memory on matrices, and the orders that it speaks of.

// broken says by the patterns, on a matrix, for which sessions hb contradicts
// itself. Reads that break cc are left aside: they are counted there.
func broken(ops []tiny, before [][]bool) map[int]bool {
	last := map[int]int{}
	for i, op := range ops {
		last[op.session] = i
	}
	found := map[int]bool{}
	for s, o := range last {
		found[s] = selfContradicting(ops, before, o)
	}
	return found
}

// selfContradicting is whether hb of operation o has a circle, or a write before a read
// of the initial state.
func selfContradicting(ops []tiny, before [][]bool, o int) bool {
	n := len(ops)
	known := func(i int) bool { return i == o || before[i][o] }
	hb := make([][]bool, n)
	for i := range hb {
		hb[i] = make([]bool, n)
		for j := range hb[i] {
			hb[i][j] = known(i) && known(j) && before[i][j]
		}
	}
	for changed := true; changed; {
		changed = false
		for r, op := range ops {
			if op.write || op.session != ops[o].session || !known(r) || wrongByCC(ops, before, r) {
				continue
			}
			w2 := writer(ops, op)
			for w1, first := range ops {
				if !first.write || first.key != op.key || w1 == w2 || !hb[w1][r] {
					continue
				}
				if w2 < 0 {
					return true
				}
				if !hb[w1][w2] {
					hb[w1][w2], changed = true, true
				}
			}
		}
		for k := range n {
			for i := range n {
				for j := range n {
					hb[i][j] = hb[i][j] || hb[i][k] && hb[k][j]
				}
			}
		}
	}
	for i := range n {
		if hb[i][i] {
			return true
		}
	}
	return false
}

// wrongByCC is whether read r returned a value that its causal past rules out.
func wrongByCC(ops []tiny, before [][]bool, r int) bool {
	w := writer(ops, ops[r])
	for u, by := range ops {
		if by.write && by.key == ops[r].key && before[u][r] && (w < 0 || before[w][u]) {
			return true
		}
	}
	return false
}

// causalMemory is the definition of CM: for every operation there is an order of
// all that is causally before it, and of itself, that extends causal order and
// explains what was read by its session until then.
func causalMemory(ops []tiny) bool {
	before, ok := causalOrder(ops)
	if !ok {
		return false
	}
	for o := range ops {
		s := &seeker{ops: ops, before: before, o: o, dead: map[position]bool{}}
		if !s.orders(position{last: [3]int8{-1, -1, -1}}) {
			return false
		}
	}
	return true
}

// seeker tries every order of what is before operation o.
type seeker struct {
	ops    []tiny
	before [][]bool
	o      int
	dead   map[position]bool
}

// position is what an order has come to: what it holds, and the last write of each key.
type position struct {
	placed uint64
	last   [3]int8
}

func (s *seeker) orders(at position) bool {
	if at.placed>>s.o&1 != 0 {
		return true // everything known is before o, so it comes last
	}
	if s.dead[at] {
		return false
	}
next:
	for i, op := range s.ops {
		if at.placed>>i&1 != 0 || i != s.o && !s.before[i][s.o] {
			continue
		}
		for j := range s.ops {
			if s.before[j][i] && at.placed>>j&1 == 0 {
				continue next
			}
		}
		then := at
		then.placed |= 1 << i
		if op.write {
			then.last[op.key] = int8(i)
		} else if op.session == s.ops[s.o].session && int(at.last[op.key]) != writer(s.ops, op) {
			continue
		}
		if s.orders(then) {
			return true
		}
	}
	s.dead[at] = true
	return false
}

// agreeCM compares the checker of cm with both definitions on one history.
func agreeCM(t testing.TB, ops []tiny, ix *index) Result {
	got := checkCM(withIndex(context.Background(), ix), ix)
	if want := causalMemory(ops); (got.Violations == 0) != want {
		t.Fatalf("%v: cm is %v by definition, the checker says %s %+v", ops, want, got.Verdict, got.Findings)
	}
	agreeCMPatterns(t, ops, ix, got)
	return got
}

// agreeCMPatterns compares counts and findings with the patterns on matrices.
func agreeCMPatterns(t testing.TB, ops []tiny, ix *index, got Result) {
	if before, ok := causalOrder(ops); ok {
		want := 0
		for _, b := range broken(ops, before) {
			if b {
				want++
			}
		}
		causes := checkCC(withIndex(context.Background(), ix), ix).Violations
		if got.Violations != causes+want || got.Counts["sessions without an order"] != want {
			t.Fatalf("%v: cm is violated by %d sessions and %d times by cc, the checker says %d: %+v", ops, want, causes, got.Violations, got.Counts)
		}
	}
	for _, f := range append(got.Findings, evidenceOfEachKind(ix)...) {
		shown := opsOfFinding(ops, f)
		if before, ok := causalOrder(shown); ok && !anyBroken(shown, before) {
			t.Fatalf("%v: the operations %v of a finding are not wrong by themselves: %s", ops, shown, f.Story)
		}
	}
}

func memoryOf(ix *index) *memory {
	o := ix.co()
	j, err := o.judge(context.Background())
	if err != nil {
		panic(err)
	}
	m, err := newMemory(context.Background(), o, j.causes.bad)
	if err != nil {
		panic(err)
	}
	return m
}

// evidenceOfEachKind tells of every broken view by rounds, where these suffice, and
// by the placement that got stuck.
func evidenceOfEachKind(ix *index) []Finding {
	m := memoryOf(ix)
	broken, _, err := m.brokenViews(context.Background())
	if err != nil {
		panic(err)
	}
	var fs []Finding
	for _, c := range broken {
		fs = append(fs, m.tell(c, newPlacement(m).stuck(context.Background(), c)))
		if ev := m.inRounds(c, mostRounds); ev != nil {
			fs = append(fs, m.tell(c, ev))
		}
	}
	return fs
}

func anyBroken(ops []tiny, before [][]bool) bool {
	for _, b := range broken(ops, before) {
		if b {
			return true
		}
	}
	for r, op := range ops {
		if !op.write && wrongByCC(ops, before, r) {
			return true
		}
	}
	return false
}

// quarrels are histories in which sessions know of many concurrent writes and
// read them in orders that often contradict each other, and often just do not.
func quarrels(seed uint64, most int) []tiny {
	r := rand.New(rand.NewPCG(seed, 6))
	n := 5 + r.IntN(most-4)
	sessions, keys := 2+r.IntN(4), 1+r.IntN(3)
	sane := r.IntN(4)
	ops := make([]tiny, n)
	for i := range ops {
		ops[i] = tiny{session: r.IntN(sessions), key: r.IntN(keys), write: i < 2 || r.IntN(5) < 2}
		if ops[i].write {
			ops[i].v = i + 1
			continue
		}
		for j := range i {
			if w := ops[j]; w.write && w.key == ops[i].key && (ops[i].v == 0 && r.IntN(6) > 0 || r.IntN(2+sane) == 0) {
				ops[i].v = w.v
			}
		}
	}
	return ops
}

// memories are what a store shows that keeps cm: each session applies the writes of
// all in an order of its own that extends causal order, and reads what it applied
// last. A few reads then return another write that the session had applied, or that
// has the greatest number of them, so that a contradiction, if there is one, is
// seldom plain to see.
func memories(seed uint64, most int) []tiny {
	r := rand.New(rand.NewPCG(seed, 7))
	sessions, keys, n := 2+r.IntN(4), 1+r.IntN(3), 6+r.IntN(most-5)
	wrong := r.IntN(4)
	greatest := r.IntN(2) == 0
	applied := make([][]int, sessions) // writes, in the order in which each session applied them
	has := func(s, w int) bool { return slices.Contains(applied[s], w) }
	needs := map[int][]int{} // write → what its session had applied before
	var ops []tiny
	for i := range n {
		s := r.IntN(sessions)
		for w := range i {
			if _, written := needs[w]; !written {
				continue
			}
			if r.IntN(3) == 0 && !has(s, w) && !slices.ContainsFunc(needs[w], func(d int) bool { return !has(s, d) }) {
				applied[s] = append(applied[s], w)
			}
		}
		op := tiny{session: s, key: r.IntN(keys), write: r.IntN(5) < 2}
		if op.write {
			op.v = i + 1
			needs[i] = slices.Clone(applied[s])
			applied[s] = append(applied[s], i)
			ops = append(ops, op)
			continue
		}
		other := r.IntN(12) < wrong
		for _, w := range applied[s] {
			if ops[w].key == op.key && (op.v == 0 || !other || (greatest && w >= op.v || !greatest && r.IntN(2) == 0)) {
				op.v = w + 1
			}
		}
		ops = append(ops, op)
	}
	return ops
}

// manyRuns is how many random histories a test tries: MLCHECK_RUNS for a longer
// run, else some.
func manyRuns(some int) int {
	if n, err := strconv.Atoi(os.Getenv("MLCHECK_RUNS")); err == nil {
		return n
	}
	if raceEnabled {
		return some / 10
	}
	return some
}

func TestRandomViewsAgreeWithTheDefinition(t *testing.T) {
	runs, wrong, beyond := manyRuns(4000), 0, 0
	for seed := range uint64(runs) {
		ops := quarrels(seed, 14)
		if seed%2 == 0 {
			ops = memories(seed, 14)
		}
		ix := newIndex(build(ops))
		got := agreeCM(t, ops, ix)
		if got.Violations > 0 {
			wrong++
		}
		if got.Counts["sessions without an order"] > 0 {
			beyond++
		}
	}
	t.Logf("%d histories, %d violate cm, %d by a pattern of its own", runs, wrong, beyond)
	if beyond < runs/50 || wrong > runs/2 {
		t.Errorf("of %d histories %d violate cm, %d by a pattern of its own", runs, wrong, beyond)
	}
}

func TestLongerViewsAgreeWithThePatterns(t *testing.T) {
	runs, beyond := manyRuns(300), 0
	for seed := range uint64(runs) {
		ops := quarrels(seed, 60)
		if seed%4 > 0 {
			ops = memories(seed, 60)
		}
		ix := newIndex(build(ops))
		got := checkCM(withIndex(context.Background(), ix), ix)
		agreeCMPatterns(t, ops, ix, got)
		if got.Counts["sessions without an order"] > 0 {
			beyond++
		}
	}
	t.Logf("%d histories, %d violate cm by a pattern of its own", runs, beyond)
}
