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
	case n <= m.other[t]:
	case m.by[t] == key || m.most[t] == 0:
		m.most[t], m.by[t] = max(m.most[t], n), key
	case n > m.most[t]:
		m.most[t], m.by[t], m.other[t] = n, key, m.most[t]
	default:
		m.other[t] = n
	}
}

// without is the mark of slot t by all keys but one.
func (m *marks) without(t, key int32) int32 {
	if m.by[t] == key {
		return m.other[t]
	}
	return m.most[t]
}

// reach says whether any step of the key, in slots below the given one, must be
// known by what other keys say.
func (m *marks) reach(steps keyRuns, key int32, slots int) bool {
	for _, r := range steps.of(key) {
		if int(r.slot) < slots && steps.at[r.from] < m.without(r.slot, key) {
			return true
		}
	}
	return false
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
	epoch           int // the restarts of the node before all of it
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
	if len(o.base) == 0 {
		sh.written.raise(t, o.pos[w], key)
	} else if b, ok := o.base[w]; ok {
		sh.written.raise(b.slot, b.pos, key)
	} else {
		sh.written.raise(t, o.pos[w], key)
	}
	if len(o.carry) > 0 {
		for _, k := range o.promisedElsewhere(o.handed, w) {
			sh.written.raise(k.slot, k.n, key)
		}
	}
	n := o.pos[w] + 1
	if n <= sh.caused.other[t] || sh.caused.by[t] == key && n <= sh.caused.most[t] {
		return // and with it all that is before it
	}
	sh.caused.raise(t, n, key)
	for i := range o.rows.stride {
		first := i << o.rows.shift
		for j, n := range o.rows.page(o.rows.pageAt(o.row[w], i)) {
			if u := first + int32(j); n > 0 && int(u) < len(sh.caused.other) && n > sh.caused.other[u] {
				sh.caused.raise(u, n, key)
			}
		}
	}
}

// nodeMarks are what each node has shown to the session that is walked.
type nodeMarks struct {
	*order
	restarts []*restarts // by node
	nodes    []*shown    // by node
	node     int
	now      *shown // of the node that serves the event at hand
	whole    bool   // it did not restart while it served it
}

func newNodeMarks(o *order) *nodeMarks {
	names := o.ix.h.Nodes()
	m := &nodeMarks{
		order: o, nodes: make([]*shown, len(names)), restarts: make([]*restarts, len(names)),
	}
	for name, at := range restartsOf(o.ix.h) {
		for n := range names {
			if names[n] == name {
				m.restarts[n] = at
			}
		}
	}
	return m
}

// begin starts with a new session.
func (m *nodeMarks) begin() {
	for _, sh := range m.nodes {
		if sh != nil {
			sh.clear()
			sh.epoch = 0
		}
	}
	m.node = -1
}

// enter goes to the node that serves event e. After a restart it has shown nothing.
func (m *nodeMarks) enter(e int32) {
	k := m.ix.op(e)
	if n := m.ix.node(k); n != m.node {
		if m.nodes[n] == nil {
			m.nodes[n] = &shown{written: newMarks(len(m.slots)), caused: newMarks(len(m.slots))}
		}
		m.node, m.now = n, m.nodes[n]
	}
	var epoch int
	if epoch, m.whole = m.restarts[m.node].whole(m.ix.h.Index(k), m.ix.h.Return(k)); !m.whole || epoch != m.now.epoch {
		m.now.clear()
		m.now.epoch = epoch
	}
}

// show notes what a read returned.
func (m *nodeMarks) show(key, s int32) {
	if !m.whole {
		return
	}
	if src := m.ix.src[s]; src >= 0 {
		m.now.add(m.order, m.ix.eventOf(src), key)
	} else if src == srcList {
		m.ix.eachSource(int(s), func(w int32) { m.now.add(m.order, m.ix.eventOf(w), key) })
	}
}
