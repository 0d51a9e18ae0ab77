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
