package linear

import (
	"context"
	"slices"

	"github.com/anishathalye/porcupine"

	"github.com/mlcheck/mlcheck/history"
)

// maxTrials bounds the attempts to leave something out of a counterexample.
const maxTrials = 200

// element is one element of a set or list.
type element struct {
	key string
	n   int64
}

// smallest leaves out of a problem without an order whatever it does not take to
// have none: keys, elements of sets and lists, and operations that only read. If a
// problem has an order, it has one without any of these, so what is left refutes
// the whole. Writes of registers and increments stay.
func (p Problem) smallest(ctx context.Context) Problem {
	p = shrink(ctx, p, p.keys(), func(s history.Step, out map[string]bool) (history.Step, bool) {
		return s, !out[s.Key]
	})
	p = shrink(ctx, p, p.elements(), withoutElements)
	reads := map[int]bool{}
	var ids []int
	for _, op := range p.Ops {
		if op.onlyReads() {
			ids = append(ids, op.ID)
			reads[op.ID] = true
		}
	}
	left := minimal(ctx, ids, func(left []int) Problem {
		in := map[int]bool{}
		for _, id := range left {
			in[id] = true
		}
		return Problem{slices.DeleteFunc(slices.Clone(p.Ops), func(op Operation) bool { return reads[op.ID] && !in[op.ID] })}
	})
	return left
}

// shrink leaves out parts of a problem, as many as possible; without makes a step
// of one, or says that it is gone.
func shrink[T comparable](ctx context.Context, p Problem, parts []T, without func(history.Step, map[T]bool) (history.Step, bool)) Problem {
	return minimal(ctx, parts, func(left []T) Problem {
		out := map[T]bool{}
		for _, t := range parts {
			out[t] = true
		}
		for _, t := range left {
			delete(out, t)
		}
		var q Problem
		for _, op := range p.Ops {
			var steps []history.Step
			for _, s := range op.Steps {
				if s, ok := without(s, out); ok {
					steps = append(steps, s)
				}
			}
			if op.Steps = steps; len(steps) > 0 {
				q.Ops = append(q.Ops, op)
			}
		}
		return q
	})
}

// minimal makes the problem of fewer and fewer parts, in ever smaller bites, for as
// long as it has no order.
func minimal[T any](ctx context.Context, parts []T, with func(left []T) Problem) Problem {
	p, trials := with(parts), 0
	for size := len(parts); size > 0; size /= 2 {
		for at := 0; at < len(parts); {
			if trials++; trials > maxTrials || ctx.Err() != nil {
				return p
			}
			fewer := slices.Delete(slices.Clone(parts), at, min(at+size, len(parts)))
			if q := with(fewer); try(ctx, q) == porcupine.Illegal {
				p, parts = q, fewer
			} else {
				at += size
			}
		}
	}
	return p
}

// keys are the names of all keys, in the order in which they are met.
func (p Problem) keys() []string {
	var names []string
	seen := map[string]bool{}
	for _, op := range p.Ops {
		for _, s := range op.Steps {
			if !seen[s.Key] {
				seen[s.Key] = true
				names = append(names, s.Key)
			}
		}
	}
	return names
}

// elements are what is put into sets and lists.
func (p Problem) elements() []element {
	var es []element
	seen := map[element]bool{}
	for _, op := range p.Ops {
		for _, s := range op.Steps {
			e := element{s.Key, s.Value.N}
			if (s.F == history.Add || s.F == history.Remove || s.F == history.Append) && !seen[e] {
				seen[e] = true
				es = append(es, e)
			}
		}
	}
	return es
}

// withoutElements takes elements out of a step: what puts one in or takes one out is
// gone, and reads have not seen it.
func withoutElements(s history.Step, out map[element]bool) (history.Step, bool) {
	switch s.F {
	case history.Add, history.Remove, history.Append:
		return s, !out[element{s.Key, s.Value.N}]
	case history.Read:
		if s.Value.List != nil {
			s.Value.List = slices.DeleteFunc(slices.Clone(s.Value.List), func(n int64) bool { return out[element{s.Key, n}] })
		} else if out[element{s.Key, s.Value.N}] {
			s.Value = history.Value{}
		}
	}
	return s, true
}
