package mlcheck

import (
	"cmp"
	"fmt"
	"testing"
	"time"
)

// restarted are the configurations whose leaders come and go.
func restarted() []Test {
	var all []Test
	add := func(topology, workload string, kv ...string) {
		all = append(all, Test{
			Topology: topology, Workload: workload, Nemesis: []string{"partition", "clock", "kill", "crash", "disk"}, Time: 10 * time.Second,
			Moves: moving(workload), Options: opts(kv...),
		})
	}
	for _, delivery := range []string{"fifo", "causal", "unordered", "anti-entropy"} {
		for _, durability := range []string{"visible", "acknowledged", "never"} {
			add("all-to-all", "register", "policy", "lww-hlc", "delivery", delivery, "durability", durability)
			add("all-to-all", "counter-exact", "policy", "counter", "delivery", delivery, "durability", durability)
			add("all-to-all", "set", "policy", "add-wins", "delivery", delivery, "durability", durability)
			add("all-to-all", "rmw", "policy", "siblings", "delivery", delivery, "durability", durability)
		}
	}
	for _, policy := range []string{"lww-lamport", "add-wins"} {
		for _, delivery := range []string{"fifo", "unordered", "anti-entropy"} {
			add("all-to-all", "churn", "policy", policy, "delivery", delivery, "tombstones", "collected")
		}
	}
	for _, topology := range []string{"ring", "star"} {
		add(topology, "register", "policy", "lww-lamport")
		add(topology, "causal", "policy", "none")
	}
	for _, policy := range []string{"home", "certify"} {
		for _, reads := range []string{"decided", "local"} {
			add("all-to-all", "rmw", "policy", policy, "reads", reads)
			add("all-to-all", "register", "policy", policy, "reads", reads)
		}
	}
	return all
}

// TestTheReferenceStoreKeepsWhatItClaimsThroughRestarts: whoever is killed or loses
// its power comes back with what it promised to keep.
func TestTheReferenceStoreKeepsWhatItClaimsThroughRestarts(t *testing.T) {
	for _, test := range restarted() {
		o := test.Options
		t.Run(fmt.Sprint(test.Topology, " ", o["policy"], " ", o["delivery"], " ", cmp.Or(o["durability"], "visible"), " ", o["reads"], " ", test.Workload), func(t *testing.T) {
			t.Parallel()
			chances := 0
			for seed := range seeds(t) {
				test.Seed, test.Leaders = seed, 3+int(seed%3)
				res := judged(t, test)
				chances += res.Properties["convergence"].Chances
				claimsHold(t, fmt.Sprint("seed ", seed), res)
				leadersCompared(t, seed, res)
			}
			if chances == 0 && !raceEnabled { // one seed alone need not have any
				t.Error("no chances of convergence")
			}
		})
	}
}
