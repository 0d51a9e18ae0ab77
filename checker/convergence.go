package checker

import (
	"context"
	"fmt"
	"strings"

	"github.com/mlcheck/mlcheck/history"
)

func convergence() Property {
	return Property{
		Name:    "convergence",
		Title:   "Once the network is whole and clients are silent, every leader ends with the same state.",
		Source:  "Shapiro et al. 2011 (strong eventual consistency); Kleppmann, DDIA ch. 5",
		Applies: func(h *history.History) string { return finalsRecorded(h) },
		Check: func(ctx context.Context, h *history.History) Result {
			return checkConvergence(indexFor(ctx, h))
		},
	}
}

// finalsRecorded says why a history cannot tell how its run ended, or "".
func finalsRecorded(h *history.History) string {
	for k := h.Len() - 1; k >= 0; k-- {
		if h.Final(k) {
			return ""
		}
	}
	for _, ev := range h.Events {
		if ev.Type == history.StageEvent {
			return ""
		}
	}
	return "this history records no stages and no final reads of each leader"
}

func checkConvergence(ix *index) Result {
	end := &ix.end
	if why := end.cannot(); why != "" {
		return Result{Verdict: Unknown, Reason: why}
	}
	if len(end.nodes) < 2 {
		return Result{Verdict: Unknown, Reason: "there is only one leader, so nothing can differ"}
	}
	r := Result{Counts: map[string]int{}}
	unread := map[int]bool{} // position of a leader in end.nodes
	var differing [][]group
	var keys []int32
	for _, key := range ix.writtenKeys() {
		groups, missing := end.groups(ix, key)
		for _, n := range missing {
			unread[n] = true
		}
		if len(missing) > 0 {
			r.Counts["keys not read at every leader"]++
		}
		switch {
		case len(groups) > 1:
			r.Violations++
			keys, differing = append(keys, key), append(differing, groups)
		case len(groups) == 1 && len(missing) < len(end.nodes)-1:
			r.Counts["keys alike"]++
		}
		if len(end.nodes)-len(missing) > 1 {
			r.Chances++
		}
	}
	for i := range min(len(keys), candidates) {
		r.Findings = append(r.Findings, ix.differs(keys[i], differing[i]))
	}
	r.Findings = smallest(r.Findings)
	switch {
	case r.Violations > 0:
		r.Verdict = Violated
		r.Reason = fmt.Sprintf("leaders differ in %s, though %s", plural(r.Violations, "key", "keys"), end.rest())
	case len(unread) > 0:
		r.Verdict = Unknown
		r.Reason = fmt.Sprintf("%s could not be read at the end for every key; the leaders that could be read agree", ix.names(unread))
	case r.Chances == 0:
		r.Verdict, r.Reason = Unknown, "0 chances: no key was written and then read at two leaders"
	default:
		r.Verdict = Holds
		r.Reason = fmt.Sprintf("all %d leaders agree on all %s; %s", len(end.nodes), plural(r.Chances, "key", "keys"), end.rest())
	}
	return r
}

// group is leaders that end with the same value of a key.
type group struct {
	nodes []int   // positions in finals.nodes
	reads []int32 // their final read steps
}

// groups sorts the leaders by what they end with.
func (f *finals) groups(ix *index, key int32) (groups []group, missing []int) {
	reads := f.read[key]
	for n := range f.nodes {
		if reads == nil || reads[n] < 0 {
			missing = append(missing, n)
			continue
		}
		v := ix.h.StepValue(int(reads[n]))
		found := false
		for g := range groups {
			if sameValue(ix.kind[key], v, ix.h.StepValue(int(groups[g].reads[0]))) {
				groups[g].nodes, groups[g].reads = append(groups[g].nodes, n), append(groups[g].reads, reads[n])
				found = true
				break
			}
		}
		if !found {
			groups = append(groups, group{[]int{n}, []int32{reads[n]}})
		}
	}
	return groups, missing
}

func (ix *index) names(positions map[int]bool) string {
	var names []string
	for i, n := range ix.end.nodes {
		if positions[i] {
			names = append(names, ix.h.Nodes()[n])
		}
	}
	return strings.Join(names, ", ")
}

// differs is the finding that leaders end with different values of a key.
func (ix *index) differs(key int32, groups []group) Finding {
	label := "different at rest"
	if ix.end.quiet.State == history.QuietStopped {
		label = "stopped"
	}
	var parts []string
	var ops []int
	for _, g := range groups {
		parts = append(parts, ix.holds(g))
		for _, s := range g.reads {
			ops = append(ops, ix.opOfStep(s))
			if w := ix.src[s]; w >= 0 {
				ops = append(ops, ix.opOfStep(w))
			}
		}
	}
	story := fmt.Sprintf("Leaders disagree about %s for good: %s. The cluster was whole again at %s, every client was closed at %s, and %s.",
		ix.h.Keys()[key], strings.Join(parts, "; "), seconds(ix.end.healed.T), seconds(ix.end.closed.T), ix.end.rest())
	return ix.finding("convergence", label, story, ops, nil)
}

// holds says which leaders hold what, who wrote it, and since when it is there.
func (ix *index) holds(g group) string {
	var names []string
	for _, n := range g.nodes {
		names = append(names, ix.h.Nodes()[ix.end.nodes[n]])
	}
	verb := "has"
	if len(names) > 1 {
		verb = "have"
	}
	s := g.reads[0]
	word := fmt.Sprintf("%s %s %s", strings.Join(names, " and "), verb, ix.assigned(s))
	if w := ix.src[s]; w >= 0 {
		word += " (" + ix.acked(ix.eventOf(w)) + ")"
	}
	if since := ix.shownSince(s); since < ix.end.closed.T {
		word += fmt.Sprintf(", shown there since %s", seconds(since))
	}
	return word
}
