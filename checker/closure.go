package checker

import (
	"slices"

	"github.com/mlcheck/mlcheck/checker/naive"
	"github.com/mlcheck/mlcheck/history"
)

// closed adds to some operations the writes of everything that they read, and of
// what those read, and so on.
func (pr *prover) closed(ops []int) []int {
	in := map[int]bool{}
	var all []int
	add := func(k int) {
		if !in[k] {
			in[k] = true
			all = append(all, k)
		}
	}
	for _, k := range ops {
		add(k)
	}
	for i := 0; i < len(all); i++ {
		from, to := pr.ix.h.Steps(all[i])
		for s := from; s < to; s++ {
			pr.eachWriter(s, func(w int32) { add(pr.ix.opOfStep(w)) })
		}
	}
	slices.Sort(all)
	return all
}

// eachWriter calls f with every step that may have written something which step s read.
func (pr *prover) eachWriter(s int, f func(w int32)) {
	h := pr.ix.h
	if h.StepF(s) != history.Read {
		return
	}
	key := int32(h.StepKey(s))
	for _, v := range asList(h.StepValue(s)) {
		if pr.ix.kind[key] == counter {
			return
		}
		if w, ok := pr.ix.values.get(key, v); ok {
			f(w)
		}
		if sk := pr.ix.sets[key]; sk != nil && pr.ix.values.twice(key, v) {
			for _, a := range sk.elems[sk.at[v]].adds {
				f(a)
			}
		}
	}
}

// maxRefutations bounds how many excuses are refuted by a path of their own.
const maxRefutations = 64

// refuted adds the shortest causal paths between the excuses and the rest, which
// show that they excuse nothing.
func (pr *prover) refuted(ops, excuses []int) []int {
	o := pr.ix.co()
	more := slices.Clone(ops)
	left := maxRefutations
	for _, x := range excuses {
		for _, k := range ops {
			for _, pair := range [][2]int{{x, k}, {k, x}} {
				if a, b, ok := o.eventsBefore(pair[0], pair[1]); ok && left > 0 {
					left--
					more = append(more, pr.ix.opsOf(o.path(a, b))...)
				}
			}
		}
	}
	return pr.closed(more)
}

// eventsBefore are events of two operations of which the first is before the second.
func (o *order) eventsBefore(j, k int) (a, b int32, ok bool) {
	if j == k {
		return 0, 0, false
	}
	from, to := o.ix.events(j)
	first, last := o.ix.events(k)
	for a := from; a < to; a++ {
		for b := last - 1; b >= first; b-- {
			if o.slot[a] >= 0 && o.row[b] >= 0 && o.before(a, b) {
				return a, b, true
			}
		}
	}
	return 0, 0, false
}

// pastOf adds the whole causal past, the nearest first; false: it has more
// operations than a naive checker takes, and only a part of it is there.
func (pr *prover) pastOf(ops []int) ([]int, bool) {
	if pr.ix.h.Len() <= naive.Largest {
		all := make([]int, pr.ix.h.Len())
		for k := range all {
			all[k] = k
		}
		return all, true
	}
	o := pr.ix.co()
	in := map[int]bool{}
	all := slices.Clone(ops)
	for _, k := range ops {
		in[k] = true
	}
	for i := 0; i < len(all) && len(all) <= naive.Largest; i++ {
		first, last := pr.ix.events(all[i])
		for e := first; e < last; e++ {
			for _, g := range o.previous(e) {
				if k := pr.ix.op(g); !in[k] {
					in[k] = true
					all = append(all, k)
				}
			}
		}
	}
	all = pr.closed(all)
	return all, len(all) <= naive.Largest
}

// previous are the events that e directly follows, in its own session too.
func (o *order) previous(e int32) []int32 {
	gs := o.direct(e)
	s, pos := o.slot[e], o.pos[e]
	if b, ok := o.base[e]; ok {
		s, pos = b.slot, b.pos
	}
	if s >= 0 && pos > 0 {
		gs = append(gs, o.slots[s].events[pos-1])
	}
	return gs
}
