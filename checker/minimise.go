package checker

import (
	"slices"

	"github.com/mlcheck/mlcheck/history"
)

// maxTries bounds how often the checkers are asked for one finding. It is a number
// and no time, so that the same history gives the same findings.
const maxTries = 300

// minimise takes away what the finding does not need. First everything but the
// excuses, sessions before keys before single operations; then, since what is
// left has refuted them, the excuses that it shows without. What leaders ended
// with stays: it is the state that the finding is about.
func (w *witness) minimise() {
	needed := func(p int) bool { return w.fixed[p] }
	w.shrink(needed)
	if slices.Contains([]string{"below its interval", "above its interval", "beyond its interval"}, w.label) {
		return // the sum is the argument
	}
	w.shrink(func(p int) bool { return !w.fixed[p] || w.h.Final(p) })
}

// shrink drops what may be dropped, in ever smaller parts, until no single
// operation can go (ddmin: Zeller and Hildebrandt 2002).
func (w *witness) shrink(needed func(p int) bool) {
	free := func() []int {
		return slices.DeleteFunc(slices.Clone(w.keep), func(p int) bool { return needed(p) || w.h.Index(p) == w.at })
	}
	if w.drop(free(), needed) {
		return
	}
	for _, group := range w.groups(free(), func(p int) int { return w.h.Session(p) }) {
		w.drop(group, needed)
	}
	for _, group := range w.groups(free(), func(p int) int { from, _ := w.h.Steps(p); return w.h.StepKey(from) }) {
		w.drop(group, needed)
	}
	for size := len(free()) / 2; size > 0; size /= 2 {
		for again := true; again; {
			again = false
			for part := range slices.Chunk(free(), size) {
				again = w.drop(part, needed) || again
			}
			again = again && size == 1
		}
	}
}

// groups are the operations with the same number, in order of their first.
func (w *witness) groups(ps []int, number func(p int) int) [][]int {
	var groups [][]int
	at := map[int]int{}
	for _, p := range ps {
		from, to := w.h.Steps(p)
		if from == to {
			continue
		}
		n := number(p)
		i, known := at[n]
		if !known {
			i = len(groups)
			at[n], groups = i, append(groups, nil)
		}
		groups[i] = append(groups[i], p)
	}
	return groups
}

// drop leaves operations out, and with them those that read what they wrote, if
// the rest still shows the finding.
func (w *witness) drop(ps []int, needed func(p int) bool) bool {
	gone := w.withReaders(slices.DeleteFunc(slices.Clone(ps), func(p int) bool { return !slices.Contains(w.keep, p) }))
	if len(gone) == 0 || w.tries == 0 || w.ctx.Err() != nil {
		return false
	}
	for p := range gone {
		if needed(p) || w.h.Index(p) == w.at {
			return false
		}
	}
	rest := slices.DeleteFunc(slices.Clone(w.keep), func(p int) bool { return gone[p] })
	w.tries--
	if !w.still(rest) {
		return false
	}
	w.keep = rest
	return true
}

// withReaders adds, again and again, the operations that read what is to go, or
// follow it by a token, so that what is left stays closed.
func (w *witness) withReaders(ps []int) map[int]bool {
	gone, written := map[int]bool{}, map[keyed]bool{}
	leave := func(p int) {
		gone[p] = true
		from, to := w.h.Steps(p)
		for s := from; s < to; s++ {
			if v, ok := writtenValue(w.h, s); ok {
				written[keyed{int32(w.h.StepKey(s)), v}] = true
			}
		}
	}
	for _, p := range ps {
		leave(p)
	}
	for before := -1; before < len(gone); {
		before = len(gone)
		for _, p := range w.keep {
			if !gone[p] && (w.readsAny(p, written) || gone[handedOver(w.h, p)]) {
				leave(p)
			}
		}
	}
	return gone
}

func (w *witness) readsAny(p int, written map[keyed]bool) bool {
	from, to := w.h.Steps(p)
	for s := from; s < to; s++ {
		if w.h.StepF(s) == history.Read && slices.ContainsFunc(asList(w.h.StepValue(s)), func(v int64) bool {
			return written[keyed{int32(w.h.StepKey(s)), v}]
		}) {
			return true
		}
	}
	return false
}
