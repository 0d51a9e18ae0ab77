package checker

import (
	"context"
	"fmt"
	"slices"

	"github.com/mlcheck/mlcheck/history"
)

func deletesStayDeleted() Property {
	return Property{
		Name:    "deletes-stay-deleted",
		Title:   "What was removed, and was gone at a leader, does not come back there.",
		Source:  "Shapiro et al. 2011 (tombstones); Kleppmann, DDIA ch. 5 (deletes that come back)",
		Applies: deletesApply,
		Check: func(ctx context.Context, h *history.History) Result {
			return checkDeletes(ctx, indexFor(ctx, h))
		},
	}
}

func deletesApply(h *history.History) string {
	p := h.Header.Policy
	if notByCausality(p) {
		return fmt.Sprintf("policy %s does not let the later one win, be it a write or a removal", p)
	}
	removes := false
	for s := range stepCount(h) {
		f := h.StepF(s)
		removes = removes || f == history.Delete || f == history.Remove
	}
	switch {
	case !removes:
		return "nothing is ever removed"
	case keepsVersions(p) && !saysWhatItReplaces(h):
		return fmt.Sprintf("under policy %s a removal removes the versions that it names, and no operation of this history names any (ctx)", p)
	}
	return ""
}

func checkDeletes(ctx context.Context, ix *index) Result {
	if flaw := ix.co().flaw; flaw != "" {
		return Result{Verdict: Unknown, Reason: flaw}
	}
	var r Result
	writes, restarts := ix.registerWrites(), restartsOf(ix.h)
	for _, at := range ix.readsWithRemovals() {
		if err := ctx.Err(); err != nil {
			return Result{Verdict: Unknown, Reason: "the check was stopped before its end: " + err.Error()}
		}
		key, down := int32(ix.h.StepKey(int(at[0]))), restarts[ix.nodeName(ix.opOfStep(at[0]))]
		if ix.kind[key] == register {
			newRegisterGrave(ix, key, at[0], writes[key]).walk(&r, at, down)
		} else {
			newSetGrave(ix, key, at[0]).walk(&r, at, down)
		}
	}
	r.Findings = smallest(r.Findings)
	switch {
	case r.Violations > 0:
		r.Verdict = Violated
		r.Reason = fmt.Sprintf("%s back at a leader that had shown it gone", plural(r.Violations, "removed value came", "removed values came"))
	case r.Chances == 0:
		r.Verdict, r.Reason = Unknown, "0 chances: no leader showed something gone that it had removed or shown before, and was read again"
	default:
		r.Verdict = Holds
		r.Reason = fmt.Sprintf("nothing that was removed came back (%s)", plural(r.Chances, "chance", "chances"))
	}
	return r
}

// readsWithRemovals are the answered reads of each key from which something is
// removed at each leader, in the order in which they were asked.
func (ix *index) readsWithRemovals() [][]int32 {
	removed := map[int32]bool{}
	for s := range stepCount(ix.h) {
		if f := ix.h.StepF(s); f == history.Delete || f == history.Remove {
			removed[int32(ix.h.StepKey(s))] = true
		}
	}
	type place struct {
		node int
		key  int32
	}
	at := map[place]int{}
	var all [][]int32
	ix.eachRead(func(k int, s int32) {
		key := int32(ix.h.StepKey(int(s)))
		if kd := ix.kind[key]; !removed[key] || kd != register && kd&^(set|list) != 0 {
			return
		}
		p := place{ix.node(k), key}
		i, known := at[p]
		if !known {
			i = len(all)
			at[p], all = i, append(all, nil)
		}
		all[i] = append(all[i], s)
	})
	return all
}

// sighting is a read at one leader that has not been taken into account yet: it
// counts for the reads that were asked after it was answered.
type sighting struct {
	step, answered int32
	epoch          int  // the restarts of the leader before it
	whole          bool // there was none while it was asked and answered
}

// settled splits off the sightings that were answered before event i, in the
// order of their answers.
func settled[T interface{ at() sighting }](pending []T, i int32) (done, left []T) {
	for _, p := range pending {
		if p.at().answered < i {
			done = append(done, p)
		} else {
			left = append(left, p)
		}
	}
	slices.SortStableFunc(done, func(a, b T) int { return int(a.at().answered - b.at().answered) })
	return done, left
}

func (s sighting) at() sighting { return s }

func (ix *index) sighting(s int32, down *restarts) sighting {
	k := ix.opOfStep(s)
	epoch, whole := down.whole(ix.h.Index(k), ix.h.Return(k))
	return sighting{s, int32(ix.h.Return(k)), epoch, whole}
}

// comeback is something that came back: its write, the removal, the read that
// showed it gone and the one that shows it again.
type comeback struct {
	write, removal int32 // events
	gone, again    int32 // steps
	seen           int32 // a read that had shown it at that leader before, a step; -1: the leader made the removal
	name           string
}

func (ix *index) comebackFinding(c comeback) Finding {
	o := ix.co()
	hops := o.path(c.write, c.removal)
	g, a := ix.opOfStep(c.gone), ix.opOfStep(c.again)
	why := fmt.Sprintf("%s had made the removal itself", ix.nodeName(g))
	ops := append(ix.opsOf(hops), ix.op(c.write), ix.op(c.removal))
	if c.seen >= 0 {
		why = fmt.Sprintf("%s had shown it before (#%d)", ix.nodeName(g), ix.h.Index(ix.opOfStep(c.seen)))
		ops = append(ops, ix.opOfStep(c.seen))
	}
	story := fmt.Sprintf("%s was removed, %s, after it had been written (#%d). %s, and then showed it gone, to %s at %s (#%d). %s found it there again at %s (#%d), though nobody had written it anew.",
		upper(c.name), ix.acked(c.removal), ix.h.Index(ix.op(c.write)), why, ix.who(g), seconds(ix.when(g)), ix.h.Index(g), upper(ix.who(a)), seconds(ix.when(a)), ix.h.Index(a))
	edges := append(o.edges(hops), Edge{
		From: ix.h.Index(g), To: ix.h.Index(a), Kind: "rt",
		Because: fmt.Sprintf("%s had shown it gone before this read was asked for", ix.nodeName(g)),
	})
	return ix.finding("deletes-stay-deleted", "came back", story, append(ops, g, a), edges)
}
