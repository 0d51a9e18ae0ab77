package checker

import (
	"fmt"
	"slices"
)

// sessionStory tells of one read that it went back.
func (ix *index) sessionStory(property string, o *order, b sessionFinding) Finding {
	e := ix.eventOf(b.step)
	k := ix.op(e)
	key := int32(ix.h.StepKey(int(b.step)))
	if b.elem >= 0 {
		return ix.setStory(property, b)
	}
	newer := ix.written(b.than, key)
	did, first := "wrote", b.than
	if b.via >= 0 {
		did, first = "read", b.via
	}
	story := fmt.Sprintf("%s %s %s (#%d) and later read %s %s (#%d, at %s).",
		ix.whoWhere(first), did, newer, ix.h.Index(ix.op(first)), ix.assigned(b.step), ix.there(first, k), ix.h.Index(k), seconds(ix.when(k)))
	var hops []hop
	if b.via >= 0 {
		hops = []hop{{b.than, b.via, "wr"}}
	}
	if first != e {
		hops = append(hops, o.sessionPath(first, e)...)
	}
	if ix.sibling(key) != nil {
		story += " " + upper(ix.siblingWords(b.step, b.than))
	} else if src := ix.src[b.step]; src >= 0 && b.than != e {
		g := ix.eventOf(src)
		first := o.path(g, b.than)
		story += " " + upper(o.older(ix.assigned(src), newer, first))
		hops = append(first, hops...)
	} else if src < 0 {
		story += " That is the state from before every write of it."
	}
	label := "own write not read"
	if b.via >= 0 {
		label = "went back"
	}
	return ix.finding(property, label, story+ix.moveWords(k), append(ix.opsOf(hops), k), o.edges(hops))
}

// whoWhere is "Session 3 at n2", of an event.
func (ix *index) whoWhere(e int32) string {
	return fmt.Sprintf("%s at %s", upper(ix.who(ix.op(e))), ix.nodeName(ix.op(e)))
}

// there says where operation k was, after an event of its session.
func (ix *index) there(e int32, k int) string {
	if ix.node(ix.op(e)) == ix.node(k) {
		return "there"
	}
	return fmt.Sprintf("at %s, to which it had moved with a token,", ix.nodeName(k))
}

func (ix *index) setStory(property string, b sessionFinding) Finding {
	e := ix.eventOf(b.step)
	k, w := ix.op(e), ix.op(b.than)
	key := int32(ix.h.StepKey(int(b.step)))
	v, name := ix.sets[key].elems[b.elem].v, ix.h.Keys()[key]
	read := fmt.Sprintf("(#%d, at %s)", ix.h.Index(k), seconds(ix.when(k)))
	first := b.than
	if b.via >= 0 {
		first = b.via
	}
	who, there := ix.whoWhere(first), ix.there(first, k)
	ops := []int{w, k}
	var label, story string
	switch {
	case b.via >= 0:
		label, ops = "went back", []int{w, ix.op(b.via), k}
		story = fmt.Sprintf("%s read element %d of %s (#%d), and a later read %s did not show it %s. No remove explains that.", who, v, name, ix.h.Index(ix.op(b.via)), there, read)
	case slices.Contains(asList(ix.h.StepValue(int(b.step))), v):
		label = "own remove not read"
		story = fmt.Sprintf("%s took element %d out of %s (#%d), and a later read %s showed it %s, though every add of it came before that removal.", who, v, name, ix.h.Index(w), there, read)
	default:
		label = "own write not read"
		story = fmt.Sprintf("%s added element %d to %s (#%d), and a later read %s did not show it %s. No remove explains that.", who, v, name, ix.h.Index(w), there, read)
	}
	return ix.finding(property, label, story+ix.moveWords(k), ops, nil)
}
