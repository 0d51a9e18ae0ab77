package checker

import (
	"context"
	"fmt"
	"slices"
	"sort"

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

// misorder is a read that did not show a write which something that its session
// had read there before came after.
type misorder struct {
	step   int32
	than   int32 // the write that it should have shown, an event
	reader int32 // writes-follow-reads: who had read that write, an event; else -1
}

// ordering is what the walk found of one guarantee.
type ordering struct {
	broken              []misorder
	chances, suspicious int
}

func (g *ordering) join(other ordering) {
	g.broken = append(g.broken, other.broken...)
	g.chances += other.chances
	g.suspicious += other.suspicious
}

// writeOrders is both guarantees, from one walk.
type writeOrders struct{ written, caused ordering }

func checkWriteOrder(ctx context.Context, ix *index, property string) Result {
	o := ix.co()
	if o.flaw != "" {
		return Result{Verdict: Unknown, Reason: o.flaw}
	}
	both, err := ix.writeOrder(ctx)
	if err != nil {
		return Result{Verdict: Unknown, Reason: "the check was stopped before its end: " + err.Error()}
	}
	g, what := both.written, "its session had written it first"
	if property == "writes-follow-reads" {
		g, what = both.caused, "it had been read first"
	}
	r := Result{Chances: g.chances, Violations: len(g.broken)}
	r.count("suspicious", g.suspicious)
	for _, b := range g.broken[:min(len(g.broken), candidates)] {
		r.Findings = append(r.Findings, ix.misorderStory(property, o, b))
	}
	r.Findings = smallest(r.Findings)
	switch {
	case r.Violations > 0:
		r.Verdict = Violated
		r.Reason = fmt.Sprintf("%s from before a write that comes before one shown there already: %s", plural(r.Violations, "read returned a state", "reads returned a state"), what)
	case r.Chances == 0:
		r.Verdict, r.Reason = Unknown, "0 chances: no session read a key at a node that had shown it something written after a write of that key"
	default:
		r.Verdict = Holds
		r.Reason = fmt.Sprintf("no write was shown without those before it (%s)", plural(r.Chances, "chance", "chances"))
	}
	return r
}

// writeOrder is both, worked out once; a walk that was stopped is not kept.
func (ix *index) writeOrder(ctx context.Context) (writeOrders, error) {
	ix.orderLock.Lock()
	defer ix.orderLock.Unlock()
	if ix.ordered != nil {
		return *ix.ordered, nil
	}
	both, err := ix.co().writeOrders(ctx)
	if err == nil {
		ix.ordered = &both
	}
	return both, err
}

// writeOrders walks every session at every node once, on all processors: O(n·k).
func (o *order) writeOrders(ctx context.Context) (writeOrders, error) {
	reads, restarts := o.readsByKey(), restartIndexes(o.ix.h)
	parts, err := parallelBy(ctx, 1, o.trunks, func(s, _ int) writeOrders {
		w := &writeWalk{
			sessionWalk: sessionWalk{order: o}, reads: reads, restarts: restarts,
			shown:    shown{written: newMarks(len(o.slots)), caused: newMarks(len(o.slots))},
			writesIn: make([]int32, len(o.keys.runs)), readsIn: make([]int32, len(reads.runs)),
		}
		for _, node := range o.nodesOf(s) {
			w.session(s, node)
		}
		return w.found
	})
	var all writeOrders
	for _, p := range parts {
		all.written.join(p.written)
		all.caused.join(p.caused)
	}
	return all, err
}

// nodesOf are the nodes that served a slot: one, unless sessions are ordered
// across nodes.
func (o *order) nodesOf(s int) []int {
	var nodes []int
	for _, e := range o.slots[s].events {
		if n := o.ix.node(o.ix.op(e)); !slices.Contains(nodes, n) {
			nodes = append(nodes, n)
		}
	}
	return nodes
}

// writeWalk follows one session at one node.
type writeWalk struct {
	sessionWalk
	reads    *keyReads
	restarts map[string][]int
	shown    shown
	// The entries of each run, of keys and of reads, that are within what was
	// shown. They only grow until the next restart, so that finding them costs
	// one pass over the runs for each session and not a search for each read.
	writesIn, readsIn []int32
	found             writeOrders
}

func (w *writeWalk) session(s, node int) {
	h := w.ix.h
	w.forget()
	restarts, epoch := w.restarts[h.Nodes()[node]], 0
	for _, e := range w.slots[s].events {
		k := w.ix.op(e)
		if w.ix.node(k) != node {
			continue
		}
		asked, answered := sort.SearchInts(restarts, h.Index(k)), sort.SearchInts(restarts, h.Return(k))
		if answered != epoch {
			w.forget()
			epoch = answered
		}
		from, to := w.ix.steps(e)
		for st := from; st < to; st++ {
			if h.StepF(st) != history.Read {
				continue
			}
			key := int32(h.StepKey(st))
			if w.shown.any && w.judged(key, e, int32(st)) {
				w.judge(key, e, int32(st))
			}
			if asked == answered {
				w.ix.eachSource(st, func(wr int32) { w.shown.add(w.order, w.ix.eventOf(wr), key) })
			}
		}
	}
}

// forget starts anew: at another node, or after a restart.
func (w *writeWalk) forget() {
	if w.shown.any {
		w.shown.clear()
		clear(w.writesIn)
		clear(w.readsIn)
	}
}

// advance is how many entries of a run, at the given positions, are among the
// first n events of its slot, given how many were the last time.
func advance(at []int32, last, n int32) int32 {
	for int(last) < len(at) && at[last] < n {
		last++
	}
	return last
}

// judged says whether a read says anything about the order of writes: of a
// register, of something that can be traced, and not of what its own operation wrote.
func (w *writeWalk) judged(key, e, s int32) bool {
	src := w.ix.src[s]
	if w.ix.kind[key]&^register != 0 || src == srcNone || src == srcList || src == srcThinAir {
		return false
	}
	return w.ix.ownBefore(s, e, key) < 0 && (src < 0 || w.ix.eventOf(src) != e)
}

func (w *writeWalk) judge(key, e, s int32) {
	w.judgeWritten(key, e, s)
	w.judgeCaused(key, e, s)
}

// judgeWritten looks for a write of the key that its session made before one
// that was shown. Nothing follows a branch, so only sessions matter.
func (w *writeWalk) judgeWritten(key, e, s int32) {
	g := w.source(s)
	past := w.viewOf(g)
	chance, doubt := false, false
	for i := w.keys.first[key]; i < w.keys.first[key+1]; i++ {
		r := w.keys.runs[i]
		if int(r.slot) >= w.trunks {
			continue
		}
		n := advance(w.keys.at[r.from:r.to], w.writesIn[i], w.shown.written.without(r.slot, key))
		if w.writesIn[i] = n; n == 0 {
			continue
		}
		chance = true
		// What is in the past of the write that was read is not newer; nearly all is.
		v := w.keys.event[r.from+n-1]
		if v == g || w.keys.at[r.from+n-1] < past.of(r.slot) {
			continue
		}
		if w.older(key, e, s, v) {
			w.found.written.chances++
			w.found.written.broken = append(w.found.written.broken, misorder{s, v, -1})
			return
		}
		doubt = doubt || w.suspicious(s, v)
	}
	w.found.written.note(chance, doubt)
}

// judgeCaused looks for a write of the key that somebody had read before a write
// that was shown.
func (w *writeWalk) judgeCaused(key, e, s int32) {
	g := w.source(s)
	past := w.viewOf(g)
	chance, doubt := false, false
	for i := w.reads.first[key]; i < w.reads.first[key+1]; i++ {
		r := w.reads.runs[i]
		n := advance(w.reads.at[r.from:r.to], w.readsIn[i], w.shown.caused.without(r.slot, key))
		if w.readsIn[i] = n; n == 0 {
			continue
		}
		chance = true
		if w.reads.at[r.from+n-1] < past.of(r.slot) {
			continue // all of these reads are in the past of the write that was read
		}
		for c := w.reads.known[r.from+n-1]; c >= 0; c = w.reads.cells[c].next {
			v := w.reads.cells[c]
			if v.write == g || v.write == e {
				continue
			}
			if w.older(key, e, s, v.write) {
				w.found.caused.chances++
				w.found.caused.broken = append(w.found.caused.broken, misorder{s, v.write, v.reader})
				return
			}
			doubt = doubt || w.suspicious(s, v.write)
		}
	}
	w.found.caused.note(chance, doubt)
}

func (g *ordering) note(chance, doubt bool) {
	if chance {
		g.chances++
	}
	if doubt {
		g.suspicious++
	}
}

// source is the write that step s returned, an event, or -1.
func (w *writeWalk) source(s int32) int32 {
	if src := w.ix.src[s]; src >= 0 {
		return w.ix.eventOf(src)
	}
	return -1
}
