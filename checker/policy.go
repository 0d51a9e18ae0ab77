package checker

import (
	"context"
	"fmt"
	"strings"

	"github.com/mlcheck/mlcheck/history"
)

func conflictPolicy() Property {
	return Property{
		Name:    "conflict-policy",
		Title:   "Of concurrent writes those win that the target's conflict policy says.",
		Source:  "Kleppmann, DDIA ch. 5 (resolving conflicts); Preguiça et al. 2010 (dotted version vectors); Shapiro et al. 2011",
		Applies: policyApplies,
		Check: func(_ context.Context, h *history.History) Result {
			return checkPolicy(indexFor(context.Background(), h))
		},
	}
}

// policyApplies says why a history cannot tell whether its policy was kept, or "".
func policyApplies(h *history.History) string {
	p := h.Header.Policy
	switch {
	case p == "":
		return "the history does not say what the target does with concurrent writes"
	case hasPrefix(p, "home"):
		return homeApplies(h)
	case rulingFor(p) == nil:
		return fmt.Sprintf("nothing is laid down about what policy %s makes of concurrent writes", p)
	case hasPrefix(p, "siblings", "merge") && p != withoutContext && !saysWhatItReplaces(h):
		return fmt.Sprintf("policy %s keeps what no write says it replaces, and no operation of this history says so (ctx)", p)
	}
	return finalsRecorded(h)
}

// withoutContext is a policy under which no write replaces any other.
const withoutContext = "siblings-without-context"

// ruling judges what all leaders finally show of a key; "" is right.
type ruling func(j *policyJudge, key, read int32) (label, why string, ops []int32)

// rulingFor is what a policy lays down, or nil. Names may go on after the word
// that counts: lww-wall, siblings-dotted.
func rulingFor(policy string) ruling {
	for _, known := range []struct {
		prefix string
		rule   ruling
	}{
		{"lww", (*policyJudge).lastWriteWins},
		{"first", (*policyJudge).firstWriteWins},
		{"max", (*policyJudge).greatestWins},
		{"min", (*policyJudge).leastWins},
		{"siblings", (*policyJudge).keepsSiblings},
		{"merge-union", (*policyJudge).keepsSiblings},
		{"merge", (*policyJudge).merges},
		{"crdt", (*policyJudge).converges},
	} {
		if strings.HasPrefix(policy, known.prefix) {
			return known.rule
		}
	}
	return nil
}

// policyJudge judges keys by one policy.
type policyJudge struct {
	ix       *index
	r        *Result
	writes   map[int32][]int32     // registers: steps that may have happened
	counters map[int32]*counterKey // counters
}

func checkPolicy(ix *index) Result {
	if hasPrefix(ix.h.Header.Policy, "home") {
		return checkHome(ix)
	}
	if why := ix.end.cannot(); why != "" {
		return Result{Verdict: Unknown, Reason: why}
	}
	r := Result{Counts: map[string]int{}}
	j := &policyJudge{ix: ix, r: &r, writes: ix.registerWrites(), counters: map[int32]*counterKey{}}
	for _, t := range ix.counterKeys() {
		j.counters[t.key] = t
	}
	rule, places := rulingFor(ix.h.Header.Policy), ix.writersOf()
	for _, key := range ix.writtenKeys() {
		j.key(rule, key, places[key])
	}
	r.Findings = smallest(r.Findings)
	switch {
	case r.Violations > 0:
		r.Verdict = Violated
		r.Reason = fmt.Sprintf("%s what policy %s lays down", plural(r.Violations, "key does not end with", "keys do not end with"), ix.h.Header.Policy)
	case ix.unreadable() != "":
		r.Verdict, r.Reason = Unknown, ix.unreadable()
	case r.Chances == 0:
		r.Verdict, r.Reason = Unknown, "0 chances: no key was written at two leaders and then read at the end"
	default:
		r.Verdict = Holds
		r.Reason = fmt.Sprintf("every key ends with what policy %s lays down (%s)", ix.h.Header.Policy, plural(r.Chances, "chance", "chances"))
	}
	return r
}

// writersOf are, by key, how many leaders acknowledged a change of it.
func (ix *index) writersOf() map[int32]int {
	at, n := map[[2]int]bool{}, map[int32]int{}
	for k := range ix.h.Len() {
		from, to := ix.h.Steps(k)
		for s := from; s < to; s++ {
			place := [2]int{ix.node(k), ix.h.StepKey(s)}
			if ix.h.Outcome(k) == history.OK && ix.h.StepF(s).IsWrite() && !at[place] {
				at[place] = true
				n[int32(place[1])]++
			}
		}
	}
	return n
}

// key judges one key. Leaders that differ have resolved a conflict differently
// if everything had arrived everywhere; if replication had stopped, it may not have.
func (j *policyJudge) key(rule ruling, key int32, writers int) {
	groups, _ := j.ix.end.groups(j.ix, key)
	if len(groups) == 0 {
		return
	}
	if writers > 1 {
		j.r.Chances++
	}
	if len(groups) > 1 {
		if j.ix.end.quiet.State != history.QuietYes {
			j.r.count("left to convergence", 1)
			return
		}
		j.broken(key, groups[0].reads[0], "chose differently", j.difference(groups), nil)
		return
	}
	read := groups[0].reads[0]
	if label, why, ops := rule(j, key, read); label != "" {
		j.broken(key, read, label, why, ops)
	}
}

func (j *policyJudge) difference(groups []group) string {
	var parts []string
	for _, g := range groups {
		var names []string
		for _, n := range g.nodes {
			names = append(names, j.ix.h.Nodes()[j.ix.end.nodes[n]])
		}
		parts = append(parts, joined(names)+" chose "+j.ix.assigned(g.reads[0]))
	}
	return joined(parts) + ", though everything had arrived everywhere"
}

func (j *policyJudge) broken(key, read int32, label, why string, steps []int32) {
	if j.r.count(label, 1); j.r.Chances == 0 {
		j.r.Chances++
	}
	j.r.add(func() Finding {
		var ops []int
		for _, s := range steps {
			ops = append(ops, j.ix.opOfStep(s))
		}
		story := fmt.Sprintf("Policy %s does not allow how %s ends: %s. (Final read #%d.)",
			j.ix.h.Header.Policy, j.ix.h.Keys()[key], why, j.ix.h.Index(j.ix.opOfStep(read)))
		return j.ix.finding("conflict-policy", label, story, append(ops, j.ix.opOfStep(read)), nil)
	})
}
