package mlcheck

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"

	"github.com/mlcheck/mlcheck/checker"
	"github.com/mlcheck/mlcheck/history"
	"github.com/mlcheck/mlcheck/nemesis"
)

func slowed(from, until time.Duration, i nemesis.Impairment) nemesis.Fault {
	return nemesis.Fault{ID: 1, Kind: nemesis.Link, From: from, Until: until, Links: []history.Link{{From: "n1", To: "n2"}}, Impair: &i}
}

func befalls(kind string, from, until time.Duration, nodes ...string) nemesis.Fault {
	return nemesis.Fault{ID: 1, Kind: kind, From: from, Until: until, Nodes: nodes}
}

// newKinds has for each a fault that a fabric can make, or fail to make.
func newKinds(from, until time.Duration) map[string]nemesis.Fault {
	fs := map[string]nemesis.Fault{}
	for _, kind := range []string{nemesis.Pause, nemesis.Stop, nemesis.Kill, nemesis.Crash} {
		fs[kind] = befalls(kind, from, until, "n2")
	}
	for name, d := range map[string]nemesis.DiskTrouble{"full disk": {Full: true}, "slow disk": {Slow: 20 * time.Millisecond}, "full and slow": {Full: true, Slow: time.Second}} {
		f := befalls(nemesis.Disk, from, until, "n2")
		f.Disk = &d
		fs[name] = f
	}
	for name, i := range map[string]nemesis.Impairment{
		"delay": {Delay: 5 * time.Millisecond}, "jitter": {Jitter: 5 * time.Millisecond}, "tail": {Jitter: 5 * time.Millisecond, Tail: true},
		"loss": {Loss: 5_000}, "duplicates": {Duplicate: 5_000}, "reordering": {Reorder: 5_000}, "all lost": {Loss: 1_000_000},
		"bursts": {Loss: 300_000, Burst: 8}, "narrow": {Rate: 20_000}, "narrow and lossy": {Rate: 20_000, Loss: 300_000, Delay: 5 * time.Millisecond},
		"everything": {Delay: time.Second, Jitter: time.Second, Tail: true, Loss: 900_000, Duplicate: 900_000, Reorder: 900_000},
	} {
		fs[name] = slowed(from, until, i)
	}
	return fs
}

func TestFaultsOfLinksAndProcessesAreProvedAndTheirAbsenceIsSeen(t *testing.T) {
	for kind, f := range newKinds(time.Second, 2*time.Second) {
		test := with(func(t *Test) { t.Faults = []nemesis.Fault{f} })
		r, s := staged(t, test)
		o := finish(t, r, s)
		if got := phases(recorded(t, r), 1); !slices.Equal(got, []string{history.Planned, history.Effective, history.Healing, history.Healed}) || o.Results.Verdict != checker.Holds {
			t.Errorf("%s: %v, %s: %s", kind, got, o.Results.Verdict, o.Results.Why)
		}
		if f := o.Results.Faults[0]; f.State != "effective" || !strings.Contains(f.What, "n2") {
			t.Errorf("%s: %+v", kind, f)
		}
		r, s = staged(t, test)
		s.apply = func(context.Context, nemesis.State) error { return nil }
		o = finish(t, r, s)
		if got := phases(recorded(t, r), 1); !slices.Contains(got, history.Absent) || o.Results.Verdict != checker.Unknown {
			t.Errorf("%s, never done: %v, %s", kind, got, o.Results.Verdict)
		}
	}
}

func TestAFaultThatNothingMeetsIsIdle(t *testing.T) {
	for kind, f := range newKinds(100*time.Millisecond, 120*time.Millisecond) {
		if kind == "everything" { // to prove it takes seconds
			continue
		}
		test := with(func(t *Test) { t.Rate, t.Sessions, t.Faults = 0.5, 1, []nemesis.Fault{f} })
		r, s := staged(t, test)
		if f := finish(t, r, s).Results.Faults[0]; f.State != "idle" {
			t.Errorf("%s: %+v", kind, f)
		}
	}
}

func TestANodeThatStaysDownIsNotHealed(t *testing.T) {
	for kind, f := range newKinds(time.Second, 2*time.Second) {
		r, s := staged(t, with(func(t *Test) { t.Faults = []nemesis.Fault{f} }))
		own := s.Cluster.Fabric()
		s.apply = func(ctx context.Context, st nemesis.State) error {
			if st.Healthy() {
				return nil
			}
			return own.Apply(ctx, st)
		}
		if _, err := r.run(t.Context()); err == nil || !strings.Contains(err.Error(), "does not heal") {
			t.Errorf("%s: %v", kind, err)
		}
		if got := phases(recorded(t, r), 1); !slices.Contains(got, history.Stuck) {
			t.Errorf("%s: %v", kind, got)
		}
	}
}

// What a client asked of a node that dies is unknown, what it asks of one that is
// down did not happen, and a node that is paused answers late or not at all.
func TestOutcomesUnderFaultsOfProcesses(t *testing.T) {
	for kind, want := range map[string][2]bool{nemesis.Stop: {true, true}, nemesis.Kill: {true, true}, nemesis.Crash: {true, true}, nemesis.Pause: {true, false}} {
		test := with(func(t *Test) {
			t.Rate, t.Timeout, t.Reads = 300, 200*time.Millisecond, Share(0)
			t.Faults = []nemesis.Fault{befalls(kind, time.Second, 2*time.Second, "n1", "n2", "n3")}
		})
		r, s := staged(t, test)
		finish(t, r, s)
		writes, _ := outcomes(recorded(t, r))
		if got := [2]bool{writes[history.Info] > 0, writes[history.Fail] > 0}; got != want {
			t.Errorf("%s: info and fail %v, want %v (%v)", kind, got, want, writes)
		}
	}
}

func TestALatencyIsPartOfTheTestAndOfItsCommand(t *testing.T) {
	latency, err := ParseLatency("n1-n2=90ms,n1>n3=5ms")
	if err != nil {
		t.Fatal(err)
	}
	full, err := Test{Latency: latency}.Complete()
	if err != nil {
		t.Fatal(err)
	}
	if c := full.Command(); !strings.Contains(c, "--latency 'n1-n2=90ms,n1>n3=5ms'") {
		t.Error(c)
	}
	full.Time = time.Second
	doc, err := full.JSON()
	if err != nil {
		t.Fatal(err)
	}
	var read Test
	if err := yaml.UnmarshalWithOptions(doc, &read, yaml.Strict()); err != nil || !maps.Equal(read.Latency, latency) {
		t.Errorf("%v: %v in\n%s", err, read.Latency, doc)
	}
	if one, other := lines(t, simulated(t, full)), lines(t, simulated(t, Test{Time: time.Second})); one == other {
		t.Error("it changes nothing")
	}
}

func TestLatenciesThatMakeNoSenseAreRefused(t *testing.T) {
	for text, want := range map[string]string{
		"n1-n2":                 "is written n1-n2=90ms",
		"n1-n2=fast":            "is written n1-n2=90ms",
		"n1-n9=1ms":             "no link",
		"n1=1ms":                "no link",
		"n1-n2=-1ms":            "must be between",
		"n1-n2=1h":              "must be between",
		"n1-n2=1ms,n2>n1=2ms":   "has one already",
		"n1-n2=1ms,n2-n1=200us": "has one already",
	} {
		latency, err := ParseLatency(text)
		if err == nil {
			_, err = Test{Latency: latency}.Complete()
		}
		if u := new(UsageError); !errors.As(err, &u) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: want a refusal with %q, got %v", text, want, err)
		}
	}
	if _, err := (Test{Target: "mariadb", Latency: map[string]time.Duration{"n1-n2": time.Second}}).Complete(); err != nil {
		t.Errorf("in containers: %v", err)
	}
}
