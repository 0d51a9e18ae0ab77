package checker

import (
	"testing"

	"github.com/mlcheck/mlcheck/history"
)

// What an attack with an oracle that shares no code found in sets, each as the
// smallest history that shows it.
func TestSetsAreJudgedReadByRead(t *testing.T) {
	judgedAs(t, history.Header{}, []tinyCase{
		{
			name: "each read that lacks an own element counts", property: "read-your-writes", want: "violated 2 own write not read",
			text: "s1@n1 add s 1\ns1@n1 r s []\ns1@n1 r s []\n",
		},
		{
			name: "a read that lacks two elements counts once", property: "monotonic-reads", want: "violated 1 went back",
			text: "s1@n1 add s 1\ns1@n1 add s 2\ns2@n2 r s [1 2]\ns2@n2 r s []\n",
		},
		{
			name: "a read that lacks one own element and shows a removed one counts once", property: "read-your-writes", want: "violated 1 own remove not read",
			text: "s1@n1 add s 1\ns1@n1 add s 2\ns1@n1 rem s 1\ns1@n1 r s [1]\n",
		},
		{
			name: "a later remove explains no earlier absence", property: "read-your-writes", want: "violated 1 own write not read",
			text: "s1@n1 add s 1\ns1@n1 r s []\ns1@n1 rem s 1\n",
		},
		{
			name: "an element that nobody added is no own remove undone", property: "read-your-writes", want: "unknown",
			text: "s1@n1 rem s 1\ns1@n1 r s [1]\n",
		},
		{
			name: "an element of two refused adds is a phantom, and not out of thin air", property: "cc", want: "unknown",
			text: "s1@n1 add s 1 fail\ns1@n1 add s 1 fail\ns2@n2 r s [1]\n",
		},
		{
			name: "a refused element that shows after a remove is a phantom, whoever tried it twice", property: "cc", want: "holds",
			text: "s1@n1 add s 1 fail\ns1@n1 add s 1 fail\ns2@n1 rem s 1\ns2@n1 r s [1]\n",
		},
	})
}

// tinyCase is the smallest history that shows something.
type tinyCase struct{ name, property, want, text string }

func judgedAs(t *testing.T, hd history.Header, tests []tinyCase) {
	t.Helper()
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := verdict(check(t, tt.property, parse(t, hd, tt.text))); got != tt.want {
				t.Errorf("%s: got %q, want %q", tt.property, got, tt.want)
			}
		})
	}
}
