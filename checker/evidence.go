package checker

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/mlcheck/mlcheck/checker/naive"
	"github.com/mlcheck/mlcheck/history"
)

// Why a finding could not be confirmed. None of it makes it wrong.
const (
	noConfirmer = "there is no naive checker of this property yet"
	tooLarge    = "too large for the naive checker"
	cutShort    = "the check was stopped before that"
	notAlone    = "the history has a causal cycle, and what else is wrong with it depends on where it is cut"
)

// prove gives every finding its smallest history and has it confirmed there. One
// that the naive checker denies is no finding but an error in mlcheck.
func prove(ctx context.Context, ix *index, props []Property, decided []*Decided) error {
	near := ix.nearOps(decided)
	search := sync.OnceValue(func() *naive.Search { return naive.NewSearch(ix.h) })
	failed := make([]error, len(props))
	var wg sync.WaitGroup
	for i, p := range props {
		if len(decided[i].Findings) == 0 {
			continue
		}
		wg.Go(func() {
			pr := &prover{ctx: ctx, ix: ix, property: p, near: near, search: search}
			pr.confirmer, pr.known = naive.For(p.Name)
			if err := guard(func() { failed[i] = pr.all(&decided[i].Result) }); err != nil {
				failed[i] = err
			}
		})
	}
	wg.Wait()
	return errors.Join(failed...)
}

// prover makes the evidence for one property.
type prover struct {
	ctx       context.Context
	ix        *index
	property  Property
	confirmer naive.Confirmer
	known     bool // there is a confirmer
	near      map[int32][]int32
	search    func() *naive.Search
}

// all replaces a result's findings by those that were confirmed, or could not be
// asked about, smallest first.
func (pr *prover) all(r *Result) error {
	var kept []Finding
	var errs []error
	for _, f := range r.Findings {
		if err := pr.one(&f); err != nil {
			errs = append(errs, err)
			continue
		}
		kept = append(kept, f)
	}
	if r.Findings = smallest(kept); pr.property.Name == "no-stale-wins" {
		pr.ix.acrossFirst(r.Findings)
	}
	return errors.Join(errs...)
}

// one makes the evidence for one finding.
func (pr *prover) one(f *Finding) error {
	defer func() { f.Diagram = pr.ix.diagram(f) }()
	if pr.ctx.Err() != nil {
		f.Unconfirmed = cutShort
		return nil
	}
	w, err := pr.witness(f)
	if err != nil {
		return err
	}
	if f.Confirmed && f.Label != "no order" { // to ask for that takes a process each time
		w.minimise()
	}
	pr.tell(f, w)
	return nil
}

// witness is a history in which the finding shows: its own operations and what
// could excuse it, or if that is not enough to tell, its whole causal past. If
// there is a confirmer it has been asked.
func (pr *prover) witness(f *Finding) (*witness, error) {
	excuses := pr.excuses(f)
	base := pr.closed(slices.Concat(pr.positions(f.Ops), excuses))
	w := pr.newWitness(f, base, excuses)
	if !pr.known || !naive.Knows(pr.property.Name, f.Label) {
		f.Unconfirmed = noConfirmer
		return w, nil
	}
	var denied error
	for _, wider := range []func() ([]int, bool){
		func() ([]int, bool) { return base, true },
		func() ([]int, bool) { return pr.refuted(base, excuses), true },
		func() ([]int, bool) { return pr.pastOf(base) },
	} {
		ops, whole := wider()
		if !pr.confirmer.Linear && (!whole || len(ops) > naive.Largest) {
			f.Unconfirmed = tooLarge
			return w, nil
		}
		w = pr.newWitness(f, ops, excuses)
		all, gaveUp := w.asked(f.Ops)
		if len(all) == 0 && gaveUp {
			f.Unconfirmed = tooLarge
			return w, nil
		}
		for _, meant := range all {
			if denied = meant.nothingLater(); denied == nil {
				f.Confirmed = true
				return &meant, nil
			}
		}
	}
	if len(pr.ix.co().cycles) > 0 && f.Label != "CyclicCO" {
		f.Unconfirmed = notAlone
		return w, nil
	}
	if denied != nil {
		return nil, denied
	}
	return nil, fmt.Errorf("%s: the naive checker does not find the %s of operations %v: one of the two checkers is wrong", pr.property.Name, f.Label, f.Ops)
}

// nothingLater confirms what no part of a history can show: that no write of the
// key was made after the one that is lost.
func (w *witness) nothingLater() error {
	if w.lost == "" {
		return nil
	}
	h := w.ix.h
	k, _ := h.Pos(w.at)
	lost := w.stepOn(k)
	own := w.ix.eventOf(int32(lost))
	s, found := w.search().Follows(lost, func(s int) bool {
		return h.Keys()[h.StepKey(s)] == w.lost && h.StepF(s).IsWrite() && w.ix.eventOf(int32(s)) != own
	})
	if !found {
		return nil
	}
	return fmt.Errorf("%s: #%d is no %s, since #%d wrote the key after it: one of the two checkers is wrong",
		w.property.Name, w.at, w.label, h.Index(w.ix.opOfStep(int32(s))))
}

// stepOn is the last step by which operation k wrote the key of the lost write.
func (w *witness) stepOn(k int) int {
	from, s := w.ix.h.Steps(k)
	for s--; s > from; s-- {
		if w.ix.h.StepF(s).IsWrite() && w.ix.h.Keys()[w.ix.h.StepKey(s)] == w.lost {
			break
		}
	}
	return s
}

// tell completes the finding: what is in its history, and what is told of it. If
// minimising took away what the story speaks of, the story of what is left takes
// its place; the identifier stays that of the violation.
func (pr *prover) tell(f *Finding, w *witness) {
	again, shows := w.again()
	if !shows {
		return // without a history of its own
	}
	kept := w.indexes()
	told := !slices.ContainsFunc(f.Ops, func(i int) bool { return !slices.Contains(kept, i) })
	if !told || f.Confirmed && len(again.Ops) < len(f.Ops) {
		f.Story, f.Ops, f.Edges = again.Story, again.Ops, again.Edges
	}
	f.Beside = slices.DeleteFunc(kept, func(i int) bool { return slices.Contains(f.Ops, i) })
	f.File = pr.property.Name + "-" + f.ID + ".jsonl"
}

// positions are those of operations that are named by their index.
func (pr *prover) positions(indexes []int) []int {
	var ps []int
	for _, i := range indexes {
		if k, ok := pr.ix.h.Pos(i); ok {
			ps = append(ps, k)
		}
	}
	return ps
}

// Witness is a finding's own history: the operations that show it, under a header
// that claims only the property, with the stages, the faults and the clocks of
// the run. Indexes stay. [Check] finds the same in it.
func Witness(h *history.History, property string, f Finding) *history.History {
	var keep []int
	for _, i := range slices.Concat(f.Ops, f.Beside) {
		if k, ok := h.Pos(i); ok {
			keep = append(keep, k)
		}
	}
	return alone(h.Only(keep), property, "finding "+f.ID)
}
