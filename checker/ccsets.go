package checker

// badSetRead judges one read of a set, element by element: an element whose add
// is in the reader's past must be shown unless a remove may explain its absence,
// and one whose every add was removed in the reader's past must not be.
func (o *order) badSetRead(key, e, s int32, c *causal) {
	ix := o.ix
	sk := ix.sets[key]
	shown := map[int32]bool{}
	for _, v := range asList(ix.h.StepValue(int(s))) {
		i, known := sk.at[v]
		if !known || len(ix.mayHaveHappened(sk.elems[i].adds)) == 0 {
			c.bad = append(c.bad, badRead{s, -1, -1, "ThinAirRead"})
			return
		}
		shown[i] = true
	}
	if !ix.h.Final(ix.op(e)) && o.chance(key, e) {
		c.chances++
	}
	for i := range sk.elems {
		if b, bad := o.badElement(sk, int32(i), e, s, shown[int32(i)]); bad {
			c.bad = append(c.bad, b)
			return
		}
	}
}

// badElement judges one element.
func (o *order) badElement(sk *setKey, i, e, s int32, shown bool) (badRead, bool) {
	el := &sk.elems[i]
	if !shown {
		for _, a := range el.adds {
			if ae := o.ix.eventOf(a); o.before(ae, e) && !o.removeExplains(el, e) {
				return badRead{s, ae, i, "WriteCOInitRead"}, true
			}
		}
		return badRead{}, false
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
