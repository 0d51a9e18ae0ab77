package nemesis

import (
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/mlcheck/mlcheck/history"
)

func clockFault(id int, from, until time.Duration, skews ...Skew) Fault {
	return Fault{ID: id, Kind: Clock, From: from, Until: until, Clocks: skews}
}

func TestSchedulesThatMakeNoSenseOfTimeAreRefused(t *testing.T) {
	s := time.Second
	for want, fs := range map[string][]Fault{
		"neither an offset nor a drift": {clockFault(1, s, 2*s, Skew{Node: "n1"})},
		"n1 twice":                      {clockFault(1, s, 2*s, Skew{Node: "n1", Offset: s}, Skew{Node: "n1", Offset: s})},
		"more than 100 years":           {clockFault(1, s, 2*s, Skew{Node: "n1", Offset: -101 * 365 * 24 * time.Hour})},
		"together":                      {clockFault(1, s, 3*s, Skew{Node: "n1", PPM: -600_000}), clockFault(2, 2*s, 4*s, Skew{Node: "n1", PPM: -600_000})},
	} {
		if err := Check(fs, nodes, mesh(nodes)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want a refusal with %q, got %v", want, err)
		}
	}
	apart := []Fault{clockFault(1, s, 2*s, Skew{Node: "n1", PPM: -600_000}), clockFault(2, 2*s, 4*s, Skew{Node: "n1", PPM: -600_000})}
	if err := Check(apart, nodes, mesh(nodes)); err != nil {
		t.Errorf("two drifts one after the other: %v", err)
	}
}

func TestEveryDrawnFaultDoesSomething(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := Draw{
			Kinds: []string{Clock, Partition}, Nodes: nodes[:rapid.IntRange(2, 4).Draw(t, "nodes")],
			Skew: time.Duration(rapid.Int64Range(int64(time.Millisecond), int64(365*24*time.Hour)).Draw(t, "skew")),
			Time: time.Duration(rapid.Int64Range(int64(time.Second), int64(10*time.Minute)).Draw(t, "time")), Seed: rapid.Uint64().Draw(t, "seed"),
		}
		d.Links = mesh(d.Nodes)
		fs, err := d.Schedule()
		if err != nil {
			t.Fatal(err)
		}
		if len(fs) < 2 {
			t.Fatalf("%d faults of two kinds in %s", len(fs), d.Time)
		}
		for _, f := range fs {
			for _, c := range f.Clocks {
				if off := (ClockState{Offset: c.Offset, PPM: c.PPM, Since: f.From}).At(f.Until); off.Abs() > d.Skew+time.Millisecond {
					t.Fatalf("%s takes the clock to %s, beyond %s", f, off, d.Skew)
				}
			}
			if s := At([]Fault{f}, f.From); s.Healthy() {
				t.Fatalf("%s (%+v) makes nothing wrong", f, f)
			}
		}
		if err := Check(fs, d.Nodes, d.Links); err != nil {
			t.Fatal(err)
		}
	})
}

func TestFaultsOfOneKindNeverOverlapWhenTheyAreDrawn(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		kind := rapid.SampledFrom([]string{Clock, Partition}).Draw(t, "kind")
		d := Draw{Kinds: []string{kind}, Nodes: nodes, Links: mesh(nodes), Skew: time.Second, Seed: rapid.Uint64().Draw(t, "seed")}
		d.Time = time.Duration(rapid.IntRange(1000, 100_000).Draw(t, "ms")) * time.Millisecond
		fs, _ := d.Schedule()
		for i := 1; i < len(fs); i++ {
			if fs[i].From <= fs[i-1].Until {
				t.Fatalf("%v begins before %v has ended", fs[i], fs[i-1])
			}
		}
	})
}

func TestARunShorterThanACycleHasNoFault(t *testing.T) {
	fs, err := Draw{Kinds: []string{Clock}, Nodes: nodes, Links: mesh(nodes), Skew: time.Second, Time: 999 * time.Millisecond}.Schedule()
	if err != nil || len(fs) > 0 {
		t.Errorf("%v, %v", fs, err)
	}
}

func TestADrawFromNothingIsRefused(t *testing.T) {
	for want, d := range map[string]Draw{
		"fire":  {Kinds: []string{"fire"}, Nodes: nodes, Time: time.Minute, Skew: time.Second},
		"nodes": {Kinds: []string{Clock}, Time: time.Minute, Skew: time.Second},
		"skew":  {Kinds: []string{Clock}, Nodes: nodes, Time: time.Minute},
	} {
		if _, err := d.Schedule(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want a refusal with %q, got %v", want, err)
		}
	}
}

func TestInARingOfTwoACutOfOneLinkIsACutOfBothPaths(t *testing.T) {
	two := []string{"n1", "n2"}
	ring := []history.Link{{From: "n1", To: "n2"}, {From: "n2", To: "n1"}}
	if ps := Paths(ring); len(ps) != 2 {
		t.Errorf("two nodes have %d paths: %v", len(ps), ps)
	}
	shapes := map[string]int{}
	for seed := range uint64(20) {
		fs, err := Draw{Kinds: []string{Partition}, Nodes: two, Links: ring, Time: time.Minute, Seed: seed}.Schedule()
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range fs {
			shapes[f.Shape] = len(f.Links)
		}
		if err := Check(fs, two, ring); err != nil {
			t.Error(err)
		}
	}
	if shapes["isolate"] != 2 || shapes["link"] != 2 || shapes["one-way"] != 1 {
		t.Errorf("links cut by shape: %v", shapes)
	}
}
