package checker

import (
	"context"
	"fmt"
	"slices"
	"strings"
)

// finding tells why no order explains what a session read: each edge of hb that
// causal order does not imply with the read that asks for it, and the circle, or
// the write before a read of the initial state, that they come to.
func (m *memory) finding(c chain) Finding {
	ev := m.inRounds(c, mostRounds)
	if ev == nil {
		ev = newPlacement(m).stuck(context.Background(), c)
	}
	return m.tell(c, ev)
}

func (m *memory) tell(c chain, ev *evidence) Finding {
	events := m.support(ev)
	sc := m.sceneOf(c, events)
	p, ix := sc.least(ev.label), m.ix
	who := ix.who(ix.op(c[0]))
	if p == nil {
		// Only where a chain of direct edges was too long to be found.
		var ops []int
		for _, e := range events {
			ops = append(ops, ix.op(e))
		}
		return ix.finding("cm", ev.label, fmt.Sprintf("No order of what %s knew explains all that it read.", who), ops, nil)
	}
	t := &telling{scene: sc, proof: p, who: who}
	for i := range p.edges {
		t.edge(i)
	}
	if p.early >= 0 {
		t.tooEarly()
	} else {
		t.roundTrip()
	}
	return ix.finding("cm", ev.label, strings.Join(t.words, " "), ix.withSources(t.ops), t.edges)
}

// telling is a story in the making.
type telling struct {
	*scene
	*proof
	who    string
	words  []string
	untold int
	ops    []int
	edges  []Edge
}

// mostWords is how many sentences of a story come before its end: who needs more
// than that reads the edges.
const mostWords = 12

func (t *telling) say(format string, args ...any) {
	if len(t.words) == mostWords {
		t.untold++
		return
	}
	t.words = append(t.words, upper(fmt.Sprintf(format, args...)))
}

// conclude says what all of it comes to.
func (t *telling) conclude(format string, args ...any) {
	if t.untold > 0 {
		t.words = append(t.words, fmt.Sprintf("And so on through %d more steps, which the edges show.", t.untold))
	}
	t.words = append(t.words, upper(fmt.Sprintf(format, args...)))
}

// names are the two writes of an edge, as "x=17".
func (t *telling) names(d derived) (lost, won string) {
	key := int32(t.ix.h.StepKey(int(d.reader)))
	return t.ix.written(d.lost, key), t.ix.assigned(t.ix.src[d.reader])
}

// edge tells of one read that puts a write before the one it returned.
func (t *telling) edge(i int) {
	ix, d := t.ix, t.proof.edges[i]
	lost, won := t.names(d)
	k, a, b := ix.opOfStep(d.reader), ix.op(d.lost), ix.op(d.won)
	because := fmt.Sprintf("%s at %s read %s (#%d) with %s (#%d) in its past, so in its view %s came before %s",
		ix.who(k), ix.nodeName(k), won, ix.h.Index(k), lost, ix.h.Index(a), lost, won)
	t.say("%s (%s).", because, t.past(d.how))
	t.show(d.how)
	t.ops = append(t.ops, a, b, k)
	t.telling(Edge{ix.h.Index(b), ix.h.Index(k), "wr", t.because(hop{d.won, ix.eventOf(d.reader), "wr"})})
	t.telling(Edge{ix.h.Index(a), ix.h.Index(b), "hb", because})
}

func (t *telling) telling(e Edge) {
	if e.From != e.To && !slices.Contains(t.edges, e) {
		t.edges = append(t.edges, e)
	}
}

// show adds the operations and the causal edges of a chain.
func (t *telling) show(chain []link) {
	for _, l := range chain {
		t.ops = append(t.ops, t.ix.op(l.from), t.ix.op(l.to))
		if l.edge < 0 {
			for _, e := range t.order.edges([]hop{l.hop}) {
				t.telling(e)
			}
		}
	}
}

// past is how one event is before another, in words.
func (t *telling) past(chain []link) string {
	var words []string
	for i, l := range chain {
		if i == 4 && len(chain) > 5 {
			words = append(words, fmt.Sprintf("and so on through %d more steps", len(chain)-i))
			break
		}
		if l.edge >= 0 {
			lost, won := t.names(t.proof.edges[l.edge])
			words = append(words, fmt.Sprintf("in its view %s came before %s", lost, won))
		} else if t.ix.op(l.from) != t.ix.op(l.to) {
			words = append(words, t.because(l.hop))
		}
	}
	if words == nil {
		return "both are steps of one operation"
	}
	return strings.Join(words, "; ")
}

// tooEarly ends the story of a read that should not have found the initial state.
func (t *telling) tooEarly() {
	ix := t.ix
	k, key := ix.opOfStep(t.early), int32(ix.h.StepKey(int(t.early)))
	w := t.chain[0].from
	t.show(t.chain)
	t.ops = append(t.ops, k)
	t.conclude("%s at %s read %s (#%d), though in its view %s (#%d) had come before that: %s. So no order of what it knew explains all that it read.", t.who, ix.nodeName(k), ix.assigned(t.early),
		ix.h.Index(k), ix.written(w, key), ix.h.Index(ix.op(w)), t.past(t.chain))
}

// roundTrip ends the story of writes that would have to come before themselves.
func (t *telling) roundTrip() {
	for i := 0; i < len(t.chain); {
		if t.chain[i].edge >= 0 {
			i++
			continue
		}
		end := i
		for end < len(t.chain) && t.chain[end].edge < 0 {
			end++
		}
		// A circle has a derived edge on each side of what is causal in it.
		lost, won := t.between(i, end)
		t.say("%s is causally before %s: %s.", lost, won, t.past(t.chain[i:end]))
		t.show(t.chain[i:end])
		i = end
	}
	t.conclude("These go round in a circle, so no order of what %s knew explains all that it read.", t.who)
}

// between are the winner of the edge before chain[from:to] and the loser of the one after.
func (t *telling) between(from, to int) (won, lost string) {
	_, won = t.names(t.proof.edges[t.chain[from-1].edge])
	lost, _ = t.names(t.proof.edges[t.chain[to%len(t.chain)].edge])
	return won, lost
}

// manyOps bounds how far sources are followed where operations have many steps.
const manyOps = 100

// withSources adds the operations that wrote what the others read, and so on, so
// that those shown can be judged alone. With one step an operation there are none.
func (ix *index) withSources(ops []int) []int {
	var all []int
	for _, k := range ops {
		if !slices.Contains(all, k) {
			all = append(all, k)
		}
	}
	for i := 0; i < len(all) && len(all) < manyOps; i++ {
		from, to := ix.h.Steps(all[i])
		for s := from; s < to; s++ {
			ix.eachSource(s, func(w int32) {
				if k := ix.opOfStep(w); !slices.Contains(all, k) {
					all = append(all, k)
				}
			})
		}
	}
	return all
}

// writesKey says whether any step of an event writes the key.
func (ix *index) writesKey(e, key int32) bool {
	from, to := ix.steps(e)
	for s := from; s < to; s++ {
		if int32(ix.h.StepKey(s)) == key && ix.h.StepF(s).IsWrite() {
			return true
		}
	}
	return false
}
