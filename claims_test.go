package mlcheck

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/mlcheck/mlcheck/checker"
	"github.com/mlcheck/mlcheck/history"
)

// judged runs a Test in the simulated world and checks it, without reports.
func judged(t *testing.T, test Test) *checker.Results {
	t.Helper()
	p, err := test.plan()
	if err != nil {
		t.Fatal(err)
	}
	r := &runner{plan: p, dir: t.TempDir(), opt: Options{Progress: func(string, ...any) {}}}
	if err := r.record(context.Background()); err != nil {
		t.Fatalf("seed %d: %v", test.Seed, err)
	}
	h, err := history.Open(filepath.Join(r.dir, historyFile))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(r.dir); err != nil {
		t.Fatal(err)
	}
	return checker.Check(context.Background(), h, checker.Options{})
}

// seeds is how many seeds each configuration gets: MLCHECK_SEEDS, or few.
func seeds(t *testing.T) uint64 {
	t.Helper()
	n, err := strconv.ParseUint(os.Getenv("MLCHECK_SEEDS"), 10, 64)
	if err != nil {
		return 8
	}
	return n
}

// moving is how often sessions move, where they may.
func moving(workload string) *float64 {
	if workload == "causal" {
		return nil
	}
	return Share(0.1)
}

func TestTheReferenceStoreKeepsWhatItClaims(t *testing.T) {
	for _, topology := range []string{"all-to-all", "ring"} {
		for _, policy := range []string{"lww-wall", "lww-hlc"} {
			for _, delivery := range []string{"fifo", "causal"} {
				for _, workload := range []string{"register", "rmw", "set", "causal", "counter-exact", "removals"} {
					t.Run(fmt.Sprint(topology, " ", policy, " ", delivery, " ", workload), func(t *testing.T) {
						t.Parallel()
						chances := map[string]int{}
						for seed := range seeds(t) {
							res := judged(t, Test{
								Topology: topology, Workload: workload, Options: map[string]string{"policy": policy, "delivery": delivery},
								Nemesis: []string{"partition", "clock"}, Time: 8 * time.Second, Leaders: 3 + int(seed%3), Moves: moving(workload), Seed: seed,
							})
							for name, d := range res.Properties {
								chances[name] += d.Chances
								if d.Claimed && d.Verdict != checker.Holds && d.Verdict != checker.NotDecided {
									t.Errorf("seed %d: %s is claimed and %s: %s %v", seed, name, d.Verdict, d.Reason, d.Findings)
								}
							}
							for _, f := range res.Faults {
								if f.State != "effective" && f.State != "idle" {
									t.Errorf("seed %d: fault %+v", seed, f)
								}
							}
						}
						if chances["convergence"] == 0 || chances["read-your-writes"] == 0 {
							t.Errorf("no chances: %v", chances)
						}
					})
				}
			}
		}
	}
}

func TestWhatIsNotClaimedBreaks(t *testing.T) {
	for property, test := range map[string]Test{
		"no-stale-wins":    {Workload: "register"},
		"read-your-writes": {Workload: "register"},
		"cc":               {Workload: "causal", Options: map[string]string{"policy": "lww-hlc"}, Time: 20 * time.Second},
		"no-lost-updates":  {Workload: "rmw", Options: map[string]string{"policy": "lww-hlc"}},
	} {
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
	}
}
