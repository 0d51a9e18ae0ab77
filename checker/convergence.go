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
	if r, looped := ix.loopResult(); looped {
		return r
	}
	if why := end.cannot(); why != "" {
		return Result{Verdict: Unknown, Reason: why + ix.rateWords()}
	}
	if len(end.nodes) < 2 {
		return Result{Verdict: Unknown, Reason: "there is only one leader, so nothing can differ"}
	}
	r := Result{Counts: map[string]int{}}
	unread := ix.countEnds(&r)
	if late, _ := ix.lateKeys(); len(late) > 0 {
		r.Counts["keys that agreed late"] = len(late)
	}
	keys, differing := ix.differing()
	r.Violations = len(keys)
	some := keys[:min(len(keys), candidates)]
	traces := ix.traceKeys(some)
	for i, key := range some {
		r.Findings = append(r.Findings, ix.differs(key, differing[i], traces[key]))
	}
	r.Findings = smallest(r.Findings)
	switch {
	case r.Violations > 0:
		r.Verdict = Violated
		r.Reason = fmt.Sprintf("leaders differ in %s, though %s", plural(r.Violations, "key", "keys"), end.rest())
		if why := ix.diagnosis(keys, differing); why != "" {
			r.Reason += "; " + why
		}
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

// countEnds counts the keys by how they were read at the end, and says which
// leaders, by their positions, could not be read for every key.
func (ix *index) countEnds(r *Result) (unread map[int]bool) {
	unread = map[int]bool{}
	leaders := len(ix.end.nodes)
	for _, key := range ix.writtenKeys() {
		groups, missing := ix.end.groups(ix, key)
		for _, n := range missing {
			unread[n] = true
		}
		if len(missing) > 0 {
			r.Counts["keys not read at every leader"]++
		}
		if leaders-len(missing) < 2 {
			continue
		}
		if r.Chances++; len(groups) == 1 {
			r.Counts["keys alike"]++
		}
	}
	return unread
}

// differing are the keys of which leaders ended with different values, and who
// ended with which.
func (ix *index) differing() (keys []int32, groups [][]group) {
	for _, key := range ix.writtenKeys() {
		if gs, _ := ix.end.groups(ix, key); len(gs) > 1 {
			keys, groups = append(keys, key), append(groups, gs)
		}
	}
	return keys, groups
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
func (ix *index) differs(key int32, groups []group, t *keyTrace) Finding {
	end := &ix.end
	label := "different at rest"
	if end.quiet.State == history.QuietStopped {
		label = "stopped"
	}
	var parts []string
	var ops []int
	var edges []Edge
	for _, g := range groups {
		parts = append(parts, ix.holds(g, t))
		for _, s := range g.reads {
			ops = append(ops, ix.opOfStep(s))
			if w := ix.src[s]; w >= 0 {
				ops, edges = append(ops, ix.opOfStep(w)), append(edges, ix.returned(s))
			}
		}
	}
	story := fmt.Sprintf("Leaders disagree about %s for good: %s. The cluster was whole again at %s, every client was closed at %s, and %s; the last read that showed the difference was %s after healing.",
		ix.h.Keys()[key], strings.Join(parts, "; "), seconds(end.healed.T), seconds(end.closed.T), end.rest(), seconds(t.last()-end.healed.T))
	if t.since < end.closed.T {
		story += fmt.Sprintf(" What they showed has differed since %s.", seconds(t.since))
	}
	return ix.finding("convergence", label, story, ops, edges)
}

// returned is the edge from the write that a final read returned.
func (ix *index) returned(s int32) Edge {
	k := ix.opOfStep(s)
	return Edge{ix.h.Index(ix.opOfStep(ix.src[s])), ix.h.Index(k), "wr", fmt.Sprintf("the final read at %s returned %s", ix.nodeName(k), ix.assigned(s))}
}

// holds says which leaders hold what, who wrote it, and since when it is there.
func (ix *index) holds(g group, t *keyTrace) string {
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
	if since := t.shown[g.nodes[0]].since; since < ix.end.closed.T {
		word += fmt.Sprintf(", shown there since %s", seconds(since))
	}
	return word
}
