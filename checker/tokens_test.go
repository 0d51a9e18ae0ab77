package checker

import (
	"context"
	"strings"
	"testing"

	"github.com/mlcheck/mlcheck/history"
)

// Session guarantees across a move: with a token they are promised, without one
// what breaks is an observation that names both nodes.
func TestATokenPromisesAcrossAMove(t *testing.T) {
	for _, tc := range []struct{ property, with string }{
		{"read-your-writes", "s1@n1 w x 1\ns1@n2 r x - TOKEN\n"},
		{"read-your-writes", "s1@n1 add s 1\ns1@n2 r s [] TOKEN\n"},
		{"read-your-writes", "s1@n1 w x 1\ns1@n2 r y - TOKEN\ns1@n3 r x - TOKEN\n"},
		{"monotonic-reads", "s2@n2 w x 1\ns1@n1 r x 1\ns1@n2 r x - TOKEN\n"},
		{"monotonic-reads", "s2@n2 add s 1\ns1@n1 r s [1]\ns1@n2 r s [] TOKEN\n"},
		{"monotonic-writes", "s1@n1 w x 1\ns1@n2 w y 2 TOKEN\ns2@n3 r y 2\ns2@n3 r x -\n"},
		{"monotonic-writes", "s1@n1 w x 1\ns1@n2 w y 2 info TOKEN\ns2@n3 r y 2\ns2@n3 r x -\n"},
		{"writes-follow-reads", "s3@n1 w x 1\ns1@n1 r x 1\ns1@n2 w y 2 TOKEN\ns2@n3 r y 2\ns2@n3 r x -\n"},
	} {
		t.Run(tc.property, func(t *testing.T) {
			with := Check(context.Background(), parse(t, history.Header{}, strings.ReplaceAll(tc.with, "TOKEN", "token=t")), Options{}).Properties[tc.property]
			if with.Verdict != Violated || with.Violations != 1 || len(with.Findings) != 1 || !with.Findings[0].Confirmed {
				t.Errorf("with a token: %+v", with)
			}
			kinds := 0
			for _, f := range with.Findings {
				for _, e := range f.Edges {
					kinds += strings.Count(e.Kind, "token")
				}
			}
			if kinds == 0 && !strings.Contains(tc.with, "add") {
				t.Errorf("no edge says that a token was handed over: %+v", with.Findings)
			}
			without := Check(context.Background(), parse(t, history.Header{}, strings.ReplaceAll(tc.with, "TOKEN", "")), Options{}).Properties[tc.property]
			if without.Verdict == Violated || without.Counts["lost at a move"] != 1 {
				t.Errorf("without: %+v", without)
			}
			if !strings.Contains(without.Reason, "lost at a move without a token") {
				t.Errorf("reason %q", without.Reason)
			}
		})
	}
}

// What was done elsewhere without a token stays unpromised after a later move
// with one: n3 knows of n2, and of nothing that n2 was not told.
func TestATokenCarriesNoMoreThanItsNodeWasTold(t *testing.T) {
	for _, tc := range []struct{ text, want string }{
		{"s1@n1 w x 1\ns1@n2 w y 2\ns1@n3 r x - token=t\n", "holds"},
		{"s1@n1 w x 1\ns1@n2 w y 2 token=t\ns1@n3 r x - token=t\n", "violated"},
		{"s1@n1 w x 1\ns1@n2 w y 2\ns1@n1 r x 1\ns1@n3 r y - token=t\n", "holds"},
		{"s1@n1 w x 1\ns1@n2 r x - fail token=t\ns1@n2 r x -\n", "holds"}, // what failed promised nothing
		{"s1@n1 w x 1\ns1@n2 w z 3 info token=t\ns1@n2 r x -\n", "holds"},
	} {
		d := Check(context.Background(), parse(t, history.Header{}, tc.text), Options{}).Properties["read-your-writes"]
		if violated := d.Verdict == Violated; violated != (tc.want == "violated") {
			t.Errorf("%s: %s (%s), want %s", tc.text, d.Verdict, d.Reason, tc.want)
		}
	}
}
