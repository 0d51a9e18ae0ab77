package mlcheck

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mlcheck/mlcheck/checker"
	"github.com/mlcheck/mlcheck/internal/dockertest"
	"github.com/mlcheck/mlcheck/nemesis"
)

// allContainers is the environment variable that has every configuration of
// contained run, not only those that always do: MLCHECK_CONTAINERS=all.
const allContainers = "MLCHECK_CONTAINERS"

// contained are configurations of the reference store that run in containers: one
// of each policy, and defects.
var contained = []struct {
	options  map[string]string
	topology string
	workload string
	must     string // the property that a defect breaks
	always   bool
	nemesis  []string // beside cuts and clocks
}{
	{options: opts("policy", "lww-hlc"), always: true},
	{options: opts("policy", "siblings"), workload: "rmw", always: true},
	{options: opts("policy", "lww-hlc", "defect", "wall-for-hybrid"), must: "no-stale-wins", always: true},
	{options: opts("policy", "lww-hlc", "defect", "drop-forwarded"), topology: "ring", must: "convergence", always: true},
	{options: opts("policy", "siblings", "defect", "siblings-cut-to-one"), must: "durability", always: true},

	{options: opts("policy", "lww-wall")},
	{options: opts("policy", "lww-lamport"), topology: "ring"},
	{options: opts("policy", "none", "delivery", "causal"), workload: "causal"},
	{options: opts("policy", "first")},
	{options: opts("policy", "max", "delivery", "anti-entropy")},
	{options: opts("policy", "replica-priority", "delivery", "causal")},
	{options: opts("policy", "counter"), workload: "counter-exact"},
	{options: opts("policy", "add-wins", "delivery", "unordered"), workload: "set"},
	{options: opts("policy", "remove-wins"), topology: "star", workload: "set"},
	{options: opts("policy", "home"), workload: "rmw"},
	{options: opts("policy", "certify"), workload: "rmw"},
	{options: opts("policy", "lww-hlc", "defect", "skip-on-error"), must: "convergence"},
	{options: opts("policy", "lww-lamport", "defect", "deaf-clock"), must: "no-stale-wins"},
	{options: opts("policy", "max", "defect", "max-within-tolerance"), must: "convergence"},
	{options: opts("policy", "home", "defect", "leaders-disagree-on-home"), workload: "rmw", must: "linearizable"},
	{options: opts("policy", "certify", "defect", "certify-nothing"), workload: "rmw", must: "no-lost-updates"},

	{options: opts("policy", "lww-hlc", "delivery", "anti-entropy", "rejoin", "on"), nemesis: []string{nemesis.Wipe}, always: true},
	{options: opts("policy", "counter", "delivery", "anti-entropy", "rejoin", "on"), workload: "counter-exact", nemesis: []string{nemesis.Wipe, nemesis.Kill}},
}

// TestVerdictsInContainersAreThoseOfTheSimulation: the same store in three containers,
// with real links cut and real clocks skewed, is judged as it is in the simulation. Each
// claim gets a verdict that a seed of the simulation gets as well: so what holds there is
// not broken here, and what was tried there is tried here; and a defect breaks what it breaks.
func TestVerdictsInContainersAreThoseOfTheSimulation(t *testing.T) {
	dockertest.Engine(t)
	for i, c := range contained {
		if !c.always && os.Getenv(allContainers) != "all" {
			continue
		}
		test := Test{
			Target: "reference", Topology: c.topology, Workload: c.workload, Options: c.options, Leaders: 3, Rate: 40, Timeout: time.Second,
			Moves: moving(c.workload), Nemesis: append([]string{"partition", "clock"}, c.nemesis...), Time: 5 * time.Second, Seed: uint64(8100 + i),
		}
		name := fmt.Sprintln(c.options["policy"], c.options["delivery"], c.topology, c.workload, c.options["defect"])
		t.Run(strings.Join(strings.Fields(name), " "), func(t *testing.T) {
			began := time.Now()
			test.World = "docker"
			out, err := Run(t.Context(), test, Options{Store: t.TempDir(), Progress: t.Logf})
			if err != nil {
				t.Fatal(err)
			}
			real := claimed(out.Results)
			t.Logf("%s after %.1f s", out.Results.Verdict, time.Since(began).Seconds())
			test.World = "sim"
			seeds := seedsThatSay(t, test, real)
			for _, name := range slices.Sorted(maps.Keys(real)) {
				d := real[name]
				t.Logf("%-20s %-9s as by seed %d of the simulation", name, d.Verdict, seeds[name])
				if seeds[name] == 0 {
					t.Errorf("%s is %s, which none of fifty seeds of the simulation says: %s %+v", name, d.Verdict, d.Reason, d.Findings)
				}
			}
			if c.must != "" && real[c.must].Verdict != checker.Violated {
				t.Errorf("the defect does not break %s: %+v", c.must, real[c.must])
			}
			everyFaultWasReal(t, out.Results, c.nemesis...)
		})
	}
}

// seedsThatSay finds for each verdict the first of fifty seeds of the simulation that
// comes to it too.
func seedsThatSay(t *testing.T, test Test, real map[string]*checker.Decided) map[string]uint64 {
	t.Helper()
	first := map[string]uint64{}
	for test.Seed = 1; test.Seed <= 50 && len(first) < len(real); test.Seed++ {
		for name, d := range claimed(judged(t, test)) {
			if r := real[name]; r != nil && first[name] == 0 && d.Verdict == r.Verdict {
				first[name] = test.Seed
			}
		}
	}
	return first
}

// claimed are the properties that were claimed and can be decided.
func claimed(res *checker.Results) map[string]*checker.Decided {
	all := map[string]*checker.Decided{}
	for name, d := range res.Properties {
		if d.Claimed && d.Decided {
			all[name] = d
		}
	}
	return all
}

func everyFaultWasReal(t *testing.T, res *checker.Results, more ...string) {
	t.Helper()
	kinds := map[string]bool{}
	for _, f := range res.Faults {
		kinds[f.Kind] = true
		if f.State != "effective" && f.State != "idle" {
			t.Errorf("fault %d (%s) was %s: %s", f.Fault, f.What, f.State, f.Note)
		}
	}
	for _, k := range append(more, "partition", "clock") {
		if !kinds[k] {
			t.Errorf("the schedule had %v, and no %s", kinds, k)
		}
	}
}

// TestProcessesFallUnderOtherFaultsInContainers: a leader is killed within a cut, a bad link
// and a skew, which are measured again after its start; others are stopped, all at once,
// while leaders catch up, and one has a full disk. All of it is proved and healed.
func TestProcessesFallUnderOtherFaultsInContainers(t *testing.T) {
	dockertest.Engine(t)
	faults := restartUnder()
	stop := befalls(nemesis.Stop, 5200*time.Millisecond, 5800*time.Millisecond, "n1", "n2", "n3")
	full := befalls(nemesis.Disk, 7*time.Second, 8*time.Second, "n1")
	full.Disk = &nemesis.DiskTrouble{Full: true}
	faults = append(faults, stop, full)
	for i := range faults {
		faults[i].ID = i + 1
	}
	test := Test{Target: "reference", World: "docker", Options: opts("policy", "lww-hlc"), Leaders: 3, Rate: 40, Timeout: time.Second, Time: 9 * time.Second, Seed: 8190, Faults: faults}
	out, err := Run(t.Context(), test, Options{Store: t.TempDir(), Progress: t.Logf})
	if err != nil {
		t.Fatal(err)
	}
	everyFaultWasReal(t, out.Results)
	if out.Results.Verdict != checker.Holds {
		t.Errorf("%s: %s", out.Results.Verdict, out.Results.Why)
	}
}
