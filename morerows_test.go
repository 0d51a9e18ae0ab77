package mlcheck

import (
	"time"

	"github.com/mlcheck/mlcheck/targets"
)

// moreRows are configurations with tokens, followers, links, writers without context,
// and homes that fail over.
func moreRows() []Test {
	var all []Test
	for _, row := range []struct{ policy, delivery, topology, reads, workload string }{
		{"none", "causal", "all-to-all", "decided", "register"},
		{"none", "fifo", "ring", "decided", "register"},
		{"lww-wall", "causal", "all-to-all", "decided", "register"},
		{"lww-wall", "fifo", "star", "decided", "register"},
		{"lww-hlc", "fifo", "all-to-all", "decided", "register"},
		{"lww-hlc", "unordered", "all-to-all", "decided", "register"},
		{"lww-hlc", "anti-entropy", "ring", "decided", "register"},
		{"lww-hlc", "causal", "all-to-all", "decided", "register"},
		{"lww-lamport", "fifo", "ring", "decided", "register"},
		{"lww-lamport", "fifo", "star", "decided", "removals"},
		{"lww-lamport", "causal", "all-to-all", "decided", "rmw"},
		{"replica-priority", "causal", "all-to-all", "decided", "register"},
		{"siblings", "causal", "all-to-all", "decided", "rmw"},
		{"siblings", "unordered", "all-to-all", "decided", "register"},
		{"counter", "unordered", "all-to-all", "decided", "counter-exact"},
		{"add-wins", "causal", "all-to-all", "decided", "set"},
		{"remove-wins", "unordered", "all-to-all", "decided", "set"},
		{"home", "fifo", "all-to-all", "decided", "register"},
		{"home", "fifo", "all-to-all", "local", "register"},
		{"certify", "fifo", "all-to-all", "local", "register"},
		{"certify", "fifo", "all-to-all", "decided", "rmw"},
	} {
		all = append(all, Test{
			Topology: row.topology, Workload: row.workload, Nemesis: []string{"partition", "clock"}, Time: 8 * time.Second, Moves: Share(0.3),
			Options: map[string]string{"policy": row.policy, "delivery": row.delivery, "reads": row.reads, "token": "on"},
		})
	}
	for _, context := range []string{"on", "off"} {
		for _, delivery := range []string{"unordered", "causal"} {
			for _, workload := range []string{"register", "causal"} {
				all = append(all, Test{
					Topology: "all-to-all", Workload: workload, Nemesis: []string{"partition", "clock"}, Time: 8 * time.Second, Moves: moving(workload),
					Options: map[string]string{"policy": "siblings", "delivery": delivery, "reads": "decided", "token": "off", "context": context},
				})
			}
		}
	}
	for _, row := range []struct{ policy, delivery, topology, token, workload string }{
		{"lww-hlc", "fifo", "all-to-all", "off", "register"},
		{"lww-hlc", "causal", "all-to-all", "on", "register"},
		{"lww-lamport", "anti-entropy", "star", "off", "register"},
		{"none", "causal", "all-to-all", "on", "register"},
		{"siblings", "unordered", "all-to-all", "off", "rmw"},
		{"counter", "fifo", "ring", "on", "counter-exact"},
		{"add-wins", "fifo", "ring", "off", "set"},
		{"home", "fifo", "all-to-all", "off", "register"},
		{"home", "fifo", "all-to-all", "on", "rmw"},
		{"certify", "fifo", "all-to-all", "on", "rmw"},
		{"lww-hlc", "fifo", "n1-n2,n2-n3,n3-n1,n1-n3", "off", "register"},
		{"lww-lamport", "fifo", "n1-n2,n2-n1,n2-n3,n3-n2", "on", "removals"},
	} {
		test := Test{
			Topology: row.topology, Followers: 4, Workload: row.workload, Nemesis: []string{"partition", "clock"}, Time: 8 * time.Second, Moves: Share(0.1),
			Options: map[string]string{"policy": row.policy, "delivery": row.delivery, "reads": "decided", "token": row.token},
		}
		if targets.IsLinks(row.topology) {
			test.Leaders = 3
		}
		all = append(all, test)
	}
	for _, failover := range []string{"async", "lease", "majority"} {
		for _, workload := range []string{"register", "rmw", "causal", "removals"} {
			all = append(all, Test{
				Topology: "all-to-all", Workload: workload, Nemesis: []string{"partition", "clock", "crash", "kill", "pause"}, Time: 8 * time.Second, Timeout: time.Second, Moves: moving(workload),
				Options: map[string]string{"policy": "home", "reads": "decided", "failover": failover},
			})
		}
	}
	return all
}
