package nemesis

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/mlcheck/mlcheck/history"
)

func TestEveryKindAndShapeIsDrawnAndDoesSomething(t *testing.T) {
	shapes := map[string]bool{}
	for seed := range uint64(60) {
		d := Draw{Kinds: KindNames(), Nodes: nodes, Links: mesh(nodes), Skew: time.Second, Time: time.Minute, Seed: seed}
		fs, err := d.Schedule()
		if err != nil {
			t.Fatal(err)
		}
		if err := Check(fs, nodes, d.Links); err != nil {
			t.Fatalf("seed %d: a drawn schedule is refused: %v", seed, err)
		}
		for _, f := range fs {
			shapes[f.Kind+" "+f.Shape] = true
			if At([]Fault{f}, f.From).Healthy() || f.Until <= f.From {
				t.Errorf("seed %d: %s (%+v) makes nothing wrong", seed, f, f)
			}
		}
	}
	for _, want := range []string{"pause one", "pause all", "kill one", "kill some", "kill all", "stop one", "stop some", "stop all", "crash one", "crash all", "wipe one", "disk full", "disk slow", "link slow", "link tail", "link bursty", "link narrow", "link lossy", "link messy"} {
		if !shapes[want] {
			t.Errorf("60 seeds never drew %s", want)
		}
	}
}

func TestFaultsOfNewKindsThatMakeNoSenseAreRefused(t *testing.T) {
	links := []history.Link{{From: "n1", To: "n2"}}
	for want, f := range map[string]Fault{
		"kill needs nodes":          {Kind: Kill},
		"no node n9":                {Kind: Crash, Nodes: []string{"n9"}},
		"names n1 twice":            {Kind: Pause, Nodes: []string{"n1", "n1"}},
		"link needs links and":      {Kind: Link, Links: links},
		"this one has nodes":        {Kind: Partition, Nodes: []string{"n1"}},
		"impairment does nothing":   {Kind: Link, Links: links, Impair: &Impairment{Tail: true}},
		"its delay is 1ms":          {Kind: Link, Links: links, Impair: &Impairment{Delay: time.Millisecond}},
		"its tail needs a jitter":   {Kind: Link, Links: links, Impair: &Impairment{Delay: time.Second, Tail: true}},
		"its jitter is 10s":         {Kind: Link, Links: links, Impair: &Impairment{Jitter: 10 * time.Second, Tail: true}},
		"its loss is 10 ppm":        {Kind: Link, Links: links, Impair: &Impairment{Loss: 10}},
		"its reorder is 1000000":    {Kind: Link, Links: links, Impair: &Impairment{Reorder: million}},
		"its rate is 10 bytes":      {Kind: Link, Links: links, Impair: &Impairment{Rate: 10}},
		"cannot be told from chan":  {Kind: Link, Links: links, Impair: &Impairment{Burst: 3, Loss: 200_000}},
		"need a loss of 100000 pp":  {Kind: Link, Links: links, Impair: &Impairment{Burst: 10, Loss: 50_000}},
		"its duplicate is -1":       {Kind: Link, Links: links, Impair: &Impairment{Duplicate: -1}},
		"disk needs disk and nodes": {Kind: Disk, Nodes: []string{"n1"}},
		"disk has no trouble":       {Kind: Disk, Nodes: []string{"n1"}, Disk: &DiskTrouble{}},
		"its disk is slow by 1ms":   {Kind: Disk, Nodes: []string{"n1"}, Disk: &DiskTrouble{Slow: time.Millisecond}},
		"no link between n1 and n":  {Kind: Link, Links: []history.Link{{From: "n1", To: "n9"}}, Impair: &Impairment{Loss: 1e5}},
	} {
		f.ID, f.From, f.Until = 1, time.Second, 2*time.Second
		if err := Check([]Fault{f}, nodes, mesh(nodes)); err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "faults[0]") {
			t.Errorf("want a refusal with %q and its place, got %v", want, err)
		}
	}
}

// Whatever is drawn and in whatever order it is told, the State is the same, and
// of what befalls one process the worst is in it.
func TestAStateOfAllKindsIsCanonical(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := Draw{Kinds: KindNames(), Nodes: nodes, Links: mesh(nodes), Skew: time.Second, Time: time.Minute, Seed: rapid.Uint64().Draw(t, "seed")}
		fs, err := d.Schedule()
		if err != nil {
			t.Fatal(err)
		}
		at := time.Duration(rapid.IntRange(0, 60_000).Draw(t, "at")) * time.Millisecond
		s := At(fs, at)
		if diff := cmp.Diff(s, At(rapid.Permutation(fs).Draw(t, "order"), at)); diff != "" {
			t.Fatal(diff)
		}
		for _, n := range nodes {
			want := Up
			for _, f := range fs {
				if !slices.Contains(f.Nodes, n) || at < f.From || at >= f.Until {
					continue
				}
				switch {
				case f.Kind == Stop || f.Kind == Kill || f.Kind == Crash || f.Kind == Wipe:
					want = Down
				case f.Kind == Pause && want == Up:
					want = Paused
				}
			}
			if got := s.Process(n); got != want {
				t.Fatalf("%s is %s, want %s", n, got, want)
			}
		}
	})
}
