package checker

// followers are the direct edges of causal order between slots, by the earlier
// event: e is in the past of an event of another slot if and only if some
// follower of e, or of an event after e in its slot, is that event or before it.
type followers struct {
	first []int32 // event → its first follower in list; one more than there are events
	list  []int32
}

// followersOf reads them off the rows: whatever an event knows that the one before
// it in its slot did not. It takes O(n + m·k·d) for m events with news, k slots and
// d followed events each.
func (o *order) followersOf() followers {
	type edge struct{ from, to int32 }
	var edges []edge
	fs := followers{first: make([]int32, o.ix.n+1)}
	var news []int32
	for t := range o.slots {
		prev := int32(-1)
		for _, e := range o.slots[t].events {
			news = o.news(prev, e, news[:0])
			for _, g := range news {
				edges = append(edges, edge{g, e})
				fs.first[g+1]++
			}
			prev = e
		}
	}
	for e := range o.ix.n {
		fs.first[e+1] += fs.first[e]
	}
	fs.list = make([]int32, len(edges))
	next := append([]int32(nil), fs.first...)
	for _, d := range edges {
		fs.list[next[d.from]] = d.to
		next[d.from]++
	}
	return fs
}

// news are the last events of other slots that e knows of and prev, the event
// before it in its slot, did not; of those that are before each other only the
// last. Slots of which both rows share the page have none.
func (o *order) news(prev, e int32, into []int32) []int32 {
	old := int32(0)
	if prev >= 0 {
		old = o.row[prev]
	}
	if old == o.row[e] {
		return into
	}
	for i := range o.rows.stride {
		if o.rows.pageAt(old, i) == o.rows.pageAt(o.row[e], i) {
			continue
		}
		for t := i << o.rows.shift; t < min(int32(len(o.slots)), (i+1)<<o.rows.shift); t++ {
			n := o.rows.at(o.row[e], t)
			if t != o.slot[e] && n > o.rows.at(old, t) {
				into = o.withLast(into, o.slots[t].events[n-1])
			}
		}
	}
	return into
}

// withLast adds g to events none of which is before another, and keeps it so.
func (o *order) withLast(events []int32, g int32) []int32 {
	kept := events[:0]
	for _, f := range events {
		if o.before(g, f) {
			return events // nothing was dropped yet: what g is after cannot be beside f
		}
		if !o.before(f, g) {
			kept = append(kept, f)
		}
	}
	return append(kept, g)
}
