package checker

import (
	"context"
	"fmt"
	"slices"

	"github.com/mlcheck/mlcheck/history"
)

func nonNegative() Property {
	return Property{
		Name:    "non-negative",
		Title:   "A counter that no leader lets fall below zero is never shown below zero.",
		Source:  "Bailis et al., VLDB 2015 (coordination avoidance: invariants that do not hold when merged)",
		Applies: ruleApplies(history.RuleNonNegative, counter, "no counter is incremented"),
		Check: func(ctx context.Context, h *history.History) Result {
			return checkNonNegative(indexFor(ctx, h))
		},
	}
}

func unique() Property {
	return Property{
		Name:    "unique",
		Title:   "What only one may take is taken once.",
		Source:  "Bailis et al., VLDB 2015 (coordination avoidance: uniqueness); Kleppmann, DDIA ch. 9 (uniqueness constraints)",
		Applies: ruleApplies(history.RuleUnique, register, "no register is written"),
		Check: func(ctx context.Context, h *history.History) Result {
			return checkUnique(indexFor(ctx, h))
		},
	}
}

// ruleApplies says why a history cannot decide a rule: it must be said that each
// leader enforces it, and something of the kind must be written.
func ruleApplies(rule string, kd kind, none string) func(*history.History) string {
	return func(h *history.History) string {
		if !slices.Contains(h.Header.Rules, rule) {
			return "nobody says that leaders enforce it (rules in the header)"
		}
		for s := range stepCount(h) {
			if kindOf(h.StepF(s)) == kd {
				return ""
			}
		}
		return none
	}
}

// decreased are, by key, the acknowledged operations that took something from a
// counter, the first of each leader.
func (ix *index) decreased(ts []*counterKey) map[int32][]int {
	m := map[int32][]int{}
	for _, t := range ts {
		for _, s := range t.steps {
			n, _ := ix.h.StepInt(int(s))
			k := ix.opOfStep(s)
			known := slices.ContainsFunc(m[t.key], func(o int) bool { return ix.node(o) == ix.node(k) })
			if n < 0 && ix.h.Outcome(k) == history.OK && !known {
				m[t.key] = append(m[t.key], k)
			}
		}
	}
	return m
}

func checkNonNegative(ix *index) Result {
	var r Result
	ts := ix.counterKeys()
	takers, read, told := ix.decreased(ts), map[int32]bool{}, map[int32]bool{}
	ix.counterReads(ts, func(t *counterKey, k int, s int32, v int64) {
		if len(takers[t.key]) > 1 && !read[t.key] {
			read[t.key] = true
			r.Chances++
		}
		if v >= 0 || told[t.key] {
			return
		}
		told[t.key] = true
		r.count("below zero", 1)
		r.add(func() Finding {
			story := fmt.Sprintf("%s at %s at %s (#%d) returned %s, though no leader lets it fall below zero. Decrements were acknowledged at %s.",
				upper(ix.reader(k)), ix.nodeName(k), seconds(ix.when(k)), ix.h.Index(k), ix.assigned(s), ix.places(takers[t.key]))
			return ix.finding("non-negative", "below zero", story, append(slices.Clone(takers[t.key]), k), nil)
		})
	})
	r.Chances = max(r.Chances, r.Violations)
	return ruleResult(r, plural(r.Violations, "counter was shown below zero", "counters were shown below zero"),
		"no counter was shown below zero", "no counter that two leaders had decreased was read")
}

// places are the nodes and numbers of operations, in words.
func (ix *index) places(ops []int) string {
	var words []string
	for _, k := range ops {
		words = append(words, fmt.Sprintf("%s (#%d)", ix.nodeName(k), ix.h.Index(k)))
	}
	if len(words) == 0 {
		return "no leader"
	}
	return joined(words)
}

// taking is an operation that reads a key and then writes it.
type taking struct{ op, key int }

// takings are those of which the read found nothing, or was never answered.
func (ix *index) takings() []taking {
	var all []taking
	for k := range ix.h.Len() {
		from, to := ix.h.Steps(k)
		for s := from; s < to; s++ {
			if ix.h.StepF(s) != history.Write || ix.kind[ix.h.StepKey(s)] != register || ix.readBefore(int32(s)) < 0 {
				continue
			}
			switch ix.src[ix.readBefore(int32(s))] {
			case srcInitial, srcNothing, srcNone:
				all = append(all, taking{k, ix.h.StepKey(s)})
			}
		}
	}
	return all
}

func checkUnique(ix *index) Result {
	var r Result
	tried, taken, counted := map[int]int{}, map[int]int{}, map[int]bool{}
	for _, t := range ix.takings() {
		if len(ix.deletes[int32(t.key)]) > 0 {
			r.count("takings of keys with removals, not judged", 1)
			continue
		}
		if node, ok := tried[t.key]; !ok {
			tried[t.key] = ix.node(t.op)
		} else if node != ix.node(t.op) && !counted[t.key] {
			counted[t.key] = true
			r.Chances++
		}
		if ix.h.Outcome(t.op) != history.OK {
			continue
		}
		first, again := taken[t.key]
		if !again {
			taken[t.key] = t.op
			continue
		}
		if first == t.op { // it wrote the key twice
			continue
		}
		r.count("taken twice", 1)
		r.add(func() Finding {
			story := fmt.Sprintf("Only one may take %s. %s found it free and took it, %s; and so did %s, %s.", ix.h.Keys()[t.key],
				upper(ix.who(first)), ix.ackedOp(first), ix.who(t.op), ix.ackedOp(t.op))
			return ix.finding("unique", "taken twice", story, []int{first, t.op}, nil)
		})
	}
	r.Findings = smallest(r.Findings)
	r.Chances = max(r.Chances, r.Violations)
	return ruleResult(r, plural(r.Violations, "key was taken again", "keys were taken again"), "every key was taken once", "no key was tried at two leaders")
}

// ackedOp says where and when an operation was acknowledged.
func (ix *index) ackedOp(k int) string {
	return fmt.Sprintf("acknowledged by %s at %s (#%d)", ix.nodeName(k), seconds(ix.when(k)), ix.h.Index(k))
}

func ruleResult(r Result, broken, kept, none string) Result {
	switch {
	case r.Violations > 0:
		r.Verdict, r.Reason = Violated, broken
	case r.Chances == 0:
		r.Verdict, r.Reason = Unknown, "0 chances: "+none
	default:
		r.Verdict, r.Reason = Holds, fmt.Sprintf("%s (%s)", kept, plural(r.Chances, "chance", "chances"))
	}
	return r
}
