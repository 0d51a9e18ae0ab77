package mlcheck

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/mlcheck/mlcheck/history"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// simulated runs a Test in the simulated world and returns its folder.
func simulated(t *testing.T, test Test) *Outcome {
	t.Helper()
	o, err := Run(context.Background(), test, Options{Store: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func lines(t *testing.T, o *Outcome) string {
	t.Helper()
	sum, err := history.SHA256(filepath.Join(o.Dir, historyFile))
	if err != nil {
		t.Fatal(err)
	}
	return sum
}

func TestTheSameSeedGivesTheSameHistoryLines(t *testing.T) {
	for _, topology := range []string{"all-to-all", "ring"} {
		for _, workload := range []string{"register", "rmw", "set", "causal", "removals"} {
			test := Test{
				Target: "reference", Topology: topology, Workload: workload, Leaders: 4, Time: 5 * time.Second,
				Nemesis: []string{"partition", "clock"}, Seed: 11, Options: map[string]string{"delivery": "causal"},
			}
			t.Run(topology+" "+workload, func(t *testing.T) {
				first := lines(t, simulated(t, test))
				for _, procs := range []int{1, 2} {
					old := runtime.GOMAXPROCS(procs)
					again := lines(t, simulated(t, test))
					runtime.GOMAXPROCS(old)
					if again != first {
						t.Errorf("with GOMAXPROCS=%d the history is another", procs)
					}
				}
				test.Seed++
				if lines(t, simulated(t, test)) == first {
					t.Error("another seed gave the same history: nothing is drawn from it")
				}
			})
		}
	}
}

func TestARunLeavesItsWholeFolder(t *testing.T) {
	o := simulated(t, Test{Time: 2 * time.Second, Seed: 3})
	for _, name := range []string{testFile, historyFile, "results.json", "report.html", "junit.xml", "run.json"} {
		if st, err := os.Stat(filepath.Join(o.Dir, name)); err != nil || st.Size() == 0 {
			t.Errorf("%s: %v", name, err)
		}
	}
	stored, err := ReadTest(filepath.Join(o.Dir, testFile))
	if err != nil {
		t.Fatal(err)
	}
	if again := simulated(t, stored); lines(t, again) != lines(t, o) {
		t.Error("the stored Test does not repeat the run")
	}
}

func BenchmarkSimulatedRun(b *testing.B) {
	test := Test{Leaders: 5, Sessions: 20, Rate: 83, Time: time.Minute, Nemesis: []string{"partition", "clock"}, Seed: 1}
	dir := b.TempDir()
	ops := 0
	for i := 0; b.Loop(); i++ {
		p, err := test.plan()
		if err != nil {
			b.Fatal(err)
		}
		r := &runner{plan: p, dir: filepath.Join(dir, fmt.Sprint(i)), opt: Options{Progress: func(string, ...any) {}}}
		if err := os.Mkdir(r.dir, 0o755); err != nil {
			b.Fatal(err)
		}
		if err := r.record(context.Background()); err != nil {
			b.Fatal(err)
		}
		h, err := history.Open(r.dir)
		if err != nil {
			b.Fatal(err)
		}
		ops = h.Len()
	}
	b.ReportMetric(float64(ops), "operations")
}
