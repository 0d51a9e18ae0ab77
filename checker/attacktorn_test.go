package checker

import (
	"strings"
	"testing"

	"github.com/mlcheck/mlcheck/history"
)

// What the attack found in transactions.
func TestTransactionsAreJudgedToTheEnd(t *testing.T) {
	judgedAs(t, history.Header{Granularity: "transaction"}, []tinyCase{
		{
			name: "a final read of an intermediate value", property: "cc", want: "violated 1 IntermediateRead",
			text: "s1@n1 w x 1, w x 2\nend quiet\nfinal n1 r x 1\n",
		},
		{
			name: "a final read of an aborted value", property: "cc", want: "violated 1 AbortedRead",
			text: "s1@n1 w x 1, w y 2 fail\nend quiet\nfinal n1 r x 1\n",
		},
		{
			name: "nothing, and then a value, in one transaction", property: "cc", want: "violated 1 NonRepeatableRead",
			text: "s1@n1 w x 1\ns2@n2 d x\ns3@n3 r x -, r x 1\n",
		},
		{
			name: "a value, and then nothing, in one transaction", property: "cc", want: "violated 1 NonRepeatableRead",
			text: "s1@n1 w x 1\ns2@n2 d x\ns3@n3 r x 1, r x -\n",
		},
		{
			name: "an own write before the last one, in one transaction", property: "read-your-writes", want: "violated 1 own write not read",
			text: "s1@n1 w x 1, w x 2, r x 1\n",
		},
		{
			name: "back behind an own write that was read, in one transaction", property: "monotonic-reads", want: "violated 1 went back",
			text: "s1@n1 w x 1\ns2@n2 r x 1, w x 2, r x 2, r x -\n",
		},
		{
			name: "an element that the same transaction adds only later", property: "cc", want: "violated 1 CyclicCO",
			text: "s1@n1 r s [1], add s 1\n",
		},
	})
}

func TestAReadOfNothingAfterAValueIsNotToldAsThinAir(t *testing.T) {
	r := check(t, "cc", parse(t, history.Header{Granularity: "transaction"}, "s1@n1 w x 1\ns2@n2 d x\ns3@n3 r x 1, r x -\n"))
	if len(r.Findings) != 1 || !strings.Contains(r.Findings[0].Story, "read first x=1 and then x=nothing in one transaction") {
		t.Errorf("the story: %v", r.Findings)
	}
}
