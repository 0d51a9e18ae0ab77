package nemesis

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// noCrash is a world without losses of power and slow disks.
var noCrash = []Lack{{Kind: Crash, Why: "there is no power"}, {Kind: Disk, Shape: "slow", Why: "disks are fast"}}

func lackingDraw(kinds ...string) Draw {
	nodes := []string{"n1", "n2", "n3", "n4"}
	return Draw{
		Kinds: kinds, Nodes: nodes, Links: mesh(nodes), Time: 60 * time.Second,
		Skew: time.Second, Seed: 5, Lacks: noCrash,
	}
}

func TestWhatAWorldLacksIsLeftOutOfProfilesAndKindsAndSaid(t *testing.T) {
	for _, c := range []struct {
		kinds []string
		left  []string
		drawn []string // the kinds
	}{
		{[]string{"datacenter-outage"}, []string{"crash of datacenter-outage is left out: there is no power"}, []string{Partition}},
		{[]string{"datacenter-outage", Kill}, []string{"crash of datacenter-outage is left out: there is no power"}, []string{Kill, Partition}},
		{[]string{Disk}, []string{"disk:slow is left out: disks are fast"}, []string{Disk}},
		{[]string{"disk:full"}, nil, []string{Disk}},
		{[]string{"gentle"}, nil, []string{Clock, Link, Partition}},
	} {
		d := lackingDraw(c.kinds...)
		faults, err := d.Schedule()
		if err != nil {
			t.Fatalf("%v: %v", c.kinds, err)
		}
		if diff := cmp.Diff(c.left, d.LeftOut()); diff != "" {
			t.Errorf("%v: left out (-want +got):\n%s", c.kinds, diff)
		}
		var kinds []string
		for _, f := range faults {
			kinds = append(kinds, f.Kind)
			if f.Disk != nil && f.Disk.Slow > 0 {
				t.Errorf("%v: drawn is %s", c.kinds, f)
			}
		}
		slices.Sort(kinds)
		if diff := cmp.Diff(c.drawn, slices.Compact(kinds)); diff != "" {
			t.Errorf("%v: drawn (-want +got):\n%s", c.kinds, diff)
		}
	}
}

func TestWhatAWorldLacksIsRefusedWhereItIsNamed(t *testing.T) {
	for text, want := range map[string]string{
		"crash":                   "crash cannot be had here: there is no power",
		"crash:one:every=5s":      "there is no power",
		"disk:slow":               "disk:slow cannot be had here: disks are fast",
		"disk:full+slow":          "disks are fast",
		"datacenter-outage,crash": "there is no power",
		"crash,datacenter-outage": "there is no power",
	} {
		d := lackingDraw(strings.Split(text, ",")...)
		if _, err := d.Schedule(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
		if left := d.LeftOut(); left != nil {
			t.Errorf("%s is refused, and %v is left out", text, left)
		}
	}
	everything := Lack{Kind: Partition, Why: "there are no links"}
	d := lackingDraw("datacenter-outage")
	d.Lacks = append(slices.Clone(d.Lacks), everything)
	if _, err := d.Schedule(); err == nil || !strings.Contains(err.Error(), "nothing that was asked for") || !strings.Contains(err.Error(), "no links") {
		t.Error(err)
	}
}

// What is possible is drawn as in a world that lacks nothing: of a kind with shapes that
// cannot be made, those are drawn over, and nothing else moves.
func TestWhatIsPossibleIsDrawnAsEverywhere(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := lackingDraw(rapid.SampledFrom([]string{"datacenter-outage", "gentle", "split-brain", Kill}).Draw(t, "kinds"), Pause)
		d.Seed = rapid.Uint64().Draw(t, "seed")
		here, err := d.Schedule()
		if err != nil {
			t.Fatal(err)
		}
		d.Lacks = nil
		everywhere, err := d.Schedule()
		if err != nil {
			t.Fatal(err)
		}
		everywhere = slices.DeleteFunc(everywhere, func(f Fault) bool { return f.Kind == Crash })
		for i := range everywhere {
			everywhere[i].ID = i + 1
		}
		if diff := cmp.Diff(everywhere, here); diff != "" {
			t.Fatalf("-everywhere +here:\n%s", diff)
		}
	})
}
