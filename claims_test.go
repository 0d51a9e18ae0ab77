package mlcheck

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/mlcheck/mlcheck/checker"
	"github.com/mlcheck/mlcheck/history"
)

// historyOf runs a Test in the simulated world and returns its history.
func historyOf(t testing.TB, test Test) *history.History {
	t.Helper()
	p, err := test.plan()
	if err != nil {
		t.Fatal(err)
	}
	h, err := p.simulated(context.Background())
	if err != nil {
		t.Fatalf("seed %d: %v", test.Seed, err)
	}
	return h
}

// judged runs a Test in the simulated world and checks it, without reports.
func judged(t *testing.T, test Test) *checker.Results {
	t.Helper()
	return checker.Check(context.Background(), historyOf(t, test), checker.Options{})
}

// seeds is how many seeds each configuration gets: MLCHECK_SEEDS, or few. The
// race detector, which makes a run ten times as long, looks for races and not for
// broken claims: one seed shows it every line of a configuration.
func seeds(t *testing.T) uint64 {
	t.Helper()
	n, err := strconv.ParseUint(os.Getenv("MLCHECK_SEEDS"), 10, 64)
	switch {
	case err == nil:
		return n
	case raceEnabled:
		return 1
	}
	return 2
}

// moving is how often sessions move, where they may.
func moving(workload string) *float64 {
	if workload == "causal" {
		return nil
	}
	return Share(0.1)
}

// rows are the configurations of the reference store, with the workloads that
// they can execute.
func rows() []Test {
	var all []Test
	for _, policy := range []string{"none", "lww-wall", "lww-hlc", "lww-lamport", "first", "max", "replica-priority", "siblings", "add-wins", "remove-wins", "counter", "home", "certify"} {
		workloads := []string{"register", "rmw", "causal"}
		if strings.HasSuffix(policy, "-wins") {
			workloads = []string{"set"}
		} else if strings.HasPrefix(policy, "lww") {
			workloads = append(workloads, "set", "removals")
		} else if policy == "counter" {
			workloads = []string{"counter-exact"}
		}
		for _, topology := range []string{"all-to-all", "ring", "star"} {
			for _, delivery := range []string{"fifo", "causal", "unordered", "anti-entropy"} {
				central := policy == "home" || policy == "certify"
				if central && (topology != "all-to-all" || delivery != "fifo") {
					continue
				}
				for _, workload := range workloads {
					for _, reads := range []string{"decided", "local"}[:1+max(0, strings.Count(policy, "home")+strings.Count(policy, "certify"))] {
						all = append(all, Test{
							Topology: topology, Workload: workload, Nemesis: []string{"partition", "clock"}, Time: 8 * time.Second, Moves: moving(workload),
							Options: map[string]string{"policy": policy, "delivery": delivery, "reads": reads},
						})
					}
				}
			}
		}
	}
	return append(all, moreRows()...)
}

func TestTheReferenceStoreKeepsWhatItClaims(t *testing.T) {
	for _, test := range rows() {
		name := fmt.Sprint(test.Topology, " ", test.Options["policy"], " ", test.Options["delivery"], " reads ", test.Options["reads"], " token ", test.Options["token"], " followers ", test.Followers, " failover ", test.Options["failover"], " ", test.Workload)
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			chances, leaders := map[string]int{}, test.Leaders
			for seed := range seeds(t) {
				test.Seed, test.Leaders = seed, cmp.Or(leaders, 3+int(seed%3))
				res := judged(t, test)
				for name, d := range res.Properties {
					chances[name] += d.Chances
				}
				claimsHold(t, fmt.Sprint("seed ", seed), res)
				for _, f := range res.Faults {
					if f.State != "effective" && f.State != "idle" {
						t.Errorf("seed %d: fault %+v", seed, f)
					}
				}
			}
			if chances["convergence"] == 0 && !raceEnabled { // one seed alone need not have any
				t.Errorf("no chances: %v", chances)
			}
		})
	}
}

func TestWhatIsNotClaimedBreaks(t *testing.T) {
	for property, test := range map[string]Test{
		"no-stale-wins":    {Workload: "register"},
		"read-your-writes": {Workload: "register"},
		"cc":               {Workload: "causal", Options: map[string]string{"policy": "lww-hlc"}, Time: 20 * time.Second},
		"cm":               {Workload: "causal", Options: map[string]string{"policy": "lww-hlc", "delivery": "causal"}, Time: 20 * time.Second, Rate: 60},
		"no-lost-updates":  {Workload: "rmw", Options: map[string]string{"policy": "lww-hlc"}},
	} {
		t.Run(property, func(t *testing.T) {
			t.Parallel()
			broken := 0
			for seed := range uint64(10) {
				test.Seed, test.Nemesis = seed, []string{"partition", "clock"}
				if judged(t, test).Properties[property].Verdict == checker.Violated {
					broken++
				}
			}
			if broken < 5 {
				t.Errorf("%s broke in %d of 10 seeds of a store that does not promise it", property, broken)
			}
		})
	}
}

// claimsHold says which claims of a run broke.
func claimsHold(t *testing.T, run string, res *checker.Results) {
	t.Helper()
	for name, d := range res.Properties {
		if d.Claimed && d.Verdict == checker.Violated {
			t.Errorf("%s: %s is claimed and %s: %s %v", run, name, d.Verdict, d.Reason, d.Findings)
		}
	}
}

// leadersCompared says that the leaders of a seed's run came to rest and were read.
func leadersCompared(t *testing.T, seed uint64, res *checker.Results) {
	t.Helper()
	if d := res.Properties["convergence"]; d.Verdict == checker.Unknown {
		t.Errorf("seed %d: convergence is unknown: %s", seed, d.Reason)
	}
}
