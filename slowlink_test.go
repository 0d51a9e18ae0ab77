package mlcheck

import (
	"testing"
	"time"

	"github.com/mlcheck/mlcheck/checker"
)

// Links that are not alike reorder updates that depend on each other: one goes the
// short way over the third leader and overtakes the other. No fault is needed, and
// links that are all as slow do not do it.
func TestOneSlowLinkReordersWhatEquallySlowLinksDoNot(t *testing.T) {
	for name, c := range map[string]struct {
		latency string
		want    checker.Verdict
	}{
		"one slow link":      {"n1-n2=90ms", checker.Violated},
		"equally slow links": {"n1-n2=90ms,n1-n3=90ms,n2-n3=90ms", checker.Holds},
	} {
		latency, err := ParseLatency(c.latency)
		if err != nil {
			t.Fatal(err)
		}
		for seed := uint64(1); seed <= 3; seed++ {
			res := judged(t, Test{
				Workload: "causal", Latency: latency, Time: 10 * time.Second, Seed: seed,
				Options: opts("policy", "lww-hlc", "delivery", "fifo"), Claims: []string{"cc", "writes-follow-reads"},
			})
			for _, property := range []string{"cc", "writes-follow-reads"} {
				if d := res.Properties[property]; d.Verdict != c.want || d.Chances < 50 {
					t.Errorf("%s, seed %d: %s %s in %d chances: %s", name, seed, property, d.Verdict, d.Chances, d.Reason)
				}
			}
		}
	}
}

// Causal delivery makes an update wait for what it depends on.
func TestCausalDeliveryWithstandsASlowLink(t *testing.T) {
	latency, err := ParseLatency("n1-n2=90ms")
	if err != nil {
		t.Fatal(err)
	}
	res := judged(t, Test{
		Workload: "causal", Latency: latency, Time: 10 * time.Second, Seed: 1, Options: opts("policy", "lww-hlc", "delivery", "causal"), Claims: []string{"cc"},
	})
	if d := res.Properties["cc"]; d.Verdict != checker.Holds {
		t.Errorf("%s: %s", d.Verdict, d.Reason)
	}
}
