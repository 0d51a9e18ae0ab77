package nemesis

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
)

// leave is the shape of what befalls the membership of leaders.
const leave = "leave"

// LeastStay is how many leaders must stay in the topology: fewer replicate to nobody.
const LeastStay = 2

// drawLeave takes one leader.
func drawLeave(d Draw, r *rand.Rand) (string, Fault) {
	leaders := d.leaders()
	return leave, Fault{Nodes: []string{leaders[r.IntN(len(leaders))]}}
}

// canLeave says why no leader can leave here; "": one can.
func (d Draw) canLeave() string {
	if len(d.leaders()) <= LeastStay {
		return fmt.Sprintf("%s needs %d leaders or more, since %d must stay", leave, LeastStay+1, LeastStay)
	}
	return ""
}

// oneOut leaves out what was drawn to have a leader out while another one is.
func oneOut(faults []Fault) []Fault {
	var kept []Fault
	for _, f := range faults {
		both := func(g Fault) bool { return g.Kind == Member && f.From < g.Until && g.From < f.Until }
		if f.Kind == Member && slices.ContainsFunc(kept, both) {
			continue
		}
		f.ID = len(kept) + 1
		kept = append(kept, f)
	}
	return kept
}

// With is the State in which, of the nodes that are to be out, these have left: their
// processes have ended and their disks are empty, whatever else befalls them. All others
// are still members. In what it returns nobody is on the way out.
func (s State) With(left []string) State {
	gone := slices.DeleteFunc(slices.Clone(s.Out), func(n string) bool { return !slices.Contains(left, n) })
	s.Out = nil
	if len(gone) == 0 {
		return s
	}
	has := func(n string) bool { return slices.Contains(gone, n) }
	if s.Paused = slices.DeleteFunc(slices.Clone(s.Paused), has); len(s.Paused) == 0 {
		s.Paused = nil
	}
	s.Down = slices.DeleteFunc(slices.Clone(s.Down), func(d DownState) bool { return has(d.Node) })
	for _, n := range gone {
		s.Down = append(s.Down, DownState{Node: n, By: Member})
	}
	slices.SortFunc(s.Down, func(a, b DownState) int { return strings.Compare(a.Node, b.Node) })
	return s
}

// Empties says whether a node that is down by a kind of fault starts with an empty disk.
func Empties(by string) bool { return by == Wipe || by == Member }
