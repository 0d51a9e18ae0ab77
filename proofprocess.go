package mlcheck

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/mlcheck/mlcheck/nemesis"
)

// processesDiffer says which processes of a fault do not do what the State asks for.
func processesDiffer(f nemesis.Fault, s nemesis.State, m nemesis.Measured) []string {
	if f.Disk != nil {
		return nil
	}
	var bad []string
	for _, node := range f.Nodes {
		p, measured := m.Nodes[node]
		switch want := s.Process(node); {
		case !measured:
			bad = append(bad, "nobody could see whether "+node+" runs")
		case p.Is == nemesis.Down && s.Disk(node).Full:
			// It has died of that, which no fault of its process can undo.
		case want == nemesis.Down && nemesis.Empties(s.DownBy(node)) && p.Kept != 0:
			bad = append(bad, notEmpty(node, p))
		case p.Is != want:
			bad = append(bad, fmt.Sprintf("%s is %s, not %s", node, p.Is, want))
		}
	}
	return bad
}

// notEmpty says of a disk that was to be wiped why it is not known to be empty.
func notEmpty(node string, p nemesis.Process) string {
	if p.Kept < 0 {
		return "nobody could see whether " + node + "'s disk is empty"
	}
	return fmt.Sprintf("%s still has %d %s on its disk", node, p.Kept, cmp.Or(p.Of, "records"))
}

// wipes says whether the schedule has any disk lost.
func (p *plan) wipes() bool {
	return slices.ContainsFunc(p.Faults, func(f nemesis.Fault) bool { return f.Kind == nemesis.Wipe })
}

// empties says whether the schedule empties any disk.
func (p *plan) empties() bool {
	return slices.ContainsFunc(p.Faults, func(f nemesis.Fault) bool { return nemesis.Empties(f.Kind) })
}

// ofProcesses is what else there is to say of a fault of processes that is as it
// should be: what a loss of power took, and which other fault is there too.
func ofProcesses(f nemesis.Fault, s nemesis.State, m nemesis.Measured) string {
	var parts []string
	for _, node := range f.Nodes {
		by := s.DownBy(node)
		lost := m.Nodes[node].Lost
		switch {
		case f.Kind == nemesis.Crash && by == nemesis.Crash && lost > 0:
			parts = append(parts, fmt.Sprintf("%s lost what was not synced: %d", node, lost))
		case f.Kind == nemesis.Wipe && by == nemesis.Wipe:
			parts = append(parts, fmt.Sprintf("%s lost its disk, with %d %s", node, lost, cmp.Or(m.Nodes[node].Of, "records")))
		case f.Kind == nemesis.Member && by == nemesis.Member:
			parts = append(parts, fmt.Sprintf("%s is out by the word of every other leader that runs, and its disk, with %d %s, was emptied", node, lost, cmp.Or(m.Nodes[node].Of, "records")))
		case f.Kind != nemesis.Member && by == nemesis.Member:
			parts = append(parts, node+" is out of the topology")
		case f.Kind == nemesis.Wipe && m.Nodes[node].Bare:
			parts = append(parts, strings.TrimSpace(node+" came up with an empty disk "+m.Nodes[node].Why))
		case f.Kind == nemesis.Pause && by != "":
			parts = append(parts, "another fault has "+node+" down")
		case f.Kind == nemesis.Stop && by == nemesis.Stop && m.Nodes[node].Why != "":
			parts = append(parts, node+" "+m.Nodes[node].Why)
		case by == "" && m.Nodes[node].Is == nemesis.Down && m.Nodes[node].Why != "":
			parts = append(parts, node+" is down: "+m.Nodes[node].Why)
		}
	}
	return strings.Join(parts, "; ")
}

// touches says whether a fault of the schedule befalls the node's process.
func (r *runner) touches(node string) bool {
	return slices.ContainsFunc(r.Faults, func(f nemesis.Fault) bool { return f.Disk == nil && slices.Contains(f.Nodes, node) })
}

// processUnwell says why a node's process is not proved to run; "" when it is.
func (r *runner) processUnwell(node string, m nemesis.Measured) string {
	switch p, measured := m.Nodes[node]; {
	case !measured && r.touches(node):
		return "nobody could see whether " + node + " runs"
	case measured && p.Is != nemesis.Up:
		return node + " is still " + p.Is
	}
	return ""
}
