package checker

import (
	"testing"

	"github.com/mlcheck/mlcheck/history"
)

func TestAnUnansweredWriteMayHaveWonByItsStamp(t *testing.T) {
	const later = "s2@n2 r x 1\ns2@n2 w x 2 stamp=5.n2.1\n"
	const restart = "fault 1 kill planned n2\nfault 1 kill effective n2\nfault 1 kill healed n2\n"
	const end = "end quiet\nfinal n1 r x 1\nfinal n2 r x 1\nfinal n3 r x 1\n"
	judgedAs(t, history.Header{Policy: "lww-wall"}, []tinyCase{
		{name: "it was lost by a restart", property: "durability", want: "violated 1 lost", text: "s1@n1 w x 1 stamp=3.n1.1\n" + later + restart + end},
		{name: "it lost to a greater stamp", property: "no-stale-wins", want: "violated 1 stale win", text: "s1@n1 w x 1 stamp=9.n1.1\n" + later + restart + end},
		{name: "the stamp was never told", property: "durability", want: "holds", text: "s1@n1 w x 1 info\n" + later + restart + end},
		{name: "for either property", property: "no-stale-wins", want: "unknown", text: "s1@n1 w x 1 info\n" + later + restart + end},
		{name: "nobody restarted", property: "no-stale-wins", want: "violated 1 stale win", text: "s1@n1 w x 1 info\n" + later + end},
	})
}
