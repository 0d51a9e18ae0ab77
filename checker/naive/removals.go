package naive

import (
	"slices"

	"github.com/mlcheck/mlcheck/history"
)

// deletesStayDeleted: what a leader showed gone after its removal is not shown
// there again. A value of a register is an element of its own.
func deletesStayDeleted(m *model) []Violation {
	m.order()
	var found []Violation
	for again, st := range m.steps {
		if st.F != history.Read || m.ops[st.op].Outcome != history.OK {
			continue
		}
		for _, v := range elementsShown(st.Value) {
			if m.cameBack(again, v) {
				found = append(found, m.wrong("came back", st.op))
				break
			}
		}
	}
	return found
}

// cameBack says whether read again shows element v though an earlier read at the
// same leader, answered before, showed that its removal had taken effect.
func (m *model) cameBack(again int, v int64) bool {
	key := m.steps[again].Key
	return slices.ContainsFunc(m.readsBefore(again), func(gone int) bool {
		return m.shownGone(gone, v) && m.removed(key, gone, v)
	})
}

// readsBefore are the reads of the same key at the same leader that were answered
// before read s was asked for.
func (m *model) readsBefore(s int) []int {
	var found []int
	for r, st := range m.steps {
		op := m.ops[st.op]
		if st.F == history.Read && st.Key == m.steps[s].Key && op.Outcome == history.OK &&
			op.Return < m.ops[m.steps[s].op].Index && m.node(st.op) == m.node(m.steps[s].op) {
			found = append(found, r)
		}
	}
	return found
}

// shownGone says whether a read does not show an element; for a register, whether
// it shows nothing at all.
func (m *model) shownGone(read int, v int64) bool {
	st := m.steps[read]
	switch kind := m.kinds[st.Key]; {
	case kind == register:
		return st.from.what == noValue || st.from.what == aList && len(st.Value.List) == 0
	case kind&set != 0 && kind&^(set|list) == 0:
		return !slices.Contains(elementsShown(st.Value), v)
	}
	return false
}

// removed says whether a read does not show an element because of a removal that
// was made after every add of it: the leader had made it itself, or had shown the
// element before and no other removal can be the reason.
func (m *model) removed(key string, gone int, v int64) bool {
	adds, removals := m.putIn(key, v), m.takenOut(key, v)
	if len(adds) == 0 {
		return false
	}
	read := m.ops[m.steps[gone].op]
	afterAll := func(r int) bool {
		return !slices.ContainsFunc(adds, func(a int) bool { return !m.replacedBy(key, a, r) })
	}
	asked := false
	for _, r := range removals {
		op := m.ops[m.steps[r].op]
		if op.Outcome != history.OK || !afterAll(r) {
			continue
		}
		if op.Return < read.Index && m.node(m.steps[r].op) == m.node(m.steps[gone].op) {
			return true
		}
		asked = asked || op.Index < read.Index
	}
	other := slices.ContainsFunc(removals, func(r int) bool {
		return !afterAll(r) && slices.ContainsFunc(adds, func(a int) bool { return m.steps[a].event != m.steps[r].event && !m.replacedBy(key, r, a) })
	})
	return asked && !other && m.shownBeforeGone(gone, v)
}

// shownBeforeGone says whether the leader had shown an element before a read that
// does not show it, without a restart in between.
func (m *model) shownBeforeGone(gone int, v int64) bool {
	at := func(s, i int) int { return m.restarts(m.node(m.steps[s].op), i) }
	end := at(gone, m.ops[m.steps[gone].op].Return)
	return slices.ContainsFunc(m.readsBefore(gone), func(r int) bool {
		return at(r, m.ops[m.steps[r].op].Index) == end && slices.Contains(elementsShown(m.steps[r].Value), v)
	})
}

// putIn are the writes of a register's value, or the adds of an element, that may
// have happened. A value that was written twice is the first one's.
func (m *model) putIn(key string, v int64) []int {
	ws := m.writersOf(key, v)
	if m.kinds[key] == register {
		return ws[:min(1, len(ws))]
	}
	return slices.DeleteFunc(ws, func(s int) bool { return !m.did(s) })
}

// takenOut are the removals of an element that may have happened; a delete removes
// every value of its register.
func (m *model) takenOut(key string, v int64) []int {
	if m.kinds[key] == register {
		return m.deletes(key)
	}
	return slices.DeleteFunc(m.onElement(key, history.Remove, v), func(s int) bool { return !m.did(s) })
}

// replacedBy says whether a change of a key is certainly later than another: by
// contexts where the policy keeps versions, else by causal order.
func (m *model) replacedBy(key string, earlier, later int) bool {
	if m.kinds[key] == register && m.keepsVersions() {
		return m.contexts(key).has(m.lastOfEvent(earlier), m.lastOfEvent(later))
	}
	return m.is(m.steps[earlier].event, m.steps[later].event)
}

// lastOfEvent is the last change of a key by the event of step s: what a
// transaction writes twice is named by what it left.
func (m *model) lastOfEvent(s int) int {
	same := m.stepsOn(m.steps[s].Key, func(t step) bool { return t.event == m.steps[s].event })
	return same[len(same)-1]
}
