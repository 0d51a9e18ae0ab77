package nemesis

import (
	"testing"
	"time"
)

// Several drawn wipes of one run fall on one node, whatever sources they are of; over runs
// on every node.
func TestOneLeaderOfARunLosesItsDisk(t *testing.T) {
	victims := map[string]bool{}
	for seed := range uint64(50) {
		d := Draw{Kinds: []string{Wipe, "wipe:every=7s", Kill}, Nodes: nodes, Links: mesh(nodes), Time: time.Minute, Seed: seed}
		fs, err := d.Schedule()
		if err != nil {
			t.Fatal(err)
		}
		wiped, wipes := map[string]bool{}, 0
		for _, f := range fs {
			if f.Kind == Wipe {
				wiped[f.Nodes[0]], wipes = true, wipes+1
				victims[f.Nodes[0]] = true
			}
		}
		if len(wiped) != 1 || wipes < 5 {
			t.Errorf("seed %d: %d disks are lost in %d wipes", seed, len(wiped), wipes)
		}
	}
	if len(victims) != len(nodes) {
		t.Errorf("of %d nodes only %d lose their disks", len(nodes), len(victims))
	}
}
