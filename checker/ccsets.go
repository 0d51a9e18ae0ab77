package checker

// badSetRead judges one read of a set, element by element: an element whose add
// is in the reader's past must be shown unless a remove may explain its absence,
// and one whose every add was removed in the reader's past must not be.
func (o *order) badSetRead(key, e, s int32, c *causal) {
	ix := o.ix
	sk := ix.sets[key]
	shown := asList(ix.h.StepValue(int(s)))
	known := 0 // elements shown whose add is in the reader's past
	seen := make([]uint64, len(sk.elems)/64+1)
	for _, v := range shown {
		i, added := sk.at[v]
		if !added || len(sk.elems[i].adds) == 0 {
			c.bad = append(c.bad, badRead{s, -1, -1, "ThinAirRead"})
			return
		}
		if bit := uint64(1) << (i % 64); seen[i/64]&bit == 0 {
			seen[i/64] |= bit
			if o.before(ix.eventOf(sk.elems[i].adds[0]), e) {
				known++
			}
		}
	}
	if !ix.h.Final(ix.op(e)) && o.chance(key, e) {
		c.chances++
	}
	if sk.plain && known == o.countBefore(key, e) {
		return // nothing is ever removed, and nothing that must be shown is missing
	}
	o.badElements(sk, e, s, shown, c)
}

// countBefore is how many writes of the key are in the past of e: O(k·log n).
func (o *order) countBefore(key, e int32) int {
	n := 0
	for _, r := range o.keys.of(key) {
		n += o.keys.upTo(r, o.past(e, r.slot))
	}
	return n
}

// badElements looks at every element of the set: O(elements).
func (o *order) badElements(sk *setKey, e, s int32, list []int64, c *causal) {
	shown := make([]bool, len(sk.elems))
	for _, v := range list {
		shown[sk.at[v]] = true
	}
	for i := range sk.elems {
		if b, bad := o.badElement(sk, int32(i), e, s, shown[i]); bad {
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
	if len(o.ix.mayHaveHappened(el.adds)) == 0 {
		return badRead{}, false // a phantom: nobody knows whose
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
