package naive

import (
	"slices"

	"github.com/mlcheck/mlcheck/history"
)

// update is an acknowledged read-modify-write: the step that read, and the one
// that wrote what was made of it.
type update struct{ read, write int }

// noLostUpdates: of the updates of one version, none is in no leader's final
// state while that of some leader comes from another.
func noLostUpdates(m *model) []Violation {
	end := m.ending()
	if !end.known() {
		return nil
	}
	var found []Violation
	for _, key := range m.keys() {
		finals, all := m.lasts(end, key)
		if !all || m.kinds[key] != register {
			continue
		}
		us := slices.DeleteFunc(m.updates(), func(u update) bool { return m.steps[u.write].Key != key })
		for _, u := range us {
			if m.effects(u.write, us, finals) > 0 || m.mayHide(u, us, finals) {
				continue
			}
			for _, label := range m.lostTo(u, us, finals) {
				found = append(found, m.wrong(label, m.steps[u.write].op))
			}
		}
	}
	return found
}

// lostTo says of each version that an update read where the first update of the
// same version was made that has an effect.
func (m *model) lostTo(u update, us []update, finals []int) []string {
	var labels []string
	for _, version := range m.versions(u.read) {
		i := slices.IndexFunc(us, func(v update) bool {
			return slices.Contains(m.versions(v.read), version) && m.effects(v.write, us, finals) > 0
		})
		switch {
		case i < 0:
		case m.node(m.steps[u.write].op) == m.node(m.steps[us[i].write].op):
			labels = append(labels, "same leader")
		default:
			labels = append(labels, "across leaders")
		}
	}
	return labels
}

// updates are a read and a later write of the same key in one operation or, in
// the workload rmw-blind, in two that follow each other in a session at one node.
func (m *model) updates() []update {
	var found []update
	for w, st := range m.steps {
		op := m.ops[st.op]
		if st.F != history.Write || op.Outcome != history.OK || op.Final {
			continue
		}
		if r := m.readInOp(w); r >= 0 {
			found = append(found, update{r, w})
		} else if m.h.Header.Workload == "rmw-blind" && len(op.Steps) == 1 {
			if r := m.readJustBefore(w); r >= 0 {
				found = append(found, update{r, w})
			}
		}
	}
	return found
}

// readInOp is the last read of the key before step w in its operation, or -1.
func (m *model) readInOp(w int) int {
	for s := w - 1; s >= 0 && m.steps[s].op == m.steps[w].op; s-- {
		if m.steps[s].F == history.Read && m.steps[s].Key == m.steps[w].Key {
			return s
		}
	}
	return -1
}

// readJustBefore is the read that is all of the session's previous operation, or -1.
func (m *model) readJustBefore(w int) int {
	k := m.steps[w].op
	for s := w - 1; s >= 0; s-- {
		op := m.ops[m.steps[s].op]
		if op.Session != m.ops[k].Session {
			continue
		}
		st := m.steps[s]
		if len(op.Steps) == 1 && st.F == history.Read && st.Key == m.steps[w].Key && op.Outcome == history.OK && !op.Final && m.node(st.op) == m.node(k) {
			return s
		}
		return -1
	}
	return -1
}

// initially stands for the state before every write.
const initially = -1

// versions are the writes whose values a read returned, as steps.
func (m *model) versions(read int) []int {
	switch from := m.steps[read].from; from.what {
	case aValue, aList:
		return from.steps
	case theInitial:
		return []int{initially}
	}
	return nil
}

// effects counts the leaders whose final state is write w, or was made by reading
// and writing over any number of steps from it.
func (m *model) effects(w int, us []update, finals []int) int {
	n := 0
	for _, s := range finals {
		if seen, _ := m.ancestry(s, us); slices.Contains(seen, w) {
			n++
		}
	}
	return n
}

// ancestry are the writes that a final state comes from, and whether several
// versions met on the way.
func (m *model) ancestry(final int, us []update) (seen []int, forked bool) {
	seen = slices.Clone(m.steps[final].from.steps)
	forked = len(seen) > 1
	for i := 0; i < len(seen); i++ {
		from := m.madeFrom(seen[i], us)
		forked = forked || len(from) > 1
		for _, v := range from {
			if !slices.Contains(seen, v) {
				seen = append(seen, v)
			}
		}
	}
	return seen, forked
}

// mayHide says whether an update may be in a write that a final state comes from
// and that does not say what it was made from: one that no other update, which had
// ended when this one began, was made from.
func (m *model) mayHide(u update, us []update, finals []int) bool {
	began := m.h.Index(m.steps[u.write].op)
	for _, s := range finals {
		seen, forked := m.ancestry(s, us)
		for _, w := range seen {
			earlier := slices.ContainsFunc(us, func(v update) bool {
				return slices.Contains(m.steps[v.read].from.steps, w) && m.h.Return(m.steps[v.write].op) < began
			})
			if forked && m.guess(w) && !earlier {
				return true
			}
		}
	}
	return false
}

// guess says whether nobody knows what a write was made from.
func (m *model) guess(w int) bool {
	k := m.steps[w].op
	switch r := m.readInOp(w); {
	case m.ops[k].Outcome != history.OK:
		return r < 0 || !m.steps[r].Value.Set
	case r >= 0 || m.h.Header.Workload == "rmw-blind" && m.readJustBefore(w) >= 0:
		return false
	}
	return m.h.Meta(k).Ctx != ""
}

// madeFrom are the versions that a write was made from.
func (m *model) madeFrom(w int, us []update) []int {
	for _, u := range us {
		if u.write == w {
			return m.steps[u.read].from.steps
		}
	}
	if r := m.readInOp(w); r >= 0 {
		return m.steps[r].from.steps
	}
	return nil
}
