package nemesis

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/mlcheck/mlcheck/history"
)

// At is the State at time t: what the faults that are active then add up to.
// Cuts are united, and silent if one of them is; impairments of one link are summed; offsets and drifts of one clock
// are summed, beside the one strobe that it may have; of what befalls one
// process the worst is what it suffers. A fault is active from From (included) to
// Until (excluded), in turns if it flaps.
func At(faults []Fault, t time.Duration) State {
	cut, silent := map[history.Link]bool{}, map[history.Link]bool{}
	clocks := map[string]ClockState{}
	procs := map[string]string{}
	links := map[history.Link]Impairment{}
	disks := map[string]DiskTrouble{}
	var out []string
	for _, f := range faults {
		if !f.Active(t) {
			continue
		}
		if f.Kind == Member {
			out = append(out, f.Nodes...)
		}
		for _, n := range f.Nodes {
			if worse(f.Kind, procs[n]) {
				procs[n] = f.Kind
			}
			if f.Disk != nil {
				disks[n] = DiskTrouble{disks[n].Full || f.Disk.Full, disks[n].Slow + f.Disk.Slow}
			}
		}
		for _, l := range f.Links {
			if f.Impair == nil {
				cut[l] = true
				silent[l] = silent[l] || !f.Reject
			} else {
				links[l] = links[l].plus(*f.Impair)
			}
		}
		for _, s := range f.Clocks {
			clocks[s.Node] = clocks[s.Node].plus(s, f.From)
		}
	}
	s := canonical(cut, clocks)
	for _, l := range s.Cut {
		if !silent[l] {
			s.Reject = append(s.Reject, l)
		}
	}
	s.Links, s.Disks = impaired(links), troubled(disks)
	s.Paused, s.Down = suffer(procs)
	slices.Sort(out)
	s.Out = slices.Compact(out)
	return s
}

func canonical(cut map[history.Link]bool, clocks map[string]ClockState) State {
	var s State
	// The order does not show: both lists are sorted.
	for l := range cut {
		s.Cut = append(s.Cut, l)
	}
	SortLinks(s.Cut)
	s.Clocks = skewed(clocks)
	return s
}

// SortLinks sorts by From, then To.
func SortLinks(ls []history.Link) {
	slices.SortFunc(ls, func(a, b history.Link) int {
		return cmp.Or(cmp.Compare(a.From, b.From), cmp.Compare(a.To, b.To))
	})
}

// Healthy says whether nothing is wrong.
func (s State) Healthy() bool {
	return len(s.Cut) == 0 && len(s.Links) == 0 && len(s.Clocks) == 0 && len(s.Paused)+len(s.Down)+len(s.Disks)+len(s.Out) == 0
}

// Cuts says whether the State cuts the link.
func (s State) Cuts(l history.Link) bool { return slices.Contains(s.Cut, l) }

// Rejects says whether who sends on the link is told that it is cut.
func (s State) Rejects(l history.Link) bool { return slices.Contains(s.Reject, l) }

// Edges are the times at which the State changes, in order, each once.
func Edges(faults []Fault) []time.Duration {
	var ts []time.Duration
	for _, f := range faults {
		ts = append(ts, f.Turns()...)
	}
	slices.Sort(ts)
	return slices.Compact(ts)
}

// Paths are the network paths under a topology's links: a link that carries
// changes one way needs packets both ways, so both directions are listed.
func Paths(links []history.Link) []history.Link {
	var ps []history.Link
	for _, l := range links {
		ps = append(ps, l, history.Link{From: l.To, To: l.From})
	}
	SortLinks(ps)
	return slices.Compact(ps)
}

// String says in words what the fault does: "n1 ↮ n2 (link)", "n3's clock +2.1s (bump)".
func (f Fault) String() string {
	both, one := "↮", "↛"
	if f.Impair != nil {
		both, one = "↔", "→"
	}
	var parts []string
	seen := map[history.Link]bool{}
	for _, l := range f.Links {
		back := history.Link{From: l.To, To: l.From}
		switch {
		case seen[back]:
		case slices.Contains(f.Links, back):
			parts = append(parts, l.From+" "+both+" "+l.To)
		default:
			parts = append(parts, l.From+" "+one+" "+l.To)
		}
		seen[l] = true
	}
	for _, c := range f.Clocks {
		parts = append(parts, c.String())
	}
	switch {
	case len(f.Nodes) == 0:
	case f.Disk != nil:
		parts = append(parts, "disk of "+strings.Join(f.Nodes, ", ")+" "+f.Disk.String())
	default:
		parts = append(parts, strings.Join(f.Nodes, ", ")+" "+befalls[f.Kind])
	}
	what := strings.Join(parts, ", ")
	if f.Impair != nil {
		what += ": " + f.Impair.String()
	}
	if f.Reject {
		what += ", refused"
	}
	if f.Flap > 0 {
		what += fmt.Sprintf(", on and off for %s each", f.Flap)
	}
	if f.Shape != "" {
		what += " (" + f.Shape + ")"
	}
	return what
}
