package checker

import (
	"slices"

	"github.com/mlcheck/mlcheck/checker/naive"
	"github.com/mlcheck/mlcheck/history"
)

// witness is a small history that shows a finding, while it is made smaller.
type witness struct {
	*prover
	label string
	at    int              // Op.Index of the operation that is wrong
	lost  string           // the key of the write that is lost, of a finding about one
	h     *history.History // the operations to choose from
	keep  []int            // positions in h
	fixed []bool           // by position in h: belongs to what could excuse the finding
	tries int              // how often the checkers may still be asked
}

func (pr *prover) newWitness(f *Finding, ops, excuses []int) *witness {
	w := &witness{prover: pr, label: f.Label, h: alone(pr.ix.h.Only(ops), pr.property.Name, ""), tries: maxTries}
	w.fixed = make([]bool, w.h.Len())
	for _, k := range excuses {
		if p, ok := w.h.Pos(pr.ix.h.Index(k)); ok {
			w.fixed[p] = true
		}
	}
	for p := range w.h.Len() {
		w.keep = append(w.keep, p)
	}
	return w
}

// asked is what the naive checker finds in all of the history that the finding
// may mean: with its label, and wrong at one of its operations, the last one first.
func (w *witness) asked(ops []int) []witness {
	vs := w.confirmer.Find(w.h)
	var meant []witness
	for _, i := range slices.Backward(ops) {
		for _, v := range vs {
			if v.Label == w.label && slices.Contains(v.Ops, i) {
				one := *w
				one.at, one.lost = i, v.Lost
				meant = append(meant, one)
			}
		}
	}
	return meant
}

// still says whether a part of the history shows the same: by the naive checker,
// and by the fast one, which will be asked when somebody checks the file.
func (w *witness) still(keep []int) bool {
	part := w.h.Only(keep)
	same := func(v naive.Violation) bool {
		return v.Label == w.label && v.Lost == w.lost && slices.Contains(v.Ops, w.at)
	}
	if !slices.ContainsFunc(w.confirmer.Find(part), same) {
		return false
	}
	_, ok := w.found(part)
	return ok
}

// found is what the fast checker says of a part of the history.
func (w *witness) found(part *history.History) (Finding, bool) {
	if w.property.Applies != nil && w.property.Applies(part) != "" {
		return Finding{}, false
	}
	r := w.property.Check(w.ctx, part)
	for _, f := range r.Findings {
		if f.Label == w.label && (w.at == 0 || slices.Contains(f.Ops, w.at)) {
			return f, true
		}
	}
	return Finding{}, false
}

// again is the finding as it shows in what is left.
func (w *witness) again() (Finding, bool) { return w.found(w.h.Only(w.keep)) }

func (w *witness) indexes() []int {
	var is []int
	for _, p := range w.keep {
		is = append(is, w.h.Index(p))
	}
	return is
}

// alone puts a part of a history under a header that claims one property, so that
// nothing else decides the verdict, and leaves only the events that say how the
// run went: stages, faults, and the clocks as they were last measured before each
// operation.
func alone(part *history.History, property, source string) *history.History {
	part.Header.Decides = []string{property}
	part.Header.Claims = []history.Claim{{Property: property, Source: source}}
	clocks := map[int]bool{}
	for k := range part.Len() {
		last := -1
		for i, ev := range part.Events {
			if ev.Type == history.ClockEvent && ev.T <= max(part.Start(k), part.End(k)) {
				last = i
			}
		}
		clocks[last] = true
	}
	i := -1
	part.Events = slices.DeleteFunc(part.Events, func(ev history.Event) bool {
		i++
		return ev.Type == history.MoveEvent || ev.Type == history.ClockEvent && !clocks[i]
	})
	return part
}
