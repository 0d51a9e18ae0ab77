package checker

import (
	"context"
	"fmt"

	"github.com/mlcheck/mlcheck/history"
)

func cc() Property {
	return Property{
		Name:    "cc",
		Title:   "Causal consistency: nobody sees an effect without its cause.",
		Source:  "Bouajjani, Enea, Guerraoui, Hamza, POPL 2017 (bad patterns of CC); Biswas and Enea, OOPSLA 2019 (transactions)",
		Applies: causalApplies,
		Check: func(ctx context.Context, h *history.History) Result {
			return checkCC(ctx, indexFor(ctx, h))
		},
	}
}

// causalApplies says why the causal properties cannot be decided, or "".
func causalApplies(h *history.History) string {
	if p := h.Header.Policy; notByCausality(p) {
		return fmt.Sprintf("policy %s does not let the later write win, which these patterns assume", p)
	}
	for s := range stepCount(h) {
		if f := h.StepF(s); kindOf(f) == register || kindOf(f) == set {
			return ""
		}
	}
	return "no register and no set is written"
}

// badRead is a read that breaks causality, and the write that it should have
// seen or known to be replaced.
type badRead struct {
	step  int32
	by    int32 // event; -1 for a value out of thin air
	elem  int32 // sets: position of the element; else -1
	label string
}

// causal is what the search for bad patterns found on one order.
type causal struct {
	bad     []badRead
	rivals  []rival // what reads say about concurrent writes, where that was asked for
	chances int
	choices int // reads with such a write in their past
}

func checkCC(ctx context.Context, ix *index) Result {
	o := ix.co()
	if o.flaw != "" {
		return Result{Verdict: Unknown, Reason: o.flaw}
	}
	c, err := ix.patterns(ctx)
	if err != nil {
		return Result{Verdict: Unknown, Reason: "the check was stopped before its end: " + err.Error()}
	}
	r := o.causalResult("cc", c)
	r.Findings = smallest(r.Findings)
	only, err := ix.lostAtMoves(ctx, c, &r)
	switch {
	case r.Violations > 0:
		r.Verdict = Violated
		r.Reason = fmt.Sprintf("%s what the reader's past rules out", plural(r.Violations, "read returned", "reads returned"))
	case err != nil:
		r.Verdict, r.Reason = Unknown, "the check was stopped before its end: "+err.Error()
	case r.Chances == 0:
		r.Verdict, r.Reason = Unknown, "0 chances: no read had a write of its key in its past"
	default:
		r.Verdict = Holds
		r.Reason = fmt.Sprintf("no read returned what its past rules out (%s)", plural(r.Chances, "chance", "chances"))
	}
	if only > 0 {
		r.Reason += fmt.Sprintf("; %s only if sessions were ordered across leaders: lost at a move without a token", plural(only, "read would be wrong", "reads would be wrong"))
	}
	return r
}

// causalResult counts what breaks causal consistency, and tells of the nearest.
func (o *order) causalResult(property string, c causal) Result {
	r := Result{Chances: c.chances, Counts: map[string]int{}}
	for _, b := range c.bad {
		r.Counts[b.label]++
	}
	forward := o.forwardReads()
	r.count("CyclicCO", len(o.cycles)+len(forward))
	r.Violations = len(c.bad) + len(o.cycles) + len(forward)
	r.Findings = o.ix.causalFindings(property, o, c, forward)
	return r
}

func (r *Result) count(name string, n int) {
	if n == 0 {
		return
	}
	if r.Counts == nil {
		r.Counts = map[string]int{}
	}
	r.Counts[name] += n
}

// patterns are the bad patterns of co, worked out once for all who ask; a search
// that was stopped is not kept.
func (ix *index) patterns(ctx context.Context) (causal, error) {
	o := ix.co()
	ix.searchLock.Lock()
	defer ix.searchLock.Unlock()
	if ix.searched != nil {
		return *ix.searched, nil
	}
	c, err := o.badPatterns(ctx, true)
	if err == nil {
		ix.searched = &c
	}
	return c, err
}

// badPatterns looks at every answered read: O(n·k·log n), on all processors.
func (o *order) badPatterns(ctx context.Context, rivals bool) (causal, error) {
	parts, err := parallel(ctx, o.ix.h.Len(), func(from, to int) causal {
		var c causal
		if rivals {
			c.rivals = []rival{}
		}
		for k := from; k < to; k++ {
			if o.ix.h.Outcome(k) == history.OK {
				o.badReads(k, &c)
			}
		}
		return c
	})
	var all causal
	n := 0
	for _, p := range parts {
		n += len(p.rivals)
	}
	all.rivals = make([]rival, 0, n)
	for _, p := range parts {
		all.bad, all.rivals = append(all.bad, p.bad...), append(all.rivals, p.rivals...)
		all.chances, all.choices = all.chances+p.chances, all.choices+p.choices
	}
	return all, err
}

func (o *order) badReads(k int, c *causal) {
	h, ix := o.ix.h, o.ix
	from, to := h.Steps(k)
	for s := from; s < to; s++ {
		if h.StepF(s) != history.Read {
			continue
		}
		key := int32(h.StepKey(s))
		e := ix.eventOf(int32(s))
		switch kd := ix.kind[key]; {
		case kd == set:
			o.badSetRead(key, e, int32(s), c)
		case kd&^register == 0 && h.StepList(s) == nil:
			if !h.Final(k) && o.chance(key, e) {
				c.chances++
			}
			if b, bad := o.badRead(key, e, int32(s), c); bad {
				c.bad = append(c.bad, b)
			}
		}
	}
}

// chance says whether a write of the key was in the reader's past before it
// read: then at least the initial state could have been returned wrongly.
func (o *order) chance(key, e int32) bool {
	s := o.slot[e]
	if s < 0 {
		return false
	}
	var row []int32
	if o.pos[e] > 0 {
		row = o.rows[o.row[o.slots[s].events[o.pos[e]-1]]]
	}
	for _, r := range o.keys.of(key) {
		n := at(row, r.slot)
		if r.slot == s {
			n = o.pos[e]
		}
		if o.keys.at[r.from] < n {
			return true
		}
	}
	return false
}

// badRead judges one read of a register, and notes in c which write it puts
// before which.
func (o *order) badRead(key, e, s int32, c *causal) (badRead, bool) {
	ix := o.ix
	src := ix.src[s]
	if own := ix.ownBefore(s, e, key); own >= 0 && src != srcThinAir {
		if src >= 0 && ix.eventOf(src) == e {
			return badRead{}, false
		}
		if src == srcNothing && ix.h.StepF(int(own)) == history.Delete {
			return badRead{}, false
		}
		return badRead{s, e, -1, labelFor(src)}, true
	}
	switch {
	case src >= 0:
		if g := ix.eventOf(src); g != e && o.row[e] >= 0 {
			known := len(c.rivals)
			if w := o.overwritten(key, g, e, s, c); w >= 0 {
				c.rivals = c.rivals[:known]
				return badRead{s, w, -1, "WriteCORead"}, true
			}
			if len(c.rivals) > known {
				c.choices++
			}
		}
	case src == srcThinAir:
		return badRead{s, -1, -1, "ThinAirRead"}, true
	case src == srcInitial:
		if w := o.writtenBefore(key, e); w >= 0 {
			return badRead{s, w, -1, "WriteCOInitRead"}, true
		}
	case src == srcNothing:
		if w := o.writtenBefore(key, e); w >= 0 && !o.deleteExplains(key, e) {
			return badRead{s, w, -1, "WriteCOInitRead"}, true
		}
	}
	return badRead{}, false
}

func labelFor(src int32) string {
	if src >= 0 {
		return "WriteCORead"
	}
	return "WriteCOInitRead"
}

// ownBefore is the last step before s by which the same event writes the key, or -1.
func (ix *index) ownBefore(s, e, key int32) int32 {
	from, _ := ix.steps(e)
	for t := s - 1; t >= int32(from); t-- {
		if ix.h.StepF(int(t)).IsWrite() && int32(ix.h.StepKey(int(t))) == key {
			return t
		}
	}
	return -1
}

// deleteExplains says whether any delete of the key may be what e read: one that
// is not after e, and that no write between the two has replaced.
func (o *order) deleteExplains(key, e int32) bool {
	ds := o.ix.deletes[key]
	for i := len(ds) - 1; i >= 0; i-- {
		d := o.ix.eventOf(ds[i])
		switch {
		case d == e, o.before(e, d): // it came after the read
		case !o.ix.certain(d):
			return true
		case !o.before(d, e) || o.overwritten(key, d, e, -1, nil) < 0:
			return true
		}
	}
	return false
}

// lostAtMoves counts the reads that are wrong only if sessions are ordered
// across leaders, by the move at which the order was lost; base is what is
// wrong anyway.
func (ix *index) lostAtMoves(ctx context.Context, base causal, r *Result) (int, error) {
	if !ix.sessionsMove() {
		return 0, ctx.Err()
	}
	o := ix.plus()
	if o.flaw != "" {
		return 0, nil
	}
	c, err := o.badPatterns(ctx, false)
	if err != nil {
		return 0, err
	}
	on := map[int32]bool{}
	for _, b := range base.bad {
		on[b.step] = true
	}
	if len(c.bad) <= len(on) {
		return 0, nil
	}
	only := 0
	last := ix.lastMoves()
	for _, b := range c.bad {
		if on[b.step] {
			continue
		}
		only++
		if m, ok := last[ix.opOfStep(b.step)]; ok {
			r.count(fmt.Sprintf("lost at a move from %s to %s", m[0], m[1]), 1)
		} else {
			r.count("lost at another session's move", 1)
		}
	}
	r.count("lost at a move", only)
	return only, nil
}

// sessionsMove says whether any session's order is broken by a move.
func (ix *index) sessionsMove() bool {
	if ix.h.Header.SessionScope == "client" {
		return false
	}
	node := map[int]int{}
	for k := range ix.h.Len() {
		if ix.h.Final(k) {
			continue
		}
		s := ix.h.Session(k)
		if n, ok := node[s]; ok && n != ix.node(k) {
			return true
		}
		node[s] = ix.node(k)
	}
	return false
}

// lastMoves is, for every operation of a session that has moved, the last move before it.
func (ix *index) lastMoves() map[int][2]string {
	node, move := map[int]int{}, map[int][2]string{}
	m := map[int][2]string{}
	for k := range ix.h.Len() {
		if ix.h.Final(k) {
			continue
		}
		s := ix.h.Session(k)
		if n, ok := node[s]; ok && n != ix.node(k) {
			move[s] = [2]string{ix.h.Nodes()[n], ix.nodeName(k)}
		}
		node[s] = ix.node(k)
		if mv, ok := move[s]; ok {
			m[k] = mv
		}
	}
	return m
}
