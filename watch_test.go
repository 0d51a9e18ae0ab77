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

// restartUnder is a cut, a skew and a bad link, and a node of theirs that is killed and
// started again meanwhile.
func restartUnder() []nemesis.Fault {
	cut := cutFault(time.Second, 5*time.Second)
	skew := nemesis.Fault{ID: 2, Kind: nemesis.Clock, From: time.Second, Until: 5 * time.Second, Clocks: []nemesis.Skew{{Node: "n2", Offset: time.Hour}}}
	bad := nemesis.Fault{ID: 3, Kind: nemesis.Link, From: time.Second, Until: 5 * time.Second, Links: []history.Link{{From: "n3", To: "n2"}}, Impair: &nemesis.Impairment{Delay: 30 * time.Millisecond}}
	kill := befalls(nemesis.Kill, 2*time.Second, 3*time.Second, "n2")
	kill.ID = 4
	return []nemesis.Fault{cut, skew, bad, kill}
}

func TestWhatIsInForceIsMeasuredAgainAfterARestart(t *testing.T) {
	forget := map[int]func(*nemesis.State){
		0: func(*nemesis.State) {},
		1: func(s *nemesis.State) { s.Cut = nil },
		2: func(s *nemesis.State) { s.Clocks = nil },
		3: func(s *nemesis.State) { s.Links = nil },
	}
	for lost, drop := range forget {
		r, s := staged(t, with(func(t *Test) { t.Time, t.Faults = 7*time.Second, restartUnder() }))
		own := s.Cluster.Fabric()
		s.apply = func(ctx context.Context, st nemesis.State) error {
			if s.Now() >= 3*time.Second { // the restart loses it
				drop(&st)
			}
			return own.Apply(ctx, st)
		}
		o := finish(t, r, s)
		for i, f := range o.Results.Faults {
			want := "effective"
			if i+1 == lost {
				want = "absent"
			}
			if f.State != want || want == "absent" && !strings.Contains(f.Note, "it did not last: ") {
				t.Errorf("fault %d is lost: fault %d is %s (%s)", lost, f.Fault, f.State, f.Note)
			}
		}
		if unknown := o.Results.Verdict == checker.Unknown; unknown != (lost > 0) {
			t.Errorf("fault %d is lost: %s", lost, o.Results.Verdict)
		}
		if n := len(phases(recorded(t, r), max(lost, 1))); lost > 0 && n != 5 {
			t.Errorf("fault %d is lost: that is recorded in %d phases", lost, n)
		}
	}
}

// What is wrong before a fault is not taken for the fault.
func TestAFaultThatWasThereBeforeItBeganIsNotProved(t *testing.T) {
	link := history.Link{From: "n1", To: "n2"}
	r, s := staged(t, with(func(t *Test) { t.Faults = []nemesis.Fault{cutFault(time.Second, 2*time.Second)} }))
	s.measure = func(m nemesis.Measured) {
		if s.Now() < 2*time.Second {
			m.Up[link] = false
		}
	}
	o := finish(t, r, s)
	if f := o.Results.Faults[0]; f.State != "absent" || !strings.Contains(f.Note, "before it began: no probe passed from n1 to n2") {
		t.Errorf("%+v", f)
	}
}

// One measurement that is off is no proof of anything.
func TestOneBadMeasurementDuringAFaultIsLookedAtAgain(t *testing.T) {
	r, s := staged(t, with(func(t *Test) { t.Time, t.Faults = 6*time.Second, []nemesis.Fault{cutFault(time.Second, 5*time.Second)} }))
	off := 0
	s.measure = func(m nemesis.Measured) {
		if s.Now() > 3*time.Second && off == 0 {
			off++
			m.Up[history.Link{From: "n1", To: "n2"}] = true
		}
	}
	if f := finish(t, r, s).Results.Faults[0]; f.State != "effective" || off != 1 {
		t.Errorf("%+v, off %d times", f, off)
	}
}

// Leaders that catch up after a cut die at that, all of them, and one once more.
func TestLeadersDieWhileTheyCatchUp(t *testing.T) {
	faults := []nemesis.Fault{
		cutFault(time.Second, 4*time.Second),
		befalls(nemesis.Kill, 4010*time.Millisecond, 4500*time.Millisecond, "n1", "n2", "n3"),
		befalls(nemesis.Stop, 4520*time.Millisecond, 4800*time.Millisecond, "n1", "n2"),
		befalls(nemesis.Crash, 4810*time.Millisecond, 5*time.Second, "n2"),
	}
	for i := range faults {
		faults[i].ID = i + 1
	}
	r, s := staged(t, with(func(t *Test) { t.Time, t.Rate, t.Faults = 7*time.Second, 200, faults }))
	o := finish(t, r, s)
	for _, f := range o.Results.Faults {
		if !slices.Contains([]string{"effective", "idle"}, f.State) {
			t.Errorf("%+v", f)
		}
	}
	if o.Results.Verdict != checker.Holds {
		t.Errorf("%s: %s", o.Results.Verdict, o.Results.Why)
	}
}
