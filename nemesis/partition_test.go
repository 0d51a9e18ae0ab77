package nemesis

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/mlcheck/mlcheck/history"
)

// drawNetwork draws leaders in one of the usual topologies, and followers.
func drawNetwork(t *rapid.T) Draw {
	var leaders, followers []string
	for i := range rapid.IntRange(2, 9).Draw(t, "leaders") {
		leaders = append(leaders, fmt.Sprintf("n%d", i+1))
	}
	var links []history.Link
	last := len(leaders) - 1
	switch rapid.SampledFrom([]string{"mesh", "ring", "star"}).Draw(t, "topology") {
	case "mesh":
		links = mesh(leaders)
	case "ring":
		for i := range leaders {
			links = append(links, history.Link{From: leaders[i], To: leaders[(i+1)%len(leaders)]})
		}
	case "star":
		for _, l := range leaders[:last] {
			links = append(links, history.Link{From: l, To: leaders[last]}, history.Link{From: leaders[last], To: l})
		}
	}
	for i := range rapid.IntRange(0, 4).Draw(t, "followers") {
		f := fmt.Sprintf("f%d", i+1)
		followers = append(followers, f)
		links = append(links, history.Link{From: leaders[i%len(leaders)], To: f})
	}
	return Draw{
		Kinds: []string{Partition}, Nodes: slices.Concat(leaders, followers), Followers: followers, Links: links,
		Time: time.Minute, Seed: rapid.Uint64().Draw(t, "seed"),
	}
}

// looking is what a fault leaves of a network.
type looking struct {
	Draw
	cut []history.Link
}

// sees says whether a path leads from one node to another, and is not cut.
func (l looking) sees(from, to string) bool {
	p := history.Link{From: from, To: to}
	return from == to || slices.Contains(Paths(l.Links), p) && !slices.Contains(l.cut, p)
}

// view are the leaders that a leader sees.
func (l looking) view(node string) (seen []string) {
	for _, other := range l.leaders() {
		if l.sees(node, other) {
			seen = append(seen, other)
		}
	}
	return seen
}

func (l looking) leaders() []string { return l.network().leaders }

// islands are the sets of leaders that still reach each other over paths that are up,
// both ways.
func (l looking) islands() [][]string {
	var all [][]string
	left := l.leaders()
	for len(left) > 0 {
		island := []string{left[0]}
		for grown := true; grown; {
			grown = false
			for _, a := range left {
				for _, b := range island {
					if !slices.Contains(island, a) && l.sees(a, b) && l.sees(b, a) {
						island, grown = append(island, a), true
					}
				}
			}
		}
		left = slices.DeleteFunc(left, func(x string) bool { return slices.Contains(island, x) })
		all = append(all, island)
	}
	return all
}

// alone are the nodes that no path leads to or from, among those that had one.
func (l looking) alone() (names []string) {
	for _, n := range l.Nodes {
		if !slices.ContainsFunc(l.Nodes, func(o string) bool { return o != n && (l.sees(n, o) || l.sees(o, n)) }) {
			names = append(names, n)
		}
	}
	return names
}

// parted says whether the cut is all paths between a set of leaders and the others,
// and none beside.
func (l looking) parted(side []string) bool {
	for _, p := range Paths(l.Links) {
		if !slices.Contains(l.leaders(), p.From) || !slices.Contains(l.leaders(), p.To) {
			continue
		}
		if slices.Contains(l.cut, p) != (slices.Contains(side, p.From) != slices.Contains(side, p.To)) {
			return false
		}
	}
	return true
}

// subsets are all sets of so many of the names.
func subsets(names []string, size int) [][]string {
	if size == 0 {
		return [][]string{nil}
	}
	var all [][]string
	for i := range names {
		for _, rest := range subsets(names[i+1:], size-1) {
			all = append(all, append([]string{names[i]}, rest...))
		}
	}
	return all
}

// somePart says whether some set of so many leaders is parted from the others.
func (l looking) somePart(size int) bool {
	return slices.ContainsFunc(subsets(l.leaders(), size), l.parted)
}

// follow says whether all followers still have their leader.
func (l looking) follow() bool {
	for _, p := range l.cut {
		if slices.Contains(l.Followers, p.From) || slices.Contains(l.Followers, p.To) {
			return false
		}
	}
	return true
}

// What each shape is, by its definition: all cuts are looked through.
var meanings = map[string]func(looking) bool{
	"isolate": func(l looking) bool {
		return slices.ContainsFunc(l.Nodes, func(n string) bool { return l.only(func(p history.Link) bool { return p.From == n || p.To == n }) })
	},
	"shatter": func(l looking) bool { return len(l.alone()) == len(l.Nodes) },
	"link": func(l looking) bool {
		return len(l.cut) == 2 && l.cut[0].From == l.cut[1].To && l.cut[0].To == l.cut[1].From
	},
	"one-way": func(l looking) bool {
		return len(l.cut) == 1 ||
			slices.ContainsFunc(l.Nodes, func(n string) bool {
				return l.only(func(p history.Link) bool { return p.From == n }) || l.only(func(p history.Link) bool { return p.To == n })
			})
	},
	"hub": func(l looking) bool {
		return len(l.islands()) == len(l.leaders()) && len(l.leaders()) >= 3
	},
	"halves": func(l looking) bool { return l.somePart(len(l.leaders())/2) && l.follow() },
	"majority": func(l looking) bool {
		for fewer := 2; fewer < len(l.leaders()); fewer++ {
			if 2*fewer < len(l.leaders()) && l.somePart(fewer) {
				return l.follow()
			}
		}
		return false
	},
	"majorities-ring": func(l looking) bool {
		seen := map[string]bool{}
		for _, n := range l.leaders() {
			if v := l.view(n); 2*len(v) <= len(l.leaders()) || seen[fmt.Sprint(v)] {
				return false
			} else {
				seen[fmt.Sprint(v)] = true
			}
		}
		return l.follow()
	},
	"bridge": func(l looking) bool {
		return l.follow() && slices.ContainsFunc(l.leaders(), func(bridge string) bool {
			others := slices.DeleteFunc(l.leaders(), func(n string) bool { return n == bridge })
			for _, side := range subsets(others, len(others)/2) {
				joined := append([]string{bridge}, side...)
				cut := slices.DeleteFunc(mesh(l.leaders()), func(p history.Link) bool {
					return p.From == bridge || p.To == bridge || slices.Contains(joined, p.From) == slices.Contains(joined, p.To)
				})
				if sameLinks(cut, l.cut) {
					return true
				}
			}
			return false
		})
	},
	"datacenter": func(l looking) bool {
		return l.follow() && slices.ContainsFunc(l.network().centers, func(c []string) bool { return len(c) >= 2 && l.parted(c) })
	},
}

func init() {
	// It refers to others.
	meanings["flapping"] = func(l looking) bool { return meanings["link"](l) || meanings["isolate"](l) }
}

// only says whether exactly the paths are cut of which this is true.
func (l looking) only(is func(history.Link) bool) bool {
	return sameLinks(l.cut, slices.DeleteFunc(Paths(l.Links), func(p history.Link) bool { return !is(p) }))
}

func sameLinks(a, b []history.Link) bool {
	a, b = slices.Clone(a), slices.Clone(b)
	SortLinks(a)
	SortLinks(b)
	return slices.Equal(a, b)
}

func TestPartitionsAreWhatTheirShapesMean(t *testing.T) {
	drawn := map[string]int{}
	rapid.Check(t, func(t *rapid.T) {
		d := drawNetwork(t)
		fs, err := d.Schedule()
		if err != nil {
			t.Fatal(err)
		}
		if err := Check(fs, d.Nodes, d.Links); err != nil {
			t.Fatal(err)
		}
		if len(fs) < 5 {
			t.Fatalf("%d faults in a minute", len(fs))
		}
		for _, f := range fs {
			drawn[f.Shape]++
			means := meanings[f.Shape]
			if means == nil || len(f.Links) == 0 || !means(looking{d, f.Links}) {
				t.Fatalf("%d leaders, %d followers, links %v: this is no %s: %v", len(d.Nodes)-len(d.Followers), len(d.Followers), d.Links, f.Shape, f.Links)
			}
			for _, l := range f.Links {
				if !slices.Contains(Paths(d.Links), l) {
					t.Fatalf("%v is no path", l)
				}
			}
		}
	})
	for _, name := range cutNames() {
		if drawn[name] == 0 {
			t.Errorf("nothing of the shape %s was ever drawn: %v", name, drawn)
		}
	}
}

// Definitions that accept anything would prove nothing.
func TestDefinitionsOfShapesTellThemApart(t *testing.T) {
	five := []string{"n1", "n2", "n3", "n4", "n5"}
	d := Draw{Kinds: []string{Partition}, Nodes: five, Links: mesh(five), Time: 10 * time.Minute, Seed: 4}
	fs, err := d.Schedule()
	if err != nil {
		t.Fatal(err)
	}
	alike := map[string][]string{
		"flapping": {"isolate", "link"}, "isolate": {"flapping"}, "link": {"flapping"},
		"halves": {"majority", "datacenter"}, "majority": {"halves", "datacenter"}, "datacenter": {"halves", "majority"}, // two of five are all of these
		"shatter": {"hub"}, "hub": {"shatter"},
	}
	for _, f := range fs {
		for name, means := range meanings {
			if name != f.Shape && means(looking{d, f.Links}) && !slices.Contains(alike[f.Shape], name) {
				t.Errorf("%v is drawn as %s, and would pass as %s", f.Links, f.Shape, name)
			}
		}
	}
}

func TestDataCentersThatAreGivenAreCutOffWhole(t *testing.T) {
	d := Draw{
		Kinds: []string{Partition}, Nodes: []string{"n1", "n2", "n3", "f1"}, Followers: []string{"f1"}, Centers: [][]string{{"n1", "n2"}, {"n3"}},
		Links: append(mesh([]string{"n1", "n2", "n3"}), history.Link{From: "n3", To: "f1"}), Time: 10 * time.Minute, Seed: 1,
	}
	fs, err := d.Schedule()
	if err != nil {
		t.Fatal(err)
	}
	want := []history.Link{{From: "n1", To: "n3"}, {From: "n2", To: "n3"}, {From: "n3", To: "n1"}, {From: "n3", To: "n2"}}
	found := 0
	for _, f := range fs {
		if f.Shape == "datacenter" {
			found++
			if !slices.Equal(f.Links, want) {
				t.Errorf("cut: %v", f.Links)
			}
		}
	}
	if found == 0 {
		t.Error("no data center was cut off")
	}
	if len(d.Centers[1]) != 1 {
		t.Errorf("drawing changed what it was given: %v", d.Centers)
	}
}

func TestWhatFlapsIsInForceInTurnsAndEndsWithACut(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := drawNetwork(t)
		d.Time = time.Duration(rapid.IntRange(1000, 60_000).Draw(t, "ms")) * time.Millisecond
		fs, err := d.Schedule()
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range fs {
			if f.Shape != flapping {
				continue
			}
			turns := f.Turns()
			if len(turns) < 4 || len(turns)%2 != 0 {
				t.Fatalf("%s has %d turns: %v", f, len(turns), turns)
			}
			for i, at := range turns[:len(turns)-1] {
				on := i%2 == 0
				if f.Active(at) != on || f.Active(turns[i+1]-1) != on || At([]Fault{f}, at).Healthy() == on {
					t.Fatalf("%s: in turn %d from %s it is active: %v", f, i, at, f.Active(at))
				}
			}
			again := f.Between(time.Hour, time.Hour+2*(f.Until-f.From))
			if len(again.Turns()) != len(turns) || again.Flap != 2*f.Flap {
				t.Fatalf("%+v moved is %+v", f, again)
			}
		}
	})
}

func TestAFlapThatMakesNoSenseIsRefused(t *testing.T) {
	for want, f := range map[string]Fault{
		"only cut links flap":   {Kind: Kill, Nodes: []string{"n1"}, Flap: time.Second},
		"only cut links reject": {Kind: Kill, Nodes: []string{"n1"}, Reject: true},
		"its flap is 1ms":       {Kind: Partition, Links: mesh(nodes), Flap: time.Millisecond},
		"must fit 3, 5, 7":      {Kind: Partition, Links: mesh(nodes), Flap: 6 * time.Second},
	} {
		f.ID, f.From, f.Until = 1, 0, 10*time.Second
		refused(t, f, want)
	}
}

func refused(t *testing.T, f Fault, want string) {
	t.Helper()
	if err := Check([]Fault{f}, nodes, mesh(nodes)); err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "faults[0]") {
		t.Errorf("want a refusal with %q and its place, got %v", want, err)
	}
}
