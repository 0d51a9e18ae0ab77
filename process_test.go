package mlcheck

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mlcheck/mlcheck/checker"
	"github.com/mlcheck/mlcheck/history"
	"github.com/mlcheck/mlcheck/nemesis"
)

func befalls(kind string, from, until time.Duration, nodes ...string) nemesis.Fault {
	return nemesis.Fault{ID: 1, Kind: kind, From: from, Until: until, Nodes: nodes}
}

var processKinds = []string{nemesis.Pause, nemesis.Kill, nemesis.Crash}

func TestFaultsOfProcessesAreProvedAndTheirAbsenceIsSeen(t *testing.T) {
	for _, kind := range processKinds {
		test := with(func(t *Test) { t.Faults = []nemesis.Fault{befalls(kind, time.Second, 2*time.Second, "n2")} })
		r, s := staged(t, test)
		o := finish(t, r, s)
		if got := phases(recorded(t, r), 1); !slices.Equal(got, []string{history.Planned, history.Effective, history.Healing, history.Healed}) || o.Results.Verdict != checker.Holds {
			t.Errorf("%s: %v, %s: %s", kind, got, o.Results.Verdict, o.Results.Why)
		}
		if f := o.Results.Faults[0]; f.State != "effective" || !strings.HasPrefix(f.What, "n2 ") {
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

func TestAFaultOfAProcessThatNothingMeetsIsIdle(t *testing.T) {
	for _, kind := range processKinds {
		test := with(func(t *Test) {
			t.Rate, t.Sessions = 0.5, 1
			t.Faults = []nemesis.Fault{befalls(kind, 100*time.Millisecond, 120*time.Millisecond, "n2")}
		})
		r, s := staged(t, test)
		if f := finish(t, r, s).Results.Faults[0]; f.State != "idle" {
			t.Errorf("%s: %+v", kind, f)
		}
	}
}

func TestANodeThatStaysDownIsNotHealed(t *testing.T) {
	for _, kind := range processKinds {
		r, s := staged(t, with(func(t *Test) { t.Faults = []nemesis.Fault{befalls(kind, time.Second, 2*time.Second, "n2")} }))
		own := s.Cluster.Fabric()
		s.apply = func(ctx context.Context, st nemesis.State) error {
			if st.Healthy() {
				return nil
			}
			return own.Apply(ctx, st)
		}
		if _, err := r.run(t.Context()); err == nil || !strings.Contains(err.Error(), "n2 is still") {
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
	for kind, want := range map[string][2]bool{nemesis.Kill: {true, true}, nemesis.Crash: {true, true}, nemesis.Pause: {true, false}} {
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
