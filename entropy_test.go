package mlcheck

import (
	"testing"
	"time"

	"github.com/mlcheck/mlcheck/checker"
)

// An exchange of more than a message holds shows an update before what it depends
// on; the table of promises has no runs that long, and its page tells of these.
func TestAntiEntropyBreaksSessionOrderInLongExchanges(t *testing.T) {
	for seed, property := range map[uint64]string{6: "writes-follow-reads", 7: "monotonic-writes"} {
		res := judged(t, Test{
			Options: opts("policy", "lww-hlc", "delivery", "anti-entropy"), Sessions: 12, Rate: 200, Moves: Share(0),
			Nemesis: []string{"partition", "link"}, Time: 4 * time.Second, Quiet: 5 * time.Second, Seed: seed,
			Claims: []string{"cc", "monotonic-writes", "writes-follow-reads"},
		})
		for _, p := range []string{"cc", property} {
			if d := res.Properties[p]; d.Verdict != checker.Violated {
				t.Errorf("seed %d: %s %s: %s", seed, p, d.Verdict, d.Reason)
			}
		}
	}
}
