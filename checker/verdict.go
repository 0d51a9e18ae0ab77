package checker

import (
	"fmt"
	"strings"

	"github.com/mlcheck/mlcheck/history"
)

// tally sorts the properties by what counts for the verdict.
type tally struct {
	violated, unknown, holds, excused, observed, undecided, unclear []string
}

func tallyOf(res *Results) tally {
	var t tally
	for _, name := range sortedNames(res.Properties) {
		switch d := res.Properties[name]; {
		case !d.Claimed && d.Verdict == Violated:
			t.observed = append(t.observed, named(name, d))
		case !d.Claimed && d.Verdict == Unknown && !strings.HasPrefix(d.Reason, "0 chances"):
			t.unclear = append(t.unclear, name)
		case !d.Claimed:
		case d.Verdict == NotDecided:
			t.undecided = append(t.undecided, name)
		case d.Excused != "":
			t.excused = append(t.excused, named(name, d)+", "+d.Excused)
		case d.Verdict == Violated:
			t.violated = append(t.violated, named(name, d))
		case d.Verdict == Unknown:
			t.unknown = append(t.unknown, name+" ("+d.Reason+")")
		default:
			t.holds = append(t.holds, name)
		}
	}
	return t
}

func named(name string, d *Decided) string { return fmt.Sprintf("%s (%d)", name, d.Violations) }

// combine is the verdict over everything that is claimed: violated outweighs
// unknown, which outweighs holds. What is not claimed is only observed, and a
// run that decided no claim proves nothing.
func combine(res *Results, h *history.History) {
	t := tallyOf(res)
	doubts := doubts(res, h)
	switch {
	case len(t.violated) > 0:
		res.Verdict, res.Exit = Violated, ExitViolated
		res.Why = joined(t.violated) + plurals(len(t.violated), " is violated", " are violated")
	case len(t.unknown) > 0:
		res.Verdict, res.Exit = Unknown, ExitUnknown
		res.Why = "not known: " + strings.Join(t.unknown, "; ")
	case len(doubts) > 0:
		res.Verdict, res.Exit = Unknown, ExitUnknown
		res.Why = "not known: " + strings.Join(doubts, "; ")
	case len(t.holds) > 0:
		res.Verdict, res.Exit = Holds, ExitHolds
		res.Why = joined(t.holds) + plurals(len(t.holds), " holds", " hold")
	case len(t.undecided)+len(t.excused) > 0:
		res.Verdict, res.Exit = Unknown, ExitUnknown
		res.Why = "no claim was decided, so nothing was proved; this workload cannot express " + strings.Join(t.undecided, ", ")
	default:
		res.Verdict, res.Exit = Unknown, ExitUnknown
		res.Why = "nothing is claimed, so nothing was judged (--claim names what should hold)"
	}
	for _, more := range []struct {
		word  string
		names []string
	}{{"violated but excused", t.excused}, {"violated though nobody claims it", t.observed}, {"not known, and not claimed", t.unclear}} {
		if len(more.names) > 0 {
			res.Why += "; " + more.word + ": " + strings.Join(more.names, ", ")
		}
	}
}

// doubts are reasons why a run cannot pass even if every claim looks fine.
func doubts(res *Results, h *history.History) []string {
	var ds []string
	if h.Damage != "" {
		ds = append(ds, "the history is damaged: "+h.Damage)
	}
	if !ended(h) {
		ds = append(ds, "the run did not come to its end")
	}
	for _, f := range res.Faults {
		switch f.State {
		case notMeasured:
			ds = append(ds, fmt.Sprintf("fault %d (%s) was planned, but nobody measured whether it was there", f.Fault, f.What))
		case absent:
			ds = append(ds, fmt.Sprintf("fault %d (%s) was planned but measured to be absent", f.Fault, f.What))
		case stuck:
			ds = append(ds, fmt.Sprintf("fault %d (%s) was still there after healing", f.Fault, f.What))
		}
	}
	return ds
}

// ended is false for a run that says where it stands and stops before its end:
// interrupted, killed, or out of disk. A history from elsewhere has no stages.
func ended(h *history.History) bool {
	staged := false
	for _, ev := range h.Events {
		if ev.Type == history.StageEvent {
			staged = true
			if ev.Stage == history.StageEnd {
				return true
			}
		}
	}
	return !staged
}

func plurals(n int, one, many string) string {
	if n == 1 {
		return one
	}
	return many
}
