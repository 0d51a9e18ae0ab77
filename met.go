package mlcheck

import (
	"slices"

	"github.com/mlcheck/mlcheck/history"
	"github.com/mlcheck/mlcheck/nemesis"
)

// counts says whether what a fault meets is counted. What a clock meets is every
// write under it, which the history shows.
func counts(f nemesis.Fault) bool { return len(f.Links)+len(f.Nodes) > 0 }

// metBy is how much of the target's own work a fault has met: messages that a cut
// has swallowed or an impaired link has treated; messages, requests and connections
// that found a process paused or down; syncs that were slow, and what came to a
// full disk. -1 where nothing was measured.
func metBy(f nemesis.Fault, m nemesis.Measured) int64 {
	if !counts(f) {
		return 0
	}
	total, known := int64(0), false
	add := func(n int64, measured bool) {
		if measured && n >= 0 {
			total, known = total+n, true
		}
	}
	carried := m.Dropped
	if f.Impair != nil {
		carried = m.Impaired
	}
	for _, l := range f.Links {
		n, ok := carried[l]
		add(n, ok)
	}
	for _, node := range f.Nodes {
		if f.Disk != nil {
			d, ok := m.Disks[node]
			add(d.Met, ok)
			continue
		}
		p, ok := m.Nodes[node]
		add(p.Met, ok)
	}
	if !known {
		return -1
	}
	return total
}

// already is the part of a fault that was in trouble in a State before it.
func already(f nemesis.Fault, were nemesis.State) nemesis.Fault {
	f.Links = slices.DeleteFunc(slices.Clone(f.Links), func(l history.Link) bool {
		if f.Impair != nil {
			return were.Impairs(l) == nemesis.Impairment{}
		}
		return !were.Cuts(l)
	})
	f.Nodes = slices.DeleteFunc(slices.Clone(f.Nodes), func(n string) bool {
		if f.Disk != nil {
			return were.Disk(n) == nemesis.DiskTrouble{}
		}
		return were.Process(n) == nemesis.Up
	})
	return f
}

// ended is a fault's end, with what it has met since it began.
func (n *saboteur) ended(f nemesis.Fault, m nemesis.Measured) history.Event {
	ev := describe(f, history.Healing)
	met := metBy(f, m)
	if met > 0 {
		met = max(met-n.before[f.ID], 0)
	}
	if turns := n.met[f.ID]; turns > 0 {
		met = max(met, 0) + turns
	}
	if f.Kind == nemesis.Member && !n.members.was[f.ID] {
		met = 0 // what found the node down did so before
	}
	if f.Kind == nemesis.Partition {
		ev.Dropped = met
	} else {
		ev.Met = met
	}
	return ev
}
