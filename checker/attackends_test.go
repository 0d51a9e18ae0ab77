package checker

import (
	"testing"

	"github.com/mlcheck/mlcheck/history"
)

// What the attack found in what becomes of writes.
func TestFatesCountFromWhenALeaderHeldTheWrite(t *testing.T) {
	const nothing = "end quiet\nfinal n1 r x -\nfinal n2 r x -\nfinal n3 r x -\n"
	const one = "end quiet\nfinal n1 r x 1\nfinal n2 r x 1\nfinal n3 r x 1\n"
	judgedAs(t, history.Header{}, []tinyCase{
		{
			name: "a leader showed it after its restart, and ends with the older one", property: "no-stale-wins", want: "violated 1 stale win",
			text: "s1@n1 d x\ns1@n1 w x 2\nfault 1 kill effective n1\ns1@n1 r x 2\n" + nothing,
		},
		{
			name: "another leader showed it after its own restart", property: "no-stale-wins", want: "violated 1 stale win",
			text: "s1@n1 w x 1\ns1@n1 w x 2\nfault 1 kill effective n2\ns2@n2 r x 2\nfault 2 kill effective n1\n" + one,
		},
		{
			name: "so that it is no matter of durability", property: "durability", want: "holds",
			text: "s1@n1 w x 1\ns1@n1 w x 2\nfault 1 kill effective n2\ns2@n2 r x 2\nfault 2 kill effective n1\n" + one,
		},
		{
			name: "another leader showed it among siblings", property: "no-stale-wins", want: "violated 1 stale win",
			text: "s1@n1 w x 1\ns1@n1 w x 2\ns2@n2 r x [2]\nfault 2 kill effective n1\n" + one,
		},
		{
			name: "both leaders restarted after they showed it", property: "no-stale-wins", want: "violated 1 stale win or lost",
			text: "s1@n1 w x 1\ns1@n1 w x 2\ns2@n2 r x 2\nfault 1 kill effective n2\nfault 2 kill effective n1\n" + one,
		},
	})
}
