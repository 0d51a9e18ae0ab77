package checker

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/mlcheck/mlcheck/checker/linear"
	"github.com/mlcheck/mlcheck/history"
)

// Search decides whether operations are linearizable by looking for an order,
// and answers every problem, be it with "unknown" and the reason. It must not take
// more of the machine than it may: [linear.Solve] in a process of its own does.
type Search func(context.Context, []linear.Problem) []linear.Answer

type searchKey struct{}

// withSearch hands the search down to the check that needs it.
func withSearch(ctx context.Context, s Search) context.Context {
	return context.WithValue(ctx, searchKey{}, s)
}

// quest is a group of keys that only a search can judge.
type quest struct {
	keys    []int32
	why     string
	problem linear.Problem
	left    int // operations that are not in the problem: it would be too large
}

// searchRest judges what zones cannot, and gives the reasons for what stays
// open. A group with a key that is known to be wrong is wrong already.
func (as *accesses) searchRest(ctx context.Context, r *Result, judged []*keyZones) (open []string) {
	wrong := map[int32]bool{}
	for _, kz := range judged {
		if kz.broken() {
			wrong[as.root(kz.key)] = true
		}
	}
	var quests []quest
	for _, q := range as.quests() {
		switch why := as.unmodelled(q); {
		case wrong[as.root(q.keys[0])]:
		case why != "":
			open = append(open, why)
		default:
			q.problem, q.left = as.problem(q.keys, maxProblem)
			quests = append(quests, q)
		}
	}
	if len(quests) == 0 {
		return open
	}
	search, _ := ctx.Value(searchKey{}).(Search)
	if search == nil {
		return append(open, as.words(quests[0])+", and there is no process to search in")
	}
	// The small ones first: none of them waits for one that takes all the time.
	slices.SortStableFunc(quests, func(a, b quest) int { return len(a.problem.Ops) - len(b.problem.Ops) })
	problems := make([]linear.Problem, len(quests))
	for i, q := range quests {
		problems[i] = q.problem
	}
	answers := search(ctx, problems)
	for i, q := range quests {
		switch a := answers[i]; {
		case a.Verdict == linear.Yes && q.left > 0:
			open = append(open, fmt.Sprintf("%s, and a search has room for the first operations only, without the last %d", as.words(q), q.left))
		case a.Verdict == linear.Yes:
		case a.Verdict == linear.No:
			r.count("keys", len(q.keys))
			r.count("no order", 1)
			r.add(func() Finding { return as.searchFinding(q, a) })
		default:
			open = append(open, fmt.Sprintf("%s, and %s", as.words(q), a.Why))
		}
	}
	return open
}

// quests are the groups of keys that zones do not decide, by their first key.
func (as *accesses) quests() []quest {
	at := map[int32]int{}
	var qs []quest
	for key := range int32(len(as.n)) {
		why := cmp.Or(as.cannot[key], as.search[key])
		if why == "" {
			continue
		}
		root := as.root(key)
		i, ok := at[root]
		if !ok {
			i = len(qs)
			at[root], qs = i, append(qs, quest{why: why})
		}
		qs[i].keys = append(qs[i].keys, key)
	}
	return qs
}

// unmodelled says which of the keys has no sequential object, and why, or "".
func (as *accesses) unmodelled(q quest) string {
	for _, key := range q.keys {
		if why := as.cannot[key]; why != "" {
			return fmt.Sprintf("%s cannot be judged: %s", as.ix.h.Keys()[key], why)
		}
	}
	return ""
}

// words names the keys and why zones do not judge them.
func (as *accesses) words(q quest) string {
	var names []string
	for i, key := range q.keys {
		if i == 3 && len(q.keys) > 4 {
			names = append(names, fmt.Sprintf("%d more", len(q.keys)-i))
			break
		}
		names = append(names, as.ix.h.Keys()[key])
	}
	return fmt.Sprintf("zones do not judge %s (%s)", joined(names), q.why)
}

// maxProblem bounds a problem, in steps and elements that were read: it is sent to another
// process, and a search would not come to the end of a larger one.
const maxProblem = 2_000_000

// problem are the operations on a group of keys. Where operations take effect as a
// whole they are one each; else each step is one. If they are more than there is room
// for, it is the beginning of the history, and left says how many are missing.
func (as *accesses) problem(keys []int32, room int) (p linear.Problem, left int) {
	in := map[int]bool{}
	for _, key := range keys {
		in[int(key)] = true
	}
	h := as.ix.h
	whole := h.Header.Granularity == "transaction"
	for k := range h.Len() {
		if room <= 0 && as.touches(k, in) {
			if left++; left == 1 {
				p = p.Until(int64(h.Index(k)) - 1)
			}
		}
		if room <= 0 {
			continue
		}
		steps := as.stepsOn(k, in)
		if whole && len(steps) > 0 {
			p.Ops = append(p.Ops, as.operation(k, steps))
		}
		for i, s := range steps {
			if room -= 1 + len(s.Value.List); !whole {
				p.Ops = append(p.Ops, as.operation(k, steps[i:i+1]))
			}
		}
	}
	p.Ops = slices.DeleteFunc(p.Ops, func(op linear.Operation) bool {
		return op.Return == 0 && !slices.ContainsFunc(op.Steps, func(s history.Step) bool { return s.F.IsWrite() })
	})
	return p, left
}

// stepsOn are the steps of an operation on some keys, without reads that have
// nothing to explain.
func (as *accesses) stepsOn(k int, keys map[int]bool) (steps []history.Step) {
	h := as.ix.h
	if h.Outcome(k) == history.Fail {
		return nil
	}
	from, to := h.Steps(k)
	for s := from; s < to; s++ {
		if keys[h.StepKey(s)] && (h.StepF(s) != history.Read || as.answered(k, s)) {
			steps = append(steps, history.Step{F: h.StepF(s), Key: h.Keys()[h.StepKey(s)], Value: h.StepValue(s)})
		}
	}
	return steps
}

// touches says whether an operation that was not refused has a step on one of the keys.
func (as *accesses) touches(k int, keys map[int]bool) bool {
	from, to := as.ix.h.Steps(k)
	for s := from; s < to; s++ {
		if keys[as.ix.h.StepKey(s)] {
			return as.ix.h.Outcome(k) != history.Fail
		}
	}
	return false
}

// answered says whether a read has something to explain: it was acknowledged, or
// brought a value back.
func (as *accesses) answered(k, s int) bool {
	v := as.ix.h.StepValue(s)
	return as.ix.h.Outcome(k) == history.OK || v.N != 0 || v.List != nil
}

// operation is one operation of a problem.
func (as *accesses) operation(k int, steps []history.Step) linear.Operation {
	h := as.ix.h
	op := linear.Operation{ID: h.Index(k), Call: int64(h.Index(k)), Steps: steps}
	writes := slices.ContainsFunc(steps, func(s history.Step) bool { return s.F.IsWrite() })
	from, to := h.Steps(k)
	// What was read alone was read by the end, even if nobody knows of the rest.
	if h.Outcome(k) == history.OK || !writes && (to-from == 1 || h.Header.Granularity != "transaction") {
		op.Return = int64(h.Return(k))
	}
	return op
}

// searchFinding tells of a group of keys for which there is no order: the answer
// after which there was none, and what shows it. Where that is much, as for a
// counter, only the answer, the reads that it takes and what was in flight.
func (as *accesses) searchFinding(q quest, a linear.Answer) Finding {
	ix := as.ix
	last, _ := ix.h.Pos(a.Last)
	shown := map[int]bool{a.Last: true}
	for _, id := range a.Reads {
		shown[id] = true
	}
	for _, id := range a.Ops {
		k, _ := ix.h.Pos(id)
		overlaps := ix.h.Index(last) < as.ends(k) && id < ix.h.Return(last)
		if len(a.Ops) <= 10 || overlaps && len(shown) < 20 {
			shown[id] = true
		}
	}
	var ops []int
	for id := range shown {
		if k, ok := ix.h.Pos(id); ok {
			ops = append(ops, k)
		}
	}
	slices.Sort(ops)
	var names []string
	for _, key := range q.keys {
		names = append(names, ix.h.Keys()[key])
	}
	t := &tale{ix: ix, ops: ops, edges: ix.realTime(ops)}
	t.said = append(t.said, fmt.Sprintf("Everything that was answered on %s before #%d can be put in an order that keeps real time and explains each answer.",
		joined(names[:min(3, len(names))]), a.Last))
	for _, k := range ops {
		if k != last && len(a.Ops) <= 6 {
			t.said = append(t.said, upper(ix.who(k))+" "+ix.didWords(k)+".")
		}
	}
	t.said = append(t.said, fmt.Sprintf("%s %s: with this answer there is no order, whichever operations of unknown outcome took effect.", upper(ix.who(last)), ix.didWords(last)))
	if len(a.Ops) > 6 && len(a.Reads) > 0 {
		t.said = append(t.said, fmt.Sprintf("It takes %s to see that: %s.", plural(len(a.Reads), "earlier read", "earlier reads"), indexWords(a.Reads)))
	}
	return t.finding("no order")
}

// ends is the event at which operation k had taken effect at the latest.
func (as *accesses) ends(k int) int {
	if as.ix.h.Outcome(k) != history.OK {
		return unfinished
	}
	return as.ix.h.Return(k)
}

func indexWords(ids []int) string {
	var words []string
	for i, id := range ids {
		if i == 5 {
			words = append(words, "…")
			break
		}
		words = append(words, fmt.Sprintf("#%d", id))
	}
	return strings.Join(words, ", ")
}

// realTime are the edges between operations next to each other in real time.
func (ix *index) realTime(ops []int) []Edge {
	var edges []Edge
	for i, a := range ops {
		for _, b := range ops[i+1:] {
			if ix.over(a, b) {
				edges = append(edges, ix.rtEdge(a, b))
				break
			}
		}
	}
	return edges
}
