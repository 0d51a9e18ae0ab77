package checker

import (
	"context"
	"fmt"

	"github.com/mlcheck/mlcheck/history"
)

func monotonicWrites() Property {
	return Property{
		Name:    "monotonic-writes",
		Title:   "Whoever sees a write of a session sees what that session wrote before it too.",
		Source:  "Terry et al., PDIS 1994",
		Applies: writeOrderApplies,
		Check: func(ctx context.Context, h *history.History) Result {
			return checkWriteOrder(ctx, indexFor(ctx, h), "monotonic-writes")
		},
	}
}

func writesFollowReads() Property {
	return Property{
		Name:    "writes-follow-reads",
		Title:   "Whoever sees a write sees what its session had read before it too.",
		Source:  "Terry et al., PDIS 1994",
		Applies: writeOrderApplies,
		Check: func(ctx context.Context, h *history.History) Result {
			return checkWriteOrder(ctx, indexFor(ctx, h), "writes-follow-reads")
		},
	}
}

// writeOrderApplies says why the guarantees about the order of writes cannot be
// decided, or "".
func writeOrderApplies(h *history.History) string {
	if why := causalApplies(h); why != "" {
		return why
	}
	for s := range stepCount(h) {
		if kindOf(h.StepF(s)) == register {
			return ""
		}
	}
	return "no register is written"
}

func checkWriteOrder(ctx context.Context, ix *index, property string) Result {
	o := ix.co()
	if o.flaw != "" {
		return Result{Verdict: Unknown, Reason: o.flaw}
	}
	j, err := o.judge(ctx)
	if err != nil {
		return stopped(err)
	}
	of, what := func(j *judged) *guarantee { return &j.written }, "its session had written it first"
	if property == "writes-follow-reads" {
		of, what = func(j *judged) *guarantee { return &j.caused }, "it had been read first"
	}
	g := of(j)
	r := Result{Chances: g.chances, Violations: len(g.broken)}
	r.count("suspicious", g.suspicious)
	for _, b := range g.broken[:min(len(g.broken), candidates)] {
		r.Findings = append(r.Findings, ix.misorderStory(property, o, b))
	}
	r.Findings = smallest(r.Findings)
	only, err := ix.lostAtMoves(ctx, j, func(j *judged) []int32 { return of(j).steps() }, &r)
	switch {
	case r.Violations > 0:
		r.Verdict = Violated
		r.Reason = fmt.Sprintf("%s from before a write that comes before one shown there already: %s", plural(r.Violations, "read returned a state", "reads returned a state"), what)
	case err != nil:
		return stopped(err)
	case r.Chances == 0:
		r.Verdict, r.Reason = Unknown, "0 chances: no session read a key at a node that had shown it something written after a write of that key"
	default:
		r.Verdict = Holds
		r.Reason = fmt.Sprintf("no write was shown without those before it (%s)", plural(r.Chances, "chance", "chances"))
	}
	r.lostAtMoves(only)
	return r
}

// writeOrder judges a read by what its node had shown to the session in other
// keys: of a register, of something that can be traced, and not of what its own
// operation wrote.
func (w *sessionWalk) writeOrder(r reading, wrong bool) {
	if !w.marks.now.any {
		return
	}
	w.judgeWritten(r, wrong)
	w.judgeCaused(r, wrong)
}

// judgeWritten looks for a write of the key that its session made before one
// that was shown. Nothing follows a branch, so only sessions matter.
func (w *sessionWalk) judgeWritten(r reading, wrong bool) {
	known := &w.marks.now.written
	if !known.reach(w.keys.keyRuns, r.key, w.trunks) {
		return
	}
	broken, doubt := int32(-1), false
	w.newer(r, func(t int32) int32 { return known.without(t, r.key) }, func(v int32) bool {
		if wrong && w.older(r, v) {
			broken = v
		}
		doubt = doubt || w.suspicious(r, v)
		return broken >= 0
	})
	w.found.written.note(r, broken, -1, doubt)
}

// judgeCaused looks for a write of the key that somebody had read before a write
// that was shown. It is suspicious already if the write was read at all.
func (w *sessionWalk) judgeCaused(r reading, wrong bool) {
	known := &w.marks.now.caused
	if !known.reach(w.reads.keyRuns, r.key, len(w.slots)) {
		return
	}
	if wrong {
		if v, ok := w.newerRead(r); ok {
			w.found.caused.note(r, v.write, v.reader, false)
			return
		}
	}
	doubt := false
	w.newer(r, func(t int32) int32 { return known.without(t, r.key) }, func(v int32) bool {
		doubt = w.ix.read[v] && w.suspicious(r, v)
		return doubt
	})
	w.found.caused.note(r, -1, -1, doubt)
}

// newerRead is a write that was read before something that was shown, and that
// what is read now is older than.
func (w *sessionWalk) newerRead(r reading) (sight, bool) {
	older := w.viewOf(r.from)
	older.pos++ // the write itself
	for i := w.reads.first[r.key]; i < w.reads.first[r.key+1]; i++ {
		run := w.reads.runs[i]
		c := w.reads.upTo(run, w.marks.now.caused.without(run.slot, r.key))
		if c == 0 || w.reads.at[int(run.from)+c-1] < older.of(run.slot) {
			continue // all of these reads are in the past of the write that was read
		}
		for at := w.readSoFar(i, int32(c)); at >= 0; at = w.cells[at].next {
			v := w.cells[at].sight
			if v.write != r.from && v.write != r.event && w.older(r, v.write) {
				return v, true
			}
		}
	}
	return sight{}, false
}

// cell is one of several writes that were read, none of them before another.
// Lists share their ends.
type cell struct {
	sight
	next int32
}

// readSoFar are the newest writes among the first c reads of a run, a list in
// cells. It is worked out only for keys of which a read is wrong: O(n·k) at worst,
// where writes of the key are mostly concurrent, and O(n) where each is before
// the next.
func (w *sessionWalk) readSoFar(i, c int32) int32 {
	lists := w.lists[i]
	run := w.reads.runs[i]
	for int32(len(lists)) < c {
		s, list := w.reads.step[int(run.from)+len(lists)], int32(-1)
		if len(lists) > 0 {
			list = lists[len(lists)-1]
		}
		lists = append(lists, w.with(list, sight{w.ix.eventOf(w.ix.src[s]), w.ix.eventOf(s)}))
	}
	w.lists[i] = lists
	return lists[c-1]
}

// with is a list with one more write that was read: the same list where the write
// is not news, else a new one without what the write is after.
func (w *sessionWalk) with(list int32, v sight) int32 {
	var keep, before []sight // what stays of the cells before the last one that must go
	last := list             // what follows that one
	for c := list; c >= 0; c = w.cells[c].next {
		u := w.cells[c]
		switch {
		case u.write == v.write || w.before(v.write, u.write):
			return list
		case w.before(u.write, v.write):
			keep, last, before = append(keep, before...), u.next, before[:0]
		default:
			before = append(before, u.sight)
		}
	}
	for _, u := range keep {
		last = w.cons(u, last)
	}
	return w.cons(v, last)
}

func (w *sessionWalk) cons(v sight, next int32) int32 {
	w.cells = append(w.cells, cell{v, next})
	return int32(len(w.cells) - 1)
}
