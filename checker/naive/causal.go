package naive

import (
	"slices"

	"github.com/mlcheck/mlcheck/history"
)

// cc is the bad patterns of causal consistency (Bouajjani et al., POPL 2017), on
// registers and, element by element, on sets.
func cc(m *model) []Violation {
	m.order()
	found := m.cycles(m.before, nil, "CyclicCO")
	for s := range m.steps {
		for _, label := range m.badRead(s) {
			found = append(found, m.wrong(label, m.steps[s].op))
		}
	}
	return found
}

// ccv is cc, and that causal and conflict order together have no cycle.
func ccv(m *model) []Violation {
	found := cc(m)
	both := m.before.clone()
	for s, st := range m.steps {
		if st.from.what != aValue || m.keptApart(st.Key) || len(m.badRead(s)) > 0 || m.ops[st.op].Outcome != history.OK || m.ownWrite(s) >= 0 {
			continue
		}
		won := m.steps[st.from.steps[0]].event
		for _, lost := range m.writesOf(st.Key) {
			if lost != won && m.is(lost, st.event) {
				both.set(lost, won)
			}
		}
	}
	both.close()
	return append(found, m.cycles(both, m.before, "CyclicCF")...)
}

// cycles are the circles of a closed relation, without those of another one.
func (m *model) cycles(r, without matrix, label string) []Violation {
	var found []Violation
	done := map[int]bool{}
	on := func(e int) bool { return r.has(e, e) && (without == nil || !without.has(e, e)) }
	for a := range m.events {
		if done[a] || !on(a) && !m.readsItsFuture(a, label) {
			continue
		}
		v := Violation{Label: label}
		for b := range m.events {
			if b == a || on(b) && r.has(a, b) && r.has(b, a) {
				done[b] = true
				v.Ops = append(v.Ops, m.index(b))
			}
		}
		v.Ops = slices.Compact(v.Ops)
		found = append(found, v)
	}
	return found
}

// readsItsFuture says whether an operation that is one event reads what only a
// later step of it writes: a circle of one.
func (m *model) readsItsFuture(e int, label string) bool {
	return label == "CyclicCO" && slices.ContainsFunc(m.events[e].steps, func(s int) bool {
		from := m.steps[s].from
		return slices.ContainsFunc(from.steps, func(w int) bool { return w > s && m.steps[w].event == e })
	})
}

// writesOf are the events that write a key and took effect.
func (m *model) writesOf(key string) []int {
	var found []int
	for _, s := range m.writes[key] {
		if e := m.steps[s].event; m.happened(e) && !slices.Contains(found, e) {
			found = append(found, e)
		}
	}
	return found
}

// ownWrite is the last step before s by which the same event writes s's key, or -1.
func (m *model) ownWrite(s int) int {
	own := -1
	for _, t := range m.events[m.steps[s].event].steps {
		if t < s && m.steps[t].F.IsWrite() && m.steps[t].Key == m.steps[s].Key {
			own = t
		}
	}
	return own
}

// badRead is the patterns that step s breaks.
func (m *model) badRead(s int) []string {
	st := m.steps[s]
	switch {
	case st.F != history.Read || m.ops[st.op].Outcome != history.OK:
		return nil
	case m.kinds[st.Key] == set:
		return m.badSetRead(s)
	case m.keptApart(st.Key) && m.final(st.op) && st.from.what != thinAir:
		return nil
	case m.keptApart(st.Key) && !m.final(st.op):
		return m.badSiblings(s)
	case m.kinds[st.Key]&^register != 0 || st.from.what == aList:
		return nil
	case st.from.what == thinAir:
		return []string{"ThinAirRead"}
	case m.final(st.op):
		return m.torn(s) // in no order with anything, and yet no transaction left it so
	}
	if own := m.ownWrite(s); own >= 0 {
		return m.notItsOwn(s, own)
	}
	newer := m.newerThan(s)
	if len(newer) == 0 {
		return m.torn(s)
	}
	switch {
	case m.transactions() && slices.ContainsFunc(newer, func(v int) bool { return m.shows(st.event, v) }):
		return []string{"FracturedRead"}
	case st.from.what == aValue:
		return []string{"WriteCORead"}
	}
	return []string{"WriteCOInitRead"}
}

func (m *model) transactions() bool { return m.h.Header.Granularity == "transaction" }

// newerThan are the writes in the past of read s that rule out what it returned.
func (m *model) newerThan(s int) []int {
	st := m.steps[s]
	g := -1
	if st.from.what == aValue {
		if g = m.steps[st.from.steps[0]].event; g == st.event {
			return nil
		}
	}
	newer := slices.DeleteFunc(m.writesOf(st.Key), func(v int) bool {
		return !m.is(v, st.event) || g >= 0 && (v == g || !m.is(g, v))
	})
	if g < 0 && m.deleteExplains(st.Key, st.event) {
		return nil
	}
	return newer
}

// shows says whether event e read anything that event v wrote.
func (m *model) shows(e, v int) bool {
	return slices.ContainsFunc(m.events[e].steps, func(s int) bool {
		from := m.steps[s].from
		return from.what == aValue && m.steps[from.steps[0]].event == v
	})
}

// notItsOwn judges a read after a write of the same event.
func (m *model) notItsOwn(s, own int) []string {
	switch from := m.steps[s].from; {
	case from.what == aValue && (from.steps[0] == own || from.steps[0] > s && m.steps[from.steps[0]].event == m.steps[s].event):
		return nil // its own, or from its future, which is a circle
	case from.what == noValue && m.steps[own].F == history.Delete:
		return nil
	case from.what == aValue && m.steps[from.steps[0]].event == m.steps[s].event:
		return []string{"NotMyLastWrite"}
	}
	return []string{"NotMyOwnWrite"}
}

// torn are the patterns of reads that no transaction may make of another one.
func (m *model) torn(s int) []string {
	st := m.steps[s]
	if !m.transactions() || st.from.what == aValue && m.steps[st.from.steps[0]].event == st.event {
		return nil
	}
	var labels []string
	before := source{}
	for _, r := range m.events[st.event].steps {
		if rs := m.steps[r]; r < s && rs.F == history.Read && rs.Key == st.Key && slices.Contains([]what{aValue, theInitial, noValue}, rs.from.what) {
			before = rs.from // the last one counts
		}
	}
	if before.what != nothingToTrace && (before.what != st.from.what || before.what == aValue && before.steps[0] != st.from.steps[0]) {
		labels = append(labels, "NonRepeatableRead")
	}
	if st.from.what != aValue {
		return labels
	}
	w := st.from.steps[0]
	if m.outcome(m.steps[w].event) == history.Fail {
		labels = append(labels, "AbortedRead")
	}
	for _, t := range m.events[m.steps[w].event].steps {
		if t > w && m.steps[t].F.IsWrite() && m.steps[t].Key == st.Key {
			labels = append(labels, "IntermediateRead")
		}
	}
	return labels
}

// replaced says whether one of the writes is after w and before e.
func (m *model) replaced(w, e int, writes []int) bool {
	return slices.ContainsFunc(writes, func(v int) bool { return v != w && m.is(w, v) && m.is(v, e) })
}

// deleteExplains says whether a delete may be what e read as nothing.
func (m *model) deleteExplains(key string, e int) bool {
	for _, s := range m.deletes(key) {
		d := m.steps[s].event
		if d == e || m.is(e, d) {
			continue // it came after the read
		}
		if !m.happened(d) || !m.is(d, e) || !m.replaced(d, e, m.writesOf(key)) {
			return true
		}
	}
	return false
}

// badSetRead looks at every element that a set ever had, or that was read.
func (m *model) badSetRead(s int) []string {
	st := m.steps[s]
	shown := elementsShown(st.Value)
	for _, v := range shown {
		if len(m.onElement(st.Key, history.Add, v)) == 0 {
			return []string{"ThinAirRead"}
		}
	}
	var labels []string
	for _, w := range m.writes[st.Key] {
		e := m.steps[w].event
		if !m.is(e, st.event) {
			continue
		}
		f, v := m.steps[w].F, m.steps[w].Value.N
		adds, removes := m.onElement(st.Key, history.Add, v), m.onElement(st.Key, history.Remove, v)
		there := slices.Contains(shown, v)
		switch {
		case f == history.Remove && there && slices.ContainsFunc(adds, m.did) && !m.excused(adds, e):
			labels = append(labels, "WriteCORead")
		case f == history.Add && !there && !m.removeExplains(adds, removes, st.event):
			labels = append(labels, "WriteCOInitRead")
		}
	}
	return labels
}

func (m *model) did(s int) bool { return m.mayHaveHappened(m.steps[s].event) }

// excused says whether one of the opposite steps may explain that the effect of
// event e is not seen: one that may have happened and is not before e.
func (m *model) excused(opposite []int, e int) bool {
	return slices.ContainsFunc(opposite, func(s int) bool { return m.did(s) && !m.is(m.steps[s].event, e) })
}

// removeExplains says whether a remove may be why e does not show an element:
// one that is not after e, and that no add between the two undid.
func (m *model) removeExplains(adds, removes []int, e int) bool {
	for _, r := range removes {
		re := m.steps[r].event
		undone := slices.ContainsFunc(adds, func(a int) bool { ae := m.steps[a].event; return m.is(re, ae) && m.is(ae, e) })
		if m.did(r) && !m.is(e, re) && !undone {
			return true
		}
	}
	return false
}
