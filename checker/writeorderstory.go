package checker

import (
	"fmt"

	"github.com/mlcheck/mlcheck/history"
)

// misorderStory tells of one read that a node showed something to a session, and
// then not what had come before it.
func (ix *index) misorderStory(property string, o *order, b sessionFinding) Finding {
	e := ix.eventOf(b.step)
	key := int32(ix.h.StepKey(int(b.step)))
	k, first := ix.op(e), ix.written(b.than, key)
	shown, later := o.evidence(b)
	if shown < 0 {
		return ix.finding(property, "older than shown", "The read is older than "+first+".", []int{ix.op(b.than), k}, nil)
	}
	s := ix.eventOf(shown)
	laterKey := int32(ix.h.StepKey(int(shown)))
	second := ix.written(later, laterKey)
	hops := o.sessionPath(b.than, later)
	label, why := "earlier write not read", fmt.Sprintf("%s wrote %s (#%d) and then %s%s (#%d).", ix.who(ix.op(b.than)), first, ix.h.Index(ix.op(b.than)), ix.withToken(b.than, later), second, ix.h.Index(ix.op(later)))
	if b.via >= 0 {
		hops = append([]hop{{b.than, b.via, "wr"}}, o.path(b.via, later)...)
		label = "write read earlier not read"
		why = fmt.Sprintf("%s read %s (#%d), and after that %s was written (#%d).", ix.who(ix.op(b.via)), first, ix.h.Index(ix.op(b.via)), second, ix.h.Index(ix.op(later)))
	}
	hops = append(hops, hop{later, s, "wr"}, hop{s, e, "so"})
	story := fmt.Sprintf("%s %s showed %s to %s (#%d), and later, without a restart in between, %s (#%d, at %s).",
		upper(why), ix.nodeName(k), second, ix.who(k), ix.h.Index(ix.op(s)), ix.assigned(b.step), ix.h.Index(k), seconds(ix.when(k)))
	if ix.sibling(key) != nil {
		story += " " + upper(ix.siblingWords(b.step, b.than))
	} else if src := ix.src[b.step]; src >= 0 {
		past := o.path(ix.eventOf(src), b.than)
		story += " " + upper(o.older(ix.assigned(src), first, past))
		hops = append(past, hops...)
	} else {
		story += fmt.Sprintf(" That is the state from before %s.", first)
	}
	return ix.finding(property, label, story+ix.moveWords(k), append(ix.opsOf(hops), k), o.edges(hops))
}

// evidence is the latest read by which the same node had shown something that
// came after the missing write, a step, and the write that it showed, an event.
func (o *order) evidence(b sessionFinding) (shown, later int32) {
	ix, e := o.ix, o.ix.eventOf(b.step)
	k, key := ix.op(e), ix.h.StepKey(int(b.step))
	restarts := restartsOf(ix.h)[ix.nodeName(k)]
	epoch := restarts.before(ix.h.Return(k))
	events := o.slots[o.slot[e]].events
	for p := o.pos[e]; p >= 0; p-- {
		x := events[p]
		if ix.node(ix.op(x)) != ix.node(k) {
			continue
		}
		if restarts.before(ix.h.Index(ix.op(x))) != epoch {
			break
		}
		from, to := ix.steps(x)
		for st := to - 1; st >= from; st-- {
			if ix.h.StepF(st) != history.Read || ix.h.StepKey(st) == key || st >= int(b.step) {
				continue
			}
			found := int32(-1)
			ix.eachSource(st, func(w int32) {
				if g := ix.eventOf(w); found < 0 && o.comesAfter(g, b) {
					found = g
				}
			})
			if found >= 0 {
				return int32(st), found
			}
		}
	}
	return -1, -1
}

// comesAfter says whether write w follows the missing one in the way that the
// guarantee speaks of.
func (o *order) comesAfter(w int32, b sessionFinding) bool {
	if b.via >= 0 {
		return b.via == w || o.before(b.via, w)
	}
	return o.promised(b.than, w)
}

// withToken says, where two events of a session are at different nodes, that it
// handed over a token on the way.
func (ix *index) withToken(a, b int32) string {
	from, to := ix.nodeName(ix.op(a)), ix.nodeName(ix.op(b))
	if from == to {
		return ""
	}
	return fmt.Sprintf("moved from %s to %s with a token and wrote ", from, to)
}

// moveWords names the last move or failover of a session before operation k, or is "".
func (ix *index) moveWords(k int) string {
	at := k
	for j := k - 1; j >= 0; j-- {
		if ix.h.Session(j) != ix.h.Session(k) || ix.h.Final(j) || ix.h.Final(k) {
			continue
		}
		if ix.node(j) == ix.node(k) {
			at = j
			continue
		}
		what := "Before that it had moved"
		if ix.h.Node(j) == ix.h.Node(at) {
			what = "Before that its requests had failed over"
		}
		return fmt.Sprintf(" %s from %s (#%d) to %s (#%d).", what, ix.nodeName(j), ix.h.Index(j), ix.nodeName(at), ix.h.Index(at))
	}
	return ""
}
