package nemesis

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
)

// processKinds befall a node's process, from the mildest to the worst.
var processKinds = []string{Pause, Kill, Crash}

// befalls says in a word what becomes of processes.
var befalls = map[string]string{Pause: "paused", Kill: "killed", Crash: "without power"}

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
			down = append(down, DownState{Node: n, Power: kind == Crash})
		}
	}
	slices.Sort(paused)
	slices.SortFunc(down, func(a, b DownState) int { return strings.Compare(a.Node, b.Node) })
	return paused, down
}

// Process is what the State makes of a node's process: [Up], [Paused] or [Down].
func (s State) Process(node string) string {
	switch down, _ := s.IsDown(node); {
	case down:
		return Down
	case slices.Contains(s.Paused, node):
		return Paused
	}
	return Up
}

// IsDown says whether the State has the node down, and whether by loss of power.
func (s State) IsDown(node string) (down, power bool) {
	i := slices.IndexFunc(s.Down, func(d DownState) bool { return d.Node == node })
	if i < 0 {
		return false, false
	}
	return true, s.Down[i].Power
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

var oneOrAll = []string{"one", "all"}

// drawProcess takes one node, or with a chance of one in four all of them at once:
// what no leader has on disk then is nowhere.
func drawProcess(d Draw, r *rand.Rand) (string, Fault) {
	if r.IntN(4) == 0 {
		return "all", Fault{Nodes: slices.Sorted(slices.Values(d.Nodes))}
	}
	return "one", Fault{Nodes: []string{d.Nodes[r.IntN(len(d.Nodes))]}}
}
