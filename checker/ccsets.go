package checker

import (
	"context"
	"math/bits"
)

// strayElement says whether a read shows an element of a set that nobody added.
func (ix *index) strayElement(key, s int32) bool {
	sk := ix.sets[key]
	for _, v := range asList(ix.h.StepValue(int(s))) {
		if i, known := sk.at[v]; !known || len(sk.elems[i].adds) == 0 {
			return true
		}
	}
	return false
}

// badSetRead judges one read of a set, element by element: an element whose add
// is in the reader's past must be shown unless a remove may explain its absence,
// and one whose every add was removed in the reader's past must not be.
func (o *order) badSetRead(key, e, s int32, c *causal) {
	if !o.ix.h.Final(o.ix.op(e)) && o.chance(key, e) {
		c.chances++
	}
	if b, bad := o.badSetReads()[s]; bad {
		c.bad = append(c.bad, b)
	}
}

// badSetReads are the bad reads of sets, by step, worked out once for each order.
func (o *order) badSetReads() map[int32]badRead {
	ix := o.ix
	ix.setLock.Lock()
	defer ix.setLock.Unlock()
	if found, done := ix.badSets[o]; done {
		return found
	}
	parts, _ := parallelBy(context.Background(), 1, len(ix.chains), func(i, _ int) []badRead {
		key := int32(ix.h.StepKey(int(ix.chains[i][0])))
		if ix.kind[key] != set {
			return nil
		}
		w := newPastWalk(o, key)
		for _, s := range ix.chains[i] {
			w.read(s)
		}
		return w.found
	})
	found := map[int32]badRead{}
	for _, part := range parts {
		for _, b := range part {
			found[b.step] = b
		}
	}
	if ix.badSets == nil {
		ix.badSets = map[*order]map[int32]badRead{}
	}
	ix.badSets[o] = found
	return found
}

// pastWalk follows the reads of one set by one session at one node. From one to
// the next an element is looked at again only if it came or went, or if an add
// or remove of it came into the reader's past: what is fine stays fine otherwise,
// since the past of a session only grows.
type pastWalk struct {
	*order
	sk    *setKey
	runs  []run
	upTo  []int          // by run: how many of its writes are in the past
	shown []bool         // by element
	bad   []uint64       // by element, a bit: bad when it was last looked at
	thin  map[int64]bool // shown, and nobody added them
	found []badRead
}

func newPastWalk(o *order, key int32) *pastWalk {
	sk, runs := o.ix.sets[key], o.keys.of(key)
	return &pastWalk{
		order: o, sk: sk, runs: runs, upTo: make([]int, len(runs)), shown: make([]bool, len(sk.elems)),
		bad: make([]uint64, len(sk.elems)/64+1), thin: map[int64]bool{},
	}
}

func (w *pastWalk) read(s int32) {
	e := w.ix.eventOf(s)
	touched := w.changes(w.ix.reads[s])
	past := w.viewOf(e)
	for i, r := range w.runs {
		n := w.keys.upTo(r, past.of(r.slot))
		for _, g := range w.keys.event[int(r.from)+w.upTo[i] : int(r.from)+max(n, w.upTo[i])] {
			touched = w.elementsOf(g, touched)
		}
		w.upTo[i] = max(n, w.upTo[i])
	}
	for _, i := range touched {
		if _, bad := w.badElement(w.sk, i, e, s, w.shown[i]); bad {
			w.bad[i/64] |= 1 << (i % 64)
		} else {
			w.bad[i/64] &^= 1 << (i % 64)
		}
	}
	if len(w.thin) > 0 {
		w.found = append(w.found, badRead{s, -1, -1, "ThinAirRead"})
	} else if b, bad := w.firstBad(e, s); bad {
		w.found = append(w.found, b)
	}
}

// changes notes what a read shows, and returns the elements that came or went.
func (w *pastWalk) changes(r *setRead) (touched []int32) {
	for _, v := range r.came {
		i, added := w.sk.at[v]
		if !added || len(w.sk.elems[i].adds) == 0 {
			w.thin[v] = true
			continue
		}
		w.shown[i] = true
		touched = append(touched, i)
	}
	for _, v := range r.went {
		delete(w.thin, v)
		if i, added := w.sk.at[v]; added {
			w.shown[i] = false
			touched = append(touched, i)
		}
	}
	return touched
}

// elementsOf appends the elements of the set that event g adds or removes.
func (w *pastWalk) elementsOf(g int32, touched []int32) []int32 {
	h := w.ix.h
	from, to := w.ix.steps(g)
	for s := from; s < to; s++ {
		if v, ok := h.StepInt(s); ok && h.StepF(s).IsWrite() && w.ix.sets[int32(h.StepKey(s))] == w.sk {
			touched = append(touched, w.sk.at[v])
		}
	}
	return touched
}

// firstBad is the first element that is bad. One that was may be fine now, when
// a remove that came after an earlier reader does not come after this one.
func (w *pastWalk) firstBad(e, s int32) (badRead, bool) {
	for i := range w.bad {
		for w.bad[i] != 0 {
			bit := bits.TrailingZeros64(w.bad[i])
			elem := int32(64*i + bit)
			if b, bad := w.badElement(w.sk, elem, e, s, w.shown[elem]); bad {
				return b, true
			}
			w.bad[i] &^= 1 << bit
		}
	}
	return badRead{}, false
}

// badElement judges one element.
func (o *order) badElement(sk *setKey, i, e, s int32, shown bool) (badRead, bool) {
	el := &sk.elems[i]
	if shown {
		return o.badPresence(el, i, e, s)
	}
	for _, a := range el.adds {
		if ae := o.ix.eventOf(a); o.before(ae, e) && !o.removeExplains(el, e) {
			return badRead{s, ae, i, "WriteCOInitRead"}, true
		}
	}
	return badRead{}, false
}

// badPresence judges an element that is shown.
func (o *order) badPresence(el *element, i, e, s int32) (badRead, bool) {
	if len(el.removes) == 0 || len(o.ix.mayHaveHappened(el.adds)) == 0 {
		return badRead{}, false // never removed; or a phantom: nobody knows whose
	}
	for _, r := range el.removes {
		if re := o.ix.eventOf(r); o.before(re, e) && !o.excusesPresence(el.adds, re) {
			return badRead{s, re, i, "WriteCORead"}, true
		}
	}
	return badRead{}, false
}

// removeExplains says whether any remove of the element may explain that e does
// not show it: one that is not after e, and that no add between the two undid.
func (o *order) removeExplains(el *element, e int32) bool {
	for _, r := range o.ix.mayHaveHappened(el.removes) {
		re := o.ix.eventOf(r)
		if o.before(e, re) {
			continue
		}
		undone := false
		for _, a := range el.adds {
			ae := o.ix.eventOf(a)
			undone = undone || o.before(re, ae) && o.before(ae, e)
		}
		if !undone {
			return true
		}
	}
	return false
}
