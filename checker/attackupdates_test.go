package checker

import (
	"testing"

	"github.com/mlcheck/mlcheck/history"
)

func TestAnUpdateIsTheLastWriteOfItsOperation(t *testing.T) {
	const three = "end quiet\nfinal n1 r x 3\nfinal n2 r x 3\nfinal n3 r x 3\n"
	judgedAs(t, history.Header{}, []tinyCase{
		{
			name: "it replaces what it wrote first", property: "no-lost-updates", want: "unknown",
			text: "s1@n1 w x 1\ns1@n1 r x 1, w x 2, w x 3\n" + three,
		},
		{
			name: "and is made from what it read before that", property: "no-lost-updates", want: "violated 1 across leaders",
			text: "s1@n1 w x 1\ns2@n2 r x 1, w x 4\ns1@n1 r x 1, w x 2, r x 2, w x 3\n" + three,
		},
		{
			name: "one that wrote before it read is none", property: "no-lost-updates", want: "not decided",
			text: "s1@n1 w x 2, r x 2, w x 3\n" + three,
		},
	})
}

// Under siblings a write that was never answered may have merged what nobody else
// did: only what began after others had built upon that write is not in it.
func TestAnUpdateMayBeInAWriteThatWasNeverAnswered(t *testing.T) {
	const five = "end quiet\nfinal n1 r x 5\nfinal n2 r x 5\nfinal n3 r x 5\n"
	judgedAs(t, history.Header{Policy: "siblings"}, []tinyCase{
		{
			name: "it may have been read by it", property: "no-lost-updates", want: "holds",
			text: "s1@n1 w x 1\n( s1@n1 r x 1, w x 2\ns2@n2 r x 1, w x 3\n) s1\ns3@n3 r x -, w x 4 info\ns2@n2 r x [3 4], w x 5\n" + five,
		},
		{
			name: "it began later", property: "no-lost-updates", want: "violated 1 across leaders",
			text: "s1@n1 w x 1\ns3@n3 r x -, w x 4 info\ns4@n3 r x 4, w x 6\n( s1@n1 r x 1, w x 2\ns2@n2 r x 1, w x 3\n) s1\ns2@n2 r x [3 6], w x 5\n" + five,
		},
		{
			name: "another leader may have it", property: "no-lost-updates", want: "holds",
			text: "s1@n1 w x 1\n( s1@n1 r x 1, w x 2\ns2@n2 r x 1, w x 3\n) s1\ns3@n3 r x -, w x 4 info\nend quiet\nfinal n1 r x 3\nfinal n2 r x 3\nfinal n3 r x 4\n",
		},
		{
			name: "where nothing is read that branches, it came before", property: "no-lost-updates", want: "violated 1 across leaders",
			text: "s3@n3 r x -, w x 4 info\n( s1@n1 r x 4, w x 2\ns2@n2 r x 4, w x 3\n) s1\ns2@n2 r x 3, w x 5\n" + five,
		},
	})
}
