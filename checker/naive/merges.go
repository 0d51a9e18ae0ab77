package naive

import (
	"slices"

	"github.com/mlcheck/mlcheck/history"
)

// version is what must become of one write of a register.
type version uint8

const (
	mayStay version = iota
	mustStay
	mustGo
)

// versionFates says of each write of a register whether it must be there (it took
// effect, and nothing that may have happened replaces it) or must be gone (something
// that took effect replaces it). What a write replaces whose answer never came is not
// known. It is nil where contexts do not say enough.
func (m *model) versionFates(key string) map[int]version {
	c, ws := m.contexts(key), m.versionsOf(key)
	untold := func(s int) bool { return len(c.names[s]) == 0 && m.ops[m.steps[s].op].Outcome != history.OK }
	if c.unclear || slices.ContainsFunc(ws, func(s int) bool {
		return m.steps[s].F == history.Delete && len(c.names[s]) == 0 && !untold(s)
	}) {
		return nil
	}
	fates := map[int]version{}
	for _, w := range ws {
		if m.took(w) && (!c.byStamp || m.stamp(w) != "") {
			fates[w] = mustStay
		}
		for _, s := range ws {
			switch {
			case slices.Contains(c.names[s], w) && m.happened(m.steps[s].event):
				fates[w] = mustGo
			case fates[w] == mustStay && (slices.Contains(c.names[s], w) || untold(s) && w != s && !slices.Contains(c.names[w], s)):
				fates[w] = mayStay
			}
		}
	}
	return fates
}

// notTheSiblings: exactly the writes are there that none replaces.
func (m *model) notTheSiblings(key string, read int) string {
	fates := m.versionFates(key)
	if fates == nil {
		return ""
	}
	shown := elementsShown(m.steps[read].Value)
	for _, s := range m.versionsOf(key) {
		there := slices.Contains(shown, m.steps[s].Value.N)
		switch {
		case m.steps[s].F != history.Write:
		case !there && fates[s] == mustStay:
			return "version missing"
		case there && fates[s] == mustGo:
			return "replaced version kept"
		}
	}
	if slices.ContainsFunc(shown, func(v int64) bool { return len(m.writersOf(key, v)) == 0 }) {
		return "nobody's"
	}
	return ""
}

// notTheFold: of one version that is left, every leader has it; of several, that
// none of those which must be there is better than what won, if it is known what
// better is.
func (m *model) notTheFold(key string, read int, better func(a, b int64) bool) string {
	fates, st := m.versionFates(key), m.steps[read]
	if fates == nil || st.Value.List != nil {
		return ""
	}
	left := slices.DeleteFunc(m.versionsOf(key), func(s int) bool { return fates[s] == mustGo })
	if len(left) == 1 && fates[left[0]] == mustStay && m.steps[left[0]].Value.N != st.Value.N {
		return "version missing"
	}
	if better == nil {
		return ""
	}
	for _, s := range left {
		if n := m.steps[s].Value.N; fates[s] == mustStay && n != 0 && better(n, st.Value.N) {
			return "wrong value won"
		}
	}
	if st.from.what == aValue && fates[st.from.steps[0]] == mustGo {
		return "replaced version kept"
	}
	return ""
}

// notMerged: an element is there if it was added and no removal explains that it
// is not, and gone if a removal was made after all its adds; a counter is within
// its interval.
func (m *model) notMerged(key string, read int) string {
	shown := elementsShown(m.steps[read].Value)
	switch m.kinds[key] {
	case counter:
		low, high := m.intervalOfDisks(key)
		if v := m.steps[read].Value; v.List == nil && m.fits(key) && (v.N < low || v.N > high) {
			return "beyond its interval"
		}
	case set:
		m.order()
		for _, s := range m.writes[key] {
			st := m.steps[s]
			v, there := st.Value.N, slices.Contains(shown, st.Value.N)
			adds := m.onElement(key, history.Add, v)
			switch {
			case st.F == history.Add && !there && m.happened(st.event) && !m.excused(m.onElement(key, history.Remove, v), st.event):
				return "element missing"
			case st.F == history.Remove && there && m.ops[st.op].Outcome == history.OK && len(adds) > 0 && !m.excused(adds, st.event):
				return "removed element kept"
			}
		}
	}
	return ""
}

// intervalOfDisks is the interval of a counter, where what was acknowledged on a
// disk that was wiped later may have happened.
func (m *model) intervalOfDisks(key string) (low, high int64) {
	for _, s := range m.writes[key] {
		st := m.steps[s]
		op, n := m.ops[st.op], st.Value.N
		switch {
		case op.Outcome == history.OK && !m.wiped(s):
			low, high = low+n, high+n
		case op.Outcome != history.Fail:
			low, high = low+min(0, n), high+max(0, n)
		}
	}
	return low, high
}
