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

func TestAnUnansweredWriteMayReplaceWhatWasWrittenAfterItWasAskedFor(t *testing.T) {
	const end = "end quiet\nfinal n1 r x [1 3]\nfinal n2 r x [1 3]\nfinal n3 r x [1 3]\n"
	judgedAs(t, history.Header{Policy: "siblings"}, []tinyCase{
		{name: "an unanswered one", property: "conflict-policy", want: "holds", text: "( s1@n1 r x -, w x 3 info\ns2@n1 w x 2 stamp=2.n1.1\ns3@n2 w x 4 stamp=1.n2.1\ns3@n2 r x 4, w x 1 ctx=1.n2.1 stamp=9.n2.2\n) s1\n" + end},
		{name: "nobody", property: "conflict-policy", want: "violated 1 version missing", text: "s2@n1 w x 2 stamp=2.n1.1\ns1@n1 w x 3 stamp=3.n3.1\ns3@n2 w x 4 stamp=1.n2.1\ns3@n2 r x 4, w x 1 ctx=1.n2.1 stamp=9.n2.2\n" + end},
	})
}
