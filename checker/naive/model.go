package naive

import (
	"slices"

	"github.com/mlcheck/mlcheck/history"
)

// model is a history as the definitions speak of it.
type model struct {
	h        *history.History
	ops      []history.Op
	steps    []step
	byStep   bool    // an event is a step; else an operation
	events   []event // in the order of operations
	kinds    map[string]kind
	writes   map[string][]int       // key → the steps that change it
	before   matrix                 // the causal order, once order() was called
	so       matrix                 // the promised order of sessions, once promised() was asked
	keptKeys map[string]replacement // by key, of siblings
}

// step is one read or change of one key.
type step struct {
	history.Step
	op, event int
	from      source
}

// event is the unit of the causal order.
type event struct {
	op    int
	steps []int
	read  bool // some read returned what it wrote
}

// source is what a read returned: the steps whose values they are, or why none.
type source struct {
	what  what
	steps []int
}

type what uint8

const (
	nothingToTrace what = iota // no read, not answered, or a counter
	aValue                     // of one write
	aList                      // of several: elements or siblings
	theInitial                 // the initial state: no delete can explain it
	noValue                    // the initial state or one of several deletes
	thinAir                    // a value that nobody wrote
)

// kind says what is done to a key; a key may be of several.
type kind uint8

const (
	register kind = 1 << iota
	set
	list
	counter
)

func kindOf(f history.F) kind {
	switch f {
	case history.Write, history.Delete, history.Cas:
		return register
	case history.Add, history.Remove:
		return set
	case history.Append, history.Insert:
		return list
	case history.Inc:
		return counter
	}
	return 0
}

func newModel(h *history.History) *model {
	m := &model{h: h, kinds: map[string]kind{}, writes: map[string][]int{}}
	single := true
	for k := range h.Len() {
		m.ops = append(m.ops, h.Op(k))
		single = single && len(m.ops[k].Steps) == 1
	}
	m.byStep = !single && h.Header.Granularity != "transaction"
	for k, op := range m.ops {
		for i, s := range op.Steps {
			if m.byStep || i == 0 {
				m.events = append(m.events, event{op: k})
			}
			e := len(m.events) - 1
			m.events[e].steps = append(m.events[e].steps, len(m.steps))
			if s.F.IsWrite() {
				m.writes[s.Key] = append(m.writes[s.Key], len(m.steps))
			}
			m.kinds[s.Key] |= kindOf(s.F)
			m.steps = append(m.steps, step{Step: s, op: k, event: e})
		}
	}
	for s := range m.steps {
		m.steps[s].from = m.sourceOf(s)
		for _, w := range m.steps[s].from.steps {
			m.events[m.steps[w].event].read = true
		}
	}
	return m
}

func (m *model) outcome(e int) history.Outcome { return m.ops[m.events[e].op].Outcome }
func (m *model) index(e int) int               { return m.ops[m.events[e].op].Index }
func (m *model) happened(e int) bool           { return m.outcome(e) == history.OK || m.events[e].read }

func (m *model) mayHaveHappened(e int) bool {
	return m.outcome(e) != history.Fail || m.events[e].read
}

// wrong is a violation by one operation.
func (m *model) wrong(label string, k int) Violation {
	return Violation{Label: label, Ops: []int{m.ops[k].Index}}
}

// sourceOf is what step s returned. A read whose operation may or may not have
// happened counts if it brought a value back.
func (m *model) sourceOf(s int) source {
	st := m.steps[s]
	outcome := m.ops[st.op].Outcome
	switch {
	case st.F != history.Read || outcome == history.Fail:
		return source{}
	case st.Value.List != nil:
		return source{aList, m.elements(st.Key, st.Value.List)}
	case m.kinds[st.Key]&^register != 0:
		return source{}
	case st.Value.N != 0:
		if ws := m.writersOf(st.Key, st.Value.N); len(ws) > 0 {
			return source{aValue, ws[:1]}
		}
		return source{what: thinAir}
	case outcome != history.OK:
		return source{}
	case len(m.deletes(st.Key)) > 0:
		return source{what: noValue}
	}
	return source{what: theInitial}
}

// elements are the writes of a list's values; one that was added twice has no
// certain source.
func (m *model) elements(key string, values []int64) []int {
	var found []int
	for _, v := range values {
		if ws := m.writersOf(key, v); len(ws) == 1 {
			found = append(found, ws[0])
		}
	}
	return found
}

// writersOf are the steps that put value v into a key, whatever became of them.
func (m *model) writersOf(key string, v int64) []int {
	var found []int
	for _, s := range m.writes[key] {
		if w, ok := written(m.steps[s].Step); ok && w == v {
			found = append(found, s)
		}
	}
	return found
}

// written is the number that names what a step wrote, if it has one.
func written(s history.Step) (int64, bool) {
	switch s.F {
	case history.Write, history.Add, history.Append:
		return s.Value.N, s.Value.Set && s.Value.List == nil
	case history.Insert:
		if len(s.Value.List) > 0 {
			return s.Value.List[0], true
		}
	}
	return 0, false
}

// deletes are the steps of deletes of a key that did not fail.
func (m *model) deletes(key string) []int {
	return m.stepsOn(key, func(s step) bool { return s.F == history.Delete && m.ops[s.op].Outcome != history.Fail })
}

// onElement are the steps that add (or remove) an element of a set.
func (m *model) onElement(key string, f history.F, v int64) []int {
	return m.stepsOn(key, func(s step) bool { return s.F == f && s.Value.N == v })
}

func (m *model) stepsOn(key string, want func(step) bool) []int {
	var found []int
	for _, s := range m.writes[key] {
		if want(m.steps[s]) {
			found = append(found, s)
		}
	}
	return found
}

// node is the leader that executed an operation.
func (m *model) node(k int) string {
	if by := m.ops[k].By; slices.Contains(m.h.Nodes(), by) {
		return by
	}
	return m.ops[k].Node
}

// final says whether an operation is a final read, which is in no session.
func (m *model) final(k int) bool {
	return m.ops[k].Final && !slices.ContainsFunc(m.ops[k].Steps, func(s history.Step) bool { return s.F.IsWrite() })
}

// session names what is in one promised order: a session at one node, or
// wherever it goes if the target says so.
type session struct {
	number int
	node   string
}

func (m *model) session(k int) session {
	if m.h.Header.SessionScope == "client" {
		return session{number: m.ops[k].Session}
	}
	return session{m.ops[k].Session, m.node(k)}
}

// elementsShown is what a read returned, as a list.
func elementsShown(v history.Value) []int64 {
	if v.List != nil || !v.Set || v.N == 0 {
		return v.List
	}
	return []int64{v.N}
}
