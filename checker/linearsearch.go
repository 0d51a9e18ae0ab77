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
			q.problem = as.problem(q.keys)
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
		switch a := answers[i]; a.Verdict {
		case linear.Yes:
		case linear.No:
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

// problem are the operations on a group of keys. Where operations take effect as a
// whole they are one each; else each step is one.
func (as *accesses) problem(keys []int32) linear.Problem {
	in := map[int]bool{}
	for _, key := range keys {
		in[int(key)] = true
	}
	h := as.ix.h
	whole := h.Header.Granularity == "transaction"
	var p linear.Problem
	for k := range h.Len() {
		if h.Outcome(k) == history.Fail {
			continue
		}
		from, to := h.Steps(k)
		var steps []history.Step
		for s := from; s < to; s++ {
			if !in[h.StepKey(s)] || h.StepF(s) == history.Read && !as.answered(k, s) {
				continue
			}
			step := history.Step{F: h.StepF(s), Key: h.Keys()[h.StepKey(s)], Value: h.StepValue(s)}
			if steps = append(steps, step); !whole {
				p.Ops = append(p.Ops, as.operation(k, steps))
				steps = nil
			}
		}
		if len(steps) > 0 {
			p.Ops = append(p.Ops, as.operation(k, steps))
		}
	}
	p.Ops = slices.DeleteFunc(p.Ops, func(op linear.Operation) bool {
		return op.Return == 0 && !slices.ContainsFunc(op.Steps, func(s history.Step) bool { return s.F.IsWrite() })
	})
	return p
}

// answered says whether a read has something to explain: it was acknowledged, or
// brought a value back.
func (as *accesses) answered(k, s int) bool {
	return as.ix.h.Outcome(k) == history.OK || as.ix.h.StepValue(s).Set
}

// operation is one operation of a problem.
func (as *accesses) operation(k int, steps []history.Step) linear.Operation {
	h := as.ix.h
	op := linear.Operation{ID: h.Index(k), Call: int64(h.Index(k)), Steps: steps}
	if h.Outcome(k) == history.OK {
		op.Return = int64(h.Return(k))
	}
	return op
}

// searchFinding tells of a group of keys for which there is no order: the answer
// after which there was none, what else was in flight then, and the reads it takes.
func (as *accesses) searchFinding(q quest, a linear.Answer) Finding {
	ix := as.ix
	last, _ := ix.h.Pos(a.Last)
	begun := ix.h.Index(last)
	ops := []int{}
	needed := map[int]bool{a.Last: true}
	for _, id := range a.Reads {
		begun = min(begun, id)
		needed[id] = true
	}
	for _, op := range q.problem.Ops {
		if needed[op.ID] || op.Return > int64(begun) && op.Call < int64(ix.h.Return(last)) {
			if k, ok := ix.h.Pos(op.ID); ok && !slices.Contains(ops, k) {
				ops = append(ops, k)
			}
		}
	}
	var names []string
	for _, key := range q.keys {
		names = append(names, ix.h.Keys()[key])
	}
	story := fmt.Sprintf("Everything that was answered on %s before #%d can be put in an order that keeps real time and explains each answer. %s %s, and with this answer there is none, whichever operations of unknown outcome took effect.",
		strings.Join(names[:min(3, len(names))], ", "), a.Last, upper(ix.who(last)), ix.didWords(last))
	if len(a.Reads) > 0 {
		story += fmt.Sprintf(" It takes %s to see that: %s.", plural(len(a.Reads), "earlier read", "earlier reads"), indexWords(a.Reads))
	}
	return ix.finding("linearizable", "no order", story, ops, ix.realTime(ops))
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
