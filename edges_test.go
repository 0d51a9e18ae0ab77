package mlcheck

import (
	"crypto/sha256"
	"fmt"
	"testing"
	"time"

	"github.com/mlcheck/mlcheck/checker"
	"github.com/mlcheck/mlcheck/history"
	"github.com/mlcheck/mlcheck/nemesis"
)

// onlyRecorded runs a Test up to the end of its history and returns the hash of its lines.
func onlyRecorded(t *testing.T, test Test) string {
	t.Helper()
	sum := sha256.New()
	if err := historyOf(t, test).WriteJSONL(sum); err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("%x", sum.Sum(nil))
}

func TestEveryConfigurationRepeatsItself(t *testing.T) {
	seen := map[string]string{}
	for leaders := 2; leaders <= 9; leaders++ {
		for i, workload := range []string{"register", "rmw", "set", "causal", "removals"} {
			for j, topology := range []string{"all-to-all", "ring"} {
				policy, delivery := []string{"lww-wall", "lww-hlc"}[(i+j+leaders)%2], []string{"fifo", "causal"}[(i+j+leaders/2)%2]
				test := Test{
					Topology: topology, Workload: workload, Leaders: leaders, Time: time.Second, Seed: uint64(leaders),
					Nemesis: []string{"partition", "clock"}, Options: map[string]string{"policy": policy, "delivery": delivery},
					Reads: Share(0.3), Moves: moving(workload),
				}
				name := fmt.Sprint(leaders, " ", workload, " ", topology, " ", policy, " ", delivery)
				first := onlyRecorded(t, test)
				if again := onlyRecorded(t, test); again != first {
					t.Errorf("%s: two runs, two histories", name)
				}
				if other, ok := seen[first]; ok {
					t.Errorf("%s and %s have one history", name, other)
				}
				seen[first] = name
			}
		}
	}
}

// extremes are corners of what may be asked for. The store keeps its claims in
// all of them, and whatever was planned is there.
func extremes() map[string]Test {
	s := time.Second
	faults := func(fs ...nemesis.Fault) []nemesis.Fault {
		for i := range fs {
			fs[i].ID = i + 1
		}
		return fs
	}
	return map[string]Test{
		"two leaders in a ring":           {Leaders: 2, Topology: "ring", Nemesis: []string{"partition", "clock"}},
		"two leaders, all to all":         {Leaders: 2, Nemesis: []string{"partition", "clock"}},
		"nine leaders":                    {Leaders: 9, Nemesis: []string{"partition", "clock"}},
		"nine leaders in a ring":          {Leaders: 9, Topology: "ring", Nemesis: []string{"partition", "clock"}},
		"causal with two leaders":         {Leaders: 2, Workload: "causal", Nemesis: []string{"partition"}},
		"one session":                     {Sessions: 1, Nemesis: []string{"clock"}},
		"one key":                         {Keys: 1, Nemesis: []string{"partition", "clock"}},
		"every operation moves":           {Moves: Share(1), Nemesis: []string{"partition", "clock"}},
		"no reads":                        {Reads: Share(0), Nemesis: []string{"partition"}},
		"only reads":                      {Reads: Share(1), Nemesis: []string{"partition"}},
		"the shortest run":                {Time: 100 * time.Millisecond},
		"a second with faults":            {Time: s, Nemesis: []string{"partition", "clock"}},
		"a long and idle run":             {Time: 20 * time.Minute, Rate: 0.02, Nemesis: []string{"partition"}},
		"operations overlap a clock edge": {Rate: 500, Time: 2 * s, Nemesis: []string{"clock"}},
		"a skew of a year":                {Skew: 365 * 24 * time.Hour, Nemesis: []string{"clock"}},
		"a cut from the start to the end": {Faults: faults(cutFault(0, 20*s))},
		"cuts that overlap":               {Faults: faults(cutFault(s, 9*s), cutFault(5*s, 15*s), cutFault(15*s, 16*s))},
		"skews that overlap": {Faults: faults(
			clockFault(s, 9*s, -3*s, 0), clockFault(5*s, 15*s, 2*s, 0), clockFault(6*s, 14*s, 0, -200_000), clockFault(15*s, 20*s, -s, 100_000))},
		"skews that cancel out":       {Faults: faults(clockFault(s, 9*s, s, 0), clockFault(5*s, 9*s, -s, 0))},
		"a cut and a skew at once":    {Faults: faults(cutFault(2*s, 10*s), clockFault(2*s, 10*s, 4*s, 0))},
		"edges that crowd each other": {Faults: faults(cutFault(s, s+1), clockFault(s+2, s+3*time.Millisecond, s, 0), cutFault(s+time.Millisecond, 2*s))},
		"a schedule out of order":     {Faults: faults(cutFault(10*s, 11*s), cutFault(2*s, 3*s))},
	}
}

func TestTheStoreKeepsItsClaimsAtTheExtremes(t *testing.T) {
	for name, test := range extremes() {
		if test.Time == 0 && test.Faults == nil {
			test.Time = 4 * time.Second
		}
		for _, policy := range []string{"lww-wall", "lww-hlc"} {
			test := test // the two policies run side by side
			t.Run(name+" "+policy, func(t *testing.T) {
				t.Parallel()
				test.Options = map[string]string{"policy": policy, "delivery": "causal"}
				for test.Seed = range uint64(2) {
					res := judged(t, test)
					claimsHold(t, fmt.Sprint("seed ", test.Seed), res)
					for _, f := range res.Faults {
						if f.State != "effective" && f.State != "idle" {
							t.Errorf("seed %d: %+v", test.Seed, f)
						}
					}
					if v := res.Properties["convergence"]; v.Verdict == checker.Unknown && v.Chances > 0 {
						t.Errorf("seed %d: convergence is unknown: %s", test.Seed, v.Reason)
					}
				}
			})
		}
	}
}

// A store that is asked more than its disk can take answers late: operations run
// out of time, and what became of them is unknown. No claim may break on it.
func TestOperationsThatRunOutOfTimeAreNoViolations(t *testing.T) {
	info, lost := 0, 0
	for seed := range uint64(3) {
		test := Test{
			Leaders: 3, Sessions: 100, Rate: 400, Reads: Share(0.1), Time: time.Second, Timeout: 10 * time.Millisecond, Seed: seed,
			Options: map[string]string{"policy": "lww-hlc", "delivery": "causal"},
		}
		r, s := staged(t, test)
		r.opt.Progress = func(string, ...any) {}
		o := finish(t, r, s)
		writes, reads := outcomes(recorded(t, r))
		info, lost = info+writes[history.Info], lost+reads[history.Fail]
		claimsHold(t, fmt.Sprint("seed ", seed), o.Results)
	}
	if info < 100 || lost < 10 {
		t.Errorf("only %d writes and %d reads ran out of time: nothing was shown", info, lost)
	}
}
