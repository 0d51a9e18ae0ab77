package checker

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/mlcheck/mlcheck/history"
)

// ResultsFormat names the format of results.json.
const ResultsFormat = "mlcheck.results/1"

// Options says what to check besides what the history's header says.
type Options struct {
	Claims []history.Claim // added to the header's, for instance from the command line
	Only   []string        // names of properties; empty: all of them, and Replication
	Search Search          // decides what only a search can; nil: that stays unknown
	// Bare leaves findings as they were found, neither confirmed nor with histories of
	// their own: for many runs of which verdicts alone are looked at.
	Bare bool
}

// Check decides every property of a history and combines the claims into one
// verdict. The same history gives the same results; Repeat and HistorySHA are the
// caller's to fill in. A property whose check fails becomes unknown and
// leaves the others alone; a context that ends makes those unknown that were
// not decided yet.
func Check(ctx context.Context, h *history.History, opt Options) *Results {
	res := &Results{
		Format: ResultsFormat, Seed: h.Header.Seed, Properties: map[string]*Decided{},
		Power: map[string]int{}, Faults: []FaultReport{}, Measures: map[string]float64{},
	}
	var ix *index
	if err := guard(func() {
		ix = newIndex(h)
		res.Faults, res.Notes = faultReports(ix), notesOf(h)
		res.Measures = measures(ix)
	}); err != nil {
		internalError(res, err)
		return res
	}
	ctx = withSearch(withIndex(ctx, ix), opt.Search)
	props := slices.DeleteFunc(All(), func(p Property) bool { return len(opt.Only) > 0 && !slices.Contains(opt.Only, p.Name) })
	decided := make([]*Decided, len(props))
	var failed [2]error
	var wg sync.WaitGroup
	wg.Go(func() { failed[0] = guard(func() { res.Power = power(ctx, ix, res.Faults) }) })
	if len(opt.Only) == 0 {
		wg.Go(func() { failed[1] = guard(func() { res.Replication = replication(ix) }) })
	}
	for i, p := range props {
		wg.Go(func() { decided[i] = decide(ctx, ix, p) })
	}
	wg.Wait()
	if err := cmp.Or(failed[0], failed[1]); err != nil {
		internalError(res, err)
		return res
	}
	var denied error
	if !opt.Bare {
		denied = prove(ctx, ix, props, decided)
	}
	for i, p := range props {
		res.Properties[p.Name] = decided[i]
	}
	claim(res, h, append(slices.Clone(h.Header.Claims), opt.Claims...), opt.Only)
	if err := cmp.Or(denied, contradiction(res), ix.linearContradiction(res)); err != nil {
		internalError(res, err)
		return res
	}
	combine(res, h)
	return res
}

// decide runs one property's check.
func decide(ctx context.Context, ix *index, p Property) *Decided {
	d := &Decided{Title: p.Title}
	if why := cannotDecide(ix.h, p); why != "" {
		d.Result = Result{Verdict: NotDecided, Reason: why}
		return d
	}
	d.Decided = true
	if err := guard(func() { d.Result = p.Check(ctx, ix.h) }); err != nil {
		d.Result = Result{Verdict: Unknown, Reason: firstLine(err.Error())}
	}
	if ix.h.Damage != "" && d.Verdict == Holds {
		d.Verdict, d.Reason = Unknown, fmt.Sprintf("in what could be read %s, but the history is damaged: %s", d.Reason, ix.h.Damage)
	}
	return d
}

// cannotDecide says why this workload or format cannot express a property, or "".
func cannotDecide(h *history.History, p Property) string {
	if names := h.Header.Decides; len(names) > 0 && !slices.Contains(names, p.Name) {
		return fmt.Sprintf("the workload %s does not try it", h.Header.Workload)
	}
	if why := nameless(h, p.Name); why != "" || p.Applies == nil {
		return why
	}
	return p.Applies(h)
}

func firstLine(s string) string {
	line, _, _ := strings.Cut(s, "\n")
	return line
}

// claim notes on every property who claims it, and excuses violations that come
// with a kind of fault under which no claim is made.
func claim(res *Results, h *history.History, claims []history.Claim, only []string) {
	kinds := map[string]bool{}
	for _, f := range res.Faults {
		if f.State != absent {
			kinds[f.Kind] = true
		}
	}
	strict := map[string]bool{} // claimed without an exception that applies
	for _, c := range claims {
		if len(only) > 0 && !slices.Contains(only, c.Property) {
			continue
		}
		d := res.Properties[c.Property]
		if d == nil {
			d = &Decided{Result: Result{Verdict: NotDecided, Reason: "this version of mlcheck has no checker for it"}}
			res.Properties[c.Property] = d
		}
		d.Claimed = true
		d.By = also(d.By, c.Source, h.Header.Target)
		excepted := slices.DeleteFunc(slices.Clone(c.Except), func(k string) bool { return !kinds[k] })
		for _, k := range c.Except {
			if !slices.Contains(d.Except, k) {
				d.Except = append(d.Except, k)
			}
		}
		if len(excepted) == 0 {
			strict[c.Property] = true
		} else if d.Verdict == Violated {
			d.Excused = fmt.Sprintf("not promised under %s, which was in this run", joined(excepted))
		}
	}
	for name, d := range res.Properties {
		if strict[name] {
			d.Excused = ""
		}
	}
}

// also adds who claims a property to who claims it already.
func also(by, source, target string) string {
	if source == "" {
		source = "the target"
		if target != "" {
			source = "the target " + target
		}
	}
	switch {
	case by == "":
		return source
	case strings.Contains(by, source):
		return by
	}
	return by + "; " + source
}

// implied are the properties that hold wherever the first one does, on the same
// causal order.
var implied = map[string][]string{
	"cc":  {"read-your-writes", "monotonic-reads", "monotonic-writes", "writes-follow-reads"},
	"ccv": {"cc"},
	"cm":  {"cc"},
}

// contradiction finds verdicts that cannot both be right.
func contradiction(res *Results) error {
	for _, strong := range sortedNames(implied) {
		if err := contradicts(res, strong, implied[strong]); err != nil {
			return err
		}
	}
	return nil
}

// contradicts finds a property that is violated though a stronger one holds.
func contradicts(res *Results, strong string, weaker []string) error {
	c := res.Properties[strong]
	if c == nil || c.Verdict != Holds {
		return nil
	}
	for _, name := range weaker {
		if d := res.Properties[name]; d != nil && d.Verdict == Violated && d.Violations > d.Counts[ofCounters] {
			return fmt.Errorf("%s holds, yet %s is certainly violated %s: one of the two checkers is wrong", strong, name, plural(d.Violations, "time", "times"))
		}
	}
	return nil
}

// internalError gives up on a verdict: mlcheck itself is wrong.
func internalError(res *Results, err error) {
	res.Verdict, res.Exit = Unknown, ExitInternal
	res.Why = "internal error, so nothing here can be trusted: " + firstLine(err.Error())
}

// The exit statuses of a check; 3 and above say that mlcheck could not do what was asked.
const (
	ExitHolds    = 0
	ExitViolated = 1
	ExitUnknown  = 2
	ExitInternal = 4
)
