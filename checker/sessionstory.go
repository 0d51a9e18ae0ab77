package checker

import (
	"fmt"
	"slices"
)

// sessionStory tells of one read that it went back.
func (ix *index) sessionStory(property string, o *order, b sessionFinding) Finding {
	e := ix.eventOf(b.step)
	k, w := ix.op(e), ix.op(b.than)
	key := int32(ix.h.StepKey(int(b.step)))
	if b.elem >= 0 {
		return ix.setStory(property, b)
	}
	newer := ix.written(b.than, key)
	story := fmt.Sprintf("%s at %s wrote %s (#%d) and later read %s there (#%d, at %s).",
		upper(ix.who(k)), ix.nodeName(k), newer, ix.h.Index(w), ix.assigned(b.step), ix.h.Index(k), seconds(ix.when(k)))
	hops := []hop{{b.than, e, "so"}}
	if b.via >= 0 {
		story = fmt.Sprintf("%s at %s read %s (#%d) and later read %s there (#%d, at %s).",
			upper(ix.who(k)), ix.nodeName(k), newer, ix.h.Index(ix.op(b.via)), ix.assigned(b.step), ix.h.Index(k), seconds(ix.when(k)))
		hops = []hop{{b.than, b.via, "wr"}, {b.via, e, "so"}}
	}
	if src := ix.src[b.step]; src >= 0 && b.than != e {
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

func (ix *index) setStory(property string, b sessionFinding) Finding {
	e := ix.eventOf(b.step)
	k, w := ix.op(e), ix.op(b.than)
	key := int32(ix.h.StepKey(int(b.step)))
	v, name := ix.sets[key].elems[b.elem].v, ix.h.Keys()[key]
	read := fmt.Sprintf("(#%d, at %s)", ix.h.Index(k), seconds(ix.when(k)))
	who := fmt.Sprintf("%s at %s", upper(ix.who(k)), ix.nodeName(k))
	ops := []int{w, k}
	var label, story string
	switch {
	case b.via >= 0:
		label, ops = "went back", []int{w, ix.op(b.via), k}
		story = fmt.Sprintf("%s read element %d of %s (#%d), and a later read there did not show it %s. No remove explains that.", who, v, name, ix.h.Index(ix.op(b.via)), read)
	case slices.Contains(asList(ix.h.StepValue(int(b.step))), v):
		label = "own remove not read"
		story = fmt.Sprintf("%s took element %d out of %s (#%d), and a later read there showed it %s, though every add of it came before that removal.", who, v, name, ix.h.Index(w), read)
	default:
		label = "own write not read"
		story = fmt.Sprintf("%s added element %d to %s (#%d), and a later read there did not show it %s. No remove explains that.", who, v, name, ix.h.Index(w), read)
	}
	return ix.finding(property, label, story+ix.moveWords(k), ops, nil)
}
