package mlcheck

import (
	"context"
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/mlcheck/mlcheck/history"
	"github.com/mlcheck/mlcheck/nemesis"
	"github.com/mlcheck/mlcheck/workload"
)

// breaking is a run folder in which a row's defect breaks what it must.
func (tr truth) breaking(t *testing.T) string {
	t.Helper()
	for seed := uint64(1); seed <= 20; seed++ {
		if _, res, err := Judge(context.Background(), tr.test(seed)); err != nil {
			t.Fatal(err)
		} else if isBroken(res.Properties[tr.must]) {
			return simulated(t, tr.test(seed)).Dir
		}
	}
	t.Fatalf("%s breaks %s with none of 20 seeds", tr.defect, tr.must)
	return ""
}

func rowOf(t *testing.T, defect string) truth {
	t.Helper()
	i := slices.IndexFunc(truths, func(tr truth) bool { return tr.defect == defect })
	if i < 0 {
		t.Fatalf("no defect is called %s", defect)
	}
	return truths[i]
}

// Whatever a run is full of, what is left is what the defect needs.
func TestDefectsShrinkToAHandfulOfOperations(t *testing.T) {
	for defect, most := range map[string]Size{
		"deaf-clock":             {Operations: 4, Faults: 1, Sessions: 2, Keys: 1, Leaders: 3},
		"causal-per-link":        {Operations: 6, Faults: 2, Sessions: 3, Keys: 2, Leaders: 3},
		"siblings-cut-to-one":    {Operations: 3, Faults: 1, Sessions: 2, Keys: 1, Leaders: 3},
		"snapshot-rolls-back":    {Operations: 4, Faults: 2, Sessions: 3, Keys: 2, Leaders: 3},
		"increment-twice":        {Operations: 3, Faults: 2, Sessions: 2, Keys: 2, Leaders: 3},
		"certify-before-reading": {Operations: 3, Faults: 1, Sessions: 2, Keys: 1, Leaders: 3},
	} {
		t.Run(defect, func(t *testing.T) {
			tr := rowOf(t, defect)
			s, err := Shrink(context.Background(), tr.breaking(t), ShrinkOptions{Property: tr.must, Store: t.TempDir()})
			if err != nil {
				t.Fatal(err)
			}
			a := s.After
			if a.Operations > most.Operations || a.Faults > most.Faults || a.Sessions > most.Sessions || a.Keys > most.Keys || a.Leaders > most.Leaders || a.Time > 2*time.Second {
				t.Errorf("%+v shrinks to %+v, want at most %+v:\n%s", s.Before, a, most, strings.Join(s.Test.Scene(), "\n"))
			}
			if _, ok := findingIn(s.Results, tr.must, s.Label); !ok || s.Before.Operations < 100 || s.Before.Faults < 4 {
				t.Errorf("%+v %+v", s, s.Results.Properties[tr.must])
			}
		})
	}
}

func TestWhatWasShrunkIsARunLikeOthers(t *testing.T) {
	tr := rowOf(t, "deaf-clock")
	s, err := Shrink(context.Background(), tr.breaking(t), ShrinkOptions{Store: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	if s.Results.Repeat != "mlcheck run --test "+filepath.Join(s.Dir, testFile) || s.Stopped != "" {
		t.Errorf("%q, %q", s.Results.Repeat, s.Stopped)
	}
	r, err := Replay(context.Background(), s.Dir, Options{Store: t.TempDir()})
	if err != nil || !r.Same {
		t.Errorf("%+v, %v", r, err)
	}
	again, err := Shrink(context.Background(), s.Dir, ShrinkOptions{Store: t.TempDir()})
	if err != nil || again.After != s.After || again.Before != s.After {
		t.Errorf("%+v shrinks on to %+v, %v", s.After, again, err)
	}
}

func TestShrinkingEndsWhenItIsTold(t *testing.T) {
	dir := rowOf(t, "deaf-clock").breaking(t)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	for want, o := range map[string]ShrinkOptions{
		"interrupted":     {Progress: func(p ShrinkProgress) { cancelAfter(p, 60, cancel) }},
		"tried 60 runs":   {Runs: 60},
		"nothing to stop": {},
	} {
		o.Store = t.TempDir()
		run := context.Background()
		if want == "interrupted" {
			run = ctx
		}
		s, err := Shrink(run, dir, o)
		if err != nil {
			t.Fatalf("%s: %v", want, err)
		}
		if whole := want == "nothing to stop"; whole != (s.Stopped == "") || !whole && !strings.Contains(s.Stopped, want) {
			t.Errorf("want %q: %q", want, s.Stopped)
		}
		if _, ok := findingIn(s.Results, s.Property, s.Label); !ok || s.After.Operations >= s.Before.Operations || s.Interrupted {
			t.Errorf("%s: %+v", want, s)
		}
	}
}

func cancelAfter(p ShrinkProgress, runs int, cancel func()) {
	if p.Runs == runs {
		cancel()
	}
}

func TestOnlyWhatWasFoundCanBeShrunk(t *testing.T) {
	broken := rowOf(t, "deaf-clock").breaking(t)
	fine := simulated(t, Test{Time: time.Second, Workload: "set", Options: map[string]string{"policy": "add-wins"}, Seed: 1}).Dir
	for want, c := range map[string]struct {
		dir string
		o   ShrinkOptions
	}{
		"nothing was found broken":              {fine, ShrinkOptions{}},
		"convergence was not found broken":      {broken, ShrinkOptions{Property: "convergence"}},
		"no finding of this run is called zzzz": {broken, ShrinkOptions{Finding: "zzzz"}},
		"no run folder":                         {filepath.Join(broken, "absent"), ShrinkOptions{}},
		"there are findings of no-stale-wins":   {broken, ShrinkOptions{Property: "durability"}},
	} {
		var usage *UsageError
		if _, err := Shrink(context.Background(), c.dir, c.o); !errors.As(err, &usage) || !strings.Contains(err.Error(), want) {
			t.Errorf("want %q: %v", want, err)
		}
	}
	replace(t, filepath.Join(broken, testFile), `"defect": "deaf-clock"`, `"defect": "none"`)
	if s, err := Shrink(context.Background(), broken, ShrinkOptions{Property: "no-stale-wins", Store: t.TempDir()}); err == nil || !strings.Contains(err.Error(), "does not show the finding again") {
		t.Errorf("a test without the defect was shrunk: %+v, %v", s, err)
	}
}

func TestAFindingIsChosenByItsIdentifier(t *testing.T) {
	o := simulated(t, Test{Nemesis: []string{"partition", "clock"}, Claims: []string{"no-stale-wins"}, Seed: 7})
	if name, f, err := choose(o.Results, ShrinkOptions{}); err != nil || name != "no-stale-wins" || f.ID != o.Results.Properties[name].Findings[0].ID {
		t.Errorf("%s %s %v", name, f.ID, err)
	}
	want := o.Results.Properties["cc"].Findings[1]
	if name, f, err := choose(o.Results, ShrinkOptions{Property: "cc", Finding: want.ID[:8]}); err != nil || name != "cc" || f.ID != want.ID {
		t.Errorf("%s %s %v", name, f.ID, err)
	}
	if _, f, err := choose(o.Results, ShrinkOptions{Finding: want.ID}); err != nil || f.ID != want.ID {
		t.Errorf("%s %v", f.ID, err)
	}
}

func TestTimeIsSqueezedWithoutChangingTheOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		at := rapid.SliceOfN(rapid.Int64Range(0, int64(10*time.Second)), 2, 12).Draw(t, "moments")
		var test Test
		for i, a := range at[2:] {
			test.Script = append(test.Script, workload.Ask{Session: i, At: time.Duration(a)})
		}
		test.Faults = []nemesis.Fault{{From: time.Duration(min(at[0], at[1])), Until: time.Duration(max(at[0], at[1]))}}
		longest := time.Duration(rapid.Int64Range(int64(time.Millisecond), int64(time.Second)).Draw(t, "longest"))
		before := moments(test)
		squeezed := remap(test, func(int, time.Duration) time.Duration { return longest })
		after := moments(squeezed)
		if len(before) != len(after) || !slices.IsSorted(after) {
			t.Fatalf("%v became %v", before, after)
		}
		for i := range after {
			last, was := time.Duration(0), time.Duration(0)
			if i > 0 {
				last, was = after[i-1], before[i-1]
			}
			if gap := after[i] - last; gap > longest || gap > before[i]-was {
				t.Fatalf("%v became %v", before, after)
			}
		}
		if squeezed.Time <= after[len(after)-1] || squeezed.Time < shortest {
			t.Fatalf("the run ends at %s, the last thing happens at %s", squeezed.Time, after[len(after)-1])
		}
	})
}

func TestALeaderThatIsGoneIsGoneEverywhere(t *testing.T) {
	test := Test{
		Leaders: 4, Script: []workload.Ask{{Node: "n1"}, {Node: "n4"}},
		Faults: []nemesis.Fault{
			{Links: []history.Link{{From: "n1", To: "n2"}}},
			{Links: []history.Link{{From: "n1", To: "n2"}, {From: "n3", To: "n4"}}},
			{Clocks: []nemesis.Skew{{Node: "n3", PPM: 5}}},
			{Nodes: []string{"n2"}},
			{Nodes: []string{"n2", "n4"}},
		},
	}
	got := without(test, "n2")
	want := Test{
		Leaders: 3, Script: []workload.Ask{{Node: "n1"}, {Node: "n3"}},
		Faults: []nemesis.Fault{
			{Links: []history.Link{{From: "n2", To: "n3"}}},
			{Clocks: []nemesis.Skew{{Node: "n2", PPM: 5}}},
			{Nodes: []string{"n3"}},
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestFollowersAndWrittenLinksAreRenamedToo(t *testing.T) {
	test := Test{Leaders: 3, Followers: 2, Topology: "n1-n2,n2-n1, n2-n3,n3-n2", Script: []workload.Ask{{Node: "n3"}, {Node: "f2"}}}
	if got := without(test, "n1"); got.Topology != "n1-n2,n2-n1" || got.Leaders != 2 || got.Script[0].Node != "n2" || got.Script[1].Node != "f2" {
		t.Errorf("%+v", got)
	}
	if got := without(test, "f1"); got.Followers != 1 || got.Leaders != 3 || got.Script[0].Node != "n3" || got.Script[1].Node != "f1" {
		t.Errorf("%+v", got)
	}
}
