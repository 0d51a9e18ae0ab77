package checker

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mlcheck/mlcheck/history"
)

func TestAnAnswerWithoutItsQuestionIsToldSoThatAPersonCanFollow(t *testing.T) {
	r := check(t, "writes-follow-reads", parse(t, history.Header{}, `
		s1@n1 w x 1
		s2@n2 r x 1
		s2@n2 w y 2
		s3@n3 r y 2
		s3@n3 r x -`))
	want := []Finding{{
		Label: "write read earlier not read",
		Story: "session 2 read x=1 (#3), and after that y=2 was written (#5). n3 showed y=2 to session 3 (#7), " +
			"and later, without a restart in between, x=nothing (#9, at 0.010 s). That is the state from before x=1.",
		Ops: []int{1, 3, 5, 7, 9},
		Edges: []Edge{
			{1, 3, "wr", "session 2 at n2 read x=1 (#3), which session 1 had written at n1 (#1)"},
			{3, 5, "so", "session 2 did both at n2, #3 before #5"},
			{5, 7, "wr", "session 3 at n3 read y=2 (#7), which session 2 had written at n2 (#5)"},
			{7, 9, "so", "session 3 did both at n3, #7 before #9"},
		},
	}}
	for i := range r.Findings {
		r.Findings[i].ID = ""
	}
	if diff := cmp.Diff(want, r.Findings); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}
