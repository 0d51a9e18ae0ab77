package naive

import (
	"slices"
	"strconv"
	"strings"

	"github.com/mlcheck/mlcheck/history"
)

// contexts is which writes of a register say that they replace which others.
type contexts struct {
	names   map[int][]int // write → those that its context names
	unclear bool          // a name is nobody's
	byStamp bool          // names are stamps, or entries of version vectors
}

// keepsVersions says whether the policy keeps every version that none replaces.
func (m *model) keepsVersions() bool {
	return strings.HasPrefix(m.h.Header.Policy, "siblings") || strings.HasPrefix(m.h.Header.Policy, "merge")
}

// contexts are those of the writes of a register that may have happened. A name is
// n1:3 (every write by n1 up to its third), a stamp, or a value; of several writes
// with one stamp or value the last one is meant.
func (m *model) contexts(key string) contexts {
	c := contexts{names: map[int][]int{}}
	ws := m.versionsOf(key)
	unstamped := slices.ContainsFunc(ws, func(w int) bool { return m.stamp(w) == "" })
	for _, s := range ws {
		for _, name := range strings.FieldsFunc(m.ops[m.steps[s].op].Meta.Ctx, func(r rune) bool { return strings.ContainsRune(" ,;", r) }) {
			named, how := m.named(ws, s, name)
			c.names[s] = append(c.names[s], named...)
			c.byStamp = c.byStamp || how != byValue
			c.unclear = c.unclear || how == byNothing && !unstamped
		}
	}
	return c
}

// versionsOf are the writes and deletes of a register that may have happened.
func (m *model) versionsOf(key string) []int {
	return m.stepsOn(key, func(s step) bool { return kindOf(s.F) == register && m.mayHaveHappened(s.event) })
}

func (m *model) stamp(s int) string { return m.ops[m.steps[s].op].Meta.Stamp }

type naming uint8

const (
	byNothing naming = iota
	byVector
	byStamp
	byValue
)

func (m *model) named(ws []int, s int, name string) ([]int, naming) {
	if node, count, ok := strings.Cut(name, ":"); ok {
		if n, err := strconv.ParseInt(count, 10, 64); err == nil {
			var found []int
			for _, w := range ws {
				if by, sequence := m.numbered(w); w != s && by == node && sequence <= n {
					found = append(found, w)
				}
			}
			return found, byVector
		}
	}
	for _, w := range slices.Backward(ws) {
		if m.stamp(w) == name {
			return []int{w}, byStamp
		}
	}
	n, err := strconv.ParseInt(name, 10, 64)
	for _, w := range slices.Backward(ws) {
		if v := m.steps[w].Value; err == nil && v.Set && v.List == nil && v.N == n && m.steps[w].F != history.Delete {
			return []int{w}, byValue
		}
	}
	return nil, byNothing
}

// numbered are the node and the sequence of a write's stamp, "time.node.sequence".
func (m *model) numbered(w int) (node string, sequence int64) {
	parts := append(strings.SplitN(m.stamp(w), ".", 3), "", "")
	if _, err := strconv.ParseInt(parts[0], 10, 64); err != nil {
		return "", 0
	}
	sequence, _ = strconv.ParseInt(parts[2], 10, 64)
	return parts[1], sequence
}

// has says whether a write is replaced by a later one, directly or by what that
// replaces.
func (c contexts) has(earlier, later int) bool {
	seen := []int{later}
	for i := 0; i < len(seen); i++ {
		for _, w := range c.names[seen[i]] {
			if w == earlier {
				return true
			}
			if !slices.Contains(seen, w) {
				seen = append(seen, w)
			}
		}
	}
	return false
}
