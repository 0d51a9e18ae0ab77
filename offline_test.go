package mlcheck

import (
	"fmt"
	"testing"
	"time"

	"github.com/mlcheck/mlcheck/checker"
	"github.com/mlcheck/mlcheck/history"
	"github.com/mlcheck/mlcheck/nemesis"
)

// TestALeaderThatWasAwayForLongCatchesUp: it serves its own clients all the while, or
// is down, and what its policy promises holds once all are back.
func TestALeaderThatWasAwayForLongCatchesUp(t *testing.T) {
	away := nemesis.Fault{ID: 1, From: time.Second, Until: 9 * time.Second}
	alone, down := away, away
	alone.Kind, alone.Links = nemesis.Partition, []history.Link{{From: "n1", To: "n3"}, {From: "n2", To: "n3"}, {From: "n3", To: "n1"}, {From: "n3", To: "n2"}}
	down.Kind, down.Nodes = nemesis.Kill, []string{"n3"}
	for _, fault := range []nemesis.Fault{alone, down} {
		for _, row := range []struct{ policy, workload string }{{"lww-hlc", "register"}, {"add-wins", "churn"}, {"siblings", "rmw"}, {"counter", "counter-exact"}} {
			for _, delivery := range []string{"fifo", "anti-entropy"} {
				test := Test{
					Workload: row.workload, Options: opts("policy", row.policy, "delivery", delivery), Leaders: 3, Time: 10 * time.Second,
					Faults: []nemesis.Fault{fault}, Seed: 1,
				}
				res := judged(t, test)
				claimsHold(t, fmt.Sprintf("%s, %s, %s", fault.Kind, row.policy, delivery), res)
				if d := res.Properties["convergence"]; d.Verdict != checker.Holds || d.Chances == 0 {
					t.Errorf("%s, %s, %s: convergence is %s: %s", fault.Kind, row.policy, delivery, d.Verdict, d.Reason)
				}
				if f := res.Faults[0]; f.State != "effective" {
					t.Errorf("%s, %s, %s: %+v", fault.Kind, row.policy, delivery, f)
				}
			}
		}
	}
}
