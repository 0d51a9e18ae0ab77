package nemesis

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/mlcheck/mlcheck/internal/stream"
)

// processKinds befall a node's process, from the mildest to the worst.
var processKinds = []string{Pause, Stop, Kill, Crash, Wipe}

// befalls says in a word what becomes of processes.
var befalls = map[string]string{Pause: "paused", Stop: "stopped", Kill: "killed", Crash: "without power", Wipe: "without its disk", Member: "out of the topology"}

// worse says whether one kind does more to a process than another, or than nothing.
func worse(kind, than string) bool {
	return slices.Index(processKinds, kind) > slices.Index(processKinds, than)
}

// suffer sorts what befalls the processes, each by its worst kind.
func suffer(procs map[string]string) (paused []string, down []DownState) {
	// The order does not show: both lists are sorted.
	for n, kind := range procs {
		if kind == Pause {
			paused = append(paused, n)
		} else {
			down = append(down, DownState{Node: n, By: kind})
		}
	}
	slices.Sort(paused)
	slices.SortFunc(down, func(a, b DownState) int { return strings.Compare(a.Node, b.Node) })
	return paused, down
}

// Process is what the State makes of a node's process: [Up], [Paused] or [Down].
func (s State) Process(node string) string {
	switch {
	case s.DownBy(node) != "":
		return Down
	case slices.Contains(s.Paused, node):
		return Paused
	}
	return Up
}

// DownBy is the kind of fault by which the State has the node down; "": it has not.
func (s State) DownBy(node string) string {
	i := slices.IndexFunc(s.Down, func(d DownState) bool { return d.Node == node })
	if i < 0 {
		return ""
	}
	return s.Down[i].By
}

// checkNodes says what is wrong with the nodes of a written fault.
func checkNodes(f Fault, nodes []string) error {
	for i, n := range f.Nodes {
		switch {
		case !slices.Contains(nodes, n):
			return fmt.Errorf("there is no node %s", n)
		case slices.Contains(f.Nodes[:i], n):
			return fmt.Errorf("it names %s twice", n)
		}
	}
	return nil
}

// whom are the shapes of what befalls nodes.
var whom = []string{"one", "some", "all"}

// drawProcess takes one node; with a chance of one in four all of them at once: what
// no leader has on disk then is nowhere; of one in eight some of them.
func drawProcess(d Draw, r *rand.Rand) (string, Fault) {
	nodes := slices.Sorted(slices.Values(d.Nodes))
	switch chance := r.IntN(8); {
	case chance < 2:
		return "all", Fault{Nodes: nodes}
	case chance == 2 && len(nodes) > 2:
		r.Shuffle(len(nodes), func(i, j int) { nodes[i], nodes[j] = nodes[j], nodes[i] })
		nodes = nodes[:2+r.IntN(len(nodes)-2)]
		slices.Sort(nodes)
		return "some", Fault{Nodes: nodes}
	}
	return "one", Fault{Nodes: []string{nodes[r.IntN(len(nodes))]}}
}

// drawVictim takes one node, the same for the whole run: what is on no other disk is gone.
// Were another disk lost before the first leader has caught up, so would be what only these
// two had, and nobody could tell that from a loss that is the target's fault.
func drawVictim(d Draw, _ *rand.Rand) (string, Fault) {
	nodes := slices.Sorted(slices.Values(d.Nodes))
	return "one", Fault{Nodes: []string{nodes[stream.New(d.Seed, "nemesis victim").IntN(len(nodes))]}}
}
