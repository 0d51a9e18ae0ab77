package checker

import (
	"testing"

	"github.com/mlcheck/mlcheck/history"
)

func TestNodeOrderLeavesOutWhatARestartCutsInTwo(t *testing.T) {
	judgedAs(t, history.Header{NodeOrder: true}, []tinyCase{
		{
			name: "a read that was answered after the restart", property: "cc", want: "unknown",
			text: "s1@n1 w x 1\n( s2@n1 r x -\nfault 1 kill effective n1\n) s2\n",
		},
		{
			name: "a read that was answered before it", property: "cc", want: "violated 1 WriteCOInitRead",
			text: "s1@n1 w x 1\n( s2@n1 r x -\n) s2\nfault 1 kill effective n1\n",
		},
	})
}
