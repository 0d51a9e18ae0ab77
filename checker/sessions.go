package checker

import (
	"context"
	"fmt"

	"github.com/mlcheck/mlcheck/history"
)

func readYourWrites() Property {
	return Property{
		Name:    "read-your-writes",
		Title:   "A session that has written never reads a state from before its write.",
		Source:  "Terry et al., PDIS 1994",
		Applies: causalApplies,
		Check: func(ctx context.Context, h *history.History) Result {
			return checkSessions(ctx, indexFor(ctx, h), "read-your-writes")
		},
	}
}

func monotonicReads() Property {
	return Property{
		Name:    "monotonic-reads",
		Title:   "A session that has seen a state never sees an older one afterwards.",
		Source:  "Terry et al., PDIS 1994",
		Applies: causalApplies,
		Check: func(ctx context.Context, h *history.History) Result {
			return checkSessions(ctx, indexFor(ctx, h), "monotonic-reads")
		},
	}
}

// sessionFinding is a read that broke a session guarantee.
type sessionFinding struct {
	step int32
	than int32 // the event that it is older than
	via  int32 // monotonic reads: the earlier read, an event; else -1
	elem int32 // sets: the element; else -1
}

// guarantee is what the walk over sessions found of one guarantee.
type guarantee struct {
	broken              []sessionFinding
	chances, suspicious int
}

func (g *guarantee) join(other guarantee) {
	g.broken = append(g.broken, other.broken...)
	g.chances += other.chances
	g.suspicious += other.suspicious
}

// bySession is both guarantees, from one walk.
type bySession struct{ own, seen guarantee }

func checkSessions(ctx context.Context, ix *index, property string) Result {
	o := ix.co()
	if o.flaw != "" {
		return Result{Verdict: Unknown, Reason: o.flaw}
	}
	both, err := ix.guarantees(ctx)
	if err != nil {
		return Result{Verdict: Unknown, Reason: "the check was stopped before its end: " + err.Error()}
	}
	g, what := both.own, "an own write"
	if property == "monotonic-reads" {
		g, what = both.seen, "an earlier read"
	}
	r := Result{Chances: g.chances, Violations: len(g.broken)}
	r.count("suspicious", g.suspicious)
	for _, b := range g.broken[:min(len(g.broken), candidates)] {
		r.Findings = append(r.Findings, ix.sessionStory(property, o, b))
	}
	r.Findings = smallest(r.Findings)
	switch {
	case r.Violations > 0:
		r.Verdict = Violated
		r.Reason = fmt.Sprintf("%s to a state from before %s", plural(r.Violations, "read went back", "reads went back"), what)
	case r.Chances == 0:
		r.Verdict, r.Reason = Unknown, "0 chances: no session read a key again after "+what
	default:
		r.Verdict = Holds
		r.Reason = fmt.Sprintf("no read went back to before %s (%s)", what, plural(r.Chances, "chance", "chances"))
	}
	return r
}

// guarantees are both, worked out once; a walk that was stopped is not kept.
func (ix *index) guarantees(ctx context.Context) (bySession, error) {
	ix.walkLock.Lock()
	defer ix.walkLock.Unlock()
	if ix.walked != nil {
		return *ix.walked, nil
	}
	both, err := ix.co().sessionGuarantees(ctx)
	if err == nil {
		ix.walked = &both
	}
	return both, err
}

// sessionGuarantees walks every session at every node once.
func (o *order) sessionGuarantees(ctx context.Context) (bySession, error) {
	var all bySession
	w := newSessionWalk(o)
	for s := range o.trunks {
		if ctx.Err() != nil {
			return all, ctx.Err()
		}
		w.session(int32(s))
		all.own.join(w.found.own)
		all.seen.join(w.found.seen)
	}
	return all, nil
}

// sessionWalk is what one session knows, key by key. Memory is O(keys) once,
// cleared by what was touched.
type sessionWalk struct {
	*order
	own     []int32   // key → last own write, an event + 1
	last    []int32   // key → what the last read returned, an event + 1
	seen    [][]sight // key → the writes read so far that none of the others is after
	touched []int32
	sets    map[int32]*setWalk
	found   bySession
}

// sight is a write that was read, and the event that read it first.
type sight struct{ write, reader int32 }

func newSessionWalk(o *order) *sessionWalk {
	n := len(o.ix.h.Keys())
	return &sessionWalk{order: o, own: make([]int32, n), last: make([]int32, n), seen: make([][]sight, n)}
}

func (w *sessionWalk) session(s int32) {
	for _, key := range w.touched {
		w.own[key], w.last[key], w.seen[key] = 0, 0, w.seen[key][:0]
	}
	w.touched, w.found, w.sets = w.touched[:0], bySession{}, map[int32]*setWalk{}
	h := w.ix.h
	for _, e := range w.slots[s].events {
		from, to := w.ix.steps(e)
		for st := from; st < to; st++ {
			key := int32(h.StepKey(st))
			switch kd := w.ix.kind[key]; {
			case kd == set:
				w.setStep(key, e, int32(st))
			case kd&^register != 0:
			case h.StepF(st) == history.Read:
				if h.StepList(st) == nil && w.ix.src[st] != srcThinAir {
					w.read(key, e, int32(st))
				}
			default:
				w.touch(key)
				w.own[key] = e + 1
			}
		}
	}
}

func (w *sessionWalk) touch(key int32) {
	if w.own[key] == 0 && w.last[key] == 0 && len(w.seen[key]) == 0 {
		w.touched = append(w.touched, key)
	}
}

func (w *sessionWalk) read(key, e, s int32) {
	if own := w.own[key] - 1; own >= 0 {
		w.found.own.chances++
		switch {
		case w.older(key, e, s, own):
			w.found.own.broken = append(w.found.own.broken, sessionFinding{s, own, -1, -1})
		case w.suspicious(s, own):
			w.found.own.suspicious++
		}
	}
	if len(w.seen[key]) > 0 {
		w.readAgain(key, e, s)
	}
	if src := w.ix.src[s]; src >= 0 {
		w.touch(key)
		w.last[key] = w.ix.eventOf(src) + 1
		w.see(key, sight{w.ix.eventOf(src), e})
	}
}

func (w *sessionWalk) readAgain(key, e, s int32) {
	w.found.seen.chances++
	for _, v := range w.seen[key] {
		if v.write != e && w.older(key, e, s, v.write) {
			w.found.seen.broken = append(w.found.seen.broken, sessionFinding{s, v.write, v.reader, -1})
			return
		}
	}
	if w.suspicious(s, w.last[key]-1) {
		w.found.seen.suspicious++
	}
}

// see adds a write to those read so far and drops the ones that it is after.
func (w *sessionWalk) see(key int32, v sight) {
	kept := w.seen[key][:0]
	for _, u := range w.seen[key] {
		if u.write == v.write || w.before(v.write, u.write) {
			return // nothing was dropped yet: what v is after cannot be kept beside u
		}
		if !w.before(u.write, v.write) {
			kept = append(kept, u)
		}
	}
	w.seen[key] = append(kept, v)
}

// older says whether what step s returned is certainly from before write w.
func (w *sessionWalk) older(key, e, s, than int32) bool {
	ix := w.ix
	switch src := ix.src[s]; {
	case src >= 0:
		g := ix.eventOf(src)
		if than == e { // the same operation wrote the key before it read it
			return g != e
		}
		return w.before(g, than)
	case src == srcInitial:
		return true
	case src == srcNothing:
		for i := len(ix.deletes[key]) - 1; i >= 0; i-- {
			d := ix.eventOf(ix.deletes[key][i])
			if d == e && than != e && ix.deletes[key][i] < s {
				return false // the same operation removed it before it read
			}
			if d == e && than != e || w.before(e, d) {
				continue // it came after the read
			}
			if d == than || !w.before(d, than) {
				return false
			}
		}
		return true
	}
	return false
}

// suspicious says whether what step s returned was acknowledged before write w
// was asked for, though no causal path proves that it is older.
func (w *sessionWalk) suspicious(s, than int32) bool {
	src := w.ix.src[s]
	if src < 0 {
		return false
	}
	g := w.ix.eventOf(src)
	if g == than || w.before(than, g) {
		return false
	}
	a, b := w.ix.op(g), w.ix.op(than)
	return w.ix.h.Outcome(a) == history.OK && w.ix.h.Return(a) < w.ix.h.Index(b)
}
