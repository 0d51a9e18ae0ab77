package checker

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/mlcheck/mlcheck/history"
)

func TestASessionThatChangesItsMindIsToldSoThatAPersonCanFollow(t *testing.T) {
	told(t, `
		s1@n1 w x 1
		s2@n2 w x 2
		s2@n2 r x 1
		s2@n2 r x 2`, Finding{
		Label: "CyclicHB",
		Story: "session 2 at n2 read x=1 (#5) with x=2 (#3) in its past, so in its view x=2 came before x=1 (session 2 did both at n2, #3 before #5). " +
			"session 2 at n2 read x=2 (#7) with x=1 (#1) in its past, so in its view x=1 came before x=2 " +
			"(session 2 at n2 read x=1 (#5), which session 1 had written at n1 (#1); session 2 did both at n2, #5 before #7). " +
			"These go round in a circle, so no order of what session 2 knew explains all that it read.",
		Ops: []int{3, 5, 1, 7},
		Edges: []Edge{
			{3, 5, "so", "session 2 did both at n2, #3 before #5"},
			{1, 5, "wr", "session 2 at n2 read x=1 (#5), which session 1 had written at n1 (#1)"},
			{3, 1, "hb", "session 2 at n2 read x=1 (#5) with x=2 (#3) in its past, so in its view x=2 came before x=1"},
			{5, 7, "so", "session 2 did both at n2, #5 before #7"},
			{3, 7, "wr", "session 2 at n2 read x=2 (#7), which session 2 had written at n2 (#3)"},
			{1, 3, "hb", "session 2 at n2 read x=2 (#7) with x=1 (#1) in its past, so in its view x=1 came before x=2"},
		},
	})
}

// What follows from an edge is told after it, and says so.
func TestAWriteThatNeverShowedIsToldSoThatAPersonCanFollow(t *testing.T) {
	told(t, `
		s1@n1 w z 1
		s1@n1 w x 1
		s1@n1 w y 1
		s2@n2 w x 2
		s2@n2 r z -
		s2@n2 r y 1
		s2@n2 r x 2`, Finding{
		Label: "WriteHBInitRead",
		Story: "session 2 at n2 read x=2 (#13) with x=1 (#3) in its past, so in its view x=1 came before x=2 (session 1 did both at n1, #3 before #5; " +
			"session 2 at n2 read y=1 (#11), which session 1 had written at n1 (#5); session 2 did both at n2, #11 before #13). " +
			"session 2 at n2 read z=nothing (#9), though in its view z=1 (#1) had come before that: session 1 did both at n1, #1 before #3; " +
			"in its view x=1 came before x=2; session 2 did both at n2, #7 before #9. " +
			"So no order of what it knew explains all that it read.",
		Ops: []int{3, 5, 11, 13, 7, 1, 9},
		Edges: []Edge{
			{3, 5, "so", "session 1 did both at n1, #3 before #5"},
			{5, 11, "wr", "session 2 at n2 read y=1 (#11), which session 1 had written at n1 (#5)"},
			{11, 13, "so", "session 2 did both at n2, #11 before #13"},
			{7, 13, "wr", "session 2 at n2 read x=2 (#13), which session 2 had written at n2 (#7)"},
			{3, 7, "hb", "session 2 at n2 read x=2 (#13) with x=1 (#3) in its past, so in its view x=1 came before x=2"},
			{1, 3, "so", "session 1 did both at n1, #1 before #3"},
			{7, 9, "so", "session 2 did both at n2, #7 before #9"},
		},
	})
}

func told(t *testing.T, text string, want Finding) {
	t.Helper()
	r := check(t, "cm", parse(t, history.Header{}, text))
	for i := range r.Findings {
		r.Findings[i].ID = ""
	}
	if diff := cmp.Diff([]Finding{want}, r.Findings); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestACheckOfCausalMemoryThatIsStoppedIsNoPass(t *testing.T) {
	h := gossiped(40_000, 4, 10, 100, false)
	ix := newIndex(h)
	if _, err := ix.co().judge(context.Background()); err != nil {
		t.Fatal(err)
	}
	if r := checkCM(withIndex(context.Background(), ix), ix); r.Verdict != Holds {
		t.Fatalf("%s: %s", r.Verdict, r.Reason)
	}
	ctx := &tired{Context: withIndex(context.Background(), ix)}
	ctx.left.Store(3)
	if r := checkCM(ctx, ix); r.Verdict != Unknown {
		t.Errorf("%s: %s", r.Verdict, r.Reason)
	}
}

// tired is a context that ends after it was asked a few times.
type tired struct {
	context.Context
	left atomic.Int32
}

func (c *tired) Err() error {
	if c.left.Add(-1) < 0 {
		return errors.New("tired")
	}
	return nil
}

func (c *tired) Deadline() (time.Time, bool) { return time.Time{}, false }

func TestCMWithoutCCIsAnInternalError(t *testing.T) {
	res := &Results{Properties: map[string]*Decided{
		"cm": {Result: Result{Verdict: Holds}},
		"cc": {Result: Result{Verdict: Violated, Violations: 1}},
	}}
	if contradiction(res) == nil {
		t.Error("not noticed")
	}
}

// What a store that keeps ccv does to cm is shown by a few operations, confirmed,
// and found again in them alone.
func TestEveryFindingOfCausalMemoryStandsAlone(t *testing.T) {
	labels := map[string]int{}
	for sessions := 3; sessions <= 8; sessions++ {
		h := gossiped(1500, sessions, 10, 20, true)
		res := Check(context.Background(), h, Options{Only: []string{"cm"}})
		if res.Exit == ExitInternal {
			t.Fatal(res.Why)
		}
		for _, f := range res.Properties["cm"].Findings {
			labels[f.Label]++
			standsAlone(t, h, "cm", f)
			if len(f.Ops) > 30 {
				t.Errorf("%d operations: %s", len(f.Ops), f.Story)
			}
		}
	}
	if labels["CyclicHB"] == 0 || labels["WriteHBInitRead"] == 0 {
		t.Errorf("%v", labels)
	}
}
