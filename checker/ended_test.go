package checker

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/mlcheck/mlcheck/history"
)

// staged is a run that claims no-thin-air, keeps it, and passes the given
// stages and fault phases.
func staged(t *testing.T, stages []string, phases ...string) *Results {
	t.Helper()
	b := history.NewBuilder(history.Header{
		Nodes: []string{"n1", "n2"}, Claims: []history.Claim{{Property: "no-thin-air", Source: "test"}},
	})
	i := 0
	next := func() int { i++; return i }
	must := func(err error) {
		if err != nil {
			t.Fatal(err)
		}
	}
	write, read := []history.Step{{F: history.Write, Key: "x", Value: history.Int(1)}}, []history.Step{{F: history.Read, Key: "x", Value: history.Int(1)}}
	must(b.Invoke(next(), 0, 1, "n1", write, false))
	must(b.Complete(next(), 1, 1, history.OK, write, history.Meta{}))
	must(b.Invoke(next(), 2, 1, "n1", read, false))
	must(b.Complete(next(), 3, 1, history.OK, read, history.Meta{}))
	for _, p := range phases {
		must(b.Event(history.Event{
			Index: next(), T: time.Second, Type: history.FaultEvent, Fault: 1, Kind: "partition", Phase: p,
			Links: []history.Link{{From: "n1", To: "n2"}}, Dropped: 3,
		}))
	}
	for _, s := range stages {
		must(b.Event(history.Event{Index: next(), T: 2 * time.Second, Type: history.StageEvent, Stage: s}))
	}
	return Check(context.Background(), b.History(), Options{})
}

func TestARunThatDidNotComeToItsEndIsNoPass(t *testing.T) {
	if res := staged(t, []string{history.StageWork}); res.Exit != ExitUnknown || !strings.Contains(res.Why, "did not come to its end") {
		t.Errorf("interrupted: exit %d, %s", res.Exit, res.Why)
	}
	if res := staged(t, []string{history.StageWork, history.StageEnd}); res.Exit != ExitHolds {
		t.Errorf("a run with an end: exit %d, %s", res.Exit, res.Why)
	}
	if res := staged(t, nil); res.Exit != ExitHolds {
		t.Errorf("a history from elsewhere knows no stages: exit %d, %s", res.Exit, res.Why)
	}
}

func TestAFaultThatNobodyMeasuredIsNoPass(t *testing.T) {
	if res := staged(t, nil, history.Planned, history.Healing); res.Exit != ExitUnknown || !strings.Contains(res.Why, "nobody measured") {
		t.Errorf("not measured: exit %d, %s", res.Exit, res.Why)
	}
	if res := staged(t, nil, history.Planned, history.Effective, history.Healing, history.Healed); res.Exit != ExitHolds {
		t.Errorf("measured: exit %d, %s", res.Exit, res.Why)
	}
}
