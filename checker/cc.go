package checker

import (
	"context"
	"fmt"
	"slices"

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
	if p := h.Header.Policy; hasPrefix(p, "siblings") && !judgesSiblings(h) {
		return fmt.Sprintf("under policy %s a write replaces the versions that it names, and no operation of this history names any (ctx)", p)
	}
	for s := range stepCount(h) {
		if f := h.StepF(s); kindOf(f) == register || kindOf(f) == set {
			return ""
		}
	}
	if readsStray(h) {
		return ""
	}
	return "no register and no set is written"
}

// readsStray says whether any read returned a number from a key that nobody
// changes at all: a value out of thin air, even where nothing else is written.
func readsStray(h *history.History) bool {
	changed := make([]bool, len(h.Keys()))
	for s := range stepCount(h) {
		changed[h.StepKey(s)] = changed[h.StepKey(s)] || h.StepF(s).IsWrite()
	}
	for s := range stepCount(h) {
		if v, isInt := h.StepInt(s); isInt && v != 0 && h.StepF(s) == history.Read && !changed[h.StepKey(s)] {
			return true
		}
	}
	return false
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
	chances int
	// against are the reads that let a write win over a concurrent one that was
	// placed later: without any, the order of placing explains every choice.
	against int
}

func (c *causal) join(other *causal) {
	c.bad = append(c.bad, other.bad...)
	c.chances += other.chances
	c.against += other.against
}

func checkCC(ctx context.Context, ix *index) Result {
	o := ix.co()
	if o.flaw != "" {
		return Result{Verdict: Unknown, Reason: o.flaw}
	}
	j, err := o.judge(ctx)
	if err != nil {
		return stopped(err)
	}
	r := o.causalResult("cc", &j.causes)
	r.Findings = smallest(r.Findings)
	only, err := ix.lostAtMoves(ctx, j, (*judged).badSteps, &r)
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
	r.lostAtMoves(only)
	return r
}

// lostAtMoves adds to the reason what is wrong only where sessions are ordered
// across leaders.
func (r *Result) lostAtMoves(only int) {
	if only > 0 {
		r.Reason += fmt.Sprintf("; %s only if sessions were ordered across leaders: lost at a move without a token", plural(only, "read would be wrong", "reads would be wrong"))
	}
}

// stopped is the result of a check whose time ran out.
func stopped(err error) Result {
	return Result{Verdict: Unknown, Reason: "the check was stopped before its end: " + err.Error()}
}

// causalResult counts what breaks causal consistency, and tells of the nearest.
func (o *order) causalResult(property string, c *causal) Result {
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

// chance says whether a write of the key was in the past of e before it read:
// then at least the initial state could have been returned wrongly.
func (o *order) chance(key, e int32) bool {
	row, s := int32(0), o.slot[e]
	if s >= 0 && o.pos[e] > 0 {
		row = o.row[o.slots[s].events[o.pos[e]-1]]
	}
	return s >= 0 && (o.knew(key, o.viewOfRow(row, s, o.pos[e])) || o.knewByToken(key, e))
}

// knewByToken says whether a write of the key is in what a token brought along to e.
func (o *order) knewByToken(key, e int32) bool {
	if len(o.carry) == 0 {
		return false
	}
	prev, ok := o.carry[e]
	if !ok {
		return false
	}
	past := o.viewOf(prev)
	past.pos++ // with prev itself
	return o.knew(key, past)
}

// knew says whether a write of the key is in a past.
func (o *order) knew(key int32, past view) bool {
	for _, r := range o.keys.of(key) {
		if o.keys.at[r.from] < past.of(r.slot) {
			return true
		}
	}
	return false
}

// lostAtMoves counts the reads that are wrong only if sessions are ordered
// across leaders, by the move at which the order was lost; base is what is
// wrong anyway, and wrong picks the reads in question.
func (ix *index) lostAtMoves(ctx context.Context, base *judged, wrong func(*judged) []int32, r *Result) (int, error) {
	if !ix.sessionsMove() {
		return 0, ctx.Err()
	}
	o := ix.plus()
	if o.flaw != "" {
		return 0, nil
	}
	j, err := o.judge(ctx)
	if err != nil {
		return 0, err
	}
	on := map[int32]bool{}
	for _, s := range wrong(base) {
		on[s] = true
	}
	steps := slices.DeleteFunc(wrong(j), func(s int32) bool { return on[s] })
	if len(steps) == 0 {
		return 0, nil
	}
	last := ix.lastMoves()
	for _, s := range steps {
		if m, ok := last[ix.opOfStep(s)]; ok {
			r.count(fmt.Sprintf("lost at a move from %s to %s", m[0], m[1]), 1)
		} else {
			r.count("lost at another session's move", 1)
		}
	}
	r.count("lost at a move", len(steps))
	return len(steps), nil
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
