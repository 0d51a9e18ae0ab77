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

// flapping is a cut that is there for the first, third and fifth tenth of a second.
func flapping(t *Test) {
	t.Faults = []nemesis.Fault{{
		ID: 1, Kind: nemesis.Partition, From: time.Second, Until: 1500 * time.Millisecond, Flap: 100 * time.Millisecond,
		Links: []history.Link{{From: "n1", To: "n2"}, {From: "n2", To: "n1"}},
	}}
}

func TestACutThatFlapsIsProvedInEveryTurn(t *testing.T) {
	r, s := staged(t, with(flapping))
	var turns []bool
	own := s.Cluster.Fabric()
	s.apply = func(ctx context.Context, st nemesis.State) error {
		turns = append(turns, !st.Healthy())
		return own.Apply(ctx, st)
	}
	o := finish(t, r, s)
	if want := []bool{true, false, true, false, true, false, false}; !slices.Equal(turns, want) {
		t.Errorf("cuts: %v", turns)
	}
	if got := phases(recorded(t, r), 1); !slices.Equal(got, []string{history.Planned, history.Effective, history.Healing, history.Healed}) {
		t.Error(got)
	}
	f := o.Results.Faults[0]
	if f.State != "effective" || !strings.Contains(f.What, "on and off for 100ms") || !strings.Contains(f.Note, "it came 3 times") {
		t.Errorf("%+v", f)
	}
}

func TestATurnThatDoesNotComeOrGoIsSeen(t *testing.T) {
	for want, lies := range map[string]func(turn int) bool{
		history.Absent: func(turn int) bool { return turn == 3 },
		history.Stuck:  func(turn int) bool { return turn == 4 },
	} {
		r, s := staged(t, with(flapping))
		own, turn := s.Cluster.Fabric(), 0
		s.apply = func(ctx context.Context, st nemesis.State) error {
			if turn++; lies(turn) {
				return nil // all stays as it was
			}
			return own.Apply(ctx, st)
		}
		o := finish(t, r, s)
		if got := phases(recorded(t, r), 1); !slices.Contains(got, want) || o.Results.Verdict != checker.Unknown || o.Results.Faults[0].State != want {
			t.Errorf("want %s: %v, %s, %+v", want, got, o.Results.Verdict, o.Results.Faults[0])
		}
	}
}

// What the cut swallowed in every turn is counted, and only that.
func TestWhatTurnsMeetIsSummedUp(t *testing.T) {
	met := func(change func(*Test)) int64 {
		r, s := staged(t, with(func(t *Test) {
			t.Rate = 100
			flapping(t)
			change(t)
		}))
		finish(t, r, s)
		for _, ev := range recorded(t, r).Events {
			if ev.Fault == 1 && ev.Phase == history.Healing {
				return ev.Dropped
			}
		}
		return -1
	}
	whole := met(func(t *Test) { t.Faults[0].Flap = 0 })
	turns := met(func(*Test) {})
	one := met(func(t *Test) { t.Faults[0].Flap, t.Faults[0].Until = 0, 1100*time.Millisecond })
	if one <= 0 || turns <= one || turns >= whole {
		t.Errorf("one turn met %d messages, all of them %d, and a cut that stays %d", one, turns, whole)
	}
}

func TestDataCentersArePartOfTheTestAndOfItsCommand(t *testing.T) {
	full, err := Test{Leaders: 4, Datacenters: ParseDatacenters("n1+n3,n2+n4"), Nemesis: []string{"partition"}}.Complete()
	if err != nil {
		t.Fatal(err)
	}
	if c := full.Command(); !strings.Contains(c, "--datacenters n1+n3,n2+n4") {
		t.Error(c)
	}
	for want, text := range map[string]string{
		"no leader \"n9\"":    "n1+n9,n2",
		"no leader \"\"":      "n1,n2,n3,",
		"is in two":           "n1+n2,n2+n3",
		"n3 is in no":         "n1,n2",
		"one data center is ": "n1+n2+n3",
	} {
		if _, err := (Test{Datacenters: ParseDatacenters(text)}).Complete(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", text, err)
		}
	}
}
