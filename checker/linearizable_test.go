package checker

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/mlcheck/mlcheck/checker/linear"
	"github.com/mlcheck/mlcheck/history"
)

// searched decides linearizable with a search at hand.
func searched(t testing.TB, h *history.History) Result {
	t.Helper()
	if why := linearApplies(h); why != "" {
		return Result{Verdict: NotDecided, Reason: why}
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	return checkLinearizable(withSearch(ctx, inProcess), newIndex(h))
}

// Each way to break it, and what nearly does.
func TestLinearizable(t *testing.T) {
	transaction := history.Header{Granularity: "transaction"}
	repeat := history.Header{Values: history.ValuesRepeat}
	for _, tc := range []struct {
		name, want, text string
		hd               history.Header
	}{
		{name: "a read of what was replaced", want: "violated 1 stale read", text: "s1@n1 w x 1\ns1@n1 w x 2\ns2@n2 r x 1\n"},
		{name: "that was asked for before", want: "holds", text: "s1@n1 w x 1\n( s2@n2 r x 1\ns1@n1 w x 2\n) s2\n"},
		{name: "nothing after a write", want: "violated 1 stale read", text: "s1@n1 w x 1\ns2@n2 r x -\n"},
		{name: "nothing beside a write", want: "holds", text: "( s1@n1 w x 1\ns2@n2 r x -\n) s1\ns2@n2 r x 1\n"},
		{name: "each write is read by one, in turn", want: "violated 1 new-old inversion", text: "( s1@n1 w x 1\n( s2@n2 w x 2\ns3@n3 r x 1\ns4@n3 r x 2\ns3@n3 r x 1\n) s1\n) s2\n"},
		{name: "each write is read by one", want: "holds", text: "( s1@n1 w x 1\n( s2@n2 w x 2\ns3@n3 r x 1\ns4@n3 r x 2\n) s1\n) s2\n"},
		{name: "new, then nothing", want: "violated 1 new-old inversion", text: "( s1@n1 w x 1\ns2@n2 r x 1\ns3@n3 r x -\n) s1\n"},
		{name: "a read before its write", want: "violated 1 read before its write", text: "s2@n2 r x 1\ns1@n1 w x 1\n"},
		{name: "a read beside its write", want: "holds", text: "( s2@n2 r x 1\n( s1@n1 w x 1\n) s2\n) s1\n"},
		{name: "a value that nobody wrote", want: "violated 1 thin air", text: "s1@n1 w x 1\ns2@n2 r x 7\n"},
		{name: "a refused write is read", want: "violated 1 phantom", text: "s1@n1 w x 1 fail\ns2@n2 r x 1\n"},
		{name: "a refused write is not read", want: "unknown", text: "s1@n1 w x 1 fail\ns2@n2 r x -\n"},
		{name: "a write that may have happened takes its time", want: "holds", text: "( s1@n1 w x 1 info\ns2@n2 w x 2\n) s1\ns2@n2 r x 2\ns2@n2 r x 1\n"},
		{name: "but happens once", want: "violated 1 stale read", text: "s1@n1 w x 1 info\ns2@n2 r x 1\ns2@n2 w x 2\ns2@n2 r x 2\ns2@n2 r x 1\n"},
		{name: "one key is not the other", want: "unknown", text: "s1@n1 w x 1\ns1@n1 w y 2\ns2@n2 r x 1\ns2@n2 r y 2\n"},
		{name: "store buffering is fine where reads overlap with writes", want: "holds", text: "( s1@n1 w x 1\n( s2@n2 w y 2\n( s3@n1 r y -\n( s4@n2 r x -\n) s1\n) s2\n) s3\n) s4\n"},
		{name: "the final read comes too late", want: "violated 1 stale read", text: "s1@n1 w x 1\ns1@n1 w x 2\nend quiet\nfinal n1 r x 1\n"},

		{name: "a delete explains nothing", want: "holds", text: "( s3@n3 w x 9\n) s3\n( s1@n1 w x 1\n( s2@n2 d x\n) s1\n) s2\ns3@n3 r x -\n"},
		{name: "a delete that was over before", want: "violated 1 nothing without a delete", text: "( s2@n2 d x\n) s2\ns1@n1 w x 1\ns3@n3 r x -\n"},
		{name: "one delete for two reads of nothing", want: "violated 1 nothing without a delete", text: "s1@n1 w x 1\n( s2@n2 d x\ns3@n3 r x -\ns1@n1 w x 2\ns3@n3 r x -\n) s2\n"},
		{name: "two deletes for two", want: "holds", text: "s1@n1 w x 1\n( s2@n2 d x\n( s4@n2 d x info\ns3@n3 r x -\ns1@n1 w x 2\ns3@n3 r x -\n) s2\n) s4\n"},
		{name: "a delete within the time of a value", want: "violated 1 stale read", text: "s1@n1 w x 1\ns2@n2 d x\ns3@n3 r x 1\n"},

		{name: "two updates of one version", want: "violated 1 lost update", hd: transaction, text: "( s1@n1 r x -, w x 1\n( s2@n2 r x -, w x 2\n) s1\n) s2\n"},
		{name: "one after the other", want: "holds", hd: transaction, text: "( s1@n1 r x -, w x 1\n( s2@n2 r x 1, w x 2\n) s1\n) s2\n"},
		{name: "without a promise that they are one instant", want: "holds", text: "( s1@n1 r x -, w x 1\n( s2@n2 r x -, w x 2\n) s1\n) s2\n"},
		{name: "something between an update and its version", want: "violated 1 new-old inversion", hd: transaction, text: "s1@n1 w x 1\n( s2@n2 r x 1, w x 3\n( s1@n1 w x 2\ns4@n3 r x 2\n( s3@n3 r x 1\n) s1\n) s2\n) s3\n"},
		{name: "updates of each other", want: "violated 1 made from itself", hd: transaction, text: "( s1@n1 r x 2, w x 1\n( s2@n2 r x 1, w x 2\n) s1\n) s2\n"},

		{name: "a set", want: "holds", text: "( s1@n1 add s 1\ns2@n2 r s [1]\n) s1\n"},
		{name: "a set that forgets", want: "violated 1 no order", text: "( s1@n1 add s 1\ns2@n2 r s [1]\ns2@n2 r s []\n) s1\n"},
		{name: "a counter", want: "holds", text: "( s1@n1 inc c 2\n( s2@n2 inc c 3\ns3@n3 r c 3\n) s1\n) s2\n"},
		{name: "a counter that lost one", want: "violated 1 no order", text: "( s1@n1 inc c 2\n( s2@n2 inc c 3\n) s1\n) s2\ns3@n3 r c 3\n"},
		{name: "a list", want: "violated 1 no order", text: "( s1@n1 app l 1\n( s2@n2 app l 2\n) s1\n) s2\ns3@n3 r l [2 1]\ns3@n3 r l [1 2]\n"},
		{name: "half of a transaction", want: "violated 1 no order", hd: transaction, text: "( s1@n1 w x 1, w y 2\ns2@n2 r x 1, r y -\n) s1\n"},
		{name: "half of one, where keys stand alone", want: "holds", text: "( s1@n1 w x 1, w y 2\ns2@n2 r x 1, r y -\n) s1\n"},
		{name: "the whole of one", want: "holds", hd: transaction, text: "( s1@n1 w x 1, w y 2\ns2@n2 r x 1, r y 2\n) s1\n"},
		{name: "deletes and updates", want: "holds", hd: transaction, text: "( s1@n1 r x -, w x 1\n( s2@n2 d x\n) s1\n) s2\ns1@n1 r x -, w x 3\n"},
		{name: "deletes and updates, one delete too few", want: "violated 1 no order", hd: transaction, text: "s1@n1 r x -, w x 1\n( s2@n2 d x\ns1@n1 r x -, w x 3\ns1@n1 r x -, w x 4\n) s2\n"},

		{name: "a value that is written twice", want: "holds", hd: repeat, text: "( s1@n1 w x 1\n( s2@n2 w x 2\n) s1\n) s2\ns1@n1 w x 1\ns3@n3 r x 1\n"},
		{name: "one that was written twice, then replaced", want: "violated 1 no order", hd: repeat, text: "( s1@n1 w x 1\n( s2@n2 w x 1\n) s1\n) s2\ns1@n1 w x 2\ns3@n3 r x 1\n"},
		{name: "siblings are no register", want: "unknown", text: "( s1@n1 w x 1\n( s2@n2 w x 2\n) s1\n) s2\ns3@n3 r x [1 2]\n"},
		{name: "max does not let the later write win", want: "not decided", hd: history.Header{Policy: "max"}, text: "s1@n1 w x 1\n"},
		{name: "nothing is written", want: "not decided", text: "s1@n1 r x -\n"},
	} {
		t.Run(strings.ReplaceAll(tc.name, " ", "_"), func(t *testing.T) {
			r := searched(t, parse(t, tc.hd, tc.text))
			if diff := cmp.Diff(tc.want, verdict(r)); diff != "" {
				t.Errorf("(-want +got)\n%s%s\n%+v", diff, r.Reason, r.Findings)
			}
		})
	}
}

// A format without real time shows operations one after the other that may have
// overlapped.
func TestARecordWithoutRealTimeDecidesNothing(t *testing.T) {
	build := func(overlap bool, took time.Duration) *history.History {
		b := history.NewBuilder(history.Header{})
		w, r := []history.Step{{F: history.Write, Key: "x", Value: history.Int(1)}}, []history.Step{{F: history.Read, Key: "x"}}
		first, second := 2, 3
		if overlap {
			first, second = 3, 2
		}
		events := map[int]func() error{
			1:      func() error { return b.Invoke(1, 0, 1, "store", w, false) },
			first:  func() error { return b.Complete(first, took, 1, history.OK, nil, history.Meta{}) },
			second: func() error { return b.Invoke(second, took, 2, "store", r, false) },
			4:      func() error { return b.Complete(4, took, 2, history.OK, r, history.Meta{}) },
		}
		for i := 1; i <= 4; i++ {
			if err := events[i](); err != nil {
				t.Fatal(err)
			}
		}
		return b.History()
	}
	for _, tc := range []struct {
		overlap bool
		took    time.Duration
		want    Verdict
	}{{false, 0, NotDecided}, {false, time.Millisecond, Violated}, {true, 0, Holds}} {
		if r := searched(t, build(tc.overlap, tc.took)); r.Verdict != tc.want {
			t.Errorf("overlapping %v, times %v: %s: %s", tc.overlap, tc.took, r.Verdict, r.Reason)
		}
	}
}

func TestStalenessIsMeasured(t *testing.T) {
	for _, tc := range []struct {
		name, text    string
		delta, behind int
	}{
		// Lines are a millisecond apart and operations take one.
		{name: "by one version", delta: 3000, behind: 1, text: "s1@n1 w x 1\ns1@n1 w x 2\ns2@n2 r x 2\ns2@n2 r x 1\n"},
		{name: "by three versions", delta: 7000, behind: 3, text: "s1@n1 w x 1\ns1@n1 w x 2\ns1@n1 w x 3\ns1@n1 w x 4\ns2@n2 r y -\ns2@n2 r x 1\ns1@n1 w y 5\n"},
		{name: "nothing, three versions on", delta: 5000, behind: 3, text: "s1@n1 w x 1\ns1@n1 w x 2\ns1@n1 w x 3\ns2@n2 r x -\n"},
		{name: "an inversion has no version between", delta: 1000, behind: 0, text: "( s1@n1 w x 1\ns2@n2 r x 1\ns3@n3 r x -\n) s1\n"},
		{name: "no staleness explains the future", delta: 0, behind: 0, text: "s2@n2 r x 1\ns1@n1 w x 1\n"},
	} {
		t.Run(strings.ReplaceAll(tc.name, " ", "_"), func(t *testing.T) {
			r := searched(t, parse(t, history.Header{}, tc.text))
			if diff := cmp.Diff([]int{tc.delta, tc.behind}, []int{r.Counts[countDelta], r.Counts[countBehind]}); diff != "" {
				t.Errorf("Δ in µs and versions (-want +got)\n%s%+v", diff, r)
			}
		})
	}
}

// Δ is exact: with reads that much earlier there is an order, with a
// microsecond less there is none.
func TestDeltaIsTheLeastThatHelps(t *testing.T) {
	tried := 0
	for seed := range uint64(3000) {
		h := small(seed, smallOptions{})
		r := checkLinearizable(context.Background(), newIndex(h))
		d := time.Duration(r.Counts[countDelta]) * time.Microsecond
		if d == 0 || r.Counts["thin air"]+r.Counts["read before its write"] > 0 {
			continue
		}
		tried++
		if !oracle(earlier(h, d)) {
			t.Fatalf("seed %d: with reads %v earlier there is still no order", seed, d)
		}
		if oracle(earlier(h, d-time.Microsecond)) {
			t.Fatalf("seed %d: reads less than %v earlier have an order", seed, d)
		}
	}
	if tried < 100 {
		t.Errorf("only %d histories were stale", tried)
	}
}

// earlier is the history with every read begun that much earlier, by a session of
// its own. At one time reads begin first, and ends come before other starts.
func earlier(h *history.History, d time.Duration) *history.History {
	type event struct {
		at    time.Duration
		order int
		do    func(i int) error
	}
	b := history.NewBuilder(h.Header)
	var events []event
	for k := range h.Len() {
		op := h.Op(k)
		start, order := op.Start, 2
		asked := slices.Clone(op.Steps)
		if asked[0].F == history.Read {
			start, order = op.Start-d, 0
			asked[0].Value = history.Value{}
		}
		events = append(events, event{start, order, func(i int) error { return b.Invoke(i, start, k, op.Node, asked, false) }})
		if op.Return > 0 {
			events = append(events, event{op.End, 1, func(i int) error { return b.Complete(i, op.End, k, op.Outcome, op.Steps, op.Meta) }})
		}
	}
	slices.SortStableFunc(events, func(a, b event) int {
		if a.at != b.at {
			return int(a.at - b.at)
		}
		return a.order - b.order
	})
	for i, e := range events {
		if err := e.do(i + 1); err != nil {
			panic(err)
		}
	}
	return b.History()
}

// What the search is asked is what zones judge, and more: updates beside deletes.
func TestTheSearchAgreesWithZonesAndPorcupine(t *testing.T) {
	for seed := range uint64(3000) {
		opt := smallOptions{info: seed%2 == 0, deletes: seed%3 > 0, updates: seed%3 < 2, fail: seed%5 == 0}
		h := small(seed, opt)
		as := newIndex(h).accesses()
		p, _ := as.problem([]int32{0}, maxProblem)
		got := linear.Solve(context.Background(), p)
		if want := oracle(h); want != (got.Verdict == "yes") {
			t.Fatalf("seed %d: %+v, porcupine %v", seed, got, want)
		}
	}
}

// A beginning of a history that has an order has one too, whatever was in flight
// at its end; and what is missing is counted.
func TestAProblemWithoutRoomIsTheBeginningOfTheHistory(t *testing.T) {
	refuted := 0
	for seed := range uint64(2000) {
		h := small(seed, smallOptions{info: true, updates: true})
		as := newIndex(h).accesses()
		p, left := as.problem([]int32{0}, 5)
		got := linear.Solve(context.Background(), p).Verdict
		if oracle(h) && got == linear.No {
			t.Fatalf("seed %d: the history has an order, its first operations have none: %+v", seed, p)
		}
		if got == linear.No {
			refuted++
		}
		if h.Len() > 20 && left == 0 {
			t.Errorf("seed %d: nothing of %d operations is missing", seed, h.Len())
		}
	}
	if refuted < 20 {
		t.Errorf("%d were refuted by their beginning", refuted)
	}
}

// Renaming values is the same to everybody who does not look at their order.
func TestValuesDoNotMatter(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		opt := smallOptions{info: true, deletes: rapid.Bool().Draw(t, "deletes"), fail: true}
		opt.updates = !opt.deletes
		h := small(rapid.Uint64().Draw(t, "seed"), opt)
		name := map[int64]int64{0: 0}
		for i := range int64(2000) {
			name[i+1] = i*7%2003 + 1
		}
		a := checkLinearizable(context.Background(), newIndex(h))
		b := checkLinearizable(context.Background(), newIndex(revalued(h, name)))
		if diff := cmp.Diff([]any{a.Verdict, a.Chances, a.Violations, a.Counts}, []any{b.Verdict, b.Chances, b.Violations, b.Counts}); diff != "" {
			t.Fatalf("(-before +after)\n%s", diff)
		}
	})
}

// revalued is the history with other values.
func revalued(h *history.History, name map[int64]int64) *history.History {
	b := history.NewBuilder(h.Header)
	events := map[int]func() error{}
	last := 0
	for k := range h.Len() {
		op := h.Op(k)
		for i := range op.Steps {
			op.Steps[i].Value.N = name[op.Steps[i].Value.N]
		}
		asked := slices.Clone(op.Steps)
		if asked[0].F == history.Read {
			asked[0].Value = history.Value{}
		}
		events[op.Index] = func() error { return b.Invoke(op.Index, op.Start, op.Session, op.Node, asked, false) }
		if op.Return > 0 {
			events[op.Return] = func() error { return b.Complete(op.Return, op.End, op.Session, op.Outcome, op.Steps, op.Meta) }
		}
		last = max(last, op.Index, op.Return)
	}
	for i := 1; i <= last; i++ {
		if do, ok := events[i]; ok {
			if err := do(); err != nil {
				panic(err)
			}
		}
	}
	return b.History()
}

// A history of registers alone that is linearizable keeps every weaker promise;
// if a checker says otherwise, one of them is wrong.
func TestALinearizableHistoryBreaksNothingWeaker(t *testing.T) {
	held := 0
	for seed := range uint64(2000) {
		h := small(seed, smallOptions{info: true, deletes: seed%2 == 0, fail: true})
		res := Check(context.Background(), h, Options{})
		if res.Exit >= ExitInternal {
			t.Fatalf("seed %d: %s", seed, res.Why)
		}
		if res.Properties["linearizable"].Verdict == Holds {
			held++
		}
	}
	if held < 100 {
		t.Errorf("only %d of them were linearizable", held)
	}
	ix := newIndex(parse(t, history.Header{}, "s1@n1 w x 1\n"))
	res := &Results{Properties: map[string]*Decided{
		"linearizable":    {Result: Result{Verdict: Holds}},
		"monotonic-reads": {Result: Result{Verdict: Violated, Violations: 1}},
	}}
	if ix.linearContradiction(res) == nil {
		t.Error("a contradiction was not noticed")
	}
	if sets := newIndex(parse(t, history.Header{}, "s1@n1 add s 1\n")); sets.linearContradiction(res) != nil {
		t.Error("sets are no registers")
	}
}

func TestChancesAreOverlapsWithAWrite(t *testing.T) {
	h := parse(t, history.Header{}, "( s1@n1 w x 1\n( s2@n1 r x 1\n( s3@n1 r x 1\n( s4@n1 w y 2\n( s5@n1 w x 3 info\n) s2\n) s1\n) s3\n) s4\ns1@n1 r x 1\n) s5\ns1@n1 r x 3\n")
	// 1 with 2, 3 and 5; 2 and 3 with 5; the read of x=1 that follows with 5.
	if got := newIndex(h).accesses().chances(); got != 6 {
		t.Errorf("%d chances, want 6", got)
	}
}

// Whatever a history says, the search can be asked about it, what it finds can be
// told, and it agrees with zones wherever these say something.
func TestAnyHistoryCanBeSearched(t *testing.T) {
	labels := map[string]int{}
	rapid.Check(t, func(t *rapid.T) {
		hd := history.Header{Granularity: rapid.SampledFrom([]string{"", "transaction"}).Draw(t, "granularity")}
		h := anything(t, hd)
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		r := checkLinearizable(withSearch(ctx, inProcess), newIndex(h))
		if len(r.Findings) == 0 && r.Violations > 0 {
			t.Fatalf("%+v", r)
		}
		for _, f := range r.Findings {
			labels[f.Label]++
			if err := wellFormed(h, f); err != nil {
				t.Fatalf("%v\n%s", err, f.Story)
			}
		}
		as := newIndex(h).accesses()
		judged, err := as.judge(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		for _, kz := range judged {
			keys := []int32{kz.key}
			for key := range int32(len(h.Keys())) {
				if key != kz.key && as.root(key) == as.root(kz.key) {
					keys = append(keys, key)
				}
			}
			p, _ := as.problem(keys, maxProblem)
			got := linear.Solve(ctx, p).Verdict
			if kz.broken() && got == linear.Yes || !kz.broken() && as.search[kz.key] == "" && got == linear.No {
				for k := range h.Len() {
					t.Logf("%+v", h.Op(k))
				}
				t.Fatalf("%+v %s: broken by zones %v, an order by search: %s", h.Header, h.Keys()[kz.key], kz.broken(), got)
			}
		}
	})
	t.Log(labels)
	if labels["no order"] == 0 || labels["stale read"] == 0 {
		t.Errorf("findings were only %v", labels)
	}
}
