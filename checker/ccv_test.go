package checker

import (
	"context"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mlcheck/mlcheck/history"
)

func TestACircleOfChoicesIsToldSoThatAPersonCanFollow(t *testing.T) {
	r := check(t, "ccv", parse(t, history.Header{}, `
		s1@n1 w x 1
		s2@n2 w x 2
		s1@n1 r x 2
		s2@n2 r x 1`))
	want := []Finding{{
		Label: "CyclicCF",
		Story: "session 2 at n2 read x=1 (#7) with x=2 (#3) in its past, so x=1 won over x=2 (session 2 did both at n2, #3 before #7). " +
			"session 1 at n1 read x=2 (#5) with x=1 (#1) in its past, so x=2 won over x=1 (session 1 did both at n1, #1 before #5). " +
			"These choices go round in a circle, so no order of the writes explains all of them.",
		Ops: []int{3, 7, 1, 5},
		Edges: []Edge{
			{3, 7, "so", "session 2 did both at n2, #3 before #7"},
			{1, 7, "wr", "session 2 at n2 read x=1 (#7), which session 1 had written at n1 (#1)"},
			{3, 1, "cf", "session 2 at n2 read x=1 (#7) with x=2 (#3) in its past, so x=1 won over x=2"},
			{1, 5, "so", "session 1 did both at n1, #1 before #5"},
			{3, 5, "wr", "session 1 at n1 read x=2 (#5), which session 2 had written at n2 (#3)"},
			{1, 3, "cf", "session 1 at n1 read x=2 (#5) with x=1 (#1) in its past, so x=2 won over x=1"},
		},
	}}
	for i := range r.Findings {
		r.Findings[i].ID = ""
	}
	if diff := cmp.Diff(want, r.Findings); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestAWorkloadThatDoesNotTryItDoesNotDecideCCv(t *testing.T) {
	h := parse(t, history.Header{Workload: "w", Decides: []string{"cc"}}, "s1@n1 w x 1\ns1@n1 r x 1\n")
	res := Check(context.Background(), h, Options{})
	if d := res.Properties["ccv"]; d.Verdict != NotDecided || d.Reason != "the workload w does not try it" {
		t.Errorf("%s: %s", d.Verdict, d.Reason)
	}
	if d := res.Properties["cc"]; d.Verdict != Holds {
		t.Errorf("cc: %s: %s", d.Verdict, d.Reason)
	}
}

func TestCCvWithoutCCIsAnInternalError(t *testing.T) {
	res := &Results{Properties: map[string]*Decided{
		"ccv": {Result: Result{Verdict: Holds}},
		"cc":  {Result: Result{Verdict: Violated, Violations: 1}},
	}}
	if contradiction(res) == nil {
		t.Error("not noticed")
	}
}
