package checker

import (
	"fmt"
	"slices"
	"sort"

	"github.com/mlcheck/mlcheck/history"
)

// causalFindings puts the shortest-looking bad reads into words: those of the
// reader's own session first, then those that are close together.
func (ix *index) causalFindings(property string, o *order, c *causal, forward []int32) []Finding {
	bad := slices.Clone(c.bad)
	far := func(b badRead) int {
		if b.by < 0 {
			return 0
		}
		e := ix.eventOf(b.step)
		d := ix.op(e) - ix.op(b.by)
		if d < 0 {
			d = -d
		}
		if o.slot[b.by] == o.slot[e] {
			return d
		}
		return d + ix.h.Len()
	}
	sort.SliceStable(bad, func(i, j int) bool { return far(bad[i]) < far(bad[j]) })
	var fs []Finding
	for _, cyc := range o.cycles[:min(len(o.cycles), maxFindings)] {
		fs = append(fs, ix.cycleFinding(property, o, cyc))
	}
	for _, e := range forward[:min(len(forward), maxFindings)] {
		k := ix.op(e)
		story := fmt.Sprintf("Operation #%d of %s at %s read a value that it wrote itself only afterwards.", ix.h.Index(k), ix.who(k), ix.nodeName(k))
		fs = append(fs, ix.finding(property, "CyclicCO", story, []int{k}, nil))
	}
	for _, b := range bad[:min(len(bad), candidates)] {
		fs = append(fs, ix.badReadFinding(property, o, b))
	}
	return fs
}

func (ix *index) cycleFinding(property string, o *order, cyc []hop) Finding {
	story := "Each of these operations is causally before the next, and the last before the first: "
	edges := o.edges(cyc)
	for i, e := range edges {
		if i > 0 {
			story += "; "
		}
		if i == 4 {
			story += fmt.Sprintf("and %d more", len(edges)-i)
			break
		}
		story += e.Because
	}
	return ix.finding(property, "CyclicCO", story+". Nothing can be its own cause, so a value was seen before it was written.", ix.opsOf(cyc), edges)
}

// badReadFinding tells of one read what it returned, what it should have known,
// and how we know that it should have.
func (ix *index) badReadFinding(property string, o *order, b badRead) Finding {
	e := ix.eventOf(b.step)
	k := ix.op(e)
	key := int32(ix.h.StepKey(int(b.step)))
	reader := fmt.Sprintf("%s at %s at %s (#%d)", ix.who(k), ix.nodeName(k), seconds(ix.when(k)), ix.h.Index(k))
	if f, torn := ix.tornFinding(property, b, reader); torn {
		return f
	}
	if b.by < 0 {
		story := fmt.Sprintf("%s read %s, which nobody wrote.", upper(reader), ix.assigned(b.step))
		return ix.finding(property, b.label, story, []int{k}, nil)
	}
	if b.elem >= 0 {
		return ix.badElementFinding(property, o, b, reader)
	}
	hops := o.path(b.by, e)
	newer := ix.written(b.by, key)
	story := fmt.Sprintf("%s read %s, though %s was in its past: %s.", upper(reader), ix.assigned(b.step), newer, ix.pastWords(o, hops))
	edges, ops := o.edges(hops), ix.opsOf(hops)
	if ix.sibling(key) != nil {
		story += " " + upper(ix.siblingWords(b.step, b.by))
	} else if src := ix.src[b.step]; src >= 0 && b.by != e {
		g := ix.eventOf(src)
		first := o.path(g, b.by)
		story += " " + upper(o.older(ix.assigned(src), newer, first))
		edges, ops = append(o.edges(first), edges...), append(ix.opsOf(first), ops...)
	} else if src < 0 {
		story += " It must not show the state from before that write."
	}
	if len(ops) == 0 {
		ops = []int{ix.op(b.by)}
	}
	return ix.finding(property, b.label, story, append(ops, k), edges)
}

func (ix *index) pastWords(o *order, hops []hop) string {
	word := ""
	edges := o.edges(hops)
	for i, e := range edges {
		if i > 0 {
			word += "; "
		}
		if i == 4 && len(edges) > 5 {
			return word + fmt.Sprintf("and so on through %d more steps", len(edges)-i)
		}
		word += e.Because
	}
	if word == "" {
		return "the same operation had written it before"
	}
	return word
}

func (ix *index) badElementFinding(property string, o *order, b badRead, reader string) Finding {
	e := ix.eventOf(b.step)
	key := int32(ix.h.StepKey(int(b.step)))
	el := ix.sets[key].elems[b.elem]
	hops := o.path(b.by, e)
	what, not := "add", "did not show it"
	if from, _ := ix.steps(b.by); ix.h.StepF(from) == history.Remove || b.label == "WriteCORead" {
		what, not = "removal", "showed it still"
	}
	story := fmt.Sprintf("The %s of element %d of %s (#%d) was in the past of %s: %s. The read %s.",
		what, el.v, ix.h.Keys()[key], ix.h.Index(ix.op(b.by)), reader, ix.pastWords(o, hops), not)
	return ix.finding(property, b.label, story, append(ix.opsOf(hops), ix.op(e)), o.edges(hops))
}
