package checker

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/mlcheck/mlcheck/history"
)

func noStaleWins() Property {
	return Property{
		Name:   "no-stale-wins",
		Title:  "A write never loses to one that it was made after.",
		Source: "Kleppmann, DDIA ch. 5 and 8 (last write wins, timestamps for ordering events); Kulkarni et al. 2014 (HLC)",
		Applies: func(h *history.History) string {
			if p := h.Header.Policy; choosesOtherwise(p) {
				return fmt.Sprintf("policy %s does not choose by age", p)
			}
			return replacedWithFinals(h)
		},
		Check: func(ctx context.Context, h *history.History) Result {
			return checkStaleWins(indexFor(ctx, h))
		},
	}
}

// choosesOtherwise says whether it is not by age that a policy chooses.
func choosesOtherwise(policy string) bool {
	return notByCausality(policy) || hasPrefix(policy, "crdt", "merge")
}

// replacedWithFinals says why a history has no final state of anything that one
// write may win over another in, or "".
func replacedWithFinals(h *history.History) string {
	for s := range stepCount(h) {
		if f := h.StepF(s); f == history.Write || f == history.Remove {
			return finalsRecorded(h)
		}
	}
	return "no register is written, and no element is removed"
}

func checkStaleWins(ix *index) Result {
	if why := ix.noFates(); why != "" {
		return Result{Verdict: Unknown, Reason: why}
	}
	fs := ix.fates()
	r := Result{Counts: fs.byName(), Chances: ix.orderedPairs() + ix.orderedRemovals()}
	for _, l := range fs.lost {
		if l.cause != staleWin && l.cause != either {
			continue
		}
		r.Violations++
		if len(r.Findings) < candidates {
			r.Findings = append(r.Findings, ix.staleFinding("no-stale-wins", l))
		}
	}
	ix.staleElements(&r)
	ix.acrossFirst(r.Findings)
	r.Findings = r.Findings[:min(len(r.Findings), maxFindings)]
	switch {
	case r.Violations > 0:
		r.Verdict = Violated
		r.Reason = fmt.Sprintf("%s lost to an older one", plural(r.Violations, "acknowledged write", "acknowledged writes"))
	case ix.unreadable() != "":
		r.Verdict, r.Reason = Unknown, ix.unreadable()
	case r.Chances == 0:
		r.Verdict, r.Reason = Unknown, "0 chances: no key was written at one leader after a write at another had been seen there"
	default:
		r.Verdict = Holds
		r.Reason = fmt.Sprintf("no write lost to one that it was made after (%s)", plural(r.Chances, "chance", "chances"))
	}
	return r
}

// acrossFirst puts findings between two leaders before those at one, and then
// the smaller first: what a second leader did is what people look for.
func (ix *index) acrossFirst(fs []Finding) {
	alone := func(f Finding) int {
		var at []int
		for _, i := range f.Ops {
			if k, ok := ix.h.Pos(i); ok && ix.writes(k) && !slices.Contains(at, ix.node(k)) {
				at = append(at, ix.node(k))
			}
		}
		if len(at) > 1 {
			return 0
		}
		return 1
	}
	slices.SortStableFunc(fs, func(a, b Finding) int {
		return cmp.Or(alone(a)-alone(b), len(a.Ops)-len(b.Ops))
	})
}

// noFates says why no fate can be told, or "".
func (ix *index) noFates() string {
	if why := ix.end.cannot(); why != "" {
		return why
	}
	return ix.co().flaw
}

// unreadable names the leaders that could not be read at the end, or is "".
func (ix *index) unreadable() string {
	missing := map[int]bool{}
	for _, key := range ix.writtenKeys() {
		for n := range ix.end.nodes {
			if reads := ix.end.read[key]; reads == nil || reads[n] < 0 {
				missing[n] = true
			}
		}
	}
	if len(missing) == 0 {
		return ""
	}
	return fmt.Sprintf("%s could not be read at the end for every key, so what became of some writes is not known", ix.names(missing))
}

// byName are the fates with the names that results show.
func (fs *fates) byName() map[string]int {
	names := map[fate]string{
		survived: "survived", superseded: "superseded", dropped: "concurrent drop", undecided: "undecided",
		partial: "partial", unread: "not read at the end",
	}
	m := map[string]int{}
	for f, name := range names {
		if n := fs.counts[f]; n > 0 {
			m[name] = n
		}
	}
	for name, n := range fs.partial {
		m[name] = n
	}
	for _, l := range fs.lost {
		if l.cause == vanished {
			m[lostLabel(l.seenAt)]++
		}
		m[[...]string{"", "stale win", "lost", "stale win or lost: cannot be told apart without stamps", "lost with its disk"}[l.cause]]++
	}
	return m
}

// orderedPairs counts pairs of acknowledged writes of one key at different
// leaders of which one is causally before the other: O(w·k·log w).
func (ix *index) orderedPairs() int {
	if ix.served != nil {
		return ix.askedElsewhere()
	}
	o, n := ix.co(), 0
	for _, u := range ix.ackedWrites() {
		for _, key := range ix.keysWritten(u) {
			for _, r := range o.keys.of(key) {
				if sl := o.slots[r.slot]; sl.node >= 0 && sl.node != ix.node(ix.op(u)) {
					n += o.keys.upTo(r, o.past(u, r.slot))
				}
			}
		}
	}
	return n
}

// askedElsewhere counts, where leaders execute for each other, acknowledged writes
// that follow the one before them of their key and were asked of another leader:
// where a key has one home, no two leaders execute writes of it, and had to.
func (ix *index) askedElsewhere() int {
	o, n := ix.co(), 0
	last := map[int32]int32{}
	for _, u := range ix.ackedWrites() {
		for _, key := range ix.keysWritten(u) {
			if w, ok := last[key]; ok && ix.h.Node(ix.op(w)) != ix.h.Node(ix.op(u)) && o.before(w, u) {
				n++
			}
			last[key] = u
		}
	}
	return n
}

// orderedRemovals counts acknowledged removals of an element that was added at
// another leader, as far as that is causally before.
func (ix *index) orderedRemovals() int {
	o, n := ix.co(), 0
	for _, key := range ix.writtenKeys() {
		if ix.kind[key] != set {
			continue
		}
		for i := range ix.sets[key].elems {
			el := &ix.sets[key].elems[i]
			for _, r := range el.removes {
				for _, a := range el.adds {
					k := ix.opOfStep(r)
					if ix.h.Outcome(k) == history.OK && ix.node(ix.opOfStep(a)) != ix.node(k) && o.before(ix.eventOf(a), ix.eventOf(r)) {
						n++
					}
				}
			}
		}
	}
	return n
}

// staleFinding tells how a write was beaten by an older one.
func (ix *index) staleFinding(property string, l loss) Finding {
	o := ix.co()
	hops := o.path(l.beaten, l.w)
	winner, loser := ix.written(l.beaten, l.key), ix.written(l.w, l.key)
	label := "stale win"
	if l.cause == either {
		label = "stale win or lost"
	}
	story := fmt.Sprintf("%s, acknowledged by %s, is lost: every leader ends with %s, acknowledged by %s%s. %s",
		upper(loser), ix.where(l.w), winner, ix.where(l.beaten), ix.knewOf(hops, l.w), ix.clockWords(l.beaten, l.w))
	ops := append(ix.opsOf(hops), ix.op(l.beaten), ix.op(l.w), ix.opOfStep(l.final))
	edges := append(o.edges(hops), Edge{
		From: ix.h.Index(ix.op(l.beaten)), To: ix.h.Index(ix.opOfStep(l.final)), Kind: "wr",
		Because: fmt.Sprintf("the final read at %s returned %s", ix.nodeName(ix.opOfStep(l.final)), winner),
	})
	if e, ok := ix.stampEdge(l); ok {
		edges = append(edges, e)
	}
	return ix.finding(property, label, story, ops, edges)
}

// stampEdge says by which stamps the older write won, and how far apart they say
// that the clocks were.
func (ix *index) stampEdge(l loss) (Edge, bool) {
	winner, loser := ix.op(l.beaten), ix.op(l.w)
	d, stamped := ix.skew(winner, loser)
	if !stamped || winner == loser {
		return Edge{}, false
	}
	because := fmt.Sprintf("it has the stamp %s and the newer write %s", ix.h.Meta(winner).Stamp, ix.h.Meta(loser).Stamp)
	if a, b := ix.nodeName(winner), ix.nodeName(loser); a != b {
		because += "; by these stamps " + ahead(a, b, d)
	}
	return Edge{From: ix.h.Index(loser), To: ix.h.Index(winner), Kind: "stamp", Because: because}, true
}

// where says who answered an operation, and when.
func (ix *index) where(e int32) string {
	k := ix.op(e)
	return fmt.Sprintf("%s at %s (#%d)", ix.nodeName(k), seconds(ix.when(k)), ix.h.Index(k))
}

// knewOf says in a clause how the writer of the newer write knew of the older
// one; the edges have it step by step.
func (ix *index) knewOf(hops []hop, newer int32) string {
	switch {
	case len(hops) == 0:
		return ", an earlier step of the same operation"
	case len(hops) == 1 && hops[0].kind == "wr":
		return ", though that is the one it had read"
	case len(hops) == 1:
		return ", an earlier write of the same session"
	case len(hops) == 2 && hops[0].kind == "wr" && hops[1].kind == "so":
		return fmt.Sprintf(", though %s had read that one before (#%d)", ix.who(ix.op(newer)), ix.h.Index(ix.op(hops[0].to)))
	}
	return fmt.Sprintf(", though that one was made before it, as %d steps of reading and writing show", len(hops))
}

// clockWords says by how much the clocks were off: by the last measurement
// before each write, or else by what the stamps of the writes say.
func (ix *index) clockWords(winner, loser int32) string {
	a, b := ix.op(winner), ix.op(loser)
	na, nb := ix.nodeName(a), ix.nodeName(b)
	offA, okA := ix.clock(na, ix.when(a))
	offB, okB := ix.clock(nb, ix.when(b))
	d, stamped := ix.skew(a, b)
	if stamped && okA && okB && (offA-offB-d).Abs() > 100*time.Millisecond {
		okA = false // the clocks moved between the measurements and the writes
	}
	if okA && okB && na == nb {
		return fmt.Sprintf("%s's clock was %s at the older write and %s at the newer one.", na, off(offA), off(offB))
	}
	if okA && okB {
		return upper(ahead(na, nb, offA-offB)) + " when they were written."
	}
	switch {
	case stamped && na == nb:
		return fmt.Sprintf("By their stamps, %s's clock went back by %s in between.", na, seconds(d.Abs()))
	case stamped:
		return "By their stamps, " + ahead(na, nb, d) + "."
	}
	return "No clock was measured, and the writes carry no stamps."
}

func off(d time.Duration) string {
	switch d = d.Round(time.Millisecond); {
	case d > 0:
		return fmt.Sprintf("%s ahead", seconds(d))
	case d < 0:
		return fmt.Sprintf("%s behind", seconds(-d))
	}
	return "right"
}

func ahead(a, b string, d time.Duration) string {
	if d < 0 {
		a, b, d = b, a, -d
	}
	return fmt.Sprintf("%s's clock was %s ahead of %s's", a, seconds(d), b)
}

func upper(s string) string {
	if len(s) > 4 && s[:4] == "the " {
		return "T" + s[1:]
	}
	return s
}
