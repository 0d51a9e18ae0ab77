package checker

import (
	"context"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/mlcheck/mlcheck/checker/naive"
	"github.com/mlcheck/mlcheck/history"
)

// The reference below goes by operations as a history shows them, with several
// steps, outcomes, deletes, moves and tokens. It shares no code with the checker.

// byHand is causal order on a matrix of operations.
type byHand struct {
	ops    []history.Op
	before [][]bool
	parent []int  // the operation that each is promised to follow in its session, or -1
	placed []bool // acknowledged, or some read returned what it wrote
}

func handOf(h *history.History) *byHand {
	n := &byHand{}
	for k := range h.Len() {
		n.ops = append(n.ops, h.Op(k))
	}
	n.before, n.parent, n.placed = make([][]bool, len(n.ops)), make([]int, len(n.ops)), make([]bool, len(n.ops))
	for i := range n.ops {
		n.before[i] = make([]bool, len(n.ops))
	}
	for i, op := range n.ops {
		n.placed[i] = op.Outcome == history.OK && !op.Final
		n.parent[i] = -1
		for j, prev := range n.ops[:i] {
			if prev.Session == op.Session && prev.Outcome == history.OK && !op.Final && (prev.Node == op.Node || op.Meta.Token != "") {
				n.parent[i] = j
			}
		}
		// Acknowledged operations at one node follow each other even where a token
		// says that another one, elsewhere, was last.
		for j, prev := range n.ops[:i] {
			if prev.Session == op.Session && prev.Outcome == history.OK && !op.Final && (prev.Node == op.Node || j == n.parent[i]) {
				n.before[j][i] = true
			}
		}
	}
	for i, op := range n.ops {
		for s, st := range op.Steps {
			if w := n.source(i, s); w >= 0 && w != i {
				n.placed[w] = n.placed[w] || st.F == history.Read
				n.before[w][i] = n.before[w][i] || !op.Final
			}
		}
	}
	for k := range n.ops {
		for i := range n.ops {
			for j := range n.ops {
				n.before[i][j] = n.before[i][j] || n.placed[k] && n.before[i][k] && n.before[k][j]
			}
		}
	}
	return n
}

// source is the operation that wrote what step s of operation i returned, or -1.
func (n *byHand) source(i, s int) int {
	st := n.ops[i].Steps[s]
	if st.F != history.Read || n.ops[i].Outcome == history.Fail || st.Value.N == 0 {
		return -1
	}
	return slices.IndexFunc(n.ops, func(op history.Op) bool {
		return slices.ContainsFunc(op.Steps, func(w history.Step) bool {
			return w.F == history.Write && w.Key == st.Key && w.Value.N == st.Value.N
		})
	})
}

func (n *byHand) writes(i int, key string) bool {
	return n.placed[i] && slices.ContainsFunc(n.ops[i].Steps, func(st history.Step) bool { return st.F != history.Read && st.Key == key })
}

// asks says whether step s of operation i asks for a certain write to be the last
// of its key, or for none (w < 0). A read that cc rules out asks nothing.
func (n *byHand) asks(i, s int) (w int, ok bool) {
	op, st := n.ops[i], n.ops[i].Steps[s]
	own := func(other history.Step) bool { return other.Key == st.Key && other.F != history.Read }
	if st.F != history.Read || op.Outcome != history.OK || slices.ContainsFunc(op.Steps[:s], own) {
		return 0, false
	}
	w = n.source(i, s)
	for _, other := range op.Steps[:s] { // another value that the same transaction had read
		if other.F == history.Read && other.Key == st.Key && other.Value.N != st.Value.N {
			return 0, false
		}
	}
	if w < 0 && slices.ContainsFunc(n.ops, func(d history.Op) bool {
		return d.Outcome != history.Fail && slices.ContainsFunc(d.Steps, func(x history.Step) bool { return x.F == history.Delete && x.Key == st.Key })
	}) {
		return 0, false
	}
	if w >= 0 && n.torn(i, s, w) {
		return 0, false
	}
	for v := range n.ops {
		if n.writes(v, st.Key) && v != i && n.before[v][i] && (w < 0 || n.before[w][v]) {
			return 0, false
		}
	}
	return w, w != i
}

// torn says whether a transaction must not be seen as step s of i shows it: it was
// refused, or had replaced the value before it ended.
func (n *byHand) torn(i, s, w int) bool {
	last, st := int64(-1), n.ops[i].Steps[s]
	for _, x := range n.ops[w].Steps {
		if x.Key == st.Key && x.F != history.Read {
			last = x.Value.N
		}
	}
	return w != i && (n.ops[w].Outcome == history.Fail || last != st.Value.N)
}

// broken counts the sessions, each until one of its last operations, whose hb
// contradicts itself.
func (n *byHand) broken() int {
	count := 0
	for o := range n.ops {
		if n.ops[o].Final || n.ops[o].Outcome != history.OK {
			continue
		}
		isLast := true
		for j, op := range n.ops {
			isLast = isLast && (n.parent[j] != o || op.Outcome != history.OK)
		}
		if isLast && n.contradicts(o) {
			count++
		}
	}
	return count
}

func (n *byHand) contradicts(o int) bool {
	known := func(i int) bool { return i == o || n.placed[i] && n.before[i][o] }
	hb := make([][]bool, len(n.ops))
	for i := range hb {
		hb[i] = make([]bool, len(n.ops))
		for j := range hb[i] {
			hb[i][j] = known(i) && known(j) && n.before[i][j]
		}
	}
	for changed := true; changed; {
		changed = false
		for r := o; r >= 0; r = n.parent[r] {
			for s, st := range n.ops[r].Steps {
				w, ok := n.asks(r, s)
				for v := range n.ops {
					if !ok || v == w || v == r || !n.writes(v, st.Key) || !hb[v][r] {
						continue
					}
					if w < 0 {
						return true
					}
					if !hb[v][w] {
						hb[v][w], changed = true, true
					}
				}
			}
		}
		for k := range hb {
			for i := range hb {
				for j := range hb {
					hb[i][j] = hb[i][j] || hb[i][k] && hb[k][j]
				}
			}
		}
	}
	for i := range hb {
		if hb[i][i] {
			return true
		}
	}
	return false
}

// rich is a random history of operations of any kind, mostly nearly causal.
func rich(seed uint64, hd history.Header) *history.History {
	r := rand.New(rand.NewPCG(seed, 8))
	nodes := []string{"n1", "n2", "n3"}[:1+r.IntN(3)]
	sessions, keys, steps := 2+r.IntN(3), 1+r.IntN(3), 1+r.IntN(3)
	tokens, moves, doubts, deletes := r.IntN(2)*r.IntN(101), r.IntN(2)*40, r.IntN(2)*20, r.IntN(4)/3*10
	hd.Nodes = nodes
	b := history.NewBuilder(hd)
	written := map[string][]int64{}
	at, value := map[int]string{}, int64(0)
	for i := range 6 + r.IntN(20) {
		s := r.IntN(sessions)
		if at[s] == "" || r.IntN(100) < moves {
			at[s] = nodes[r.IntN(len(nodes))]
		}
		var asked, done []history.Step
		for range 1 + r.IntN(steps) {
			st := history.Step{F: history.Read, Key: keyName(r.IntN(keys))}
			switch {
			case r.IntN(5) < 2:
				value++
				st.F, st.Value = history.Write, history.Int(value)
				asked = append(asked, st)
			case r.IntN(100) < deletes:
				st.F = history.Delete
				asked = append(asked, st)
			default:
				asked = append(asked, st)
				if vs := written[st.Key]; len(vs) > 0 && r.IntN(8) > 0 {
					st.Value = history.Int(vs[len(vs)-1-min(r.IntN(4), r.IntN(len(vs)))%len(vs)])
				}
			}
			done = append(done, st)
		}
		final := r.IntN(30) == 0
		if final {
			asked, done = []history.Step{{F: history.Read, Key: keyName(0)}}, []history.Step{{F: history.Read, Key: keyName(0)}}
		}
		for _, st := range done {
			if st.F == history.Write {
				written[st.Key] = append(written[st.Key], st.Value.N)
			}
		}
		outcome, meta := history.OK, history.Meta{}
		if r.IntN(100) < doubts {
			outcome = []history.Outcome{history.Info, history.Info, history.Fail}[r.IntN(3)]
		}
		if r.IntN(100) < tokens {
			meta.Token = "t"
		}
		session := s
		if final {
			session, outcome, meta = 100+i, history.OK, history.Meta{}
		}
		if err := b.Invoke(2*i+1, time.Duration(i), session, at[s], asked, final); err != nil {
			panic(err)
		}
		if err := b.Complete(2*i+2, time.Duration(i), session, outcome, done, meta); err != nil {
			panic(err)
		}
	}
	return b.History()
}

// proved fails the test if a finding does not say how it follows.
func proved(t *testing.T, fs []Finding) {
	t.Helper()
	for _, f := range fs {
		if !slices.ContainsFunc(f.Edges, func(e Edge) bool { return e.Kind == "hb" || e.Kind == "wr" }) {
			t.Fatalf("a finding without its proof: %+v", f)
		}
	}
}

func TestTransactionsMovesAndDoubtsAgreeWithTheDefinition(t *testing.T) {
	runs, wrong, moved := manyRuns(6000), 0, 0
	for seed := range uint64(runs) {
		h := rich(seed, history.Header{Granularity: "transaction"})
		ix := newIndex(h)
		got := checkCM(withIndex(context.Background(), ix), ix)
		if len(ix.co().cycles) > 0 {
			continue
		}
		want := handOf(h).broken()
		if got.Counts["sessions without an order"] != want {
			for k := range h.Len() {
				t.Logf("%+v", h.Op(k))
			}
			t.Fatalf("seed %d: %d sessions have no order by definition, the checker says %d: %+v", seed, want, got.Counts["sessions without an order"], got.Findings)
		}
		proved(t, evidenceOfEachKind(ix))
		if want > 0 {
			wrong++
			if len(ix.co().carry) > 0 {
				moved++
			}
		}
	}
	t.Logf("%d histories, %d in which a session has no order, %d of them with tokens", runs, wrong, moved)
	if wrong < runs/30 || moved < runs/100 {
		t.Errorf("of %d histories %d have a session without an order, %d of them with tokens", runs, wrong, moved)
	}
}

// Two ways to the same answer: orders built from their end, and hb saturated round
// by round until nothing follows.
func TestOrdersExistWhereSaturationFindsNoContradiction(t *testing.T) {
	runs, wrong := manyRuns(6000), map[string]int{}
	for seed := range uint64(runs) {
		for name, hd := range map[string]history.Header{
			"steps":        {},
			"transactions": {Granularity: "transaction"},
			"clients":      {SessionScope: "client"},
			"lines":        {NodeOrder: true, Granularity: "transaction"},
		} {
			ix := newIndex(rich(seed, hd))
			m := memoryOf(ix)
			if m.choices == 0 {
				continue
			}
			for _, view := range m.viewsThatChose() {
				broken := newPlacement(m).broken(context.Background(), view)
				ev := m.inRounds(view, 1<<30)
				if broken != (ev != nil) {
					t.Fatalf("%s, seed %d: there is no order: %v; there is a contradiction: %v", name, seed, broken, ev != nil)
				}
				if broken {
					wrong[name]++
					proved(t, []Finding{m.tell(view, ev)})
				}
			}
			proved(t, evidenceOfEachKind(ix))
		}
	}
	t.Log(wrong)
	for _, name := range []string{"steps", "transactions", "clients", "lines"} {
		if wrong[name] < runs/100 {
			t.Errorf("%s: only %d of %d histories have a session without an order", name, wrong[name], runs)
		}
	}
}

// Every causal edge that a finding rests on can be told, step by step.
func TestWhateverIsBeforeIsReachedByDirectEdges(t *testing.T) {
	for seed := range uint64(300) {
		for _, hd := range []history.Header{{}, {Granularity: "transaction"}, {SessionScope: "client"}, {NodeOrder: true}} {
			ix := newIndex(rich(seed, hd))
			o := ix.co()
			for a := range int32(ix.n) {
				for b := range int32(ix.n) {
					if o.before(a, b) && len(o.path(a, b)) == 0 {
						t.Fatalf("seed %d: there is no path from event %d to %d", seed, a, b)
					}
				}
			}
		}
	}
}

// Two deciders that share no code agree on histories of every kind, and each finding
// is confirmed and found again in its own history.
func TestCausalMemoryAgreesWithTheNaiveChecker(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		hd := history.Header{
			SessionScope: rapid.SampledFrom([]string{"", "client"}).Draw(t, "scope"),
			Granularity:  rapid.SampledFrom([]string{"", "transaction"}).Draw(t, "granularity"),
			NodeOrder:    rapid.IntRange(0, 3).Draw(t, "lines") == 0,
		}
		h := rich(rapid.Uint64().Draw(t, "seed"), hd)
		if len(newIndex(h).co().cycles) > 0 {
			return // what is wrong besides depends on where the cycle is cut
		}
		res := Check(context.Background(), h, Options{Only: []string{"cm"}})
		if res.Exit == ExitInternal {
			tell(t, h)
			t.Fatal(res.Why)
		}
		c, _ := naive.For("cm")
		vs := c.Find(h)
		if d := res.Properties["cm"]; (d.Violations > 0) != (len(vs) > 0) {
			tell(t, h)
			t.Fatal(d.Violations, d.Findings, vs)
		}
		for _, f := range res.Properties["cm"].Findings {
			again := Check(context.Background(), Witness(h, "cm", f), Options{})
			if !f.Confirmed || f.File == "" || !slices.ContainsFunc(again.Properties["cm"].Findings, func(g Finding) bool { return g.Label == f.Label && meet(g.Ops, f.Ops) }) {
				tell(t, h)
				t.Fatalf("%s %v beside %v: confirmed %v, file %q: %s", f.Label, f.Ops, f.Beside, f.Confirmed, f.File, again.Why)
			}
		}
	})
}
