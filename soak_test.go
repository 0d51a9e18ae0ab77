package mlcheck

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/mlcheck/mlcheck/checker"
)

var updateGolden = flag.Bool("golden", false, "write the golden files anew")

func TestShardsAreDisjointAndTogetherWhole(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		seeds := rapid.IntRange(1, 40).Draw(t, "seeds")
		cells := rapid.IntRange(1, 12).Draw(t, "configurations")
		of := rapid.IntRange(1, 20).Draw(t, "shards")
		counts := make([]int, of)
		for s := range seeds {
			for c := range cells {
				owners := 0
				for i := range of {
					if (Shard{i + 1, of}).has(s, c) {
						owners++
						counts[i]++
					}
				}
				if owners != 1 {
					t.Fatalf("seed %d of configuration %d is in %d shards", s, c, owners)
				}
			}
		}
		for i, n := range counts {
			if got := (Shard{i + 1, of}).count(seeds, cells); got != n {
				t.Errorf("shard %d/%d counts %d runs and has %d", i+1, of, got, n)
			}
		}
		if slices.Max(counts)-slices.Min(counts) > min(cells, seeds) {
			t.Errorf("the shares are uneven: %v", counts)
		}
	})
}

func TestSeedsAndShardsAreReadStrictly(t *testing.T) {
	for text, want := range map[string]Seeds{"1": {1, 1}, "200": {1, 200}, "101-200": {101, 200}, "0-0": {0, 0}, "7-7": {7, 7}} {
		if got, err := ParseSeeds(text); err != nil || got != want {
			t.Errorf("%q: %v, %v", text, got, err)
		}
	}
	for text, want := range map[string]Shard{"1/1": {1, 1}, "2/8": {2, 8}} {
		if got, err := ParseShard(text); err != nil || got != want {
			t.Errorf("%q: %v, %v", text, got, err)
		}
	}
	var usage *UsageError
	for _, text := range []string{"", "0", "-1", "1-", "-", "x", "5-3", "1-2-3", "1.5", "1-18446744073709551615"} {
		if s, err := ParseSeeds(text); !errors.As(err, &usage) {
			t.Errorf("seeds %q are read as %v: %v", text, s, err)
		}
	}
	for _, text := range []string{"", "1", "0/4", "5/4", "-1/4", "1/0", "a/b", "1/2/3"} {
		if s, err := ParseShard(text); !errors.As(err, &usage) {
			t.Errorf("shard %q is read as %v: %v", text, s, err)
		}
	}
}

// wallClocks breaks no-stale-wins with most seeds, hybridClocks with none.
func wallClocks() Campaign {
	return Campaign{
		Test:  Test{Nemesis: []string{"partition", "clock"}, Time: 3 * time.Second, Claims: []string{"no-stale-wins"}},
		Axes:  []Axis{{Option: true, Name: "policy", Values: []string{"lww-wall", "lww-hlc"}}},
		Seeds: Seeds{1, 3},
	}
}

func soaked(t *testing.T, c Campaign, o SoakOptions) *Soaked {
	t.Helper()
	if o.Store == "" {
		o.Store = filepath.Join(t.TempDir(), "store")
	}
	s, err := Soak(context.Background(), c, o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestSoakFindsWhatRunFinds(t *testing.T) {
	store := filepath.Join(t.TempDir(), "store")
	s := soaked(t, wallClocks(), SoakOptions{Store: store})
	if s.Runs != 6 || len(s.Configurations) != 2 || s.Exit != checker.ExitViolated || s.Interrupted || s.TimeUp {
		t.Fatalf("%+v", s)
	}
	for i, policy := range []string{"lww-wall", "lww-hlc"} {
		conf := s.Configurations[i]
		broken, smallest := map[string]int{}, map[string]Example{}
		for seed := uint64(1); seed <= 3; seed++ {
			test := wallClocks().Test
			test.Seed, test.Options = seed, map[string]string{"policy": policy}
			o := simulated(t, test)
			for name, d := range o.Results.Properties {
				if d.Verdict == checker.Violated {
					broken[name]++
					e := Example{Seed: seed, Operations: len(d.Findings[0].Ops), Of: o.Results.Power["operations"], Finding: d.Findings[0].ID}
					if was, ok := smallest[name]; !ok || compareExamples(e, was) < 0 {
						smallest[name] = e
					}
				}
			}
		}
		if conf.Name != "policy="+policy || conf.Runs != 3 {
			t.Errorf("configuration %d is %q with %d runs", i, conf.Name, conf.Runs)
		}
		for name, tally := range conf.Properties {
			if tally.Violated+tally.Observed != broken[name] {
				t.Errorf("%s: soak has %d seeds that broke %s, run %d", policy, tally.Violated+tally.Observed, name, broken[name])
			}
			if broken[name] == 0 {
				continue
			}
			got, want := tally.Smallest[0], smallest[name]
			if got.Seed != want.Seed || got.Finding != want.Finding || got.Operations != want.Operations || got.Of < want.Of {
				t.Errorf("%s: the smallest run that breaks %s is %+v, not %+v", policy, name, got, want)
			}
			if _, err := os.Stat(filepath.Join(got.Dir, "report.html")); got.Dir == "" || err != nil {
				t.Errorf("%s: the run for %s was not kept: %v", policy, name, err)
			}
		}
	}
	stale := s.Configurations[0].Properties["no-stale-wins"]
	if stale.Violated == 0 || stale.Observed != 0 || s.Configurations[1].Violated != 0 {
		t.Errorf("wall clocks: %+v; hybrid clocks: %+v", stale, s.Configurations[1])
	}
	if cc := s.Configurations[0].Properties["cc"]; cc.Claimed || cc.Violated != 0 || cc.Observed == 0 {
		t.Errorf("what nobody claims is no broken claim: %+v", cc)
	}
}

func TestACampaignThatFindsNothingLeavesNothingOnTheDisk(t *testing.T) {
	store := filepath.Join(t.TempDir(), "store")
	c := Campaign{Test: Test{Workload: "set", Time: time.Second, Options: map[string]string{"policy": "add-wins"}}, Seeds: Seeds{1, 4}}
	s := soaked(t, c, SoakOptions{Store: store})
	if _, err := os.Stat(store); !os.IsNotExist(err) || s.Exit != checker.ExitHolds || s.Runs != 4 {
		t.Errorf("%v: %+v", err, s)
	}
}

// Runs in containers leave a folder each, of which the smallest stay.
func TestFoldersThatAreNoLongerAmongTheSmallestGo(t *testing.T) {
	c := wallClocks()
	c.Axes, c.Seeds = nil, Seeds{1, 4}
	var s *soaking
	s = pretend(t, c, SoakOptions{Jobs: 1}, func(p place) ran {
		dir := filepath.Join(s.opt.Store, "what", fmt.Sprint(p.seed))
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Error(err)
		}
		pointLatest(s.opt.Store, dir)
		d := &checker.Decided{Result: checker.Result{Verdict: checker.Violated, Findings: []checker.Finding{{Ops: make([]int, []int{5, 3, 2, 4}[p.seed-1])}}}}
		return ran{ops: 9, dir: dir, res: &checker.Results{Exit: checker.ExitHolds, Properties: map[string]*checker.Decided{"cc": d}}}
	})
	s.cells[0].test.World = "docker"
	res, err := s.run(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	left, _ := filepath.Glob(filepath.Join(s.opt.Store, "what", "*"))
	latest, _ := filepath.EvalSymlinks(filepath.Join(s.opt.Store, "latest"))
	if want := filepath.Join(s.opt.Store, "what", "3"); len(left) != 1 || left[0] != want || filepath.Base(latest) != "3" || res.Configurations[0].Properties["cc"].Smallest[0].Dir != want {
		t.Errorf("%v are left, the latest is %s: %+v", left, latest, res.Configurations[0].Properties["cc"])
	}
}

// bare is what of the results is a function of the campaign.
func bare(t *testing.T, s *Soaked) string {
	t.Helper()
	s.Seconds = 0
	for _, c := range s.Configurations {
		for _, tally := range c.Properties {
			for i := range tally.Smallest {
				tally.Smallest[i].Dir = ""
			}
		}
	}
	doc, err := s.JSON()
	if err != nil {
		t.Fatal(err)
	}
	return string(doc)
}

func TestMergedShardsAreTheCampaign(t *testing.T) {
	whole := soaked(t, wallClocks(), SoakOptions{Jobs: 1})
	var parts []*Soaked
	for i := range 2 {
		c := wallClocks()
		c.Shard = Shard{i + 1, 2}
		part := soaked(t, c, SoakOptions{Jobs: 2})
		path := filepath.Join(t.TempDir(), "part.json")
		doc, err := part.JSON()
		if err == nil {
			err = os.WriteFile(path, doc, 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
		if part, err = ReadSoaked(path); err != nil {
			t.Fatal(err)
		}
		parts = append([]*Soaked{part}, parts...)
	}
	if _, err := MergeSoaked([]*Soaked{parts[0], parts[0]}); err == nil || !strings.Contains(err.Error(), "twice") {
		t.Errorf("a shard can be merged with itself: %v", err)
	}
	if _, err := MergeSoaked([]*Soaked{parts[0], whole}); err == nil || !strings.Contains(err.Error(), "different campaigns") {
		t.Errorf("parts of different campaigns can be merged: %v", err)
	}
	merged, err := MergeSoaked(parts)
	if err != nil {
		t.Fatal(err)
	}
	merged.Shards = whole.Shards
	if diff := cmp.Diff(bare(t, whole), bare(t, merged)); diff != "" {
		t.Error(diff)
	}
	if _, err := MergeSoaked(nil); err == nil {
		t.Error("nothing can be merged")
	}
}

func TestAMissingShardIsNoPass(t *testing.T) {
	s := &Soaked{Format: SoakFormat, Shards: []Shard{{1, 2}}, Configurations: []*Configuration{{Test: []byte("{}"), Runs: 5, Holds: 5}}}
	merged, err := MergeSoaked([]*Soaked{s})
	if err != nil || merged.Exit != checker.ExitUnknown || !strings.Contains(merged.Why, "2/2 missing") {
		t.Errorf("%+v, %v", merged, err)
	}
}

// pretend soaks with runs that a test makes up.
func pretend(t *testing.T, c Campaign, o SoakOptions, do func(place) ran) *soaking {
	t.Helper()
	o.Store = filepath.Join(t.TempDir(), "store")
	s, err := newSoaking(c, o)
	if err != nil {
		t.Fatal(err)
	}
	s.do = func(_ context.Context, p place) ran {
		r := do(p)
		r.cell, r.seed = p.cell, p.seed
		return r
	}
	return s
}

func allHold(place) ran {
	return ran{ops: 10, res: &checker.Results{Exit: checker.ExitHolds, Verdict: checker.Holds}}
}

func TestInterruptedCampaignsSaySo(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	c := wallClocks()
	c.Seeds = Seeds{1, 1000}
	told := 0
	s := pretend(t, c, SoakOptions{Progress: func(p SoakProgress) {
		if told = p.Done; told == 5 {
			cancel()
		}
	}}, allHold)
	res, err := s.run(ctx)
	if err != nil || !res.Interrupted || res.Runs != told || told < 5 || res.Exit != checker.ExitUnknown || res.Planned != 2000 {
		t.Errorf("%d told: %+v, %v", told, res, err)
	}
}

func TestSeedZeroIsASeed(t *testing.T) {
	s := pretend(t, Campaign{Seeds: Seeds{0, 0}}, SoakOptions{}, func(p place) ran {
		if p.seed != 0 {
			t.Errorf("seed %d was run", p.seed)
		}
		return allHold(p)
	})
	if res, err := s.run(context.Background()); err != nil || res.Runs != 1 || res.Planned != 1 {
		t.Errorf("%+v, %v", res, err)
	}
}

func TestACampaignEndsWhenItsTimeIsUp(t *testing.T) {
	c := wallClocks()
	c.Seeds, c.For = Seeds{1, 1_000_000}, 20*time.Millisecond
	s := pretend(t, c, SoakOptions{}, func(p place) ran {
		time.Sleep(time.Millisecond)
		return allHold(p)
	})
	res, err := s.run(context.Background())
	if err != nil || res.Interrupted || !res.TimeUp || res.Runs == 0 || res.Exit != checker.ExitHolds {
		t.Errorf("%+v, %v", res, err)
	}
}

func TestRunsThatCannotBeDoneEndAHopelessCampaign(t *testing.T) {
	fails := func(place) ran { return ran{err: errors.New("no engine answers")} }
	long := wallClocks()
	long.Seeds = Seeds{1, 1000}
	res, err := pretend(t, long, SoakOptions{Jobs: 1}, fails).run(context.Background())
	// Beside the three there may be one that waits to be counted and one behind it.
	if err == nil || !strings.Contains(err.Error(), "no engine answers") || res.Runs > 5 || res.Exit != checker.ExitUnknown {
		t.Errorf("%+v, %v", res, err)
	}
	// A run now and then is no reason to end, and no pass.
	res, err = pretend(t, wallClocks(), SoakOptions{Jobs: 1}, func(p place) ran {
		if p.seed > 1 {
			return fails(p)
		}
		return allHold(p)
	}).run(context.Background())
	if err != nil || res.Runs != 6 || res.Exit != checker.ExitUnknown || res.Configurations[0].Failure.Seed != 2 {
		t.Errorf("%+v, %v", res, err)
	}
}

func TestWhatARunShowsOnceItMustShowAgain(t *testing.T) {
	s := pretend(t, wallClocks(), SoakOptions{Jobs: 1}, func(place) ran {
		d := &checker.Decided{Claimed: true, Result: checker.Result{Verdict: checker.Violated, Violations: 1, Findings: []checker.Finding{{ID: "made up", Ops: []int{1}}}}}
		return ran{ops: 1, res: &checker.Results{Exit: checker.ExitViolated, Verdict: checker.Violated, Properties: map[string]*checker.Decided{"durability": d}}}
	})
	res, err := s.run(context.Background())
	if err != nil || res.Exit != checker.ExitInternal || !strings.Contains(res.Configurations[0].Failure.Why, "function of its seed") {
		t.Errorf("%+v, %v", res, err)
	}
}

func TestTheExitStatusOfACampaign(t *testing.T) {
	for name, c := range map[string]struct {
		conf Configuration
		exit int
	}{
		"all hold":                    {Configuration{Runs: 2, Holds: 2}, checker.ExitHolds},
		"no run at all":               {Configuration{}, checker.ExitUnknown},
		"an unknown one":              {Configuration{Runs: 2, Holds: 1, Unknown: 1}, checker.ExitUnknown},
		"one that could not be done":  {Configuration{Runs: 2, Holds: 1, Failed: 1}, checker.ExitUnknown},
		"a violation outweighs those": {Configuration{Runs: 4, Holds: 1, Unknown: 1, Failed: 1, Violated: 1}, checker.ExitViolated},
		"an internal error outweighs": {Configuration{Runs: 2, Violated: 1, Internal: 1}, checker.ExitInternal},
	} {
		s := Soaked{Configurations: []*Configuration{&c.conf}}
		if s.judge(nil); s.Exit != c.exit || s.Why == "" {
			t.Errorf("%s: %d %s", name, s.Exit, s.Why)
		}
	}
}

func TestAxesAreReadFromOptions(t *testing.T) {
	axes, err := OptionAxes("", []string{"policy=lww-wall,lww-hlc", "delivery=fifo", "delivery=causal", "unheard=a,b"})
	want := []Axis{
		{true, "policy", []string{"lww-wall", "lww-hlc"}},
		{true, "delivery", []string{"fifo", "causal"}},
		{true, "unheard", []string{"a,b"}}, // free text, or a mistake that is found later
	}
	if diff := cmp.Diff(want, axes); err != nil || diff != "" {
		t.Error(err, diff)
	}
	if _, err := OptionAxes("", []string{"policy"}); err == nil {
		t.Error("an option without a value is taken")
	}
}

func TestLinksAreOneTopology(t *testing.T) {
	got := TopologyAxis([]string{"ring,all-to-all", "n1-n2,n2-n1", "star"})
	if diff := cmp.Diff(Axis{Name: "topology", Values: []string{"ring", "all-to-all", "n1-n2,n2-n1", "star"}}, got); diff != "" {
		t.Error(diff)
	}
	s, err := Campaign{Test: Test{Leaders: 2}, Axes: []Axis{got}}.Plan()
	if err != nil || len(s.Configurations) != 4 || s.Configurations[2].Name != "topology=n1-n2,n2-n1" {
		t.Errorf("%+v, %v", s, err)
	}
}

func TestConfigurationsAreAllCombinationsThatMakeSense(t *testing.T) {
	c := Campaign{Axes: []Axis{
		{Option: true, Name: "policy", Values: []string{"lww-hlc", "counter", "lww-hlc"}},
		{Name: "workload", Values: []string{"register", "counter-exact"}},
		{Name: "leaders", Values: []string{"4"}},
	}}
	s, err := c.Plan()
	if err != nil {
		t.Fatal(err)
	}
	var names, out []string
	for _, conf := range s.Configurations {
		names = append(names, conf.Name)
		if !strings.Contains(conf.Command(), "--leaders 4") {
			t.Errorf("%s: %s", conf.Name, conf.Command())
		}
	}
	for _, l := range s.LeftOut {
		out = append(out, l.Name)
	}
	if diff := cmp.Diff([]string{"policy=lww-hlc workload=register", "policy=counter workload=counter-exact"}, names); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"policy=lww-hlc workload=counter-exact", "policy=counter workload=register"}, out); diff != "" {
		t.Error(diff)
	}
	for _, bad := range []Axis{
		{Option: true, Name: "policy", Values: []string{"lww-hlc", "lwwhlc"}},
		{Option: true, Name: "polcy", Values: []string{"lww-hlc"}},
		{Name: "leaders", Values: []string{"3", "x"}},
		{Name: "leaders", Values: []string{"3", "99"}},
		{Name: "seed", Values: []string{"3"}},
		{Name: "topology", Values: []string{""}},
		{Name: "workload", Values: []string{"counter-exact"}},
	} {
		var usage *UsageError
		if _, err := (Campaign{Axes: []Axis{bad}}).Plan(); !errors.As(err, &usage) {
			t.Errorf("%+v: %v", bad, err)
		}
	}
}

func TestTheResultsOfACampaignInJSON(t *testing.T) {
	c := wallClocks()
	c.Seeds = Seeds{1, 2}
	s := pretend(t, c, SoakOptions{Jobs: 1}, func(p place) ran {
		d := map[string]*checker.Decided{
			"convergence":     {Claimed: true, Result: checker.Result{Verdict: checker.Holds, Chances: 7}},
			"cc":              {Result: checker.Result{Verdict: checker.Violated, Chances: 3, Violations: 2, Findings: []checker.Finding{{ID: "f00d", Label: "WriteCORead", Ops: []int{1, 2, 3}}}}},
			"durability":      {Claimed: true, Result: checker.Result{Verdict: checker.Unknown, Reason: "0 chances"}},
			"no-lost-updates": {Result: checker.Result{Verdict: checker.NotDecided}},
		}
		if p.cell == 1 && p.seed == 2 {
			return ran{err: errors.New("a task panicked")}
		}
		return ran{ops: 100, res: &checker.Results{Exit: checker.ExitUnknown, Verdict: checker.Unknown, Properties: d}}
	})
	s.saved = map[place]string{{0, 1}: "", {1, 1}: ""} // nothing to be run again
	if _, err := s.run(context.Background()); err != nil {
		t.Fatal(err)
	}
	s.Version = "v0.0.0"
	for _, conf := range s.Configurations {
		conf.Test = []byte(`{"target": "reference"}`) // whole it would change with every new option
	}
	got, golden := bare(t, &s.Soaked), filepath.Join("testdata", "soak.json")
	if *updateGolden {
		if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("(-golden writes it anew)\n%s", diff)
	}
}

// BenchmarkSoak runs seeds of the default test. Its processor time says more on a
// machine that is busy with other things: 120 s of it are the seeds of a minute on
// two processors.
func BenchmarkSoak(b *testing.B) {
	c := wallClocks()
	c.Test.Time, c.Test.Options, c.Axes = 20*time.Second, map[string]string{"policy": "lww-hlc"}, nil
	c.Seeds = Seeds{1, 40}
	for b.Loop() {
		before := processorTime(b)
		s, err := Soak(context.Background(), c, SoakOptions{Store: b.TempDir()})
		if err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(float64(s.Runs)/s.Seconds*60, "seeds/minute")
		b.ReportMetric((processorTime(b)-before).Seconds()*1000/float64(s.Runs), "cpu-ms/seed")
	}
}

func processorTime(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
