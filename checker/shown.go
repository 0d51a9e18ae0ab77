package checker

// marks say for each slot how many of its events must be known. They are kept
// for two keys apart, so that what a key itself says about a slot can be left out.
type marks struct {
	most  []int32
	by    []int32 // the key that says so
	other []int32 // the most that any other key says
}

func newMarks(slots int) marks {
	return marks{make([]int32, slots), make([]int32, slots), make([]int32, slots)}
}

// raise notes that a read of the key showed something that follows n events of slot t.
func (m *marks) raise(t, n, key int32) {
	switch {
	case m.by[t] == key || m.most[t] == 0:
		m.most[t], m.by[t] = max(m.most[t], n), key
	case n > m.most[t]:
		m.most[t], m.by[t], m.other[t] = n, key, m.most[t]
	default:
		m.other[t] = max(m.other[t], n)
	}
}

// without is the mark of slot t by all keys but one.
func (m *marks) without(t, key int32) int32 {
	if m.by[t] == key {
		return m.other[t]
	}
	return m.most[t]
}

func (m *marks) clear() {
	clear(m.most)
	clear(m.by)
	clear(m.other)
}

// shown is what a node has shown to one session since the node's last restart:
// of each slot, the events that are in session order before a write that was
// read (written), and those that are causally before one (caused).
type shown struct {
	written, caused marks
	any             bool
}

func (sh *shown) clear() {
	if sh.any {
		sh.written.clear()
		sh.caused.clear()
		sh.any = false
	}
}

// add notes that write w was read in a key.
func (sh *shown) add(o *order, w, key int32) {
	t := o.slot[w]
	if t < 0 || o.row[w] < 0 {
		return
	}
	sh.any = true
	if b, ok := o.base[w]; ok {
		sh.written.raise(b.slot, b.pos, key)
	} else {
		sh.written.raise(t, o.pos[w], key)
	}
	for u, n := range o.rows[o.row[w]] {
		if n > 0 {
			sh.caused.raise(int32(u), n, key)
		}
	}
	sh.caused.raise(t, o.pos[w]+1, key)
}
