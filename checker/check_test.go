package checker

import (
	"context"
	"encoding/json"
	"errors"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/mlcheck/mlcheck/history"
)

const (
	converged = "s1@n1 w x 1\ns2@n2 r x 1\ns2@n2 w x 2\nend quiet\nfinal n1 r x 2\nfinal n2 r x 2\nfinal n3 r x 2\n"
	stale     = "s1@n1 w x 1\ns2@n2 r x 1\ns2@n2 w x 2\nend quiet\nfinal n1 r x 1\nfinal n2 r x 1\nfinal n3 r x 1\n"
)

func claims(names ...string) history.Header {
	var hd history.Header
	for _, n := range names {
		hd.Claims = append(hd.Claims, history.Claim{Property: n})
	}
	return hd
}

func TestVerdictsCombine(t *testing.T) {
	for _, tc := range []struct {
		name, text string
		hd         history.Header
		opt        Options
		want       Verdict
		exit       int
		why        string
	}{
		{name: "every claim holds", hd: claims("convergence", "no-stale-wins"), text: converged, want: Holds, exit: 0, why: "convergence and no-stale-wins hold"},
		{name: "a claim is violated", hd: claims("convergence", "no-stale-wins"), text: stale, want: Violated, exit: 1, why: "no-stale-wins (1) is violated; violated though nobody claims it: linearizable (1)"},
		{name: "violated outweighs unknown", hd: claims("read-your-writes", "no-stale-wins"), text: stale, want: Violated, exit: 1, why: "no-stale-wins (1) is violated; violated though nobody claims it: linearizable (1)"},
		{name: "unknown outweighs holds", hd: claims("convergence", "read-your-writes"), text: converged, want: Unknown, exit: 2, why: "not known: read-your-writes (0 chances: no session read a key again after an own write)"},
		{name: "what is not claimed is observed", hd: claims("convergence"), text: stale, want: Holds, exit: 0, why: "convergence holds; violated though nobody claims it: linearizable (1), no-stale-wins (1)"},
		{name: "no claims prove nothing", text: stale, want: Unknown, exit: 2, why: "nothing is claimed, so nothing was judged (--claim names what should hold); violated though nobody claims it: linearizable (1), no-stale-wins (1)"},
		{name: "the command line adds claims", text: stale, opt: Options{Claims: []history.Claim{{Property: "no-stale-wins", Source: "command line"}}}, want: Violated, exit: 1, why: "no-stale-wins (1) is violated; violated though nobody claims it: linearizable (1)"},
		{name: "not decided does not count", hd: claims("convergence", "no-lost-updates"), text: converged, want: Holds, exit: 0, why: "convergence holds"},
		{name: "but alone it proves nothing", hd: claims("no-lost-updates"), text: converged, want: Unknown, exit: 2, why: "no claim was decided, so nothing was proved; this workload cannot express no-lost-updates"},
		{name: "nor does a property without a checker", hd: claims("convergence", "serializable"), text: converged, want: Holds, exit: 0, why: "convergence holds"},
		{name: "a fault that was absent", hd: claims("convergence"), text: "fault 1 partition planned n1>n2\nfault 1 partition absent\n" + converged, want: Unknown, exit: 2, why: "not known: fault 1 (n1 ↛ n2 cut) was planned but measured to be absent"},
		{name: "a fault that stuck", hd: claims("convergence"), text: "fault 1 partition planned n1>n2\nfault 1 partition effective\nfault 1 partition stuck\n" + converged, want: Unknown, exit: 2, why: "not known: fault 1 (n1 ↛ n2 cut) was still there after healing"},
		{name: "violated outweighs a fault that was absent", hd: claims("no-stale-wins"), text: "fault 1 partition planned n1>n2\nfault 1 partition absent\n" + stale, want: Violated, exit: 1, why: "no-stale-wins (1) is violated; violated though nobody claims it: linearizable (1)"},
		{name: "a workload that does not try it", hd: history.Header{Workload: "set", Decides: []string{"convergence"}, Claims: claims("no-stale-wins", "convergence").Claims}, text: stale, want: Holds, exit: 0, why: "convergence holds"},
	} {
		t.Run(strings.ReplaceAll(tc.name, " ", "_"), func(t *testing.T) {
			res := Check(context.Background(), parse(t, tc.hd, tc.text), tc.opt)
			if diff := cmp.Diff([]any{tc.want, tc.exit, tc.why}, []any{res.Verdict, res.Exit, res.Why}); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

func TestAnExceptedFaultExcusesAViolationButNotOnTheCommandLine(t *testing.T) {
	hd := history.Header{Claims: []history.Claim{{Property: "no-stale-wins", Except: []string{"clock"}, Source: "the manual"}, {Property: "convergence"}}}
	skewed := "fault 1 clock planned n1=2s\nfault 1 clock effective n1=2s\n" + stale
	res := Check(context.Background(), parse(t, hd, skewed), Options{})
	if res.Verdict != Holds || res.Properties["no-stale-wins"].Excused != "not promised under clock, which was in this run" {
		t.Errorf("with the fault: %s, excused %q", res.Why, res.Properties["no-stale-wins"].Excused)
	}
	if !strings.Contains(res.Why, "violated but excused: no-stale-wins (1), not promised under clock") {
		t.Errorf("the violation is not named: %s", res.Why)
	}
	if res = Check(context.Background(), parse(t, hd, stale), Options{}); res.Verdict != Violated {
		t.Errorf("without the fault: %s", res.Why)
	}
	res = Check(context.Background(), parse(t, hd, skewed), Options{Claims: []history.Claim{{Property: "no-stale-wins", Source: "command line"}}})
	if d := res.Properties["no-stale-wins"]; res.Verdict != Violated || d.Excused != "" || d.By != "the manual; command line" {
		t.Errorf("claimed on the command line: %s, by %q, excused %q", res.Why, d.By, d.Excused)
	}
}

func TestADamagedHistoryNeverHolds(t *testing.T) {
	h := parse(t, claims("convergence"), converged)
	h.Damage = "truncated after event 12"
	res := Check(context.Background(), h, Options{})
	if res.Verdict != Unknown || !strings.Contains(res.Why, "truncated after event 12") {
		t.Errorf("%s: %s", res.Verdict, res.Why)
	}
	h = parse(t, claims("no-stale-wins"), stale)
	h.Damage = "truncated after event 12"
	if res := Check(context.Background(), h, Options{}); res.Verdict != Violated {
		t.Errorf("a violation in the part that could be read: %s", res.Why)
	}
}

func TestACheckThatFailsLeavesTheOthersAlone(t *testing.T) {
	ix := newIndex(parse(t, history.Header{}, converged))
	d := decide(context.Background(), ix, Property{Name: "broken", Check: func(context.Context, *history.History) Result {
		panic("index out of range")
	}})
	if diff := cmp.Diff(Result{Verdict: Unknown, Reason: "the checker failed: index out of range"}, d.Result); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	d = decide(context.Background(), ix, Property{Name: "broken", Check: func(ctx context.Context, _ *history.History) Result {
		_, _ = parallel(ctx, 10, func(int, int) int { panic(errors.New("in a goroutine")) })
		return Result{Verdict: Holds}
	}})
	if d.Verdict != Unknown || !strings.Contains(d.Reason, "in a goroutine") {
		t.Errorf("%+v", d.Result)
	}
}

func TestContradictingVerdictsAreAnInternalError(t *testing.T) {
	res := &Results{Properties: map[string]*Decided{
		"cc":               {Result: Result{Verdict: Holds}},
		"read-your-writes": {Result: Result{Verdict: Violated, Violations: 1}},
	}}
	if err := contradiction(res); err == nil {
		t.Error("not noticed")
	}
	res.Properties["cc"].Verdict = Violated
	if err := contradiction(res); err != nil {
		t.Error(err)
	}
}

func TestAContextThatEndsMakesUnknown(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	res := Check(ctx, parse(t, claims("cc"), "s1@n1 w x 1\ns1@n1 r x 1\n"), Options{})
	if res.Exit != ExitUnknown {
		t.Errorf("%d: %s", res.Exit, res.Why)
	}
}

func TestOnlyChecksWhatWasAskedFor(t *testing.T) {
	res := Check(context.Background(), parse(t, claims("convergence", "no-stale-wins"), stale), Options{Only: []string{"convergence"}})
	if diff := cmp.Diff([]string{"convergence"}, sortedNames(res.Properties)); diff != "" || res.Verdict != Holds {
		t.Errorf("%s (-want +got)\n%s", res.Why, diff)
	}
}

func TestEmptyHistoriesAreUnknown(t *testing.T) {
	for _, text := range []string{"", "s1@n1 r x -", "end quiet", "final n1 r x 0", "s1@n1 w x 1 info", "( s1@n1 w x 1"} {
		if res := Check(context.Background(), parse(t, claims("convergence", "cc", "durability"), text), Options{}); res.Exit != ExitUnknown {
			t.Errorf("%q: %s", text, res.Why)
		}
	}
}

func TestEveryPropertyIsExplainedAndHasItsSource(t *testing.T) {
	for _, p := range All() {
		if len(p.Explain) < 500 || p.Title == "" || p.Source == "" || p.Check == nil || p.Applies == nil {
			t.Errorf("%s: %d characters of explanation, title %q, source %q", p.Name, len(p.Explain), p.Title, p.Source)
		}
	}
	if _, ok := Lookup("nonsense"); ok {
		t.Error("nonsense is a property")
	}
}

func TestTheSameHistoryGivesTheSameResults(t *testing.T) {
	run := func() string {
		h := randomStore(simOptions{seed: 7, sessions: 6, keys: 4, ops: 600, skew: true, moves: true, info: true}).history
		b, err := json.Marshal(Check(context.Background(), h, Options{}))
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	want := run()
	for range 5 {
		if diff := cmp.Diff(want, run()); diff != "" {
			t.Fatal(diff)
		}
	}
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	if diff := cmp.Diff(want, run()); diff != "" {
		t.Fatal(diff)
	}
}

func TestAStaleWinIsToldSoThatAPersonCanFollow(t *testing.T) {
	h := parse(t, history.Header{}, `
		clock n1=2s n2=0s
		s1@n1 w x 1 stamp=2000000000.n1.0
		s2@n2 r x 1
		s2@n2 w x 2 stamp=7000000.n2.0
		end quiet
		final n1 r x 1
		final n2 r x 1
		final n3 r x 1`)
	r := check(t, "no-stale-wins", h)
	want := []Finding{{
		Label: "stale win",
		Story: "x=2, acknowledged by n2 at 0.007 s (#6), is lost: every leader ends with x=1, acknowledged by n1 at 0.003 s (#2), though session 2 had read that one before (#4). " +
			"n1's clock was 2.000 s ahead of n2's when they were written.",
		Ops: []int{2, 4, 6, 12},
		Edges: []Edge{
			{2, 4, "wr", "session 2 at n2 read x=1 (#4), which session 1 had written at n1 (#2)"},
			{4, 6, "so", "session 2 did both at n2, #4 before #6"},
			{2, 12, "wr", "the final read at n1 returned x=1"},
			{6, 2, "stamp", "it has the stamp 2000000000.n1.0 and the newer write 7000000.n2.0; by these stamps n1's clock was 1.997 s ahead of n2's"},
		},
	}}
	for i := range r.Findings {
		r.Findings[i].ID = ""
	}
	if diff := cmp.Diff(want, r.Findings); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestFaultsAreReportedAsMeasured(t *testing.T) {
	h := parse(t, history.Header{}, `
		fault 1 partition planned n1>n2 n2>n1
		fault 1 partition effective n1>n2 n2>n1
		s1@n1 w x 1
		s2@n2 w x 2
		fault 1 partition healing dropped=4
		fault 1 partition healed
		fault 2 partition planned n1>n3
		fault 2 partition effective n1>n3
		fault 2 partition healing dropped=0
		fault 2 partition healed
		fault 3 clock planned n3=2.1s
		fault 3 clock effective n3=2.1s
		s1@n1 w x 3
		fault 3 clock healing
		fault 3 clock healed
		fault 4 clock planned n1=-1s
		fault 4 clock effective n1=-1s
		s1@n1 w x 4
		fault 5 partition planned n1>n2`)
	res := Check(context.Background(), h, Options{})
	var got [][]string
	for _, f := range res.Faults {
		got = append(got, []string{f.What, f.State})
	}
	want := [][]string{
		{"n1 ↮ n2 cut", "effective"},
		{"n1 ↛ n3 cut", "idle"},
		{"n3's clock +2.1 s", "idle"},
		{"n1's clock -1 s", "effective"},
		{"n1 ↛ n2 cut", "not measured"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if n := res.Power["keys written at two leaders during a cut"]; n != 1 {
		t.Errorf("%d keys written at two leaders during a cut, want 1", n)
	}
}

func TestClocksAreReportedAsTheyWereReadAndAFaultWithoutEffectAsIdle(t *testing.T) {
	h := &history.History{}
	for i, ev := range []history.Event{
		{Type: history.StageEvent, Stage: history.StageWork, Why: "timers are slow\nnothing crashes"},
		{Fault: 1, Kind: "clock", Phase: history.Planned, Offsets: map[string]int64{"n1": 2e9}, Period: 5e8},
		{Fault: 1, Kind: "clock", Phase: history.Covered, Why: "n1 was not up while it lasted"},
		{Fault: 1, Kind: "clock", Phase: history.Healing},
		{Fault: 1, Kind: "clock", Phase: history.Healed},
		{Fault: 2, Kind: "clock", Phase: history.Planned, Offsets: map[string]int64{"n1": 2e9}},
		{Fault: 2, Kind: "clock", Phase: history.Effective, Offsets: map[string]int64{"n1": 2.001e9}},
		{Fault: 2, Kind: "clock", Phase: history.Healing},
		{Fault: 3, Kind: "clock", Phase: history.Planned},
		{Fault: 3, Kind: "clock", Phase: history.Covered},
		{Fault: 3, Kind: "clock", Phase: history.Healing},
	} {
		ev.Index, ev.T = i+1, time.Duration(i)
		if ev.Type == "" {
			ev.Type = history.FaultEvent
		}
		h.Events = append(h.Events, ev)
	}
	res := Check(context.Background(), h, Options{})
	if f := res.Faults[0]; f.State != "idle" || f.Note != "n1 was not up while it lasted" {
		t.Errorf("%+v", f)
	}
	if f := res.Faults[1]; f.Read["n1"] != 2.001e9 {
		t.Errorf("%+v", f)
	}
	if f := res.Faults[2]; f.State != "not measured" {
		t.Errorf("nobody saw that it is gone, and yet %+v", f)
	}
	if diff := cmp.Diff([]string{"timers are slow", "nothing crashes"}, res.Notes); diff != "" {
		t.Error(diff)
	}
}

func TestPowerCountsConcurrentPairs(t *testing.T) {
	res := Check(context.Background(), parse(t, history.Header{}, `
		s1@n1 w x 1
		s2@n2 r x 1
		s2@n2 w x 2   // after 1
		s3@n3 w x 3   // concurrent with both
		s1@n1 w y 4`), Options{})
	want := map[string]int{"concurrent write pairs": 2, "keys with concurrent writes": 1, "reads of another leader's write": 1, "operations": 5, "writes": 4, "reads": 1, "ok": 5}
	for name, n := range want {
		if res.Power[name] != n {
			t.Errorf("%s: %d, want %d", name, res.Power[name], n)
		}
	}
}

func TestWhatIsLostAtAMoveIsOnlyObserved(t *testing.T) {
	r := check(t, "cc", parse(t, history.Header{}, "s1@n1 w y 1\ns1@n1 r y 1\ns1@n1 w x 2\ns1@n2 r x -\n"))
	if r.Verdict != Holds || r.Counts["lost at a move"] != 1 || r.Counts["lost at a move from n1 to n2"] != 1 {
		t.Errorf("%+v", r)
	}
}

func TestAGuaranteeNamesTheMoveBeforeIt(t *testing.T) {
	for _, tc := range []struct{ property, text, want string }{
		{"read-your-writes", "s1@n2 r y -\ns1@n1 w x 1\ns1@n1 r x -\n", " Before that it had moved from n2 (#1) to n1 (#3)."},
		{"read-your-writes", "s1@n1 w x 1\ns1@n1 r x -\n", " That is the state from before every write of it."},
		{"monotonic-reads", "s2@n2 w x 1\ns1@n3 r x 1\ns1@n1 r x 1\ns1@n1 r x -\n", " Before that it had moved from n3 (#3) to n1 (#5)."},
		{"monotonic-reads", "s2@n2 add s 1\ns1@n3 r s [1]\ns1@n1 r s [1]\ns1@n1 r s []\n", " Before that it had moved from n3 (#3) to n1 (#5)."},
		{"monotonic-writes", "s2@n2 w x 1\ns2@n2 w y 2\ns1@n1 r z -\ns1@n1 r y 2 by=n3\ns1@n1 r x - by=n3\n", " Before that its requests had failed over from n1 (#5) to n3 (#7)."},
		{"writes-follow-reads", "s2@n2 w x 1\ns3@n2 r x 1\ns3@n2 w y 2\ns1@n1 r y 2\ns1@n1 r x -\n", " That is the state from before x=1."},
	} {
		r := check(t, tc.property, parse(t, history.Header{}, tc.text))
		if len(r.Findings) != 1 || !strings.HasSuffix(r.Findings[0].Story, tc.want) {
			t.Errorf("%s: want a story that ends %q: %+v", tc.property, tc.want, r.Findings)
		}
	}
}

func TestFindingsAreBoundedAndCountsExact(t *testing.T) {
	var text strings.Builder
	for i := range 40 {
		text.WriteString(strings.ReplaceAll(strings.ReplaceAll("s1@n1 w kK A\ns1@n1 r kK -\n", "K", string(rune('a'+i%26))+string(rune('a'+i/26))), "A", string(rune('1'+i%9))+"0"+string(rune('1'+i/9))))
	}
	r := check(t, "read-your-writes", parse(t, history.Header{}, text.String()))
	if r.Violations != 40 || len(r.Findings) != maxFindings {
		t.Errorf("%d violations, %d findings", r.Violations, len(r.Findings))
	}
	ids := map[string]bool{}
	for _, f := range r.Findings {
		ids[f.ID] = true
	}
	if len(ids) != maxFindings {
		t.Errorf("%d different identifiers", len(ids))
	}
}

func TestAHistoryThatBreaksOffWithinAnOperationIsJudgedUpToThere(t *testing.T) {
	b := history.NewBuilder(history.Header{Nodes: []string{"n1", "n2"}})
	w := []history.Step{{F: history.Write, Key: "x", Value: history.Int(1)}}
	r := []history.Step{{F: history.Read, Key: "x", Value: history.Int(1)}}
	for i, steps := range [][]history.Step{w, r} {
		if err := b.Invoke(2*i+1, 0, 1, "n1", steps, false); err != nil {
			t.Fatal(err)
		}
		if err := b.Complete(2*i+2, 0, 1, history.OK, steps, history.Meta{}); err != nil {
			t.Fatal(err)
		}
	}
	again := []history.Step{{F: history.Read, Key: "x"}, w[0]}
	if err := b.Invoke(5, 0, 1, "n1", again, false); err == nil {
		t.Fatal("a value was written twice without an error")
	}
	h := b.History()
	h.Damage = "x=1 is written twice"
	for name, want := range map[string]Verdict{"no-thin-air": Unknown, "cc": Unknown, "no-duplicates": NotDecided} {
		if d := Check(context.Background(), h, Options{}).Properties[name]; d.Verdict != want || strings.Contains(d.Reason, "failed") {
			t.Errorf("%s: %s, %s", name, d.Verdict, d.Reason)
		}
	}
}
