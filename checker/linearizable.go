package checker

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/mlcheck/mlcheck/history"
)

func linearizable() Property {
	return Property{
		Name:    "linearizable",
		Title:   "Linearizability: every key behaves as if there were one copy of it, and every operation took effect at one instant between its start and its answer.",
		Source:  "Herlihy and Wing 1990; Gibbons and Korach 1997 (zones); Golab, Li, Shah 2011 (staleness)",
		Applies: linearApplies,
		Check: func(ctx context.Context, h *history.History) Result {
			return checkLinearizable(ctx, indexFor(ctx, h))
		},
	}
}

// linearApplies says why a history cannot decide whether it is linearizable, or "".
func linearApplies(h *history.History) string {
	if p := h.Header.Policy; notByCausality(p) {
		return fmt.Sprintf("policy %s does not let the later write win, as a register does", p)
	}
	if !recordsOrder(h) {
		return "this history does not say which operation was over before another began"
	}
	for s := range stepCount(h) {
		if h.StepF(s).IsWrite() {
			return ""
		}
	}
	return "nothing is written"
}

// recordsOrder says whether the record shows real time: some operation took time,
// or was open while another began. In a format that holds neither, operations
// stand one after the other although they may have overlapped.
func recordsOrder(h *history.History) bool {
	for k := range h.Len() {
		if h.Return(k) > 0 && h.End(k) > h.Start(k) {
			return true
		}
		if k > 0 && (h.Return(k-1) == 0 || h.Return(k-1) > h.Index(k)) {
			return true
		}
	}
	return false
}

func checkLinearizable(ctx context.Context, ix *index) Result {
	as := ix.accesses()
	r := Result{}
	judged, err := as.judge(ctx)
	if err != nil {
		return Result{Verdict: Unknown, Reason: "the check was stopped before its end: " + err.Error()}
	}
	for _, kz := range judged {
		kz.report(&r)
	}
	open := as.searchRest(ctx, &r, judged)
	r.Chances = as.chances()
	r.Findings = smallest(r.Findings)
	switch {
	case r.Violations > 0:
		r.Verdict = Violated
		r.Reason = "no order that keeps real time explains every answer" + staleness(r)
	case len(open) > 0:
		r.Verdict, r.Reason = Unknown, firstOf(open)
	case r.Chances == 0:
		r.Verdict, r.Reason = Unknown, "0 chances: no write overlapped with another operation on its key"
	default:
		r.Verdict = Holds
		r.Reason = fmt.Sprintf("some order that keeps real time explains every answer (%s)", plural(r.Chances, "chance", "chances"))
	}
	return r
}

// The names of the two measures of staleness among a result's counts.
const (
	countDelta  = "stale by up to (µs)"
	countBehind = "behind by up to (versions, at least)"
)

func staleness(r Result) string {
	words := ""
	if d := r.Counts[countDelta]; d > 0 {
		words += fmt.Sprintf("; reads were stale by up to %v", time.Duration(d)*time.Microsecond)
	}
	if n := r.Counts[countBehind]; n > 0 {
		words += fmt.Sprintf("; behind by %s at least", plural(n, "version", "versions"))
	}
	return words
}

// firstOf names one reason, and how many others there are.
func firstOf(reasons []string) string {
	if len(reasons) == 1 {
		return reasons[0]
	}
	return fmt.Sprintf("%s; and %s more not decided", reasons[0], plural(len(reasons)-1, "group of keys", "groups of keys"))
}

// judge looks at every register by zones, keys side by side.
func (as *accesses) judge(ctx context.Context) ([]*keyZones, error) {
	zoneOf := make([]int32, stepCount(as.ix.h))
	parts, err := parallelBy(ctx, 1, len(as.n), func(from, _ int) *keyZones {
		key := int32(from)
		if as.n[key] == 0 || !as.zoned(key) {
			return nil
		}
		kz := &keyZones{ix: as.ix, key: key, acc: as.of(key), zoneOf: zoneOf}
		kz.judge()
		return kz
	})
	return slices.DeleteFunc(parts, func(kz *keyZones) bool { return kz == nil }), err
}

// broken says whether something is wrong with the register.
func (kz *keyZones) broken() bool {
	return len(kz.lone)+len(kz.clashes)+len(kz.tangles)+len(kz.twins)+len(kz.late) > 0
}

// report counts what is wrong with one register, and tells of it.
func (kz *keyZones) report(r *Result) {
	if !kz.broken() {
		return
	}
	r.count("keys", 1)
	for _, l := range kz.lone {
		r.count(l.label, 1)
		r.add(func() Finding { return kz.loneFinding(l) })
	}
	for _, c := range kz.clashes {
		r.count(kz.label(c), 1)
		r.add(func() Finding { return kz.clashFinding(c) })
	}
	for _, c := range kz.tangles {
		label := kz.tangled(c)
		r.count(label, 1)
		r.add(func() Finding { return kz.tangleFinding(label, c) })
	}
	for _, t := range kz.twins {
		r.count("lost update", 1)
		r.add(func() Finding { return kz.twinFinding(t) })
	}
	for _, u := range kz.late {
		r.count("nothing without a delete", 1)
		r.add(func() Finding { return kz.nothingFinding(u) })
	}
	if d := kz.delta(); d > 0 {
		r.Counts[countDelta] = max(r.Counts[countDelta], int(d/time.Microsecond))
	}
	if n := kz.behind(); n > 0 {
		r.Counts[countBehind] = max(r.Counts[countBehind], n)
	}
}

// chances counts pairs of operations on one key that overlap in time, one of
// them a write: there two orders are possible. O(n log n).
func (as *accesses) chances() int {
	h := as.ix.h
	n := 0
	for key := range int32(len(as.n)) {
		var ends, writeEnds []int
		for _, a := range as.of(key) {
			if end := h.Return(int(a.op)); end > 0 {
				ends = append(ends, end)
				if a.write >= 0 {
					writeEnds = append(writeEnds, end)
				}
			}
		}
		slices.Sort(ends)
		slices.Sort(writeEnds)
		begun, writes, over, writesOver := 0, 0, 0, 0
		for _, a := range as.of(key) {
			at := h.Index(int(a.op))
			for over < len(ends) && ends[over] < at {
				over++
			}
			for writesOver < len(writeEnds) && writeEnds[writesOver] < at {
				writesOver++
			}
			if a.write >= 0 {
				n += begun - over
				writes++
			} else {
				n += writes - writesOver
			}
			begun++
		}
	}
	return n
}

// linearContradiction finds a weaker property that is violated though the history
// is linearizable. That is sure only where it has nothing but registers, read
// and written one at a time: the steps of an operation have no order here, and a set
// has no version.
func (ix *index) linearContradiction(res *Results) error {
	if !ix.single {
		return nil
	}
	for s, src := range ix.src {
		if src == srcList || ix.kind[ix.h.StepKey(s)]&^register != 0 {
			return nil
		}
	}
	return contradicts(res, "linearizable", []string{
		"ccv", "cm", "cc", "read-your-writes", "monotonic-reads", "monotonic-writes", "writes-follow-reads",
	})
}
