package mlcheck

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/mlcheck/mlcheck/checker"
	"github.com/mlcheck/mlcheck/history"
	"github.com/mlcheck/mlcheck/internal/world"
	"github.com/mlcheck/mlcheck/nemesis"
	"github.com/mlcheck/mlcheck/targets"
)

// stub is a cluster, by default the simulated one, of which a test replaces parts.
type stub struct {
	world.Cluster
	apply   func(context.Context, nemesis.State) error // nil: the cluster's own
	measure func(nemesis.Measured)                     // changes what was measured
	cannot  []string                                   // nil: what the cluster's own says
	closed  int
}

func (s *stub) Fabric() nemesis.Fabric { return stubFabric{s.Cluster.Fabric(), s} }
func (s *stub) Close(ctx context.Context) error {
	s.closed++
	return s.Cluster.Close(ctx)
}

type stubFabric struct {
	nemesis.Fabric
	s *stub
}

func (f stubFabric) Apply(ctx context.Context, st nemesis.State) error {
	if f.s.apply != nil {
		return f.s.apply(ctx, st)
	}
	return f.Fabric.Apply(ctx, st)
}

func (f stubFabric) Measure(ctx context.Context) (nemesis.Measured, error) {
	m, err := f.Fabric.Measure(ctx)
	if f.s.measure != nil {
		f.s.measure(m)
	}
	return m, err
}

func (f stubFabric) Cannot(st nemesis.State) []string {
	if f.s.cannot != nil {
		return f.s.cannot
	}
	return f.Fabric.Cannot(st)
}

func (f stubFabric) Thoroughly(links []history.Link, probes int) {
	f.Fabric.(nemesis.Thorough).Thoroughly(links, probes)
}

// scripted is a system whose clients do what a test says; it has no Quiet.
type scripted struct {
	targets.System
	connect func(node string) error
	do      func(ctx context.Context, node string, c targets.Client, ss []history.Step) (targets.Done, error)
}

func (s scripted) Connect(ctx context.Context, n targets.Node) (targets.Client, error) {
	if s.connect != nil {
		if err := s.connect(n.Name()); err != nil {
			return nil, err
		}
	}
	c, err := s.System.Connect(ctx, n)
	return scriptedClient{c, n.Name(), s}, err
}

type scriptedClient struct {
	targets.Client
	node string
	s    scripted
}

func (c scriptedClient) Do(ctx context.Context, ss []history.Step) (targets.Done, error) {
	if c.s.do != nil {
		return c.s.do(ctx, c.node, c.Client, ss)
	}
	return c.Client.Do(ctx, ss)
}

// quietly is a system with a Quiet of the test's.
type quietly struct {
	scripted
	quiet func() (string, string, error)
}

func (q quietly) Quiet(context.Context, []targets.Node) (string, string, error) { return q.quiet() }

// staged is a runner on a stub, ready to run.
func staged(t *testing.T, test Test) (*runner, *stub) {
	t.Helper()
	p, err := test.plan()
	if err != nil {
		t.Fatal(err)
	}
	r := &runner{plan: p, opt: Options{Store: t.TempDir(), Progress: t.Logf}}
	if r.dir, err = newFolder(r.opt.Store, p); err != nil {
		t.Fatal(err)
	}
	c, err := r.simulate()
	if err != nil {
		t.Fatal(err)
	}
	s := &stub{Cluster: c}
	r.cluster = s
	return r, s
}

func recorded(t *testing.T, r *runner) *history.History {
	t.Helper()
	h, err := history.Open(r.dir)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func finish(t *testing.T, r *runner, s *stub) *Outcome {
	t.Helper()
	o, err := r.run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if s.closed != 1 {
		t.Errorf("torn down %d times", s.closed)
	}
	return o
}

func phases(h *history.History, fault int) []string {
	var ps []string
	for _, ev := range h.Events {
		if ev.Type == history.FaultEvent && ev.Fault == fault {
			ps = append(ps, ev.Phase)
		}
	}
	return ps
}

func quietState(h *history.History) (state, why string) {
	for _, ev := range h.Events {
		if ev.Stage == history.StageQuiet {
			return ev.State, ev.Why
		}
	}
	return "no stage", ""
}

var short = Test{Time: 3 * time.Second, Seed: 1, Options: map[string]string{"policy": "lww-hlc"}}

func with(change func(*Test)) Test {
	t := short
	change(&t)
	return t
}

func TestAFaultThatTheFabricDoesNotMakeTrueIsAbsentAndNothingIsKnown(t *testing.T) {
	for name, f := range map[string]nemesis.Fault{
		"cut":   cutFault(time.Second, 2*time.Second),
		"bump":  clockFault(time.Second, 2*time.Second, time.Second, 0),
		"drift": clockFault(time.Second, 2*time.Second, 0, 500_000),
	} {
		t.Run(name, func(t *testing.T) {
			r, s := staged(t, with(func(t *Test) { t.Faults = []nemesis.Fault{f} }))
			if o := finish(t, r, s); o.Results.Verdict != checker.Holds {
				t.Fatalf("with a fabric that works: %s, %s", o.Results.Verdict, o.Results.Why)
			}
			r, s = staged(t, with(func(t *Test) { t.Faults = []nemesis.Fault{f} }))
			s.apply = func(context.Context, nemesis.State) error { return nil }
			o := finish(t, r, s)
			if got := phases(recorded(t, r), 1); !slices.Contains(got, history.Absent) || slices.Contains(got, history.Effective) {
				t.Errorf("phases %v", got)
			}
			if o.Results.Verdict != checker.Unknown || o.Results.Exit != 2 || !strings.Contains(o.Results.Why, "absent") {
				t.Errorf("%s (%d): %s", o.Results.Verdict, o.Results.Exit, o.Results.Why)
			}
		})
	}
}

func TestAFaultThatCannotBeMeasuredIsNotTakenForEffective(t *testing.T) {
	for name, c := range map[string]struct {
		f      nemesis.Fault
		change func(nemesis.Measured)
	}{
		"a link that nobody probed":         {cutFault(time.Second, 2*time.Second), func(m nemesis.Measured) { delete(m.Up, history.Link{From: "n1", To: "n2"}) }},
		"a clock that does not answer":      {clockFault(time.Second, 2*time.Second, time.Second, 0), func(m nemesis.Measured) { delete(m.Clocks, "n1") }},
		"a clock that is read too coarsely": {clockFault(time.Second, 2*time.Second, time.Second, 0), func(m nemesis.Measured) { m.Within["n1"] = 2 * time.Second }},
	} {
		r, s := staged(t, with(func(t *Test) { t.Faults = []nemesis.Fault{c.f} }))
		s.measure = func(m nemesis.Measured) {
			if now := s.Now(); now < 2*time.Second { // healing is measured well
				c.change(m)
			}
		}
		o := finish(t, r, s)
		if got := phases(recorded(t, r), 1); !slices.Contains(got, history.Absent) || o.Results.Verdict != checker.Unknown {
			t.Errorf("%s: phases %v, verdict %s", name, got, o.Results.Verdict)
		}
	}
}

func TestAClusterThatDoesNotHealEndsTheRunWithWhatToDo(t *testing.T) {
	for name, fail := range map[string]func(*stub){
		"n1 still does not reach n2": func(s *stub) {
			own := s.Cluster.Fabric()
			s.apply = func(ctx context.Context, st nemesis.State) error {
				if st.Healthy() {
					return nil
				}
				return own.Apply(ctx, st)
			}
		},
		"nobody could measure whether n3 reaches n1": func(s *stub) {
			s.measure = func(m nemesis.Measured) { delete(m.Up, history.Link{From: "n3", To: "n1"}) }
		},
	} {
		r, s := staged(t, with(func(t *Test) { t.Faults = []nemesis.Fault{cutFault(time.Second, 2*time.Second)} }))
		fail(s)
		_, err := r.run(t.Context())
		if err == nil {
			t.Fatalf("%s: no error", name)
		}
		for _, want := range []string{name, "does not heal", "--nemesis", "mlcheck clean", r.dir} {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("the error does not say %q: %v", want, err)
			}
		}
		if s.closed != 1 {
			t.Errorf("torn down %d times", s.closed)
		}
		if h := recorded(t, r); h.Damage != "" || h.Len() < 100 {
			t.Errorf("the history has %d operations; %s", h.Len(), h.Damage)
		}
		if _, err := os.Stat(filepath.Join(r.dir, "report.html")); err != nil {
			t.Error(err)
		}
	}
}

func TestAnApplyThatFailsEndsTheRun(t *testing.T) {
	r, s := staged(t, with(func(t *Test) { t.Time, t.Faults = time.Hour, []nemesis.Fault{cutFault(time.Second, 2*time.Second)} }))
	s.apply = func(context.Context, nemesis.State) error { return errors.New("the agent is gone") }
	if _, err := r.run(t.Context()); err == nil || !strings.Contains(err.Error(), "the agent is gone") || !strings.Contains(err.Error(), r.dir) {
		t.Errorf("got %v", err)
	}
	if s.closed != 1 || s.Now() > time.Minute {
		t.Errorf("torn down %d times, at %s of an hour", s.closed, s.Now())
	}
}

// outcomes counts the operations of sessions, final reads left out, by what they do.
func outcomes(h *history.History) (writes, reads map[history.Outcome]int) {
	writes, reads = map[history.Outcome]int{}, map[history.Outcome]int{}
	for k := range h.Len() {
		op := h.Op(k)
		if op.Final {
			continue
		}
		if slices.ContainsFunc(op.Steps, func(s history.Step) bool { return s.F.IsWrite() }) {
			writes[op.Outcome]++
		} else {
			reads[op.Outcome]++
		}
	}
	return writes, reads
}

func TestWhatAnErrorMeansForTheOutcome(t *testing.T) {
	for name, c := range map[string]struct {
		err           error
		connecting    bool
		writes, reads history.Outcome
	}{
		"a plain error":      {err: errors.New("reset"), writes: history.Info, reads: history.Fail},
		"a refusal":          {err: targets.Refused(errors.New("no")), writes: history.Fail, reads: history.Fail},
		"failing to connect": {err: errors.New("down"), connecting: true, writes: history.Fail, reads: history.Fail},
	} {
		r, s := staged(t, with(func(t *Test) { t.Workload = "rmw" }))
		sys := scripted{System: r.conf.System}
		bad := func(node string) error {
			if node == "n2" && s.Now() > time.Second && s.Now() < 2*time.Second {
				return c.err
			}
			return nil
		}
		if c.connecting {
			sys.connect = bad
			sys.do = func(ctx context.Context, node string, cl targets.Client, ss []history.Step) (targets.Done, error) {
				if bad(node) != nil { // lose the connections that there are
					return targets.Done{}, targets.Refused(errors.New("down"))
				}
				return cl.Do(ctx, ss)
			}
		} else {
			sys.do = func(ctx context.Context, node string, cl targets.Client, ss []history.Step) (targets.Done, error) {
				if err := bad(node); err != nil {
					return targets.Done{}, err
				}
				return cl.Do(ctx, ss)
			}
		}
		r.conf.System = sys
		finish(t, r, s)
		h := recorded(t, r)
		writes, reads := outcomes(h)
		for kind, got := range map[string]map[history.Outcome]int{"writes": writes, "reads": reads} {
			want := map[string]history.Outcome{"writes": c.writes, "reads": c.reads}[kind]
			for o, n := range got {
				if o != history.OK && o != want {
					t.Errorf("%s: %d %s are %s, want %s", name, n, kind, o, want)
				}
			}
			if got[want] < 3 || got[history.OK] < 50 {
				t.Errorf("%s: %s by outcome: %v", name, kind, got)
			}
		}
		after := 0
		for k := range h.Len() {
			if op := h.Op(k); op.Session == 1 && op.Outcome == history.OK && op.Start > 2*time.Second && !op.Final {
				after++
			}
		}
		if after < 5 {
			t.Errorf("%s: session 1, which stays at n2, did %d operations afterwards", name, after)
		}
	}
}

func TestATargetWithoutQuietIsSweptUntilNothingChanges(t *testing.T) {
	r, s := staged(t, short)
	r.conf.System = scripted{System: r.conf.System}
	o := finish(t, r, s)
	state, why := quietState(recorded(t, r))
	if state != history.QuietYes || !strings.Contains(why, "nothing that can be read has changed") || o.Results.Verdict != checker.Holds {
		t.Errorf("%s: %s; %s", state, why, o.Results.Why)
	}
}

func TestASweepMayTakeLongerThanOneOperation(t *testing.T) {
	r, s := staged(t, with(func(t *Test) { t.Keys, t.Timeout = 100, 20*time.Millisecond }))
	r.conf.System = scripted{System: r.conf.System}
	finish(t, r, s)
	if state, why := quietState(recorded(t, r)); state != history.QuietYes {
		t.Errorf("%s: %s", state, why)
	}
}

func TestReplicationThatMovesForEverIsUnknownAtTheDeadline(t *testing.T) {
	r, s := staged(t, short)
	r.conf.System = quietly{scripted{System: r.conf.System}, func() (string, string, error) { return history.QuietMoving, "n1 is 5 behind", nil }}
	o := finish(t, r, s)
	if state, why := quietState(recorded(t, r)); state != history.QuietMoving || why != "n1 is 5 behind" {
		t.Errorf("%s, %q", state, why)
	}
	if v := o.Results.Properties["convergence"].Verdict; v != checker.Unknown || o.Results.Exit != 2 {
		t.Errorf("convergence %s, exit %d", v, o.Results.Exit)
	}
}

func TestATargetThatCannotTellIsSweptInstead(t *testing.T) {
	r, s := staged(t, short)
	r.conf.System = quietly{scripted{System: r.conf.System}, func() (string, string, error) { return "", "", errors.New("n3 is gone") }}
	o := finish(t, r, s)
	if state, why := quietState(recorded(t, r)); state != history.QuietYes || !strings.Contains(why, "nothing that can be read has changed") {
		t.Errorf("%s, %q", state, why)
	}
	if v := o.Results.Properties["convergence"].Verdict; v != checker.Holds {
		t.Errorf("convergence %s", v)
	}
}

func TestReplicationThatHasStoppedIsBelievedAfterItsSettlingTime(t *testing.T) {
	r, s := staged(t, short)
	var first time.Duration
	r.conf.System = quietly{scripted{System: r.conf.System}, func() (string, string, error) {
		if first == 0 {
			first = s.Now()
		}
		return history.QuietStopped, "n1 → n2: duplicate key", nil
	}}
	finish(t, r, s)
	h := recorded(t, r)
	state, why := quietState(h)
	for _, ev := range h.Events {
		if ev.Stage == history.StageQuiet && (ev.T-first < r.conf.Settle || ev.T-first > 2*r.conf.Settle) {
			t.Errorf("believed after %s; the settling time is %s", ev.T-first, r.conf.Settle)
		}
	}
	if state != history.QuietStopped || why != "n1 → n2: duplicate key" {
		t.Errorf("%s: %q", state, why)
	}
}

func TestANodeThatNeverAnswersIsGivenUpAtTheEnd(t *testing.T) {
	r, s := staged(t, short)
	sys := scripted{System: r.conf.System}
	sys.do = func(ctx context.Context, node string, c targets.Client, ss []history.Step) (targets.Done, error) {
		if node == "n2" && s.Now() > r.Time {
			return targets.Done{}, s.Sleep(ctx, 2*r.Timeout) // as a node that hangs
		}
		return c.Do(ctx, ss)
	}
	r.conf.System = quietly{sys, func() (string, string, error) { return history.QuietYes, "", nil }}
	o := finish(t, r, s)
	failed := 0
	h := recorded(t, r)
	for k := range h.Len() {
		if op := h.Op(k); op.Final && op.Outcome == history.Fail {
			failed++
		}
	}
	if failed != finalFailures {
		t.Errorf("%d final reads failed before the node was given up, want %d", failed, finalFailures)
	}
	if v := o.Results.Properties["convergence"].Verdict; v != checker.Unknown {
		t.Errorf("convergence %s though n2 could not be read", v)
	}
}

func TestInterruptedInTheMiddleOfTheWork(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	r, s := staged(t, with(func(t *Test) { t.Faults = []nemesis.Fault{cutFault(time.Second, 3*time.Second)} }))
	own := s.Cluster.Fabric()
	s.apply = func(ctx context.Context, st nemesis.State) error {
		cancel() // as soon as the cut goes in
		return own.Apply(ctx, st)
	}
	o, err := r.run(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if !o.Interrupted || o.Results.Verdict != checker.Unknown || o.Results.Exit != 2 || s.closed != 1 {
		t.Errorf("interrupted %v, verdict %s (%d), torn down %d times", o.Interrupted, o.Results.Verdict, o.Results.Exit, s.closed)
	}
	h := recorded(t, r)
	if h.Damage != "" || h.Len() < 30 {
		t.Errorf("%d operations, damage %q", h.Len(), h.Damage)
	}
	for _, name := range []string{testFile, historyFile, "results.json", "report.html", "junit.xml", "run.json"} {
		if st, err := os.Stat(filepath.Join(o.Dir, name)); err != nil || st.Size() == 0 {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestAPanicOfATargetIsAnErrorAndTornDown(t *testing.T) {
	r, s := staged(t, short)
	sys := scripted{System: r.conf.System}
	sys.do = func(context.Context, string, targets.Client, []history.Step) (targets.Done, error) { panic("boom") }
	r.conf.System = sys
	if _, err := r.run(t.Context()); err == nil || !strings.Contains(err.Error(), "boom") || s.closed != 1 {
		t.Errorf("torn down %d times, %v", s.closed, err)
	}
}

func TestTwoRunsNeverShareAFolder(t *testing.T) {
	p, err := short.plan()
	if err != nil {
		t.Fatal(err)
	}
	store, seen := t.TempDir(), map[string]bool{}
	for range 50 {
		dir, err := newFolder(store, p)
		if err != nil {
			t.Fatal(err)
		}
		if seen[dir] {
			t.Fatalf("%s was given twice", dir)
		}
		seen[dir] = true
	}
}

func TestACutThatMetNothingOfItsOwnIsIdle(t *testing.T) {
	s1 := time.Second
	r, s := staged(t, with(func(t *Test) {
		t.Faults = []nemesis.Fault{cutFault(0, 2*s1), cutFault(s1, 3*s1)}
		t.Faults[1].ID = 2
	}))
	s.measure = func(m nemesis.Measured) { // the first second's traffic, and none since
		m.Dropped[history.Link{From: "n1", To: "n2"}] = 7
	}
	o := finish(t, r, s)
	var states []string
	for _, f := range o.Results.Faults {
		states = append(states, f.State)
	}
	if diff := cmp.Diff([]string{"effective", "idle"}, states); diff != "" {
		t.Error(diff)
	}
}

func TestCancelledBeforeItBegins(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	r, s := staged(t, short)
	o, err := r.run(ctx)
	if err != nil || !o.Interrupted || o.Results.Verdict != checker.Unknown || s.closed != 1 {
		t.Errorf("%v, %+v, torn down %d times", err, o, s.closed)
	}
}

func TestADocumentIsReadStrictly(t *testing.T) {
	path := filepath.Join(t.TempDir(), "test.yaml")
	for want, doc := range map[string]string{
		"":        "target: reference\ntime: 3s\nfaults:\n- {id: 1, kind: partition, from: 1s, until: 2s, links: [{from: n1, to: n2}]}\n",
		"laeders": "target: reference\nlaeders: 3\n",
		"leaders": "leaders: three\n",
		"time":    "time: 3 parsecs\n",
		"bogus":   "faults:\n- {id: 1, bogus: 2}\n",
	} {
		if err := os.WriteFile(path, []byte(doc), 0o600); err != nil {
			t.Fatal(err)
		}
		read, err := ReadTest(path)
		if want == "" {
			if err != nil || len(read.Faults) != 1 || read.Faults[0].Until != 2*time.Second {
				t.Errorf("%v: %+v", err, read)
			}
			continue
		}
		if u := new(UsageError); !errors.As(err, &u) || !strings.Contains(err.Error(), path) || !strings.Contains(err.Error(), want) {
			t.Errorf("want a refusal that names %s and %s, got %v", path, want, err)
		}
	}
	if _, err := ReadTest(path + "x"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v", err)
	}
}

func TestATargetThatReturnsOtherStepsEndsTheRun(t *testing.T) {
	r, s := staged(t, with(func(t *Test) { t.Time = time.Hour }))
	sys := scripted{System: r.conf.System}
	sys.do = func(ctx context.Context, _ string, c targets.Client, ss []history.Step) (targets.Done, error) {
		done, err := c.Do(ctx, ss)
		if s.Now() > time.Second {
			done.Steps = nil
		}
		return done, err
	}
	r.conf.System = sys
	_, err := r.run(t.Context())
	if err == nil || !strings.Contains(err.Error(), "read without saying what it returned") || strings.Contains(err.Error(), "--store") {
		t.Errorf("got %v", err)
	}
	if s.closed != 1 || s.Now() > time.Minute {
		t.Errorf("torn down %d times, at %s", s.closed, s.Now())
	}
}
