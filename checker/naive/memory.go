package naive

import (
	"slices"

	"github.com/mlcheck/mlcheck/history"
)

// cm is cc, and for the last operation of every session the relation hb of
// Bouajjani et al. (POPL 2017): it has no cycle, and no write of a key is before a
// read, by the session, of the initial state of the key.
func cm(m *model) []Violation {
	found := cc(m)
	for o := range m.events {
		if m.lastOfItsSession(o) {
			found = append(found, m.memory(o)...)
		}
	}
	return found
}

// follows is the event that e is promised to follow in its session, or -1.
func (m *model) follows(e int) int {
	if k := m.events[e].op; e == 0 || m.events[e-1].op != k {
		if brought := m.broughtAlong(k); len(brought) > 0 {
			return brought[0]
		}
	}
	last := -1
	for a := range e {
		if m.promised(a, e) {
			last = a
		}
	}
	return last
}

func (m *model) lastOfItsSession(o int) bool {
	certain := func(e int) bool { return m.outcome(e) == history.OK && !m.final(m.events[e].op) }
	if !certain(o) {
		return false
	}
	for e := o + 1; e < len(m.events); e++ {
		if certain(e) && m.ops[m.events[e].op].Session == m.ops[m.events[o].op].Session && m.follows(e) == o {
			return false
		}
	}
	return true
}

// memory is what contradicts itself in hb of event o.
func (m *model) memory(o int) []Violation {
	hb := newMatrix(len(m.events))
	known := func(e int) bool { return e == o || m.is(e, o) }
	for a := range m.events {
		for b := range m.events {
			if known(a) && known(b) && m.is(a, b) {
				hb.set(a, b)
			}
		}
	}
	var early []Violation
	for changed := true; changed; hb.close() {
		changed = false
		for e := o; e >= 0; e = m.follows(e) {
			for _, s := range m.events[e].steps {
				first, ok := m.mustBeLast(s)
				for _, w := range m.writesOf(m.steps[s].Key) {
					if !ok || w == first || w == e || !hb.has(w, e) {
						continue
					}
					if v := m.wrong("WriteHBInitRead", m.steps[s].op); first < 0 {
						if !slices.ContainsFunc(early, func(u Violation) bool { return u.Ops[0] == v.Ops[0] }) {
							early = append(early, v)
						}
					} else if !hb.has(w, first) {
						hb.set(w, first)
						changed = true
					}
				}
			}
		}
	}
	return append(early, m.cycles(hb, m.before, "CyclicHB")...)
}

// mustBeLast is the event whose write of the key must be the last one before step
// s, -1 for none, if the step says so at all.
func (m *model) mustBeLast(s int) (w int, ok bool) {
	st := m.steps[s]
	if m.ops[st.op].Outcome != history.OK || m.ownWrite(s) >= 0 || m.keptApart(st.Key) || len(m.badRead(s)) > 0 {
		return 0, false
	}
	switch st.from.what {
	case theInitial:
		return -1, true
	case aValue:
		w = m.steps[st.from.steps[0]].event
		return w, m.is(w, st.event)
	}
	return 0, false
}
