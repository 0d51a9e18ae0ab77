package naive

import (
	"slices"

	"github.com/mlcheck/mlcheck/history"
)

// readYourWrites: a session that has written reads nothing older there.
func readYourWrites(m *model) []Violation {
	return m.eachRead(func(s int, found func(label string)) {
		st := m.steps[s]
		back := m.replacedItself(s)
		for w := range s {
			if !m.steps[w].F.IsWrite() || m.steps[w].Key != st.Key || !m.inSession(w, s) {
				continue
			}
			own := m.steps[w].event
			if m.kinds[st.Key] == set && own != st.event {
				m.ownElement(w, s, found)
			}
			back = back || m.register(s) && m.older(s, own)
		}
		if back && m.register(s) {
			found("own write not read")
		}
	})
}

// replacedItself says whether read s returned what its own transaction had
// written, and written anew since.
func (m *model) replacedItself(s int) bool {
	from := m.steps[s].from
	return from.what == aValue && m.steps[from.steps[0]].event == m.steps[s].event && from.steps[0] < m.ownWrite(s)
}

// ownElement judges a read of a set by what its session had added or removed.
func (m *model) ownElement(w, s int, found func(label string)) {
	key, v, e := m.steps[w].Key, m.steps[w].Value.N, m.steps[w].event
	there := slices.Contains(elementsShown(m.steps[s].Value), v)
	switch {
	case m.steps[w].F == history.Add && !there && !m.excused(m.notAfter(s, m.onElement(key, history.Remove, v)), e):
		found("own write not read")
	case m.steps[w].F == history.Remove && there && slices.ContainsFunc(m.onElement(key, history.Add, v), m.did) && !m.excused(m.onElement(key, history.Add, v), e):
		found("own remove not read")
	}
}

// monotonicReads: a session that has seen a state sees no older one afterwards.
func monotonicReads(m *model) []Violation {
	return m.eachRead(func(s int, found func(label string)) {
		st := m.steps[s]
		for r := range s {
			rs := m.steps[r]
			if rs.F != history.Read || rs.Key != st.Key || !m.inSession(r, s) {
				continue
			}
			if m.kinds[st.Key] == set && m.vanished(r, s) {
				found("went back")
			}
			if m.keptApart(st.Key) {
				if m.register(s) && slices.ContainsFunc(rs.from.steps, func(w int) bool {
					at := m.steps[w].event
					return rs.event != st.event && at != rs.event && m.older(s, at)
				}) {
					found("went back")
				}
				continue
			}
			if !m.register(s) || !m.register(r) || rs.from.what != aValue {
				continue
			}
			if w := m.steps[rs.from.steps[0]].event; m.older(s, w) {
				found("went back")
			}
		}
	})
}

// vanished says whether an element that read r showed, and of which there is one
// add, is not shown by read s though no remove explains that.
func (m *model) vanished(r, s int) bool {
	st := m.steps[s]
	for _, v := range elementsShown(m.steps[r].Value) {
		adds := slices.DeleteFunc(m.onElement(st.Key, history.Add, v), func(a int) bool { return !m.did(a) })
		if len(adds) != 1 || slices.Contains(elementsShown(st.Value), v) {
			continue
		}
		add := m.steps[adds[0]].event
		if m.is(add, m.steps[r].event) && !m.excused(m.notAfter(s, m.onElement(st.Key, history.Remove, v)), add) {
			return true
		}
	}
	return false
}

// notAfter drops the steps that are after step s, and so explain nothing it read.
func (m *model) notAfter(s int, steps []int) []int {
	return slices.DeleteFunc(slices.Clone(steps), func(t int) bool { return m.is(m.steps[s].event, m.steps[t].event) })
}

// eachRead judges every answered read of a session, in causal order.
func (m *model) eachRead(judge func(s int, found func(label string))) []Violation {
	m.order()
	var vs []Violation
	for s, st := range m.steps {
		if st.F == history.Read && m.ops[st.op].Outcome == history.OK && !m.final(st.op) {
			judge(s, func(label string) { vs = append(vs, m.wrong(label, st.op)) })
		}
	}
	return vs
}

// inSession says whether step a was done before b in one promised session order.
func (m *model) inSession(a, b int) bool {
	x, y := m.steps[a].event, m.steps[b].event
	return a < b && (x == y || m.promised(x, y))
}

// register says whether a read of a register returned something that can be judged.
func (m *model) register(s int) bool {
	st := m.steps[s]
	if m.keptApart(st.Key) {
		return m.judgedSiblings(s) && !m.strange(s)
	}
	return m.kinds[st.Key]&^register == 0 && slices.Contains([]what{aValue, theInitial, noValue}, st.from.what)
}

// older says whether what step s returned is certainly from before write w.
func (m *model) older(s, w int) bool {
	st := m.steps[s]
	if m.keptApart(st.Key) {
		return m.siblingsOlder(s, w)
	}
	switch st.from.what {
	case aValue:
		g := m.steps[st.from.steps[0]].event
		if w == st.event {
			return g != w
		}
		return m.is(g, w)
	case noValue:
		return m.everyDeleteIsOlder(s, w)
	}
	return true
}

// everyDeleteIsOlder says whether nothing, read by step s, is from before write w
// whichever delete it may have been.
func (m *model) everyDeleteIsOlder(s, w int) bool {
	e := m.steps[s].event
	for _, t := range m.deletes(m.steps[s].Key) {
		d := m.steps[t].event
		switch {
		case d == e && t < s && (w != e || t == m.ownWrite(s)):
			return false // its own operation removed it before it read
		case d == e, m.is(e, d): // it came after the read, or the operation replaced it itself
		case !m.is(d, w):
			return false
		}
	}
	return true
}

// monotonicWrites: who has been shown a write of a session is shown what that
// session wrote before it, by the same node.
func monotonicWrites(m *model) []Violation {
	return m.misorders("earlier write not read", func(first, later int) bool {
		return m.promised(first, later)
	})
}

// writesFollowReads: who has been shown a write is shown what had been read before
// it by anyone on the way to it, by the same node.
func writesFollowReads(m *model) []Violation {
	return m.misorders("write read earlier not read", func(first, later int) bool {
		for _, st := range m.steps {
			if !m.happened(st.event) || st.event == first || !slices.ContainsFunc(st.from.steps, func(w int) bool { return m.steps[w].event == first }) {
				continue
			}
			if st.event == later || m.is(st.event, later) {
				return true
			}
		}
		return false
	})
}

// misorders are the reads that are older than a write of their key which comes
// before a write, of another key, that the same node had shown to the session.
func (m *model) misorders(label string, comesBefore func(first, later int) bool) []Violation {
	return m.eachRead(func(s int, found func(label string)) {
		st := m.steps[s]
		if !m.register(s) || m.ownWrite(s) >= 0 || st.from.what == aValue && m.steps[st.from.steps[0]].event == st.event {
			return
		}
		for _, later := range m.shownBefore(s) {
			for _, first := range m.writesOf(st.Key) {
				if first != st.event && comesBefore(first, later) && m.older(s, first) {
					found(label)
					return
				}
			}
		}
	})
}

// shownBefore are the writes of other keys that the node which answered step s
// had shown to its session, without a restart since.
func (m *model) shownBefore(s int) []int {
	st := m.steps[s]
	node, now := m.node(st.op), m.restarts(m.node(st.op), m.ops[st.op].Return)
	var found []int
	for r := range s {
		rs := m.steps[r]
		op := m.ops[rs.op]
		if rs.Key == st.Key || !m.inSession(r, s) || m.node(rs.op) != node ||
			m.restarts(node, op.Index) != now || m.restarts(node, op.Return) != now {
			continue
		}
		for _, w := range rs.from.steps {
			found = append(found, m.steps[w].event)
		}
	}
	return found
}
