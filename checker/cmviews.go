package checker

// a chain is what one session did, each operation promised to be after the one
// before it: at one node, or from node to node with a causal token.
type chain []int32

// viewsThatChose are the chains of all sessions that have a read which returned
// one of several concurrent writes, each cut after its last such read: what the
// session read later adds nothing to causal order.
func (m *memory) viewsThatChose() []chain {
	var views []chain
	m.eachChain(func(c chain) {
		for len(c) > 0 && !m.choseAt(c[len(c)-1]) {
			c = c[:len(c)-1]
		}
		if len(c) > 0 {
			views = append(views, c)
		}
	})
	return views
}

// choseAt says whether any read of an event chose between concurrent writes.
func (m *memory) choseAt(e int32) bool {
	from, to := m.ix.steps(e)
	for s := from; s < to; s++ {
		if m.mark[s]&chose != 0 {
			return true
		}
	}
	return false
}

// eachChain calls f with the longest chains. Without tokens they are the slots.
// A session that hands over a token at some moves only is a tree: every leaf
// ends a chain, from its root.
func (o *order) eachChain(f func(chain)) {
	if len(o.carry) == 0 {
		for t := range o.trunks {
			o.eachSession(o.slots[t].events, f)
		}
		return
	}
	followed := map[int32]bool{}
	for t := range o.trunks {
		for _, e := range o.slots[t].events {
			if p := o.parent(e); p >= 0 {
				followed[p] = true
			}
		}
	}
	for t := range o.trunks {
		for _, e := range o.slots[t].events {
			if !followed[e] {
				f(o.chainTo(e))
			}
		}
	}
}

// eachSession cuts the events of a slot where another session begins.
func (o *order) eachSession(events []int32, f func(chain)) {
	from := 0
	for i := 1; i <= len(events); i++ {
		if i == len(events) || o.session(events[i]) != o.session(events[from]) {
			f(events[from:i:i])
			from = i
		}
	}
}

func (o *order) session(e int32) int { return o.ix.h.Session(o.ix.op(e)) }

// parent is the event that e directly follows in its session, or -1.
func (o *order) parent(e int32) int32 {
	if prev, ok := o.carry[e]; ok && o.slot[prev] >= 0 && o.before(prev, e) {
		return prev
	}
	if o.pos[e] == 0 {
		return -1
	}
	prev := o.slots[o.slot[e]].events[o.pos[e]-1]
	if o.session(prev) != o.session(e) {
		return -1
	}
	return prev
}

func (o *order) chainTo(e int32) chain {
	n := 0
	for p := e; p >= 0; p = o.parent(p) {
		n++
	}
	c := make(chain, n)
	for p := e; p >= 0; p = o.parent(p) {
		n--
		c[n] = p
	}
	return c
}
