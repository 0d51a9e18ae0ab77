package reports_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/mlcheck/mlcheck/checker"
	"github.com/mlcheck/mlcheck/history"
	"github.com/mlcheck/mlcheck/reports"
)

var sampleDir = flag.String("sample", "", "keep the sample reports in this folder, to look at them in a browser")

// TestSample writes the sample reports, large ones too. To look at them:
//
//	go test ./reports -run TestSample -sample DIR
func TestSample(t *testing.T) {
	if *sampleDir == "" {
		*sampleDir = t.TempDir()
	}
	samples := allRuns(t)
	samples["long"] = longRun(t, 250_000)
	samples["big"] = longRun(t, 100_000)
	samples["crowded"] = crowdedRun(t)
	for name, r := range samples {
		dir := filepath.Join(*sampleDir, name)
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		r.Dir = dir
		if err := reports.WriteAll(dir, r); err != nil {
			t.Fatal(err)
		}
		page, err := os.ReadFile(filepath.Join(dir, "report.html"))
		if err != nil || !bytes.HasSuffix(bytes.TrimSpace(page), []byte("</html>")) {
			t.Errorf("%s: no whole page of %d bytes: %v", name, len(page), err)
		}
	}
}

// allRuns are the small runs that the golden files show.
func allRuns(t testing.TB) map[string]*reports.Run {
	return map[string]*reports.Run{
		"stale-win": staleWinRun(t), "diverged": divergedRun(t), "holds": holdingRun(t),
		"interrupted": interruptedRun(t), "empty": emptyRun(t), "hostile": hostileRun(t), "unchecked": uncheckedRun(t),
	}
}

// script builds histories for tests; its indexes are handed out in order.
type script struct {
	t testing.TB
	b *history.Builder
	i int
}

func newScript(t testing.TB, hd history.Header) *script {
	return &script{t: t, b: history.NewBuilder(hd)}
}

func (s *script) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

func (s *script) next() int { s.i++; return s.i }

// op records an operation that took so long, and gives its index.
func (s *script) op(at, took time.Duration, session int, node string, o history.Outcome, final bool, m history.Meta, steps ...history.Step) int {
	s.t.Helper()
	i := s.next()
	s.must(s.b.Invoke(i, at, session, node, steps, final))
	s.must(s.b.Complete(s.next(), at+took, session, o, steps, m))
	return i
}

func (s *script) open(at time.Duration, session int, node string, steps ...history.Step) int {
	s.t.Helper()
	i := s.next()
	s.must(s.b.Invoke(i, at, session, node, steps, false))
	return i
}

func (s *script) event(at time.Duration, ev history.Event) {
	s.t.Helper()
	ev.Index, ev.T = s.next(), at
	s.must(s.b.Event(ev))
}

func (s *script) stage(at time.Duration, stage, state string) {
	s.event(at, history.Event{Type: history.StageEvent, Stage: stage, State: state})
}

func w(key string, n int64) history.Step {
	return history.Step{F: history.Write, Key: key, Value: history.Int(n)}
}

func r(key string, n int64) history.Step {
	if n == 0 {
		return history.Step{F: history.Read, Key: key}
	}
	return history.Step{F: history.Read, Key: key, Value: history.Int(n)}
}

const (
	ms  = time.Millisecond
	sec = time.Second
)

// backdrop is a busy run of three leaders with a cut and two skewed clocks, up
// to the moment when the sessions stop. Seeded: the same every time.
func backdrop(s *script, until time.Duration, hook func(at time.Duration)) {
	rnd := rand.New(rand.NewPCG(7, 7))
	nodes := []string{"n1", "n2", "n3"}
	type busy struct {
		until time.Duration
		steps []history.Step
		node  string
		o     history.Outcome
	}
	sessions := make([]busy, 9)
	value := int64(1000)
	s.stage(0, history.StageWork, "")
	clocks := 500 * ms
	for at := 5 * ms; at < until; at += 2 * ms {
		hook(at)
		for id := range sessions {
			b := &sessions[id]
			if b.steps != nil && at >= b.until {
				s.must(s.b.Complete(s.next(), at, id, b.o, b.steps, history.Meta{}))
				b.steps = nil
			}
			if b.steps != nil || rnd.IntN(20) > 0 {
				continue
			}
			b.node, b.o = nodes[id%3], history.OK
			took := time.Duration(1+rnd.IntN(9)) * ms
			key := fmt.Sprintf("k%d", rnd.IntN(4))
			if b.steps = []history.Step{r(key, value)}; rnd.IntN(2) == 0 {
				value++
				b.steps = []history.Step{w(key, value)}
			}
			if b.node == "n1" && at > 8*sec && at < 14*sec && rnd.IntN(9) == 0 {
				b.o, took = history.Info, 900*ms
			}
			if rnd.IntN(150) == 0 {
				b.o = history.Fail
			}
			b.until = at + took
			s.must(s.b.Invoke(s.next(), at, id, b.node, b.steps, false))
		}
		if at >= clocks {
			clocks += 500 * ms
			off := map[string]int64{"n1": rnd.Int64N(400_000) - 200_000, "n2": rnd.Int64N(400_000), "n3": rnd.Int64N(400_000) - 300_000}
			if at > 5*sec && at < 18*sec {
				off["n3"] -= int64(2100 * ms)
			}
			if at > 16*sec && at < 24*sec {
				off["n2"] += int64(700*ms) + int64(at-16*sec)/40
			}
			s.event(at, history.Event{Type: history.ClockEvent, Offsets: off})
		}
	}
	for id, b := range sessions {
		if b.steps != nil && id%2 == 0 {
			s.must(s.b.Complete(s.next(), until, id, b.o, b.steps, history.Meta{}))
		}
	}
}

var ringHeader = history.Header{
	Nodes: []string{"n1", "n2", "n3"}, Target: "mariadb", Topology: "ring", Workload: "register", Policy: "lww-wall",
	Links: [][2]string{{"n1", "n2"}, {"n2", "n3"}, {"n3", "n1"}}, Seed: 7,
}

// staleWinRun: n3's clock is 2.1 s behind, so the write that it acknowledged
// loses to the causally older one of n1.
func staleWinRun(t testing.TB) *reports.Run {
	s := newScript(t, ringHeader)
	var first, read, second, early, earlyRead int
	fault := func(id int, kind, phase string, ev history.Event) history.Event {
		ev.Type, ev.Fault, ev.Kind, ev.Phase = history.FaultEvent, id, kind, phase
		return ev
	}
	skew := history.Event{Offsets: map[string]int64{"n3": -int64(2100 * ms)}}
	cut := history.Event{Links: []history.Link{{From: "n3", To: "n1"}, {From: "n1", To: "n2"}}}
	drift := history.Event{Offsets: map[string]int64{"n2": int64(700 * ms)}, PPM: 25_000}
	backdrop(s, 26*sec, func(at time.Duration) {
		switch at {
		case 5*sec + ms:
			s.event(at, fault(1, "clock", history.Planned, skew))
		case 5*sec + 41*ms:
			s.event(at, fault(1, "clock", history.Effective, skew))
		case 8*sec + ms:
			s.event(at, fault(2, "partition", history.Planned, cut))
		case 8*sec + 5*ms:
			s.event(at, fault(2, "partition", history.Effective, cut))
		case 12*sec + 301*ms:
			first = s.op(at, 1400*time.Microsecond, 20, "n1", history.OK, false, history.Meta{Stamp: "1760000012.301.n1.8"}, w("x", 17))
		case 12*sec + 335*ms:
			read = s.op(at, 900*time.Microsecond, 21, "n3", history.OK, false, history.Meta{}, r("x", 17))
		case 12*sec + 337*ms:
			second = s.op(at, 2100*time.Microsecond, 21, "n3", history.OK, false, history.Meta{Stamp: "1760000010.237.n3.4"}, w("x", 18))
		case 14*sec + ms:
			s.event(at, fault(2, "partition", history.Healing, cut))
		case 14*sec + 9*ms:
			s.event(at, fault(2, "partition", history.Healed, cut))
		case 16*sec + ms:
			s.event(at, fault(3, "clock", history.Planned, drift))
		case 16*sec + 31*ms:
			s.event(at, fault(3, "clock", history.Effective, drift))
		case 18*sec + ms:
			s.event(at, fault(1, "clock", history.Healing, skew))
		case 18*sec + 61*ms:
			s.event(at, fault(1, "clock", history.Healed, history.Event{Offsets: map[string]int64{"n3": -120_000}}))
		case 20*sec + 501*ms:
			early = s.op(at, 1100*time.Microsecond, 22, "n2", history.OK, false, history.Meta{}, w("y", 41))
		case 20*sec + 503*ms:
			earlyRead = s.op(at, 700*time.Microsecond, 22, "n2", history.OK, false, history.Meta{}, r("y", 40))
		case 24*sec + ms:
			s.event(at, fault(3, "clock", history.Healing, drift))
		case 24*sec + 21*ms:
			s.event(at, fault(3, "clock", history.Healed, history.Event{Offsets: map[string]int64{"n2": 80_000}}))
		}
	})
	s.stage(26*sec, history.StageHeal, "")
	s.stage(26*sec+300*ms, history.StageHealed, "")
	s.stage(26*sec+400*ms, history.StageClosed, "")
	s.stage(29*sec, history.StageQuiet, history.QuietYes)
	s.stage(29*sec+10*ms, history.StageFinal, "")
	final := s.op(29*sec+20*ms, 3*ms, 101, "n1", history.OK, true, history.Meta{}, r("x", 17))
	s.op(29*sec+30*ms, 2*ms, 102, "n2", history.OK, true, history.Meta{}, r("x", 17))
	final3 := s.op(29*sec+40*ms, 2*ms, 103, "n3", history.OK, true, history.Meta{}, r("x", 17))
	s.stage(30*sec, history.StageEnd, "")
	res := &checker.Results{
		Format: "mlcheck.results/1", Verdict: checker.Violated, Exit: 1, Seed: 7, HistorySHA: "9f2c1a77d05e",
		Why:    "no-stale-wins is claimed and violated: 2 acknowledged writes were beaten by causally older ones while n3's clock was 2.1 s behind.",
		Repeat: "mlcheck run --target mariadb --topology ring --workload register --nemesis partition,clock --time 30s --seed 7",
		Properties: map[string]*checker.Decided{
			"no-stale-wins": {
				Title: "a write never loses to one that it causally follows", Claimed: true, By: "command line", Decided: true,
				Result: checker.Result{
					Verdict: checker.Violated, Chances: 342, Violations: 2, Reason: "2 stale wins, both at keys last written by n3",
					Counts: map[string]int{"superseded": 311, "concurrent drop": 29, "stale win": 2},
					Findings: []checker.Finding{{
						ID: "sw-x-18", Label: "stale win", Ops: []int{first, read, second, final, final3},
						Story: fmt.Sprintf("n3 acknowledged x=18 (#%d) in a session that had read x=17 (#%d), so 18 follows 17. Every leader ends with x=17: n3's clock was 2.1 s behind, so its later write carried the earlier stamp and lost.", second, read),
						Edges: []checker.Edge{
							{From: first, To: read, Kind: "wr", Because: "n3 returned x=17, which only this write of n1 wrote"},
							{From: read, To: second, Kind: "so", Because: "session 21 asked for both at n3, one after the other"},
							{From: first, To: final, Kind: "wr", Because: "the final value at n1 is the older write's"},
						},
					}, {
						ID: "sw-y-41", Label: "stale win", Ops: []int{early},
						Story: "y=41 was acknowledged by n2 and is gone everywhere, though no later write replaced it.",
					}},
				},
			},
			"read-your-writes": {Title: "a session sees its own writes", Decided: true, Result: checker.Result{
				Verdict: checker.Violated, Chances: 120, Violations: 1, Counts: map[string]int{"suspicious": 3},
				Findings: []checker.Finding{{
					ID: "ryw-y-41", Label: "own write not seen", Ops: []int{early, earlyRead},
					Story: "Session 22 wrote y=41 at n2 and then read y=40 there, which is causally older.",
					Edges: []checker.Edge{{From: early, To: earlyRead, Kind: "so", Because: "session 22 asked for both at n2, one after the other"}},
				}},
			}},
			"convergence":     {Title: "leaders agree once replication has come to rest", Claimed: true, By: "mariadb", Decided: true, Result: checker.Result{Verdict: checker.Holds, Chances: 12}},
			"durability":      {Title: "an acknowledged write is never lost", Claimed: true, By: "mariadb", Except: []string{"clock"}, Decided: true, Result: checker.Result{Verdict: checker.Holds, Chances: 812, Counts: map[string]int{"survived": 12, "superseded": 800}}},
			"no-lost-updates": {Title: "of two read-modify-writes of one version, both have an effect", Result: checker.Result{Reason: "the workload register has no read-modify-writes"}},
			"cc":              {Title: "what is shown respects cause and effect", Decided: true, Result: checker.Result{Verdict: checker.Unknown, Reason: "gave up after 10 s"}},
		},
		Power: map[string]int{"operations": 4000, "concurrent write pairs": 211, "reads_across_leaders": 933, "keys with conflicts": 4},
		Faults: []checker.FaultReport{
			{Fault: 1, Kind: "clock", State: "effective", Planned: int64(5*sec + ms), Effective: int64(5*sec + 41*ms), Healing: int64(18*sec + ms), Healed: int64(18*sec + 61*ms), What: "n3's clock −2.1 s"},
			{Fault: 2, Kind: "partition", State: "effective", Planned: int64(8*sec + ms), Effective: int64(8*sec + 5*ms), Healing: int64(14*sec + ms), Healed: int64(14*sec + 9*ms), What: "n3 → n1 and n1 → n2 cut", Note: "swallowed 412 packets"},
			{Fault: 3, Kind: "clock", State: "idle", Planned: int64(16*sec + ms), Effective: int64(16*sec + 31*ms), Healing: int64(24*sec + ms), Healed: int64(24*sec + 21*ms), What: "n2's clock +700 ms, gaining 2.5 %", Note: "no write conflicted while it was on"},
		},
		Measures: map[string]float64{"ops_per_second": 158.2, "time_to_converge_ms": 840, "history_bytes": 182331},
	}
	res.Replication = cutOffReplication()
	run := s.run(res)
	run.Next = []string{"mlcheck run -o policy=lww-hlc   stamps that follow causality: this turns green"}
	run.Base = time.Date(2026, 3, 1, 9, 30, 0, 0, time.UTC)
	run.Logs = map[string][]byte{"n1": sampleLog(run.Base, 400), "n2": sampleLog(run.Base, 30), "n3": sampleLog(run.Base, 6000)}
	return run
}

// cutOffReplication: n1 hears nothing of n3 between 8 and 14 s.
func cutOffReplication() *checker.Replication {
	o := &checker.OverTime{Step: int64(sec)}
	for i := range 29 {
		behind := 0
		if i >= 8 && i < 14 {
			behind = i - 7
		}
		o.Shown, o.Differing, o.Behind = append(o.Shown, 8*(i%28+1)/(i+1)), append(o.Differing, min(8, behind+i%3)), append(o.Behind, behind)
	}
	spread := func(median, p95, p99, most time.Duration) checker.Spread {
		return checker.Spread{Median: int64(median), P95: int64(p95), P99: int64(p99), Max: int64(most)}
	}
	return &checker.Replication{OverTime: o, Lag: []checker.Lag{
		{Origin: "n1", Observer: "n2", Seen: 311, Unread: 9, AtMost: spread(2*ms, 9*ms, 31*ms, 48*ms)},
		{Origin: "n3", Observer: "n1", Seen: 204, Hidden: 71, AtEnd: 4, Missed: 1, InVain: int64(5900 * ms), AtLeast: spread(ms/2, 12*ms, 5800*ms, 5800*ms), AtMost: spread(3*ms, 31*ms, 6100*ms, 6142*ms)},
		{Origin: "n3", Observer: "n2", Unread: 12},
	}}
}

func (s *script) run(res *checker.Results) *reports.Run {
	return &reports.Run{
		Name: "mariadb ring register", Dir: "store/mariadb-ring-register/20260301T093000Z-7", Results: res, History: s.b.History(), Version: "0.1.0",
		Test: json.RawMessage(`{"target":"mariadb","topology":"ring","workload":"register","seed":7,"time":"30s","nemesis":["partition","clock"]}`),
	}
}

// sampleLog is a log of n lines over thirty seconds, with stack traces in it.
func sampleLog(base time.Time, n int) []byte {
	var b bytes.Buffer
	for i := range n {
		at := base.Add(30 * sec / time.Duration(n) * time.Duration(i))
		fmt.Fprintf(&b, "%s [Note] Slave I/O thread: connected to master 'repl@n%d:3306', log 'bin.%06d' position %d\n", at.Format(time.RFC3339Nano), i%3+1, i/100, 4*i)
		if i%97 == 0 {
			b.WriteString("\tat a line that belongs to the one before\n")
		}
	}
	return b.Bytes()
}

// divergedRun: replication from n2 to n3 stopped by itself, and the leaders differ.
func divergedRun(t testing.TB) *reports.Run {
	s := newScript(t, ringHeader)
	s.stage(0, history.StageWork, "")
	a := s.op(100*ms, 2*ms, 1, "n1", history.OK, false, history.Meta{}, w("x", 1))
	b := s.op(101*ms, 3*ms, 2, "n2", history.OK, false, history.Meta{}, w("x", 2))
	s.event(150*ms, history.Event{Type: history.FaultEvent, Fault: 1, Kind: "partition", Phase: history.Planned, Links: []history.Link{{From: "n2", To: "n3"}}})
	s.event(900*ms, history.Event{Type: history.FaultEvent, Fault: 1, Kind: "partition", Phase: history.Healing, Links: []history.Link{{From: "n2", To: "n3"}}})
	s.stage(sec, history.StageHeal, "")
	s.stage(2*sec, history.StageQuiet, history.QuietStopped)
	f1 := s.op(3*sec, ms, 11, "n1", history.OK, true, history.Meta{}, r("x", 2))
	f2 := s.op(3*sec+2*ms, ms, 12, "n2", history.OK, true, history.Meta{}, r("x", 2))
	f3 := s.op(3*sec+4*ms, ms, 13, "n3", history.OK, true, history.Meta{}, r("x", 1))
	run := s.run(&checker.Results{
		Format: "mlcheck.results/1", Verdict: checker.Violated, Exit: 1, Seed: 7,
		Why:    "convergence is claimed and violated: replication from n2 to n3 stopped with an error, and n3 differs from n1 and n2 in 1 key.",
		Repeat: "mlcheck run --target mariadb --topology ring --workload register --seed 7",
		Properties: map[string]*checker.Decided{
			"convergence": {Title: "leaders agree once replication has come to rest", Claimed: true, By: "mariadb", Decided: true, Result: checker.Result{
				Verdict: checker.Violated, Chances: 1, Violations: 1, Reason: "replication stopped",
				Findings: []checker.Finding{{
					ID: "conv-x", Label: "stopped", Ops: []int{a, b, f1, f2, f3},
					Story: "Replication has come to rest and the leaders still differ: x is 2 at n1 and n2 and 1 at n3. The link n2 → n3 stopped with “Duplicate entry 'x' for key 'PRIMARY'”.",
					Edges: []checker.Edge{{From: b, To: f2, Kind: "wr", Because: "n2 shows its own write"}, {From: a, To: f3, Kind: "wr", Because: "n3 shows the write of n1"}},
				}},
			}},
			"durability": {Title: "an acknowledged write is never lost", Claimed: true, By: "mariadb", Except: []string{"partition"}, Excused: "not promised under partition, which was in this run", Decided: true, Result: checker.Result{
				Verdict: checker.Violated, Chances: 2, Violations: 1,
				Findings: []checker.Finding{{ID: "dur-x-2", Label: "partial", Ops: []int{b, f3}, Story: "x=2 was acknowledged by n2 and never reached n3."}},
			}},
		},
		Faults: []checker.FaultReport{{Fault: 1, Kind: "partition", State: "absent", Planned: int64(150 * ms), Effective: -1, Healing: int64(900 * ms), Healed: -1, What: "n2 → n3 cut", Note: "probes passed all the time"}},
	})
	run.Results.Replication = &checker.Replication{Differing: 1, Keys: []checker.KeyDivergence{{
		Key: "x", Since: int64(3*sec + 5*ms), Seen: int64(3*sec + 5*ms), AfterHealing: int64(2 * sec),
		Holds: []checker.Holding{{Value: "2", Leaders: []string{"n1", "n2"}, Since: int64(3*sec + ms)}, {Value: "1", Leaders: []string{"n3"}, Since: int64(3*sec + 5*ms)}},
	}}}
	run.Next = []string{"mlcheck run --topology all-to-all", "-o gtid=strict, which refuses such writes at once"}
	return run
}

func holdingRun(t testing.TB) *reports.Run {
	s := newScript(t, history.Header{Nodes: []string{"n1", "n2"}, Target: "reference", Topology: "all-to-all", Workload: "register", Policy: "lww-hlc", Seed: 3})
	s.stage(0, history.StageWork, "")
	s.op(10*ms, ms, 0, "n1", history.OK, false, history.Meta{}, w("x", 1))
	s.op(12*ms, ms, 1, "n2", history.OK, false, history.Meta{}, r("x", 1), w("x", 2))
	s.op(20*ms, ms, 2, "n1", history.OK, true, history.Meta{}, r("x", 2))
	run := s.run(&checker.Results{
		Format: "mlcheck.results/1", Verdict: checker.Holds, Exit: 0, Seed: 3, Why: "every claim holds.",
		Repeat: "mlcheck run -o policy=lww-hlc --seed 3",
		Properties: map[string]*checker.Decided{
			"convergence":   {Title: "leaders agree once replication has come to rest", Claimed: true, Decided: true, Result: checker.Result{Verdict: checker.Holds, Chances: 1}},
			"no-stale-wins": {Title: "a write never loses to one that it causally follows", Claimed: true, Decided: true, Result: checker.Result{Verdict: checker.Holds, Chances: 1}},
			"linearizable":  {Title: "one copy, one order", Result: checker.Result{Reason: "nothing of it can be seen without concurrent operations"}},
		},
		Power: map[string]int{"operations": 3},
	})
	run.Name = "" // made of the header
	return run
}

func interruptedRun(t testing.TB) *reports.Run {
	s := newScript(t, ringHeader)
	s.stage(0, history.StageWork, "")
	s.op(10*ms, ms, 0, "n1", history.OK, false, history.Meta{}, w("x", 1))
	s.op(20*ms, 30*ms, 1, "n2", history.Info, false, history.Meta{Error: "i/o timeout"}, w("x", 2))
	s.op(55*ms, ms, 2, "n2", history.Fail, false, history.Meta{Error: "connection refused"}, w("x", 3))
	s.open(60*ms, 3, "n3", r("x", 0))
	h := s.b.History()
	h.Damage = "the file ends within a frame, after event 7"
	return s.run(&checker.Results{
		Format: "mlcheck.results/1", Verdict: checker.Unknown, Exit: 2, Seed: 7,
		Why: "interrupted before the faults were healed: there are no final reads, so nothing was decided.",
		Properties: map[string]*checker.Decided{
			"convergence": {Title: "leaders agree once replication has come to rest", Claimed: true, Decided: true, Result: checker.Result{Verdict: checker.Unknown, Reason: "0 chances: there are no final reads"}},
		},
	})
}

func emptyRun(t testing.TB) *reports.Run {
	run := newScript(t, history.Header{Nodes: []string{"n1"}}).run(&checker.Results{
		Format: "mlcheck.results/1", Verdict: checker.Unknown, Exit: 2, Why: "nothing was decided: the history has no operations.",
	})
	run.Name, run.Test, run.Dir = "", nil, ""
	return run
}

func uncheckedRun(t testing.TB) *reports.Run { return newScript(t, ringHeader).run(nil) }

// hostile is what a leader, a client library or a log might contain.
const hostile = "</script><script>alert(1)</script>\"'><img src=http://evil.example/x onerror=alert(1)>\x1b[31m\x00\u202e{{.}}]]>\xff"

func hostileRun(t testing.TB) *reports.Run {
	s := newScript(t, history.Header{Nodes: []string{hostile, "n2"}, Target: hostile, Topology: hostile, Workload: hostile, Policy: hostile})
	s.stage(0, hostile, hostile)
	a := s.op(10*ms, ms, 0, hostile, history.OK, false, history.Meta{By: hostile, Stamp: hostile, Token: hostile, Ctx: hostile, Error: hostile}, w(hostile, 1))
	b := s.op(12*ms, ms, 1, "n2", history.Info, false, history.Meta{Error: hostile}, r(hostile, 0))
	s.event(20*ms, history.Event{Type: history.FaultEvent, Fault: 1, Kind: hostile, Phase: history.Planned, Nodes: []string{hostile}})
	s.event(22*ms, history.Event{Type: history.ClockEvent, Offsets: map[string]int64{hostile: 5}})
	run := s.run(&checker.Results{
		Format: "mlcheck.results/1", Verdict: checker.Violated, Exit: 1, Why: hostile, Repeat: hostile, HistorySHA: hostile,
		Properties: map[string]*checker.Decided{hostile: {Title: hostile, Claimed: true, By: hostile, Except: []string{hostile}, Decided: true, Result: checker.Result{
			Verdict: checker.Violated, Violations: 1, Reason: hostile, Counts: map[string]int{hostile: 1},
			Findings: []checker.Finding{{ID: hostile, Label: hostile, Story: hostile, Ops: []int{a, b, 999}, Edges: []checker.Edge{{From: a, To: b, Kind: hostile, Because: hostile}, {From: b, To: 999, Kind: "so"}}}},
		}}},
		Faults:   []checker.FaultReport{{Fault: 1, Kind: hostile, State: hostile, What: hostile, Note: hostile, Planned: int64(20 * ms), Effective: int64(20 * ms), Healing: -1, Healed: -1}},
		Power:    map[string]int{hostile: 1},
		Measures: map[string]float64{hostile: 1},
		Replication: &checker.Replication{
			Late: 1, Keys: []checker.KeyDivergence{{Key: hostile, Since: -1, Holds: []checker.Holding{{Value: hostile, Leaders: []string{hostile}}}}},
			Lag: []checker.Lag{{Origin: hostile, Observer: "n2", Hidden: 3}}, OverTime: &checker.OverTime{Step: 0, Shown: []int{1, 0}, Differing: []int{1}},
		},
	})
	run.Name, run.Dir, run.Version, run.Next = hostile, hostile, hostile, []string{hostile}
	run.Test = json.RawMessage(`{"x":"` + "</script><img src=http://evil.example/>" + `"}`)
	run.Base = time.Date(2026, 3, 1, 9, 30, 0, 0, time.UTC)
	run.Logs = map[string][]byte{hostile: []byte("2026-03-01T09:30:00.010Z " + hostile + "\n" + hostile)}
	return run
}

// longRun is a run of n operations with one finding in its middle.
func longRun(t testing.TB, n int) *reports.Run {
	s := newScript(t, ringHeader)
	rnd := rand.New(rand.NewPCG(1, 1))
	s.stage(0, history.StageWork, "")
	nodes := []string{"n1", "n2", "n3"}
	var middle int
	for k := range n {
		at := time.Duration(k) * 300 * time.Microsecond
		step := r(fmt.Sprintf("k%d", rnd.IntN(50)), int64(max(1, k-rnd.IntN(500))))
		if rnd.IntN(2) == 0 {
			step = w(step.Key, int64(k+1))
		}
		i := s.op(at, time.Duration(100+rnd.IntN(190))*time.Microsecond, rnd.IntN(30), nodes[rnd.IntN(3)], history.OK, false, history.Meta{}, step)
		if k == n/2 {
			middle = i
		}
	}
	return s.run(&checker.Results{
		Format: "mlcheck.results/1", Verdict: checker.Violated, Exit: 1, Why: "one write is lost.",
		Properties: map[string]*checker.Decided{"durability": {Claimed: true, Decided: true, Result: checker.Result{
			Verdict: checker.Violated, Chances: n, Violations: 1,
			Findings: []checker.Finding{{ID: "dur-1", Label: "lost", Story: "It is gone.", Ops: []int{middle}}},
		}}},
	})
}

// crowdedRun has seven leaders, many faults, and a finding of many operations
// whose argument goes in a circle.
func crowdedRun(t testing.TB) *reports.Run {
	hd := history.Header{Target: "reference", Topology: "all-to-all", Workload: "register", Seed: 11}
	for i := range 7 {
		hd.Nodes = append(hd.Nodes, fmt.Sprintf("leader-%d", i+1))
	}
	s := newScript(t, hd)
	rnd := rand.New(rand.NewPCG(11, 11))
	s.stage(0, history.StageWork, "")
	res := &checker.Results{
		Format: "mlcheck.results/1", Verdict: checker.Violated, Exit: 1, Seed: 11, Why: "cc is claimed and violated: effects were seen before their causes.",
		Properties: map[string]*checker.Decided{},
	}
	var ops []int
	for k := range 3000 {
		at := time.Duration(k)*20*ms + time.Duration(rnd.IntN(5000))*time.Microsecond
		o := history.OK
		if rnd.IntN(30) == 0 {
			o = history.Info
		}
		i := s.op(at, time.Duration(500+rnd.IntN(9000))*time.Microsecond, k%21, hd.Nodes[rnd.IntN(7)], o, false, history.Meta{}, w(fmt.Sprintf("k%d", rnd.IntN(9)), int64(k+1)))
		if k >= 1500 && k < 1510 {
			ops = append(ops, i)
		}
	}
	for id := range 40 {
		from := time.Duration(id)*sec + 500*ms
		until := from + time.Duration(500+rnd.IntN(6000))*ms
		a, b := hd.Nodes[rnd.IntN(7)], hd.Nodes[rnd.IntN(7)]
		s.event(60*sec, history.Event{Type: history.FaultEvent, Fault: id + 1, Kind: "partition", Phase: history.Planned, Links: []history.Link{{From: a, To: b}}})
		res.Faults = append(res.Faults, checker.FaultReport{
			Fault: id + 1, Kind: []string{"partition", "clock"}[id%2], State: "effective", What: a + " → " + b + " cut",
			Planned: int64(from), Effective: int64(from + 20*ms), Healing: int64(until), Healed: int64(until + 35*ms),
		})
	}
	f := checker.Finding{ID: "cc-1", Label: "CyclicCO", Ops: ops, Story: "These ten operations each come before the next, and the last before the first."}
	for i := range ops {
		f.Edges = append(f.Edges, checker.Edge{From: ops[i], To: ops[(i+1)%len(ops)], Kind: []string{"so", "wr", "co", "rt", "arbitration"}[i%5], Because: "that is how it was drawn"})
	}
	res.Properties["cc"] = &checker.Decided{Title: "nobody sees an effect without its cause", Claimed: true, Decided: true, Result: checker.Result{Verdict: checker.Violated, Chances: 10, Violations: 1, Findings: []checker.Finding{f}}}
	run := s.run(res)
	run.Name = "reference all-to-all register"
	return run
}
