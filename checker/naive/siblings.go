package naive

import (
	"slices"
	"strconv"
	"strings"

	"github.com/mlcheck/mlcheck/history"
)

// withoutContext is a policy under which no write replaces any other.
const withoutContext = "siblings-without-context"

// keptApart says whether a key's reads are judged as sets of versions.
func (m *model) keptApart(key string) bool {
	if m.kinds[key] != register || !strings.HasPrefix(m.h.Header.Policy, "siblings") {
		return false
	}
	return m.h.Header.Policy == withoutContext || slices.ContainsFunc(m.ops, func(op history.Op) bool { return op.Meta.Ctx != "" })
}

// replacement is what the versions of a key say that they replace.
type replacement struct {
	versions []int         // steps
	direct   map[int][]int // version → those that it names
	unknown  map[int][]int // version → those that it may replace besides
	optional map[int]bool  // nobody could have named it
}

// replacement works it out from the contexts of a key's writes and deletes.
func (m *model) replacement(key string) replacement {
	if rp, ok := m.keptKeys[key]; ok {
		return rp
	}
	rp := replacement{versions: m.versionsOf(key), direct: map[int][]int{}, unknown: map[int][]int{}, optional: map[int]bool{}}
	byStamp := false
	for _, s := range rp.versions {
		names := strings.FieldsFunc(m.ops[m.steps[s].op].Meta.Ctx, func(r rune) bool { return strings.ContainsRune(" ,;", r) })
		certain := m.ops[m.steps[s].op].Outcome == history.OK && m.steps[s].F != history.Delete
		if len(names) == 0 && !certain && m.h.Header.Policy != withoutContext {
			rp.unknown[s] = m.perhaps(rp.versions, s)
		}
		for _, name := range names {
			named, known, stamps := m.versionsNamed(rp.versions, s, name)
			rp.direct[s] = append(rp.direct[s], named...)
			byStamp = byStamp || stamps
			if !known {
				rp.unknown[s] = m.perhaps(rp.versions, s)
			}
		}
	}
	for i, s := range rp.versions {
		again := i+1 < len(rp.versions) && m.steps[rp.versions[i+1]].op == m.steps[s].op
		rp.optional[s] = again || byStamp && m.stamp(s) == ""
	}
	if m.keptKeys == nil {
		m.keptKeys = map[string]replacement{}
	}
	m.keptKeys[key] = rp
	return rp
}

// perhaps are the versions that one may replace whose context is not known: what
// was asked for before, or anything if its operation read before it wrote.
func (m *model) perhaps(versions []int, s int) []int {
	for t := s - 1; t >= 0 && m.steps[t].op == m.steps[s].op; t-- {
		if m.steps[t].F == history.Read {
			return versions
		}
	}
	return slices.DeleteFunc(slices.Clone(versions), func(w int) bool { return w >= s })
}

// versionsNamed are the versions of the key that a name means; known: the name is
// somebody's, if only in another key; stamps: it is no value.
func (m *model) versionsNamed(versions []int, s int, name string) (named []int, known, stamps bool) {
	if node, count, ok := strings.Cut(name, ":"); ok {
		if n, err := strconv.ParseInt(count, 10, 64); err == nil {
			for _, w := range versions {
				if by, sequence := m.numbered(w); w != s && by == node && sequence <= n {
					named = append(named, w)
				}
			}
			return named, true, true
		}
	}
	last := -1
	for k, op := range m.ops {
		if op.Meta.Stamp == name {
			last = k
		}
	}
	if last >= 0 {
		for _, w := range slices.Backward(versions) {
			if m.steps[w].op == last {
				return slices.DeleteFunc([]int{w}, func(w int) bool { return w == s }), true, true
			}
		}
		return nil, true, true
	}
	if n, err := strconv.ParseInt(name, 10, 64); err == nil {
		for _, w := range m.writersOf(m.steps[s].Key, n) {
			return slices.DeleteFunc([]int{w}, func(w int) bool { return w == s || !slices.Contains(versions, w) }), true, false
		}
	}
	return nil, false, true
}

// over says whether a later version replaces an earlier one, by any chain of names.
func (rp replacement) over(earlier, later int) bool {
	return slices.Contains(rp.under(later), earlier)
}

// under are all versions that one replaces, by any chain of names.
func (rp replacement) under(s int) []int {
	var found []int
	for todo := []int{s}; len(todo) > 0; todo = todo[1:] {
		for _, w := range rp.direct[todo[0]] {
			if !slices.Contains(found, w) {
				found, todo = append(found, w), append(todo, w)
			}
		}
	}
	return found
}

// may says whether a version replaces another for all that is not known of what
// it and those under it replace: then also what is under that.
func (rp replacement) may(s, w int) bool {
	for _, u := range append(rp.under(s), s) {
		for _, x := range rp.unknown[u] {
			if x == w || rp.over(w, x) {
				return true
			}
		}
	}
	return false
}

// siblingsBefore says whether what read s shows is certainly from before version v
// in its past: it shows something that v replaces, or neither v nor anything that
// replaces it, and nothing else can be the reason.
func (m *model) siblingsBefore(s, v int) bool {
	key, e := m.steps[s].Key, m.steps[s].event
	rp := m.replacement(key)
	shown := m.shownVersions(s)
	if slices.ContainsFunc(shown, func(w int) bool { return rp.over(w, v) }) {
		return true
	}
	if slices.Contains(shown, v) || m.steps[v].F == history.Delete || rp.optional[v] ||
		slices.ContainsFunc(shown, func(w int) bool { return rp.over(v, w) }) {
		return false
	}
	for _, u := range rp.versions {
		at := m.steps[u].event
		switch past := at != e && m.happened(at) && m.is(at, e); {
		case rp.optional[u] && rp.over(v, u): // somebody may have replaced it who could not name it
			return false
		case past && rp.may(u, v):
			return false
		case m.steps[u].F == history.Delete && at != e && !m.is(e, at) && (rp.over(v, u) || rp.may(u, v)) &&
			!slices.ContainsFunc(shown, func(w int) bool { return rp.over(w, u) }):
			return false
		}
	}
	return true
}

// shownVersions are the versions that a read shows, those that anybody wrote.
func (m *model) shownVersions(s int) []int {
	var found []int
	for _, v := range elementsShown(m.steps[s].Value) {
		found = append(found, m.writersOf(m.steps[s].Key, v)[:min(1, len(m.writersOf(m.steps[s].Key, v)))]...)
	}
	return found
}

// strange says whether a read shows a value that nobody wrote.
func (m *model) strange(s int) bool {
	return slices.ContainsFunc(elementsShown(m.steps[s].Value), func(v int64) bool { return len(m.writersOf(m.steps[s].Key, v)) == 0 })
}

// judgedSiblings says whether a read is one of siblings that is judged: answered,
// of a session, and not after a write of its own event.
func (m *model) judgedSiblings(s int) bool {
	st := m.steps[s]
	return m.keptApart(st.Key) && st.F == history.Read && m.ops[st.op].Outcome == history.OK && !m.final(st.op) && m.ownWrite(s) < 0
}

// badSiblings is what causal consistency says of a read of siblings.
func (m *model) badSiblings(s int) []string {
	st := m.steps[s]
	switch {
	case !m.judgedSiblings(s):
		return nil
	case m.strange(s):
		return []string{"ThinAirRead"}
	}
	rp := m.replacement(st.Key)
	for _, v := range m.pastVersions(s) {
		if slices.ContainsFunc(m.shownVersions(s), func(w int) bool { return rp.over(w, v) }) {
			return []string{"ReplacedVersion"}
		}
	}
	for _, v := range m.pastVersions(s) {
		if m.siblingsBefore(s, v) {
			return []string{"MissingVersion"}
		}
	}
	return nil
}

// pastVersions are the versions of a read's key in its past.
func (m *model) pastVersions(s int) []int {
	e := m.steps[s].event
	return slices.DeleteFunc(slices.Clone(m.replacement(m.steps[s].Key).versions), func(v int) bool {
		at := m.steps[v].event
		return at == e || !m.happened(at) || !m.is(at, e)
	})
}

// siblingsOlder says whether a read is certainly older than a version of its key
// of which some event is known: one that must be in its past.
func (m *model) siblingsOlder(s, event int) bool {
	for _, v := range m.pastVersions(s) {
		if m.steps[v].event == event && m.siblingsBefore(s, v) {
			return true
		}
	}
	return false
}
