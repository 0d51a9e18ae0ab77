package nemesis

import (
	"math/rand/v2"
	"slices"
	"time"

	"github.com/mlcheck/mlcheck/history"
	"github.com/mlcheck/mlcheck/internal/stream"
)

// cut is one shape of a partition: which links it cuts, all of the topology.
type cut struct {
	name  string
	needs string // what it takes to mean something of its own
	fits  func(network) bool
	links func(network, *rand.Rand) []history.Link
}

// cuts are the shapes of partitions. Those of Jepsen have its names: majority,
// majorities-ring and bridge.
func cuts() []cut {
	return []cut{
		{"isolate", "two nodes", network.any, isolate},
		{"link", "two nodes", network.any, oneLink},
		{"one-way", "two nodes", network.any, oneWay},
		{flapping, "two nodes", network.any, flap},
		{"hub", "a star of three nodes or more", network.star, hubAlone},
		{"shatter", "three nodes or more, and no star", func(n network) bool { return len(n.nodes) >= 3 && !n.star() }, network.all},
		{"halves", "four leaders or more", atLeast(4), halves},
		{"majority", "five leaders or more", atLeast(5), majority},
		{"majorities-ring", "four leaders or more, each linked to every other", network.mesh, majoritiesRing},
		{"bridge", "four leaders or more, each linked to every other", network.mesh, bridge},
		{"datacenter", "two data centers: take four leaders or more, or say which stand together (--datacenters n1+n2,n3)", func(n network) bool { return len(n.centers) >= 2 }, datacenter},
	}
}

const flapping = "flapping"

// network is what links are cut of.
type network struct {
	nodes, leaders []string
	paths          []history.Link
	centers        [][]string // the nodes of each data center
}

func (d Draw) network() network {
	n := network{nodes: d.Nodes, leaders: d.leaders(), paths: Paths(d.Links)}
	centers := d.Centers
	if len(centers) == 0 {
		centers = drawCenters(n.leaders, d.Seed)
	}
	for _, c := range centers {
		n.centers = append(n.centers, n.court(c))
	}
	return n
}

func (d Draw) leaders() []string {
	return slices.DeleteFunc(slices.Clone(d.Nodes), func(n string) bool { return slices.Contains(d.Followers, n) })
}

// drawCenters puts leaders into two data centers, or three, each of two or more.
// They stay the same for the whole run.
func drawCenters(leaders []string, seed uint64) [][]string {
	if len(leaders) < 4 {
		return nil
	}
	centers := make([][]string, 2+min(len(leaders)/6, 1))
	for i, x := range shuffled(leaders, stream.New(seed, "nemesis datacenters")) {
		centers[i%len(centers)] = append(centers[i%len(centers)], x)
	}
	return centers
}

func shuffled(names []string, r *rand.Rand) []string {
	s := slices.Clone(names)
	r.Shuffle(len(s), func(i, j int) { s[i], s[j] = s[j], s[i] })
	return s
}

// court are leaders and the followers that hang below them.
func (n network) court(leaders []string) []string {
	side := slices.Clone(leaders)
	for _, p := range n.paths {
		if slices.Contains(leaders, p.From) && !slices.Contains(n.leaders, p.To) && !slices.Contains(side, p.To) {
			side = append(side, p.To)
		}
	}
	return side
}

func (n network) any() bool { return len(n.paths) > 0 }

func atLeast(leaders int) func(network) bool {
	return func(n network) bool { return len(n.leaders) >= leaders }
}

// mesh says whether four leaders or more are linked each to every other.
func (n network) mesh() bool {
	for i, a := range n.leaders {
		for _, b := range n.leaders[:i] {
			if !slices.Contains(n.paths, history.Link{From: a, To: b}) {
				return false
			}
		}
	}
	return len(n.leaders) >= 4
}

// hubs are the leaders at which every path between leaders ends.
func (n network) hubs() []string {
	return slices.DeleteFunc(slices.Clone(n.leaders), func(x string) bool {
		return slices.ContainsFunc(n.paths, func(p history.Link) bool {
			return p.From != x && p.To != x && slices.Contains(n.leaders, p.From) && slices.Contains(n.leaders, p.To)
		})
	})
}

func (n network) star() bool { return len(n.leaders) >= 3 && len(n.hubs()) == 1 }

// all are all paths: nobody reaches anybody.
func (n network) all(*rand.Rand) []history.Link { return n.paths }

// blind are the paths between nodes that are not to see each other.
func (n network) blind(sees func(a, b string) bool) []history.Link {
	return slices.DeleteFunc(slices.Clone(n.paths), func(p history.Link) bool { return sees(p.From, p.To) })
}

func isolate(n network, r *rand.Rand) []history.Link {
	return between(n.paths, []string{n.nodes[r.IntN(len(n.nodes))]})
}

func hubAlone(n network, _ *rand.Rand) []history.Link { return between(n.paths, n.hubs()) }

func halves(n network, r *rand.Rand) []history.Link {
	return between(n.paths, n.court(shuffled(n.leaders, r)[:len(n.leaders)/2]))
}

// majority parts more than half of the leaders from the others, of which there are
// two or more.
func majority(n network, r *rand.Rand) []history.Link {
	fewer := 2 + r.IntN((len(n.leaders)-1)/2-1)
	return between(n.paths, n.court(shuffled(n.leaders, r)[:fewer]))
}

// majoritiesRing puts leaders in a circle: each sees as many on either side as it
// takes to be of a majority, so that every leader sees a majority, and no two the
// same.
func majoritiesRing(n network, r *rand.Rand) []history.Link {
	circle := shuffled(n.leaders, r)
	size := len(circle)
	reach := (size/2 + 1) / 2
	return n.blind(func(a, b string) bool {
		i, j := slices.Index(circle, a), slices.Index(circle, b)
		apart := (i - j + size) % size
		return i < 0 || j < 0 || min(apart, size-apart) <= reach
	})
}

// bridge parts two halves that one leader still joins.
func bridge(n network, r *rand.Rand) []history.Link {
	order := shuffled(n.leaders, r)
	others := order[1:]
	left := n.court(others[:len(others)/2])
	middle := n.court(order[:1])
	return slices.DeleteFunc(between(n.paths, left), func(p history.Link) bool {
		return slices.Contains(middle, p.From) || slices.Contains(middle, p.To)
	})
}

func datacenter(n network, r *rand.Rand) []history.Link {
	return between(n.paths, n.centers[r.IntN(len(n.centers))])
}

func oneLink(n network, r *rand.Rand) []history.Link {
	l := n.paths[r.IntN(len(n.paths))]
	both := []history.Link{l, {From: l.To, To: l.From}}
	SortLinks(both)
	return both
}

// oneWay cuts one direction: of one link, of all links into a node, or of all out
// of it.
func oneWay(n network, r *rand.Rand) []history.Link {
	one := n.paths[r.IntN(len(n.paths))]
	switch r.IntN(3) {
	case 1:
		return n.blind(func(_, to string) bool { return to != one.To })
	case 2:
		return n.blind(func(from, _ string) bool { return from != one.From })
	}
	return []history.Link{one}
}

// flap cuts one link or isolates a node; the cut will come and go.
func flap(n network, r *rand.Rand) []history.Link {
	if r.IntN(2) == 0 {
		return oneLink(n, r)
	}
	return isolate(n, r)
}

// between are the paths that lead from the side to the others, or back.
func between(paths []history.Link, side []string) []history.Link {
	var ls []history.Link
	for _, p := range paths {
		if slices.Contains(side, p.From) != slices.Contains(side, p.To) {
			ls = append(ls, p)
		}
	}
	return ls
}

// cutNames are the names of all shapes.
func cutNames() []string {
	var names []string
	for _, c := range cuts() {
		names = append(names, c.name)
	}
	return names
}

// drawPartition draws one of the shapes that mean something here.
func drawPartition(d Draw, r *rand.Rand) (string, Fault) {
	n := d.network()
	fit := slices.DeleteFunc(cuts(), func(c cut) bool { return !c.fits(n) })
	if d.clients {
		fit = append(fit, cut{name: ofClients, links: func(n network, r *rand.Rand) []history.Link { return drawClients(n.leaders, r) }})
	}
	if len(fit) == 0 {
		return "", Fault{}
	}
	c := fit[r.IntN(len(fit))]
	f := Fault{Links: c.links(n, r)}
	if c.name == flapping {
		f.Flap = time.Duration(300+r.Int64N(1201)) * time.Millisecond
	}
	f.Reject = r.IntN(4) == 0
	return c.name, f
}
