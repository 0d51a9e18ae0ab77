package checker

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mlcheck/mlcheck/history"
)

func TestRulesThatLeadersEnforceByThemselves(t *testing.T) {
	for _, tc := range []struct{ name, property, want, text string }{
		{"two leaders spend the same", "non-negative", "violated 1 below zero", "s1@n1 inc c 5\ns1@n1 inc c -4\ns2@n2 inc c -3\ns3@n3 r c -2\ns3@n3 r c -2\n"},
		{"what there is", "non-negative", "holds", "s1@n1 inc c 7\ns1@n1 inc c -4\ns2@n2 inc c -3\ns3@n3 r c 0\n"},
		{"one leader alone", "non-negative", "unknown", "s1@n1 inc c 7\ns1@n1 inc c -4\ns1@n1 r c 3\n"},
		{"the second was refused", "non-negative", "unknown", "s1@n1 inc c 5\ns1@n1 inc c -4\ns2@n2 inc c -3 fail\ns3@n3 r c 1\n"},
		{"the second may have happened", "non-negative", "violated 1 below zero", "s1@n1 inc c 5\ns1@n1 inc c -4\ns2@n2 inc c -3 info\ns3@n3 r c -2\n"},
		{"two take one", "unique", "violated 1 taken twice", "s1@n1 r x -, w x 1\ns2@n2 r x -, w x 2\n"},
		{"the second was refused", "unique", "holds", "s1@n1 r x -, w x 1\ns2@n2 r x -, w x 2 fail\n"},
		{"the second may have happened", "unique", "holds", "s1@n1 r x -, w x 1\ns2@n2 r x -, w x 2 info\n"},
		{"the second found it taken", "unique", "unknown", "s1@n1 r x -, w x 1\ns2@n2 r x 1, w x 2\n"},
		{"it was given back", "unique", "unknown", "s1@n1 r x -, w x 1\ns1@n1 d x\ns2@n2 r x -, w x 2\n"},
		{"two take two", "unique", "unknown", "s1@n1 r x -, w x 1\ns2@n2 r y -, w y 2\n"},
		{"one that writes twice takes it once", "unique", "unknown", "s1@n1 r x -, w x 1, w x 2\n"},
		{"a blind write takes nothing", "unique", "unknown", "s1@n1 r x -, w x 1\ns2@n2 w x 2\n"},
	} {
		t.Run(strings.ReplaceAll(tc.property+": "+tc.name, " ", "_"), func(t *testing.T) {
			hd := history.Header{Rules: []string{history.RuleNonNegative, history.RuleUnique}, Granularity: "transaction"}
			h := parse(t, hd, tc.text)
			r := check(t, tc.property, h)
			allStandAlone(t, h, tc.property)
			if diff := cmp.Diff(tc.want, verdict(r)); diff != "" {
				t.Errorf("(-want +got)\n%s%s\n%+v", diff, r.Reason, r.Findings)
			}
			if r := check(t, tc.property, parse(t, history.Header{}, tc.text)); r.Verdict != NotDecided {
				t.Errorf("without the rule: %+v", r)
			}
		})
	}
}
