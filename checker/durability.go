package checker

import (
	"context"
	"fmt"
	"slices"

	"github.com/mlcheck/mlcheck/history"
)

func durability() Property {
	return Property{
		Name:    "durability",
		Title:   "What was acknowledged is still there at the end, unless something that came later replaced it.",
		Source:  "Kleppmann, DDIA ch. 5 and 7; Jepsen (lost writes)",
		Applies: finalsRecorded,
		Check: func(ctx context.Context, h *history.History) Result {
			return checkDurability(indexFor(ctx, h))
		},
	}
}

func checkDurability(ix *index) Result {
	if why := ix.noFates(); why != "" {
		return Result{Verdict: Unknown, Reason: why}
	}
	fs := ix.fates()
	r := Result{Counts: fs.byName(), Chances: ix.readElsewhere()}
	for _, l := range fs.lost {
		if l.cause == vanished || l.cause == either {
			r.add(func() Finding { return ix.lostFinding(l) })
		}
	}
	if keepsConcurrent(ix.h.Header.Policy) {
		for _, l := range fs.dropped {
			r.add(func() Finding { return ix.droppedFinding(l) })
		}
	}
	ix.lostElements(&r)
	ix.lostIncrements(&r)
	r.Findings = smallest(r.Findings)
	switch {
	case r.Violations > 0:
		r.Verdict = Violated
		r.Reason = fmt.Sprintf("%s not there at the end, and nothing that came later explains it", plural(r.Violations, "acknowledged effect is", "acknowledged effects are"))
	case ix.unreadable() != "":
		r.Verdict, r.Reason = Unknown, ix.unreadable()
	case r.Chances == 0:
		r.Verdict, r.Reason = Unknown, "0 chances: no acknowledged write was finally read at another leader"
	default:
		r.Verdict = Holds
		r.Reason = fmt.Sprintf("every acknowledged write is there or was replaced (%s)", plural(r.Chances, "chance", "chances"))
	}
	return r
}

// add counts a violation, and puts it into words if there is room.
func (r *Result) add(words func() Finding) {
	r.Violations++
	if len(r.Findings) < candidates {
		r.Findings = append(r.Findings, words())
	}
}

// readElsewhere counts acknowledged writes whose key was finally read at a
// leader other than the one that acknowledged them.
func (ix *index) readElsewhere() int {
	n := 0
	for k := range ix.h.Len() {
		if ix.h.Outcome(k) != history.OK {
			continue
		}
		from, to := ix.h.Steps(k)
		for s := from; s < to; s++ {
			if !ix.h.StepF(s).IsWrite() {
				continue
			}
			for i, read := range ix.end.read[int32(ix.h.StepKey(s))] {
				if read >= 0 && ix.end.nodes[i] != ix.node(k) {
					n++
					break
				}
			}
		}
	}
	return n
}

func (ix *index) lostFinding(l loss) Finding {
	if l.cause == either {
		return ix.staleFinding("durability", l)
	}
	loser := ix.written(l.w, l.key)
	end := "nothing is there, and no removal explains it"
	var hops []hop
	o := ix.co()
	if l.beaten >= 0 {
		winner := ix.written(l.beaten, l.key)
		hops = o.path(l.beaten, l.w)
		end = fmt.Sprintf("what is there is %s, which was %s. %s", winner, ix.acked(l.beaten), upper(o.older(winner, loser, hops)))
	}
	story := fmt.Sprintf("%s was %s, but at the end it is gone at every leader: %s. %s", upper(loser), ix.acked(l.w), trimDot(end), ix.seenWords(ix.op(l.w), l.seenAt))
	ops := append(ix.opsOf(hops), ix.op(l.w), ix.opOfStep(l.final))
	return ix.finding("durability", "lost", story, ops, o.edges(hops))
}

// lostLabel says how a write was lost: seen at another leader and then gone
// everywhere, or, for all that anybody saw, gone with the leader that took it.
func lostLabel(seenAt int) string {
	if seenAt >= 0 {
		return "rolled back"
	}
	return "never left its origin"
}

// seenWords says who else had shown a write that is lost; where nobody had, it
// names the links that it should have taken.
func (ix *index) seenWords(k, seenAt int) string {
	if seenAt >= 0 {
		return fmt.Sprintf("%s had shown it.", ix.h.Nodes()[seenAt])
	}
	words := fmt.Sprintf("No other leader ever showed it before %s lost it", ix.nodeName(k))
	var links, cut []string
	for _, l := range ix.h.Header.Links {
		if l[0] != ix.nodeName(k) {
			continue
		}
		links = append(links, l[0]+" → "+l[1])
		if ix.cutAt(history.Link{From: l[0], To: l[1]}, ix.h.Return(k)) {
			cut = append(cut, l[0]+" → "+l[1])
		}
	}
	if len(links) > 0 {
		words += fmt.Sprintf(": it did not get over %s", joined(links))
	}
	if len(cut) > 0 {
		words += fmt.Sprintf(" (cut when it was acknowledged: %s)", joined(cut))
	}
	return words + "."
}

// cutAt says whether a link was measured to be cut at event i.
func (ix *index) cutAt(l history.Link, i int) bool {
	faults := map[int]bool{}
	for _, ev := range ix.h.Events {
		switch {
		case ev.Index > i || ev.Type != history.FaultEvent || ev.Kind != "partition":
		case ev.Phase == history.Effective:
			faults[ev.Fault] = slices.Contains(ix.cutLinks(ev.Fault), l)
		case ev.Phase == history.Healed:
			delete(faults, ev.Fault)
		}
	}
	for _, cut := range faults {
		if cut {
			return true
		}
	}
	return false
}

// cutLinks are the links that a fault cuts, as far as any of its events says so.
func (ix *index) cutLinks(fault int) []history.Link {
	for _, ev := range ix.h.Events {
		if ev.Type == history.FaultEvent && ev.Fault == fault && len(ev.Links) > 0 {
			return ev.Links
		}
	}
	return nil
}

func (ix *index) droppedFinding(l loss) Finding {
	story := fmt.Sprintf("%s was %s. Every leader ends with %s, which was %s and is concurrent with it: neither was made after the other. Policy %s promises to keep both, but one is gone.",
		upper(ix.written(l.w, l.key)), ix.acked(l.w), ix.written(l.beaten, l.key), ix.acked(l.beaten), ix.h.Header.Policy)
	return ix.finding("durability", "concurrent write dropped", story, []int{ix.op(l.w), ix.op(l.beaten), ix.opOfStep(l.final)}, nil)
}

func trimDot(s string) string {
	for len(s) > 0 && s[len(s)-1] == '.' {
		s = s[:len(s)-1]
	}
	return s
}
