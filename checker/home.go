package checker

import (
	"fmt"

	"github.com/mlcheck/mlcheck/history"
)

// homeApplies says why a history cannot tell whether every key has one home, or "".
func homeApplies(h *history.History) string {
	forwards := false
	for k := range h.Len() {
		forwards = forwards || h.Meta(k).By != ""
	}
	if !forwards {
		return "no operation says which node executed it (by), so who is home to a key does not show"
	}
	if h.Header.Policy != "home" && !stamped(h) {
		return fmt.Sprintf("under policy %s a home may change, and no write says in which epoch it was made (the first part of its stamp)", h.Header.Policy)
	}
	return ""
}

func stamped(h *history.History) bool {
	for k := range h.Len() {
		if _, ok := stampOf(h, k); ok {
			return true
		}
	}
	return false
}

// checkHome looks for keys of which two nodes executed writes in one epoch: under
// plain "home" the whole run, else the first part of the stamps.
func checkHome(ix *index) Result {
	type place struct {
		key   int
		epoch int64
	}
	var r Result
	home, asked, counted, told := map[place]int{}, map[int]int{}, map[int]bool{}, map[place]bool{}
	for k := range ix.h.Len() {
		if ix.h.Outcome(k) != history.OK || !ix.writes(k) {
			continue
		}
		st, _ := stampOf(ix.h, k)
		from, to := ix.h.Steps(k)
		for s := from; s < to; s++ {
			key := ix.h.StepKey(s)
			if !ix.h.StepF(s).IsWrite() {
				continue
			}
			if n, ok := asked[key]; !ok {
				asked[key] = ix.h.Node(k)
			} else if n != ix.h.Node(k) && !counted[key] {
				counted[key] = true
				r.Chances++
			}
			at := place{key: key}
			if ix.h.Header.Policy != "home" { // whose home never changes
				at.epoch = st.time
			}
			first, known := home[at]
			if !known {
				home[at] = k
			} else if ix.node(first) != ix.node(k) && !told[at] {
				told[at] = true
				ix.secondHome(&r, s, first, k)
			}
		}
	}
	r.Findings = smallest(r.Findings)
	switch {
	case r.Violations > 0:
		r.Verdict, r.Reason = Violated, fmt.Sprintf("%s two homes at a time", plural(r.Violations, "key had", "keys had"))
	case r.Chances == 0:
		r.Verdict, r.Reason = Unknown, "0 chances: no key was written by way of two nodes"
	default:
		r.Verdict, r.Reason = Holds, fmt.Sprintf("every key had one home at a time (%s)", plural(r.Chances, "chance", "chances"))
	}
	return r
}

func (ix *index) secondHome(r *Result, s, a, b int) {
	r.count("two homes", 1)
	r.Chances = max(r.Chances, 1)
	r.add(func() Finding {
		key := ix.h.Keys()[ix.h.StepKey(s)]
		story := fmt.Sprintf("Every write of %s must be executed by its one home. %s executed one at %s (#%d), and %s another at %s (#%d).",
			key, ix.nodeName(a), seconds(ix.when(a)), ix.h.Index(a), ix.nodeName(b), seconds(ix.when(b)), ix.h.Index(b))
		return ix.finding("conflict-policy", "two homes", story, []int{a, b}, nil)
	})
}
