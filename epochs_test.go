package mlcheck

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/mlcheck/mlcheck/checker"
	"github.com/mlcheck/mlcheck/history"
)

// TestAHomeIsOfItsEpoch: where homes fail over, stamps say in which epoch a write was
// made, and a key has one home in each. The same history under a policy whose homes
// never change has two.
func TestAHomeIsOfItsEpoch(t *testing.T) {
	for _, failover := range []string{"async", "lease", "majority"} {
		t.Run(failover, func(t *testing.T) {
			t.Parallel()
			var h *history.History
			for seed := uint64(1); h == nil || moreThanOne(epochsOf(h)) == 0; seed++ {
				if seed > 10 {
					t.Fatal("no key was written in two epochs")
				}
				h = historyOf(t, Test{
					Workload: "rmw", Nemesis: []string{"partition", "crash"}, Time: 8 * time.Second, Leaders: 3, Keys: 3, Timeout: time.Second, Seed: seed,
					Options: opts("policy", "home", "failover", failover),
				})
			}
			if h.Header.Policy != "home-"+failover {
				t.Errorf("the history calls its policy %q", h.Header.Policy)
			}
			one := func() *checker.Decided {
				return checker.Check(context.Background(), h, checker.Options{Bare: true}).Properties["conflict-policy"]
			}
			if d := one(); !d.Claimed || d.Verdict != checker.Holds {
				t.Errorf("claimed %v, %s: %s", d.Claimed, d.Verdict, d.Reason)
			}
			h.Header.Policy = "home"
			if d := one(); d.Verdict != checker.Violated {
				t.Errorf("without epochs: %s: %s", d.Verdict, d.Reason)
			}
		})
	}
}

// epochsOf are the epochs in which acknowledged writes of each key were made.
func epochsOf(h *history.History) map[string]map[string]bool {
	epochs := map[string]map[string]bool{}
	for k := range h.Len() {
		op := h.Op(k)
		epoch, _, stamped := strings.Cut(op.Meta.Stamp, ".")
		for _, s := range op.Steps {
			if !stamped || !s.F.IsWrite() || op.Outcome != history.OK {
				continue
			}
			if epochs[s.Key] == nil {
				epochs[s.Key] = map[string]bool{}
			}
			epochs[s.Key][epoch] = true
		}
	}
	return epochs
}

func moreThanOne(epochs map[string]map[string]bool) int {
	n := 0
	// The order does not show: they are counted.
	for _, es := range epochs {
		if len(es) > 1 {
			n++
		}
	}
	return n
}
