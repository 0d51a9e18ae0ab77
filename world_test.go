package mlcheck

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/mlcheck/mlcheck/checker"
	"github.com/mlcheck/mlcheck/history"
	"github.com/mlcheck/mlcheck/nemesis"
)

// anyWorld draws a short run of a store that keeps its promises, with any kinds of
// faults, any wiring, and links of very different latencies.
func anyWorld(t *rapid.T) Test {
	return Test{
		Leaders: rapid.IntRange(2, 5).Draw(t, "leaders"), Topology: rapid.SampledFrom([]string{"all-to-all", "ring"}).Draw(t, "topology"),
		Options:  map[string]string{"policy": "lww-hlc", "delivery": rapid.SampledFrom([]string{"fifo", "causal"}).Draw(t, "delivery")},
		Workload: rapid.SampledFrom([]string{"register", "causal", "set"}).Draw(t, "workload"),
		Latency:  map[string]time.Duration{"n1-n2": time.Duration(rapid.IntRange(1, 100).Draw(t, "ms")) * time.Millisecond},
		Nemesis:  rapid.SliceOfNDistinct(rapid.SampledFrom(safeKinds()), 1, 7, rapid.ID).Draw(t, "kinds"),
		Time:     time.Duration(rapid.IntRange(2, 12).Draw(t, "seconds")) * time.Second, Seed: rapid.Uint64Range(0, 1<<40).Draw(t, "seed"),
	}
}

// safeKinds are the kinds that every configuration of the store lives with: none comes
// back without its disk, or leaves, if it was not told how.
func safeKinds() []string {
	return slices.DeleteFunc(nemesis.KindNames(), func(k string) bool { return k == nemesis.Wipe || k == nemesis.Member })
}

// Whatever the world does, all faults are really there and all are healed, the store
// keeps what it claims, and the same seed gives the same lines.
func TestAStoreThatIsRightSurvivesEveryWorld(t *testing.T) {
	dir := t.TempDir()
	runs := 0
	rapid.Check(t, func(rt *rapid.T) {
		if runs++; runs > 25 {
			return // enough for a test; a soak does thousands
		}
		test := anyWorld(rt)
		if test.Workload == "set" {
			test.Options["policy"] = "add-wins"
		}
		var sums []string
		for range 2 {
			o, err := Run(t.Context(), test, Options{Store: dir})
			if err != nil {
				rt.Fatal(err)
			}
			for _, f := range o.Results.Faults {
				if f.State != "effective" && f.State != "idle" {
					rt.Errorf("%s: %+v", o.Dir, f)
				}
			}
			for name, p := range o.Results.Properties {
				if p.Claimed && p.Verdict == checker.Violated {
					rt.Errorf("%s: %s: %s", o.Dir, name, p.Reason)
				}
			}
			sums = append(sums, lines(t, o))
		}
		if sums[0] != sums[1] {
			rt.Errorf("seed %d: one seed, two histories", test.Seed)
		}
	})
}

// Leaders that are all down at once come back, and sessions go on.
func TestWorkGoesOnAfterEveryLeaderLostPower(t *testing.T) {
	test := with(func(t *Test) {
		t.Time, t.Faults = 6*time.Second, []nemesis.Fault{befalls(nemesis.Crash, time.Second, 2*time.Second, "n1", "n2", "n3")}
	})
	r, s := staged(t, test)
	o := finish(t, r, s)
	h := recorded(t, r)
	after := map[string]int{}
	for k := range h.Len() {
		if h.Outcome(k) == history.OK && h.Start(k) > 2*time.Second && !h.Final(k) {
			after[h.Nodes()[h.Node(k)]]++
		}
	}
	for _, n := range []string{"n1", "n2", "n3"} {
		if after[n] < 20 {
			t.Errorf("%s answered %d operations after it", n, after[n])
		}
	}
	if o.Results.Verdict != checker.Holds {
		t.Errorf("%s: %s", o.Results.Verdict, o.Results.Why)
	}
}

// BenchmarkWorld is how fast a minute of a world goes by in which everything goes
// wrong: five leaders, twenty sessions, without checks.
func BenchmarkWorld(b *testing.B) {
	for _, kinds := range [][]string{nil, {"partition", "clock"}, safeKinds()} {
		name := strings.Join(kinds, ",")
		if name == "" {
			name = "no faults"
		}
		b.Run(name, func(b *testing.B) {
			test := Test{Leaders: 5, Sessions: 20, Rate: 83, Time: time.Minute, Nemesis: kinds, Options: map[string]string{"policy": "lww-hlc"}}
			ops := 0
			for b.Loop() {
				test.Seed++
				p, err := test.plan()
				if err != nil {
					b.Fatal(err)
				}
				h, err := p.simulated(b.Context())
				if err != nil {
					b.Fatal(fmt.Errorf("seed %d: %w", test.Seed, err))
				}
				ops += h.Len()
			}
			b.ReportMetric(float64(b.N)*60/b.Elapsed().Seconds(), "virtual-s/s")
			b.ReportMetric(float64(ops)/b.Elapsed().Seconds(), "operations/s")
		})
	}
}

// The schedule that docs/faults.md shows is one.
func TestTheScheduleInTheDocsRuns(t *testing.T) {
	text, err := os.ReadFile("docs/faults.md")
	if err != nil {
		t.Fatal(err)
	}
	_, doc, found := strings.Cut(string(text), "```yaml\n")
	doc, _, _ = strings.Cut(doc, "```")
	path := filepath.Join(t.TempDir(), "test.yaml")
	if err := os.WriteFile(path, []byte(doc), 0o600); err != nil || !found {
		t.Fatal(err, found)
	}
	test, err := ReadTest(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range simulated(t, test).Results.Faults {
		if f.State != "effective" {
			t.Errorf("%+v", f)
		}
	}
}
