package checker

import (
	"context"
	"fmt"
	"slices"

	"github.com/mlcheck/mlcheck/history"
)

// counting extends a session guarantee to counters, from which no read names
// the writes it returned.
func counting(guarantee func() Property) func() Property {
	return func() Property {
		p := guarantee()
		applies, check := p.Applies, p.Check
		p.Applies = func(h *history.History) string {
			why := applies(h)
			if why != "" && !notByCausality(h.Header.Policy) && readsCounters(h) {
				return ""
			}
			return why
		}
		p.Check = func(ctx context.Context, h *history.History) Result {
			ix := indexFor(ctx, h)
			c := ix.counterSessions(p.Name)
			if applies(h) != "" {
				return c.result(Result{})
			}
			return c.result(check(ctx, h))
		}
		return p
	}
}

func readsCounters(h *history.History) bool {
	for s := range stepCount(h) {
		if h.StepF(s) == history.Inc {
			return true
		}
	}
	return false
}

// counterWalk is what one session knows of one counter at one node.
type counterWalk struct {
	own  []int32 // its acknowledged increments, as steps
	sum  int64   // of them
	last int32   // its last read, a step, or -1
}

// counterBreaches are the reads that broke a session guarantee in counters.
type counterBreaches struct {
	property string
	broken   []Finding
	n        int
	chances  int
	doubtful int // out of bounds, but with both signs it may be something else
}

// counterSessions walks every session at every node. An acknowledged own
// increment must be counted; a counter that only grows must not shrink. Where
// increments have both signs the bounds are wider, and what is outside of them
// is only suspicious: it may as well be an effect that came twice.
func (ix *index) counterSessions(property string) *counterBreaches {
	b := &counterBreaches{property: property}
	of := map[int32]*counterKey{}
	ts := ix.counterKeys()
	ix.overcounted(ts)
	for _, t := range ts {
		if !t.huge {
			of[t.key] = t
		}
	}
	if len(of) == 0 {
		return b
	}
	walks := map[[3]int]*counterWalk{}
	for k := range ix.h.Len() {
		if ix.h.Outcome(k) != history.OK || ix.final(k) {
			continue
		}
		from, to := ix.h.Steps(k)
		for s := from; s < to; s++ {
			key := ix.h.StepKey(s)
			t := of[int32(key)]
			if t == nil || ix.h.StepIsList(s) {
				continue
			}
			place := [3]int{ix.h.Session(k), ix.node(k), key}
			if ix.h.Header.SessionScope == "client" {
				place[1] = -1
			}
			if walks[place] == nil {
				walks[place] = &counterWalk{last: -1}
			}
			ix.counterStep(b, t, walks[place], k, int32(s))
		}
	}
	return b
}

func (ix *index) counterStep(b *counterBreaches, t *counterKey, w *counterWalk, k int, s int32) {
	v, _ := ix.h.StepInt(int(s))
	if ix.h.StepF(int(s)) != history.Read {
		w.own, w.sum = append(w.own, s), w.sum+v
		return
	}
	n := t.askedBy(ix, k)
	if b.property == "read-your-writes" && len(w.own) > 0 {
		b.chances++
		b.judge(w.ownMissing(t, v), t.off(v-w.sum, n), t, func(missed int32) Finding { return ix.ownCountFinding(t, w, missed, s) })
	}
	if b.property == "monotonic-reads" && w.last >= 0 {
		b.chances++
		before, _ := ix.h.StepInt(int(w.last))
		b.judge(t.seenMissing(before, v), t.off(v-before, n), t, func(int32) Finding { return ix.shrunkFinding(w, s) })
	}
	w.last = s
}

// off says whether a value cannot be what it must contain and, beside that, any
// choice of the first n increments.
func (t *counterKey) off(difference int64, n int) bool {
	least, greatest := t.sums(n)
	if t.oneWay() { // too much of it is no matter of what a session knows
		return greatest == 0 && difference > 0 || least == 0 && difference < 0
	}
	return difference < least || difference > greatest
}

// ownMissing is an own increment that a value certainly does not have in it, or -1.
func (w *counterWalk) ownMissing(t *counterKey, v int64) int32 {
	exact := t.exactly()
	if exact == nil || t.over {
		return -1
	}
	for i, s := range exact.of {
		if s > 0 && times(v, i) == 0 && slices.Contains(w.own, s-1) {
			return s - 1
		}
	}
	return -1
}

// seenMissing is an increment that was in one value and is not in the next, or -1.
func (t *counterKey) seenMissing(before, v int64) int32 {
	exact := t.exactly()
	if exact == nil || t.over {
		return -1
	}
	for i, s := range exact.of {
		if s > 0 && times(before, i) > 0 && times(v, i) == 0 {
			return s - 1
		}
	}
	return -1
}

func (b *counterBreaches) judge(missed int32, off bool, t *counterKey, words func(missed int32) Finding) {
	switch {
	case missed < 0 && !off:
	case missed < 0 && (t.over || !t.oneWay()):
		b.doubtful++
	default:
		if b.n++; b.n <= candidates {
			b.broken = append(b.broken, words(missed))
		}
	}
}

func (ix *index) ownCountFinding(t *counterKey, w *counterWalk, missed, s int32) Finding {
	if missed < 0 {
		missed = w.own[len(w.own)-1]
	}
	k, own := ix.opOfStep(s), ix.opOfStep(missed)
	n, _ := ix.h.StepInt(int(missed))
	story := fmt.Sprintf("%s had added %d to %s at %s, %s, and %d in all. Then it read %s there at %s (#%d), which does not have all of it.",
		upper(ix.who(k)), n, ix.h.Keys()[t.key], ix.nodeName(own), ix.acked(ix.eventOf(missed)), w.sum, ix.assigned(s), seconds(ix.when(k)), ix.h.Index(k))
	edge := Edge{From: ix.h.Index(own), To: ix.h.Index(k), Kind: "so", Because: fmt.Sprintf("%s did both at %s", ix.who(k), ix.nodeName(k))}
	return ix.finding("read-your-writes", "own increment not counted", story, []int{own, k}, []Edge{edge})
}

func (ix *index) shrunkFinding(w *counterWalk, s int32) Finding {
	a, k := ix.opOfStep(w.last), ix.opOfStep(s)
	story := fmt.Sprintf("%s read %s at %s at %s (#%d), and then %s there at %s (#%d), which has not all of that in it.",
		upper(ix.who(k)), ix.assigned(w.last), ix.nodeName(a), seconds(ix.when(a)), ix.h.Index(a), ix.assigned(s), seconds(ix.when(k)), ix.h.Index(k))
	edge := Edge{From: ix.h.Index(a), To: ix.h.Index(k), Kind: "so", Because: fmt.Sprintf("%s did both at %s", ix.who(k), ix.nodeName(k))}
	return ix.finding("monotonic-reads", "counter went back", story, []int{a, k}, []Edge{edge})
}

// result adds what counters show to what the other keys do.
func (b *counterBreaches) result(r Result) Result {
	if b.chances == 0 && r.Verdict != "" {
		return r
	}
	r.count("suspicious", b.doubtful)
	r.count(ofCounters, b.n)
	r.Chances, r.Violations = r.Chances+b.chances, r.Violations+b.n
	r.Findings = smallest(append(r.Findings, b.broken...))
	switch {
	case b.n > 0 && r.Verdict != Violated:
		r.Verdict, r.Reason = Violated, ""
	case b.n == 0 && (r.Verdict == "" || r.Verdict == Unknown) && b.chances > 0:
		r.Verdict = Holds
		r.Reason = fmt.Sprintf("no read of a counter went back (%s)", plural(b.chances, "chance", "chances"))
	case r.Verdict == "":
		r.Verdict, r.Reason = Unknown, "0 chances: no session read a counter again"
	}
	if b.n > 0 {
		if r.Reason != "" {
			r.Reason += "; "
		}
		r.Reason += fmt.Sprintf("%s what the session knew of it", plural(b.n, "read of a counter does not show", "reads of counters do not show"))
	}
	return r
}

// ofCounters counts violations in counters, of which cc says nothing.
const ofCounters = "of counters"
