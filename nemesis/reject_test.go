package nemesis

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

// Of a link that several faults cut, whoever sends is told only if none is silent.
func TestACutRejectsOnlyIfNoneOfItsFaultsIsSilent(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		fs := drawFaults(t)
		for i := range fs {
			fs[i].Reject = fs[i].Kind == Partition && rapid.Bool().Draw(t, "reject")
		}
		at := time.Duration(rapid.IntRange(0, 30).Draw(t, "at")) * time.Second
		s := At(fs, at)
		for _, l := range mesh(nodes) {
			cut, silent := false, false
			for _, f := range fs {
				for _, m := range f.Links {
					if m == l && f.From <= at && at < f.Until {
						cut, silent = true, silent || !f.Reject
					}
				}
			}
			if s.Cuts(l) != cut || s.Rejects(l) != (cut && !silent) {
				t.Fatalf("%v: cut %v, rejects %v", l, s.Cuts(l), s.Rejects(l))
			}
		}
	})
}

func TestSomePartitionsReject(t *testing.T) {
	count := map[bool]int{}
	for seed := range uint64(20) {
		fs, err := Draw{Kinds: []string{Partition}, Nodes: nodes, Links: mesh(nodes), Time: time.Minute, Seed: seed}.Schedule()
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range fs {
			count[f.Reject]++
		}
	}
	if count[true] == 0 || count[false] < count[true] {
		t.Errorf("rejecting or not: %v", count)
	}
}
