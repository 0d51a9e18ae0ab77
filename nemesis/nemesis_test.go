package nemesis

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/mlcheck/mlcheck/history"
)

var nodes = []string{"n1", "n2", "n3", "n4"}

func mesh(nodes []string) []history.Link {
	var ls []history.Link
	for _, a := range nodes {
		for _, b := range nodes {
			if a != b {
				ls = append(ls, history.Link{From: a, To: b})
			}
		}
	}
	return ls
}

func drawFaults(t *rapid.T) []Fault {
	n := rapid.IntRange(0, 8).Draw(t, "faults")
	var fs []Fault
	for i := range n {
		from := time.Duration(rapid.IntRange(0, 20).Draw(t, "from")) * time.Second
		f := Fault{ID: i + 1, From: from, Until: from + time.Duration(rapid.IntRange(1, 10).Draw(t, "for"))*time.Second}
		if rapid.Bool().Draw(t, "partition") {
			f.Kind, f.Links = Partition, rapid.SliceOfNDistinct(rapid.SampledFrom(mesh(nodes)), 1, 4, rapid.ID).Draw(t, "links")
		} else {
			f.Kind, f.Clocks = Clock, []Skew{{
				Node:   rapid.SampledFrom(nodes).Draw(t, "node"),
				Offset: time.Duration(rapid.IntRange(-5000, 5000).Draw(t, "offset")) * time.Millisecond,
				PPM:    int64(rapid.IntRange(-1000, 1000).Draw(t, "ppm")) * 1000,
			}}
		}
		fs = append(fs, f)
	}
	return fs
}

func TestNothingIsWrongOutsideOfFaults(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		fs := drawFaults(t)
		last := time.Duration(0)
		for _, f := range fs {
			last = max(last, f.Until)
		}
		if s := At(fs, last); !s.Healthy() {
			t.Fatalf("after the last fault ended at %s the State is %+v", last, s)
		}
		if diff := cmp.Diff(State{}, At(nil, 0)); diff != "" {
			t.Fatal(diff)
		}
	})
}

func TestStateDoesNotDependOnTheOrderOfFaults(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		fs := drawFaults(t)
		at := time.Duration(rapid.IntRange(0, 30).Draw(t, "at")) * time.Second
		if diff := cmp.Diff(At(fs, at), At(rapid.Permutation(fs).Draw(t, "order"), at)); diff != "" {
			t.Fatal(diff)
		}
	})
}

func TestStateChangesOnlyAtEdges(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		fs := drawFaults(t)
		edges := append(Edges(fs), time.Hour)
		for i := range edges[:len(edges)-1] {
			between := edges[i] + (edges[i+1]-edges[i])/3
			if diff := cmp.Diff(At(fs, edges[i]), At(fs, between)); diff != "" {
				t.Fatalf("between %s and %s: %s", edges[i], edges[i+1], diff)
			}
		}
	})
}

func TestStateSumsClocksAndUnitesCuts(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		fs := drawFaults(t)
		at := time.Duration(rapid.IntRange(0, 30000).Draw(t, "at")) * time.Millisecond
		s := At(fs, at)
		want, cut := map[string]time.Duration{}, map[history.Link]bool{}
		for _, f := range fs { // the definition, written down naively
			if f.From <= at && at < f.Until {
				for _, c := range f.Clocks {
					want[c.Node] += c.Offset + time.Duration(float64(c.PPM)*float64(at-f.From)/1e6)
				}
				for _, l := range f.Links {
					cut[l] = true
				}
			}
		}
		for _, n := range nodes {
			if got := s.Clock(n).At(at); (got - want[n]).Abs() > time.Microsecond {
				t.Fatalf("%s is off by %s, want %s", n, got, want[n])
			}
		}
		for _, l := range mesh(nodes) {
			if s.Cuts(l) != cut[l] {
				t.Fatalf("%v cut: %v, want %v", l, s.Cuts(l), cut[l])
			}
		}
	})
}

func TestScheduleIsAFunctionOfItsSeedAndFitsItsTime(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := Draw{
			Kinds: []string{Partition, Clock}, Nodes: nodes, Links: mesh(nodes), Skew: 5 * time.Second,
			Time: time.Duration(rapid.IntRange(1, 120).Draw(t, "time")) * time.Second, Seed: rapid.Uint64().Draw(t, "seed"),
		}
		a, err := d.Schedule()
		if err != nil {
			t.Fatal(err)
		}
		b, _ := d.Schedule()
		if diff := cmp.Diff(a, b); diff != "" {
			t.Fatalf("the same seed, two schedules: %s", diff)
		}
		if len(a) == 0 {
			t.Fatalf("no fault in %s", d.Time)
		}
		for _, f := range a {
			if f.Until > d.Time {
				t.Fatalf("%s ends at %s, after the run's %s", f, f.Until, d.Time)
			}
		}
		if err := Check(a, d.Nodes, d.Links); err != nil {
			t.Fatalf("a drawn schedule is refused: %v", err)
		}
	})
}

func TestLeavingOutAKindLeavesTheOthersAsTheyWere(t *testing.T) {
	d := Draw{Kinds: []string{Partition, Clock}, Nodes: nodes, Links: mesh(nodes), Skew: 5 * time.Second, Time: time.Minute, Seed: 5}
	both, _ := d.Schedule()
	d.Kinds = []string{Clock}
	alone, _ := d.Schedule()
	clocks := slices.DeleteFunc(both, func(f Fault) bool { return f.Kind != Clock })
	if len(alone) == 0 || len(alone) != len(clocks) {
		t.Fatalf("%d clock faults with partitions, %d without", len(clocks), len(alone))
	}
	for i := range alone {
		clocks[i].ID = alone[i].ID
	}
	if diff := cmp.Diff(clocks, alone); diff != "" {
		t.Fatal(diff)
	}
}

func TestOnlyLinksOfTheTopologyAreCut(t *testing.T) {
	ring := []history.Link{{From: "n1", To: "n2"}, {From: "n2", To: "n3"}, {From: "n3", To: "n4"}, {From: "n4", To: "n1"}}
	shapes := map[string]bool{}
	for seed := range uint64(50) {
		fs, err := Draw{Kinds: []string{Partition}, Nodes: nodes, Links: ring, Time: time.Minute, Seed: seed}.Schedule()
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range fs {
			shapes[f.Shape] = true
			for _, l := range f.Links {
				if !slices.Contains(Paths(ring), l) {
					t.Errorf("seed %d cuts %v, which the ring does not have", seed, l)
				}
			}
		}
	}
	for _, s := range []string{"isolate", "halves", "link", "one-way"} {
		if !shapes[s] {
			t.Errorf("50 seeds never drew the shape %s", s)
		}
	}
}

func TestBadSchedulesAreRefusedWithTheirPlace(t *testing.T) {
	good := Fault{ID: 1, Kind: Partition, From: time.Second, Until: 2 * time.Second, Links: []history.Link{{From: "n1", To: "n2"}}}
	for want, change := range map[string]func(*Fault){
		"no kind of fault is called": func(f *Fault) { f.Kind = "fire" },
		"must have id 1":             func(f *Fault) { f.ID = 7 },
		"end after it starts":        func(f *Fault) { f.Until = f.From },
		"no link between n1 and n9":  func(f *Fault) { f.Links = []history.Link{{From: "n1", To: "n9"}} },
		"partition needs links and":  func(f *Fault) { f.Links = nil },
		"no node n9":                 func(f *Fault) { f.Kind, f.Links, f.Clocks = Clock, nil, []Skew{{Node: "n9", Offset: 1}} },
		"drift of -1000000 ppm":      func(f *Fault) { f.Kind, f.Links, f.Clocks = Clock, nil, []Skew{{Node: "n1", PPM: -1e6}} },
	} {
		bad := good
		change(&bad)
		err := Check([]Fault{bad}, nodes, mesh(nodes))
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "faults[0]") {
			t.Errorf("want a refusal with %q and its place, got %v", want, err)
		}
	}
	if err := Check([]Fault{good}, nodes, mesh(nodes)); err != nil {
		t.Error(err)
	}
}

func TestFaultsReadAsSentences(t *testing.T) {
	for want, f := range map[string]Fault{
		"n1 ↮ n2 (link)":                                         {Shape: "link", Links: []history.Link{{From: "n1", To: "n2"}, {From: "n2", To: "n1"}}},
		"n1 → n2: 90ms later, 5 % lost":                          {Links: []history.Link{{From: "n1", To: "n2"}}, Impair: &Impairment{Delay: 90 * time.Millisecond, Loss: 50_000}},
		"n1 ↔ n2: a tail of 1s (tail)":                           {Shape: "tail", Links: []history.Link{{From: "n1", To: "n2"}, {From: "n2", To: "n1"}}, Impair: &Impairment{Jitter: time.Second, Tail: true}},
		"n1 → n2: 20 % lost in bursts of 8, 9000 bytes a second": {Links: []history.Link{{From: "n1", To: "n2"}}, Impair: &Impairment{Loss: 200_000, Burst: 8, Rate: 9000}},
		"n1, n2 killed (one)":                                    {Kind: Kill, Shape: "one", Nodes: []string{"n1", "n2"}},
		"n1 without power":                                       {Kind: Crash, Nodes: []string{"n1"}},
		"disk of n1, n2 full":                                    {Kind: Disk, Nodes: []string{"n1", "n2"}, Disk: &DiskTrouble{Full: true}},
		"disk of n1 slow to sync, by 1s":                         {Kind: Disk, Nodes: []string{"n1"}, Disk: &DiskTrouble{Slow: time.Second}},
		"n1 ↛ n2":                                                {Links: []history.Link{{From: "n1", To: "n2"}}},
		"n3's clock -1.5s (bump)":                                {Shape: "bump", Clocks: []Skew{{Node: "n3", Offset: -1500 * time.Millisecond}}},
		"n3's clock drifting +250 ms/s":                          {Clocks: []Skew{{Node: "n3", PPM: 250_000}}},
	} {
		if got := fmt.Sprint(f); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
