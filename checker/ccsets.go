package checker

import "github.com/mlcheck/mlcheck/history"

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

// badSetRead judges one read of a set: an element whose add is in the reader's
// past must be shown unless a remove may explain its absence, and one whose every
// add was removed in the reader's past must not be. It costs what the read shows,
// what is new in the reader's past, and what is missing there.
func (w *sessionWalk) badSetRead(sw *setWalk, key, e, s int32) {
	ix, sk, c := w.ix, w.ix.sets[key], &w.found.causes
	if ix.strayElement(key, s) {
		c.bad = append(c.bad, badRead{s, -1, -1, "ThinAirRead"})
		return
	}
	if !ix.h.Final(ix.op(e)) && w.chance(key, e) {
		c.chances++
	}
	if sk.plain && w.knownAmong(sw, sk, e) == w.countBefore(key, e) {
		return // nothing is ever removed, and nothing that must be shown is missing
	}
	for _, i := range sw.list {
		if b, bad := w.badPresence(sk, i, e, s); bad {
			c.bad = append(c.bad, b)
			return
		}
	}
	w.learn(sw, sk, key, e)
	if b, bad := w.badAbsence(sw, sk, e, s); bad {
		c.bad = append(c.bad, b)
	}
}

// knownAmong is how many of the elements shown have their only add in the past of e.
func (w *sessionWalk) knownAmong(sw *setWalk, sk *setKey, e int32) int {
	n := 0
	for _, i := range sw.list {
		if w.before(w.ix.eventOf(sk.elems[i].adds[0]), e) {
			n++
		}
	}
	return n
}

// countBefore is how many writes of the key are in the past of e: O(k·log n).
func (o *order) countBefore(key, e int32) int {
	n := 0
	for _, r := range o.keys.of(key) {
		n += o.keys.upTo(r, o.past(e, r.slot))
	}
	return n
}

// learn adds to what must be shown the adds that came into the session's past.
func (w *sessionWalk) learn(sw *setWalk, sk *setKey, key, e int32) {
	runs := w.keys.of(key)
	for len(sw.taken) < len(runs) {
		sw.taken = append(sw.taken, 0)
	}
	for i, r := range runs {
		for n := int32(w.keys.upTo(r, w.past(e, r.slot))); sw.taken[i] < n; sw.taken[i]++ {
			v := w.keys.event[r.from+sw.taken[i]]
			from, to := w.ix.steps(v)
			for s := from; s < to; s++ {
				if n, ok := w.ix.h.StepInt(s); ok && w.ix.h.StepF(s) == history.Add && int32(w.ix.h.StepKey(s)) == key {
					sw.open = append(sw.open, known{sk.at[n], v, -1})
				}
			}
		}
	}
}

// badAbsence is the first element that is missing. One that is explained and was
// added once is explained from then on.
func (w *sessionWalk) badAbsence(sw *setWalk, sk *setKey, e, s int32) (badRead, bool) {
	kept := sw.open[:0]
	for i, m := range sw.open {
		el := &sk.elems[m.elem]
		if sw.shown[m.elem] != sw.reads {
			if !w.removeExplains(el, e) {
				sw.open = append(kept, sw.open[i:]...)
				return badRead{s, m.event, m.elem, "WriteCOInitRead"}, true
			}
			if len(el.adds) == 1 {
				continue
			}
		}
		kept = append(kept, m)
	}
	sw.open = kept
	return badRead{}, false
}

// badPresence judges an element that is shown.
func (o *order) badPresence(sk *setKey, i, e, s int32) (badRead, bool) {
	el := &sk.elems[i]
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
