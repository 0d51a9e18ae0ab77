package checker

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mlcheck/mlcheck/history"
)

// Each property has histories in which it is violated and histories that nearly
// violate it.
func TestProperties(t *testing.T) {
	const atRest = "end quiet\n"
	finals := func(key, v string) string {
		return "final n1 r " + key + " " + v + "\nfinal n2 r " + key + " " + v + "\nfinal n3 r " + key + " " + v + "\n"
	}
	for _, tc := range []struct {
		name, property, want, text string
		hd                         history.Header
	}{
		// convergence
		{name: "leaders that differ at rest", property: "convergence", want: "violated 1 different at rest", text: "s1@n1 w x 1\n" + atRest + "final n1 r x 1\nfinal n2 r x 1\nfinal n3 r x -\n"},
		{name: "replication that stopped is named so", property: "convergence", want: "violated 1 stopped", text: "s1@n1 w x 1\nend stopped n1 to n2: duplicate key\nfinal n1 r x 1\nfinal n2 r x -\nfinal n3 r x 1\n"},
		{name: "two that differ are enough when a third is silent", property: "convergence", want: "violated 1 different at rest", text: "s1@n1 w x 1\n" + atRest + "final n1 r x 1\nfinal n2 r x -\n"},
		{name: "a silent leader is not agreement", property: "convergence", want: "unknown", text: "s1@n1 w x 1\n" + atRest + "final n1 r x 1\nfinal n2 r x 1\n"},
		{name: "still moving is not divergence", property: "convergence", want: "unknown", text: "s1@n1 w x 1\nend moving 3 a second\nfinal n1 r x 1\nfinal n2 r x -\nfinal n3 r x 1\n"},
		{name: "an interrupted run has no final state", property: "convergence", want: "unknown", text: "s1@n1 w x 1\nfinal n1 r x 1\nfinal n2 r x -\nfinal n3 r x 1\n"},
		{name: "a bare history has none either", property: "convergence", want: "not decided", text: "s1@n1 w x 1\ns2@n2 r x -\n"},
		{name: "the last sweep counts", property: "convergence", want: "holds", text: "s1@n1 w x 1\n" + atRest + "final n3 r x -\n" + finals("x", "1")},
		{name: "0 and nothing are the same", property: "convergence", want: "holds", text: "s1@n1 w x 1\ns1@n1 d x\n" + atRest + "final n1 r x 0\nfinal n2 r x -\nfinal n3 r x -\n"},
		{name: "sets have no order", property: "convergence", want: "holds", text: "s1@n1 add s 1\ns2@n2 add s 2\n" + atRest + "final n1 r s [1 2]\nfinal n2 r s [2 1]\nfinal n3 r s [1 2]\n"},
		{name: "lists do", property: "convergence", want: "violated 1 different at rest", text: "s1@n1 app s 1\ns2@n2 app s 2\n" + atRest + "final n1 r s [1 2]\nfinal n2 r s [2 1]\nfinal n3 r s [1 2]\n"},

		// no-stale-wins
		{name: "an older write wins after it was read", property: "no-stale-wins", want: "violated 1 stale win", text: "s1@n1 w x 1\ns2@n2 r x 1\ns2@n2 w x 2\n" + atRest + finals("x", "1")},
		{name: "an older write of the same session wins", property: "no-stale-wins", want: "violated 1 stale win", text: "s1@n1 w x 1\ns1@n1 w x 2\ns2@n2 r x 2\n" + atRest + finals("x", "1")},
		{name: "the newer write wins", property: "no-stale-wins", want: "holds", text: "s1@n1 w x 1\ns2@n2 r x 1\ns2@n2 w x 2\n" + atRest + finals("x", "2")},
		{name: "a concurrent write may win", property: "no-stale-wins", want: "holds", text: "s1@n1 w x 1\ns2@n2 r x 1\ns2@n2 w x 2\ns3@n3 r x 1\ns3@n3 w x 3\n" + atRest + finals("x", "3")},
		{name: "the same session at another node is not ordered", property: "no-stale-wins", want: "unknown", text: "s1@n1 w x 1\ns1@n2 w x 2\n" + atRest + finals("x", "1")},
		{name: "but it is where sessions are the client's", property: "no-stale-wins", want: "violated 1 stale win", hd: history.Header{SessionScope: "client"}, text: "s1@n1 w x 1\ns1@n2 w x 2\n" + atRest + finals("x", "1")},
		{name: "and where it brought a token", property: "no-stale-wins", want: "violated 1 stale win", text: "s1@n1 w x 1\ns1@n2 w x 2 token=t\n" + atRest + finals("x", "1")},
		{name: "an unread write that may have happened explains it", property: "no-stale-wins", want: "holds", text: "s1@n1 w x 1\ns2@n2 r x 1\ns2@n2 w x 2\ns2@n2 w x 3 info\n" + atRest + finals("x", "1")},
		{name: "stamps that say otherwise make it durability", property: "no-stale-wins", want: "holds", text: "s1@n1 w x 1 stamp=5.n1.0\ns2@n2 r x 1\ns2@n2 w x 2 stamp=9.n2.0\n" + atRest + finals("x", "1")},
		{name: "an older delete wins", property: "no-stale-wins", want: "violated 1 stale win", text: "s1@n1 w x 1\ns1@n1 d x\ns1@n1 w x 2\n" + atRest + finals("x", "-")},
		{name: "the one of two older deletes that could win", property: "no-stale-wins", want: "violated 1 stale win", text: "s2@n2 d x stamp=9.n2.0\ns2@n2 w y 5 stamp=10.n2.0\ns1@n1 r y 5\ns1@n1 d x stamp=3.n1.0\ns1@n1 w x 2 stamp=4.n1.0\n" + atRest + finals("y", "5") + finals("x", "-")},
		{name: "max does not go by age", property: "no-stale-wins", want: "not decided", hd: history.Header{Policy: "max"}, text: "s1@n1 w x 1\ns1@n1 w x 2\n" + atRest + finals("x", "1")},
		{name: "a leader that could not be read may have it", property: "no-stale-wins", want: "unknown", text: "s1@n1 w x 1\ns2@n2 r x 1\ns2@n2 w x 2\n" + atRest + "final n1 r x 1\nfinal n3 r x 1\n"},

		// durability
		{name: "nothing is there", property: "durability", want: "violated 1 lost", text: "s1@n1 w x 1\ns2@n2 r x 1\n" + atRest + finals("x", "-")},
		{name: "a concurrent delete explains it", property: "durability", want: "holds", text: "s1@n1 w x 1\ns2@n2 d x\n" + atRest + finals("x", "-")},
		{name: "a delete that may have happened explains it", property: "durability", want: "holds", text: "s1@n1 w x 1\ns2@n2 d x info\n" + atRest + finals("x", "-")},
		{name: "a refused delete does not", property: "durability", want: "violated 1 lost", text: "s1@n1 w x 1\ns2@n2 d x fail\n" + atRest + finals("x", "-")},
		{name: "an older delete does not excuse", property: "durability", want: "violated 1 lost", text: "s1@n1 d x stamp=1.n1.0\ns1@n1 w x 1 stamp=2.n1.0\n" + atRest + finals("x", "-")},
		{name: "a restart of the only holder", property: "durability", want: "violated 1 lost", text: "s1@n1 w x 1\ns1@n1 w x 2\nfault 1 kill effective n1\n" + atRest + finals("x", "1")},
		{name: "last write wins may drop concurrent writes", property: "durability", want: "holds", hd: history.Header{Policy: "lww-hlc"}, text: "s1@n1 w x 1\ns2@n2 w x 2\n" + atRest + finals("x", "1")},
		{name: "siblings may not", property: "durability", want: "violated 1 concurrent write dropped", hd: history.Header{Policy: "siblings"}, text: "s1@n1 w x 1\ns2@n2 w x 2\n" + atRest + finals("x", "1")},
		{name: "siblings that keep both", property: "durability", want: "holds", hd: history.Header{Policy: "siblings"}, text: "s1@n1 w x 1\ns2@n2 w x 2\n" + atRest + finals("x", "[1 2]")},
		{name: "a write that is there somewhere is not lost", property: "durability", want: "holds", text: "s1@n1 w x 1\n" + atRest + "final n1 r x 1\nfinal n2 r x -\nfinal n3 r x -\n"},
		{name: "an element is gone", property: "durability", want: "violated 1 lost", text: "s1@n1 add s 1\ns1@n1 add s 2\n" + atRest + finals("s", "[2]")},
		{name: "a remove explains it", property: "durability", want: "holds", text: "s1@n1 add s 1\ns2@n2 rem s 1 info\ns1@n1 add s 2\n" + atRest + finals("s", "[2]")},
		{name: "a remove from before the add does not", property: "durability", want: "violated 1 lost", text: "s1@n1 rem s 1\ns1@n1 add s 1\ns1@n1 add s 2\n" + atRest + finals("s", "[2]")},
		{name: "a remove without effect", property: "durability", want: "violated 1 remove undone", text: "s1@n1 add s 1\ns1@n1 rem s 1\n" + atRest + finals("s", "[1]")},
		{name: "a concurrent add excuses it", property: "durability", want: "holds", text: "s1@n1 add s 1\ns1@n1 rem s 1\ns2@n2 add s 1\n" + atRest + finals("s", "[1]")},
		{name: "a counter below its interval", property: "durability", want: "violated 1 below its interval", text: "s1@n1 inc c 2\ns2@n2 inc c 3\n" + atRest + finals("c", "3")},
		{name: "a decrement that may have happened", property: "durability", want: "holds", text: "s1@n1 inc c 2\ns2@n2 inc c 3\ns2@n2 inc c -2 info\n" + atRest + finals("c", "3")},

		// no-lost-updates
		{name: "two updates of one version at two leaders", property: "no-lost-updates", want: "violated 1 across leaders", text: "s1@n1 w x 1\n( s1@n1 r x 1, w x 2\ns2@n2 r x 1, w x 3\n) s1\n" + atRest + finals("x", "3")},
		{name: "two updates of one version at one leader", property: "no-lost-updates", want: "violated 1 same leader", text: "s1@n1 w x 1\n( s1@n1 r x 1, w x 2\ns2@n1 r x 1, w x 3\n) s1\n" + atRest + finals("x", "3")},
		{name: "the loser had been built upon", property: "no-lost-updates", want: "violated 1 across leaders", text: "s1@n1 w x 1\n( s1@n1 r x 1, w x 2\ns2@n2 r x 1, w x 3\n) s1\ns1@n1 r x 2, w x 4\n" + atRest + finals("x", "3")},
		{name: "one after the other", property: "no-lost-updates", want: "holds", text: "s1@n1 w x 1\n( s1@n1 r x 1, w x 2\ns2@n2 r x 2, w x 3\n) s1\n" + atRest + finals("x", "3")},
		{name: "both effects in a later state", property: "no-lost-updates", want: "holds", hd: history.Header{Policy: "siblings"}, text: "s1@n1 w x 1\n( s1@n1 r x 1, w x 2\ns2@n2 r x 1, w x 3\n) s1\n" + atRest + finals("x", "[2 3]")},
		{name: "a blind write is no update", property: "no-lost-updates", want: "not decided", text: "s1@n1 w x 1\ns2@n2 w x 2\n" + atRest + finals("x", "2")},
		{name: "a refused update is not lost", property: "no-lost-updates", want: "unknown", text: "s1@n1 w x 1\n( s1@n1 r x 1, w x 2 fail\ns2@n2 r x 1, w x 3\n) s1\n" + atRest + finals("x", "3")},
		{name: "a read and a write apart, where the workload says so", property: "no-lost-updates", want: "violated 1 across leaders", hd: history.Header{Workload: "rmw-blind"}, text: "s1@n1 r x -\ns2@n2 r x -\ns1@n1 w x 1\ns2@n2 w x 2\n" + atRest + finals("x", "2")},

		// cc
		{name: "an effect without its cause", property: "cc", want: "violated 1 WriteCOInitRead", text: "s1@n1 w x 1\ns1@n1 w y 2\ns2@n2 r y 2\ns2@n2 r x -\n"},
		{name: "a cause that was replaced", property: "cc", want: "violated 1 WriteCORead", text: "s1@n1 w x 1\ns1@n1 w x 2\ns1@n1 w y 3\ns2@n2 r y 3\ns2@n2 r x 1\n"},
		{name: "no cause, no violation", property: "cc", want: "unknown", text: "s1@n1 w x 1\ns1@n2 w y 2\ns2@n2 r y 2\ns2@n2 r x -\n"},
		{name: "a concurrent value may be read", property: "cc", want: "holds", text: "s1@n1 w x 1\ns1@n1 w y 2\ns3@n3 w x 3\ns2@n2 r y 2\ns2@n2 r x 3\ns2@n2 r x 1\n"},
		{name: "through three sessions", property: "cc", want: "violated 1 WriteCOInitRead", text: "s1@n1 w x 1\ns2@n2 r x 1\ns2@n2 w y 2\ns3@n3 r y 2\ns3@n3 r x -\n"},
		{name: "final reads follow nothing", property: "cc", want: "unknown", text: "s1@n1 w x 1\ns1@n1 w y 2\n" + atRest + "final n2 r y 2\nfinal n2 r x -\n"},
		{name: "a delete explains nothing read", property: "cc", want: "holds", text: "s1@n1 w x 1\ns1@n1 w y 2\ns3@n3 d x\ns2@n2 r y 2\ns2@n2 r x -\n"},
		{name: "an older delete does not", property: "cc", want: "violated 1 WriteCOInitRead", text: "s1@n1 d x\ns1@n1 w x 1\ns1@n1 w y 2\ns2@n2 r y 2\ns2@n2 r x -\n"},
		{name: "a write that may have happened counts when it was read", property: "cc", want: "violated 1 WriteCOInitRead", text: "s1@n1 w x 1\ns1@n1 w y 2 info\ns2@n2 r y 2\ns2@n2 r x -\n"},
		{name: "nothing follows it in its session", property: "cc", want: "unknown", text: "s1@n1 w x 1 info\ns1@n1 w y 2\ns3@n3 r x 1\ns2@n2 r y 2\ns2@n2 r x -\n"},
		{name: "a cycle", property: "cc", want: "violated 1 CyclicCO", text: "s1@n1 r x 2\ns1@n1 w y 1\ns2@n2 r y 1\ns2@n2 w x 2\n"},
		{name: "out of thin air", property: "cc", want: "violated 1 ThinAirRead", text: "s1@n1 w x 1\ns1@n1 r x 7\n"},
		{name: "half an operation may be seen", property: "cc", want: "unknown", text: "s1@n1 w x 1, w y 2\ns2@n2 r x 1\ns2@n2 r y -\n"},
		{name: "but in order", property: "cc", want: "violated 1 WriteCOInitRead", text: "s1@n1 w x 1, w y 2\ns2@n2 r y 2\ns2@n2 r x -\n"},
		{name: "and not where transactions are promised", property: "cc", want: "violated 1 WriteCOInitRead", hd: history.Header{Granularity: "transaction"}, text: "s1@n1 w x 1, w y 2\ns2@n2 r x 1\ns2@n2 r y -\n"},
		{name: "an element without its cause", property: "cc", want: "violated 1 WriteCOInitRead", text: "s1@n1 add s 1\ns1@n1 add s 2\ns2@n2 r s [2]\n"},
		{name: "elements of two sessions", property: "cc", want: "holds", text: "s1@n1 add s 1\ns3@n3 add s 2\ns2@n2 r s [2]\ns2@n2 r s [1 2]\n"},
		{name: "node order where it is declared", property: "cc", want: "violated 1 WriteCOInitRead", hd: history.Header{NodeOrder: true}, text: "s1@n1 w x 1\ns2@n1 w y 2\ns3@n2 r y 2\ns3@n2 r x -\n"},
		{name: "and nowhere else", property: "cc", want: "unknown", text: "s1@n1 w x 1\ns2@n1 w y 2\ns3@n2 r y 2\ns3@n2 r x -\n"},
		{name: "node order ends at a restart", property: "cc", want: "unknown", hd: history.Header{NodeOrder: true}, text: "s1@n1 w x 1\nfault 1 kill effective n1\ns2@n1 w y 2\ns3@n2 r y 2\ns3@n2 r x -\n"},

		// ccv
		{name: "two who choose differently", property: "ccv", want: "violated 1 CyclicCF", text: "s1@n1 w x 1\ns2@n2 w x 2\ns1@n1 r x 2\ns2@n2 r x 1\n"},
		{name: "which causality alone allows", property: "cc", want: "holds", text: "s1@n1 w x 1\ns2@n2 w x 2\ns1@n1 r x 2\ns2@n2 r x 1\n"},
		{name: "two who choose alike", property: "ccv", want: "holds", text: "s1@n1 w x 1\ns2@n2 w x 2\ns1@n1 r x 2\ns2@n2 r x 2\n"},
		{name: "one who chooses both ways", property: "ccv", want: "violated 1 CyclicCF", text: "s1@n1 w x 1\ns2@n2 w x 2\ns2@n2 r x 1\ns2@n2 r x 2\n"},
		{name: "a circle over two keys", property: "ccv", want: "violated 1 CyclicCF", text: "s1@n1 w x 1\ns1@n1 w y 2\ns2@n2 w y 3\ns2@n2 w x 4\ns3@n3 r x 1\ns3@n3 r x 4\ns3@n3 r x 1\ns4@n3 r y 2\ns4@n3 r y 3\ns4@n3 r x 1\n"},
		{name: "store buffering is no circle", property: "ccv", want: "holds", text: "s1@n1 w x 1\ns1@n1 r y -\ns2@n2 w y 2\ns2@n2 r x -\ns1@n1 r y 2\ns1@n1 r x 1\n"},
		{name: "a choice of a write that may have happened", property: "ccv", want: "violated 1 CyclicCF", text: "s1@n1 w x 1\ns2@n2 w x 2 info\ns3@n3 r x 1\ns3@n3 r x 2\ns4@n2 r x 2\ns4@n2 r x 1\n"},
		{name: "nothing follows a write that may have happened", property: "ccv", want: "unknown", text: "s1@n1 w x 1 info\ns2@n2 w x 2 info\ns1@n1 r x 2\ns2@n2 r x 1\n"},
		{name: "a session that moved knew nothing", property: "ccv", want: "unknown", text: "s1@n1 w x 1\ns2@n2 w x 2\ns1@n3 r x 2\ns2@n3 r x 1\n"},
		{name: "what breaks cc breaks it", property: "ccv", want: "violated 1 WriteCORead", text: "s1@n1 w x 1\ns1@n1 w x 2\ns1@n1 w y 3\ns2@n2 r y 3\ns2@n2 r x 1\n"},
		{name: "what nobody knew is no choice", property: "ccv", want: "unknown", text: "s1@n1 w x 1\ns2@n2 w x 2\ns3@n3 r x 1\ns4@n3 r x 2\n"},
		{name: "transactions that choose differently", property: "ccv", want: "violated 1 CyclicCF", hd: history.Header{Granularity: "transaction"}, text: "s1@n1 w x 1, w y 2\ns2@n2 w x 3, w y 4\ns3@n3 r x 1, r y 4\n"},
		{name: "which without that promise need not", property: "ccv", want: "unknown", text: "s1@n1 w x 1, w y 2\ns2@n2 w x 3, w y 4\ns3@n3 r x 1, r y 2\n"},
		{name: "first write wins is not judged", property: "ccv", want: "not decided", hd: history.Header{Policy: "first"}, text: "s1@n1 w x 1\ns2@n2 w x 2\ns1@n1 r x 2\ns2@n2 r x 1\n"},
		{name: "an element without its cause", property: "ccv", want: "violated 1 WriteCOInitRead", text: "s1@n1 add s 1\ns1@n1 add s 2\ns2@n2 r s [2]\n"},

		// read-your-writes
		{name: "an own write is not read", property: "read-your-writes", want: "violated 1 own write not read", text: "s1@n1 w x 1\ns1@n1 r x -\n"},
		{name: "an older value is read", property: "read-your-writes", want: "violated 1 own write not read", text: "s2@n2 w x 1\ns1@n1 r x 1\ns1@n1 w x 2\ns1@n1 r x 1\n"},
		{name: "a concurrent one only raises suspicion", property: "read-your-writes", want: "holds", text: "s2@n2 w x 1\ns1@n1 w x 2\ns1@n1 r x 1\n"},
		{name: "at another node it is not promised", property: "read-your-writes", want: "unknown", text: "s1@n1 w x 1\ns1@n2 r x -\n"},
		{name: "a write that may have happened is not an own write", property: "read-your-writes", want: "unknown", text: "s1@n1 w x 1 info\ns1@n1 r x -\n"},
		{name: "an own element is missing", property: "read-your-writes", want: "violated 1 own write not read", text: "s1@n1 add s 1\ns1@n1 r s []\n"},
		{name: "someone may have removed it", property: "read-your-writes", want: "holds", text: "s1@n1 add s 1\ns2@n2 rem s 1 info\ns1@n1 r s []\n"},
		{name: "an own removal is not seen", property: "read-your-writes", want: "violated 1 own remove not read", text: "s1@n1 add s 1\ns1@n1 rem s 1\ns1@n1 r s [1]\n"},

		// monotonic-reads
		{name: "going back to nothing", property: "monotonic-reads", want: "violated 1 went back", text: "s1@n1 w x 1\ns2@n2 r x 1\ns2@n2 r x -\n"},
		{name: "going back to an older value", property: "monotonic-reads", want: "violated 1 went back", text: "s1@n1 w x 1\ns1@n1 w x 2\ns2@n2 r x 2\ns2@n2 r x 1\n"},
		{name: "going back past a concurrent value", property: "monotonic-reads", want: "violated 1 went back", text: "s1@n1 w x 1\ns1@n1 w x 2\ns3@n3 w x 3\ns2@n2 r x 2\ns2@n2 r x 3\ns2@n2 r x 1\n"},
		{name: "changing between concurrent values", property: "monotonic-reads", want: "holds", text: "s1@n1 w x 1\ns3@n3 w x 2\ns2@n2 r x 1\ns2@n2 r x 2\ns2@n2 r x 1\n"},
		{name: "moving to another node", property: "monotonic-reads", want: "unknown", text: "s1@n1 w x 1\ns2@n2 r x 1\ns2@n3 r x -\n"},
		{name: "a delete in between", property: "monotonic-reads", want: "holds", text: "s1@n1 w x 1\ns2@n2 r x 1\ns3@n3 d x info\ns2@n2 r x -\n"},
		{name: "a delete of the same operation", property: "monotonic-reads", want: "holds", hd: history.Header{Granularity: "transaction"}, text: "s2@n2 w x 1\ns1@n1 r x 1\ns1@n1 d x, r x -\n"},
		{name: "a delete of the same operation that came later", property: "monotonic-reads", want: "violated 1 went back", hd: history.Header{Granularity: "transaction"}, text: "s2@n2 w x 1\ns1@n1 r x 1\ns1@n1 r x -, d x\n"},
		{name: "an element that was seen is gone", property: "monotonic-reads", want: "violated 1 went back", text: "s1@n1 add s 1\ns2@n2 r s [1]\ns2@n2 r s []\n"},
		{name: "an element that was removed is gone", property: "monotonic-reads", want: "holds", text: "s1@n1 add s 1\ns2@n2 r s [1]\ns3@n3 rem s 1\ns2@n2 r s []\n"},

		// cm
		{name: "a session that changes its mind", property: "cm", want: "violated 1 CyclicHB", text: "s1@n1 w x 1\ns2@n2 w x 2\ns2@n2 r x 1\ns2@n2 r x 2\n"},
		{name: "a session that learns", property: "cm", want: "holds", text: "s1@n1 w x 1\ns2@n2 w x 2\ns2@n2 r x 2\ns2@n2 r x 1\ns2@n2 r x 1\n"},
		{name: "two sessions of two minds", property: "cm", want: "holds", text: "s1@n1 w x 1\ns2@n2 w x 2\ns1@n1 r x 2\ns2@n2 r x 1\n"},
		{name: "two minds in one session that moved", property: "cm", want: "holds", text: "s1@n1 w x 1\ns2@n2 w x 2\ns3@n1 r x 1\ns3@n1 r x 2\ns3@n2 r x 1\n"},
		{name: "and that brought a token", property: "cm", want: "violated 1 CyclicHB", text: "s1@n1 w x 1\ns2@n2 w x 2\ns3@n1 r x 1\ns3@n1 r x 2\ns3@n2 r x 1 token=t\n"},
		{name: "or whose target follows its clients", property: "cm", want: "violated 1 CyclicHB", hd: history.Header{SessionScope: "client"}, text: "s1@n1 w x 1\ns2@n2 w x 2\ns3@n1 r x 1\ns3@n1 r x 2\ns3@n2 r x 1\n"},
		{name: "a write that came and never showed", property: "cm", want: "violated 1 WriteHBInitRead", text: "s1@n1 w z 1\ns1@n1 w x 1\ns1@n1 w y 1\ns2@n2 w x 2\ns2@n2 r z -\ns2@n2 r y 1\ns2@n2 r x 2\n"},
		{name: "a write that may have shown", property: "cm", want: "holds", text: "s1@n1 w z 1\ns1@n1 w x 1\ns1@n1 w y 1\ns2@n2 r z -\ns2@n2 w x 2\ns2@n2 r y 1\ns2@n2 r x 1\n"},
		{name: "by an edge that follows from another", property: "cm", want: "violated 1 CyclicHB", text: "s1@n1 w x 1\ns2@n2 w x 2\ns2@n2 w y 3\ns3@n3 w y 4\ns3@n3 r x 1\ns3@n3 r y 3\ns3@n3 r x 1\ns3@n3 r y 4\n"},
		{name: "the concurrent write may not have happened", property: "cm", want: "unknown", text: "s1@n1 w x 1\ns2@n2 w x 2 info\ns2@n2 r x 1\n"},
		{name: "it was read, so it has", property: "cm", want: "violated 1 CyclicHB", text: "s1@n1 w x 1\ns2@n2 w x 2 info\ns3@n3 r x 2\ns3@n3 r x 1\ns3@n3 r x 2\n"},
		{name: "a refused write that is read has, too", property: "cm", want: "violated 1 CyclicHB", text: "s1@n1 w x 1\ns2@n2 w x 2 fail\ns3@n3 r x 2\ns3@n3 r x 1\ns3@n3 r x 2\n"},
		{name: "two values in one transaction are what cc rules out", property: "cm", want: "violated 1 NonRepeatableRead", hd: history.Header{Granularity: "transaction"}, text: "s1@n1 w x 1\ns2@n2 w x 2\ns3@n3 r x 1, r x 2\n"},
		{name: "two values in two steps", property: "cm", want: "holds", text: "s1@n1 w x 1\ns2@n2 w x 2\ns3@n3 r x 1, r x 2\n"},
		{name: "half of a transaction came first", property: "cm", want: "violated 1 CyclicHB", hd: history.Header{Granularity: "transaction"}, text: "s1@n1 w x 1, w y 1\ns2@n2 w x 2, w y 2\ns3@n3 r x 1\ns3@n3 r y 2\ns3@n3 r x 1\n"},
		{name: "nothing that a delete explains asks for no order", property: "cm", want: "holds", text: "s3@n3 d z\ns1@n1 w z 1\ns1@n1 w x 1\ns1@n1 w y 1\ns2@n2 w x 2\ns2@n2 r z -\ns2@n2 r y 1\ns2@n2 r x 2\n"},
		{name: "a delete is a write", property: "cm", want: "violated 1 CyclicHB", text: "s1@n1 w y 1\ns1@n1 d x\ns1@n1 w z 4\ns2@n2 w x 2\ns2@n2 w y 3\ns3@n3 r y 3\ns3@n3 r y 1\ns3@n3 r z 4\ns3@n3 r x 2\n"},
		{name: "one that nobody contradicts", property: "cm", want: "holds", text: "s1@n1 w y 1\ns1@n1 d x\ns1@n1 w z 4\ns2@n2 w x 2\ns2@n2 w y 3\ns3@n3 r y 3\ns3@n3 r y 1\ns3@n3 r z 4\n"},
		{name: "final reads follow nothing", property: "cm", want: "unknown", text: "s1@n1 w x 1\ns2@n2 w x 2\n" + atRest + "final n3 r x 1\nfinal n3 r x 2\nfinal n3 r x 1\n"},
		{name: "a cycle is not judged again", property: "cm", want: "violated 1 CyclicCO", text: "s3@n3 w x 3\ns3@n3 w z 4\ns3@n3 w u 6\ns4@n3 w z 5\ns1@n1 r z 5\ns1@n1 r x 3\ns1@n1 r x 2\ns1@n1 w y 1\ns2@n2 r y 1\ns2@n2 w x 2\ns1@n1 r u 6\ns1@n1 r z 5\n"},
		{name: "nor is what an operation read of itself", property: "cm", want: "holds", hd: history.Header{Granularity: "transaction"}, text: "s1@n1 w x 1\ns2@n2 w x 2\ns3@n3 r x 2\ns3@n3 r x 1, w x 3, r x 3\n"},
		{name: "what cc rules out is counted once", property: "cm", want: "violated 1 WriteCORead", text: "s1@n1 w x 1\ns1@n1 w x 2\ns2@n2 r x 2\ns2@n2 r x 1\n"},
		{name: "both are counted", property: "cm", want: "violated 2 WriteCORead", text: "s1@n1 w y 1\ns1@n1 w y 2\ns2@n2 r y 2\ns2@n2 r y 1\ns1@n1 w x 1\ns2@n2 w x 2\ns2@n2 r x 1\ns2@n2 r x 2\n"},
		{name: "each session counts once", property: "cm", want: "violated 2 CyclicHB", text: "s1@n1 w x 1\ns2@n2 w x 2\ns3@n1 r x 1\ns3@n1 r x 2\ns3@n1 r x 1\ns3@n1 r x 2\ns4@n2 r x 2\ns4@n2 r x 1\ns4@n2 r x 2\n"},
		{name: "elements do not replace each other", property: "cm", want: "holds", text: "s1@n1 add s 1\ns2@n2 add s 2\ns3@n3 r s [1]\ns3@n3 r s [1 2]\n"},
		{name: "max does not let the later write win", property: "cm", want: "not decided", hd: history.Header{Policy: "max"}, text: "s1@n1 w x 1\ns2@n2 w x 2\ns2@n2 r x 1\ns2@n2 r x 2\n"},

		// monotonic-writes
		{name: "the later write without the earlier", property: "monotonic-writes", want: "violated 1 earlier write not read", text: "s1@n1 w x 1\ns1@n1 w y 2\ns2@n2 r y 2\ns2@n2 r x -\n"},
		{name: "an older value of it", property: "monotonic-writes", want: "violated 1 earlier write not read", text: "s1@n1 w x 1\ns1@n1 w x 2\ns1@n1 w y 3\ns2@n2 r y 3\ns2@n2 r x 1\n"},
		{name: "a newer one", property: "monotonic-writes", want: "holds", text: "s1@n1 w x 1\ns1@n1 w y 2\ns3@n3 r x 1\ns3@n3 w x 3\ns2@n2 r y 2\ns2@n2 r x 3\n"},
		{name: "a concurrent one", property: "monotonic-writes", want: "holds", text: "s1@n1 w x 1\ns1@n1 w y 2\ns3@n3 w x 3\ns2@n2 r y 2\ns2@n2 r x 3\n"},
		{name: "written at two nodes", property: "monotonic-writes", want: "unknown", text: "s1@n1 w x 1\ns1@n2 w y 2\ns2@n3 r y 2\ns2@n3 r x -\n"},
		{name: "written at two nodes of a target that follows its clients", property: "monotonic-writes", want: "violated 1 earlier write not read", hd: history.Header{SessionScope: "client"}, text: "s1@n1 w x 1\ns1@n2 w y 2\ns2@n3 r y 2\ns2@n3 r x -\n"},
		{name: "read at two nodes", property: "monotonic-writes", want: "unknown", text: "s1@n1 w x 1\ns1@n1 w y 2\ns2@n2 r y 2\ns2@n3 r x -\n"},
		{name: "read at two nodes of a target that follows its clients", property: "monotonic-writes", want: "unknown", hd: history.Header{SessionScope: "client"}, text: "s1@n1 w x 1\ns1@n1 w y 2\ns2@n2 r y 2\ns2@n3 r x -\n"},
		{name: "back at the node that showed it", property: "monotonic-writes", want: "violated 1 earlier write not read", hd: history.Header{SessionScope: "client"}, text: "s1@n1 w x 1\ns1@n1 w y 2\ns2@n2 r y 2\ns2@n3 r z -\ns2@n2 r x -\n"},
		{name: "a restart between the reads", property: "monotonic-writes", want: "unknown", text: "s1@n1 w x 1\ns1@n1 w y 2\ns2@n2 r y 2\nfault 1 kill effective n2\ns2@n2 r x -\n"},
		{name: "a restart of another node", property: "monotonic-writes", want: "violated 1 earlier write not read", text: "s1@n1 w x 1\ns1@n1 w y 2\ns2@n2 r y 2\nfault 1 kill effective n1\ns2@n2 r x -\n"},
		{name: "one key alone is for monotonic-reads", property: "monotonic-writes", want: "unknown", text: "s1@n1 w x 1\ns1@n1 w x 2\ns2@n2 r x 2\ns2@n2 r x 1\n"},
		{name: "the earlier write may not have happened", property: "monotonic-writes", want: "unknown", text: "s1@n1 w x 1 info\ns1@n1 w y 2\ns2@n2 r y 2\ns2@n2 r x -\n"},
		{name: "the later one was read, so it has", property: "monotonic-writes", want: "violated 1 earlier write not read", text: "s1@n1 w x 1\ns1@n1 w y 2 info\ns2@n2 r y 2\ns2@n2 r x -\n"},
		{name: "a delete may explain it", property: "monotonic-writes", want: "holds", text: "s1@n1 w x 1\ns1@n1 w y 2\ns3@n3 d x\ns2@n2 r y 2\ns2@n2 r x -\n"},
		{name: "what was read first is another matter", property: "monotonic-writes", want: "unknown", text: "s1@n1 w x 1\ns2@n2 r x 1\ns2@n2 w y 2\ns3@n3 r y 2\ns3@n3 r x -\n"},
		{name: "shown by an element of a set", property: "monotonic-writes", want: "violated 1 earlier write not read", text: "s1@n1 w x 1\ns1@n1 add s 2\ns2@n2 r s [2]\ns2@n2 r x -\n"},
		{name: "sets alone do not decide it", property: "monotonic-writes", want: "not decided", text: "s1@n1 add s 1\ns1@n1 add u 2\ns2@n2 r u [2]\ns2@n2 r s []\n"},
		{name: "inside one operation", property: "monotonic-writes", want: "violated 1 earlier write not read", text: "s1@n1 w x 1\ns1@n1 w y 2\ns2@n2 r y 2, r x -\n"},

		// writes-follow-reads
		{name: "the answer without the question", property: "writes-follow-reads", want: "violated 1 write read earlier not read", text: "s1@n1 w x 1\ns2@n2 r x 1\ns2@n2 w y 2\ns3@n3 r y 2\ns3@n3 r x -\n"},
		{name: "through two authors", property: "writes-follow-reads", want: "violated 1 write read earlier not read", text: "s1@n1 w x 1\ns2@n2 r x 1\ns2@n2 w y 2\ns3@n3 r y 2\ns3@n3 w z 3\ns4@n1 r z 3\ns4@n1 r x -\n"},
		{name: "an older question", property: "writes-follow-reads", want: "violated 1 write read earlier not read", text: "s1@n1 w x 1\ns1@n1 w x 2\ns2@n2 r x 2\ns2@n2 w y 3\ns3@n3 r y 3\ns3@n3 r x 1\n"},
		{name: "a concurrent one", property: "writes-follow-reads", want: "holds", text: "s1@n1 w x 1\ns4@n3 w x 3\ns2@n2 r x 1\ns2@n2 w y 2\ns3@n3 r y 2\ns3@n3 r x 3\n"},
		{name: "one of several that were read", property: "writes-follow-reads", want: "violated 1 write read earlier not read", text: "s1@n1 w x 1\ns1@n1 w x 2\ns4@n3 w x 3\ns2@n2 r x 2\ns2@n2 r x 3\ns2@n2 w y 4\ns3@n3 r y 4\ns3@n3 r x 1\n"},
		{name: "written, not read", property: "writes-follow-reads", want: "unknown", text: "s1@n1 w x 1\ns1@n1 w y 2\ns2@n2 r y 2\ns2@n2 r x -\n"},
		{name: "the author moved in between", property: "writes-follow-reads", want: "unknown", text: "s1@n1 w x 1\ns2@n2 r x 1\ns2@n1 w y 2\ns3@n3 r y 2\ns3@n3 r x -\n"},
		{name: "the author moved with a token", property: "writes-follow-reads", want: "violated 1 write read earlier not read", text: "s1@n1 w x 1\ns2@n2 r x 1\ns2@n1 w y 2 token=t\ns3@n3 r y 2\ns3@n3 r x -\n"},
		{name: "the reader moved", property: "writes-follow-reads", want: "unknown", text: "s1@n1 w x 1\ns2@n2 r x 1\ns2@n2 w y 2\ns3@n3 r y 2\ns3@n2 r x -\n"},
		{name: "a restart between the reads", property: "writes-follow-reads", want: "unknown", text: "s1@n1 w x 1\ns2@n2 r x 1\ns2@n2 w y 2\ns3@n3 r y 2\nfault 1 kill effective n3\ns3@n3 r x -\n"},
		{name: "one key alone is for monotonic-reads", property: "writes-follow-reads", want: "unknown", text: "s1@n1 w x 1\ns2@n2 r x 1\ns2@n2 w x 2\ns3@n3 r x 2\ns3@n3 r x 1\n"},
		{name: "read and written in one transaction", property: "writes-follow-reads", want: "violated 1 write read earlier not read", hd: history.Header{Granularity: "transaction"}, text: "s1@n1 w x 1\ns2@n2 r x 1, w y 2\ns3@n3 r y 2\ns3@n3 r x -\n"},
		{name: "max does not let the later write win", property: "writes-follow-reads", want: "not decided", hd: history.Header{Policy: "max"}, text: "s1@n1 w x 1\ns2@n2 r x 1\ns2@n2 w y 2\ns3@n3 r y 2\ns3@n3 r x -\n"},

		// no-thin-air
		{name: "a value of another key", property: "no-thin-air", want: "violated 1 thin air", text: "s1@n1 w x 1\ns1@n1 r y 1\n"},
		{name: "a refused write is read", property: "no-thin-air", want: "violated 1 phantom", text: "s1@n1 w x 1 fail\ns2@n2 r x 1\n"},
		{name: "one that may have happened", property: "no-thin-air", want: "holds", text: "s1@n1 w x 1 info\ns2@n2 r x 1\n"},
		{name: "nothing is no value", property: "no-thin-air", want: "unknown", text: "s1@n1 w x 1\ns2@n2 r x 0\n"},
		{name: "an element that nobody added", property: "no-thin-air", want: "violated 1 thin air", text: "s1@n1 add s 1\ns2@n2 r s [1 2]\n"},
		{name: "a final read counts", property: "no-thin-air", want: "violated 1 thin air", text: "s1@n1 w x 1\n" + atRest + "final n1 r x 5\n"},

		// no-duplicates
		{name: "an element twice in a list", property: "no-duplicates", want: "violated 1 repeated element", text: "s1@n1 app l 1\ns2@n2 r l [1 1]\n"},
		{name: "two elements", property: "no-duplicates", want: "holds", text: "s1@n1 app l 1\ns1@n1 app l 2\ns2@n2 r l [1 2]\n"},
		{name: "a counter above its interval", property: "no-duplicates", want: "violated 1 above its interval", text: "s1@n1 inc c 2\n" + atRest + finals("c", "4")},
		{name: "an increment that may have happened", property: "no-duplicates", want: "holds", text: "s1@n1 inc c 2\ns1@n1 inc c 2 info\n" + atRest + finals("c", "4")},
		{name: "a counter that is shown as a list", property: "no-duplicates", want: "unknown", text: "s1@n1 inc c 2 info\ns2@n2 r s [1]\ns2@n2 r s [2]\ns2@n2 r s [3]\ns2@n2 r s [4]\n" + atRest + finals("c", "[7]")},
		{name: "registers cannot tell", property: "no-duplicates", want: "not decided", text: "s1@n1 w x 1\n"},
	} {
		t.Run(strings.ReplaceAll(tc.property+": "+tc.name, " ", "_"), func(t *testing.T) {
			h := parse(t, tc.hd, tc.text)
			r := check(t, tc.property, h)
			allStandAlone(t, h, tc.property)
			if diff := cmp.Diff(tc.want, verdict(r)); diff != "" {
				t.Errorf("(-want +got)\n%s%s\n%+v", diff, r.Reason, r.Findings)
			}
		})
	}
}
