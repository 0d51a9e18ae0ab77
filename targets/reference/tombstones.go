package reference

import (
	"fmt"
	"slices"

	"github.com/mlcheck/mlcheck/history"
)

// A removal leaves a tombstone, which keeps what is older than it from coming back,
// however late that arrives. It may go once it is stable: nothing older, and nothing
// that did not know of it, can arrive any more. That is so when every leader has made
// an update after it had applied the removal, and everything up to those updates is
// here. (Stability in the sense of Wuu and Bernstein, PODC 1984.)

// What becomes of tombstones.
const (
	tombstonesKept      = "kept"
	tombstonesCollected = "collected"
)

const tombstonesHelp = "kept: what a removal leaves behind stays for good. " +
	"collected: it goes once every leader has said in an update of its own that it had applied the removal, and all up to those updates has arrived"

// tombstones are those that are waited for, and what leaders have said.
type tombstones struct {
	waiting []tombstone
	said    [][]uint64 // by leader: what it had applied when it made the last of its updates that is here
}

type tombstone struct {
	key     string
	element int64
	dot     dot
	since   int // timers that had rung
}

// checkTombstones says why tombstones cannot be collected under the other options.
func (c *config) checkTombstones() error {
	switch safe := []string{"lww-hlc", "lww-lamport", "siblings", "add-wins"}; {
	case c.tombstones != tombstonesCollected:
	case !slices.Contains(safe, c.policy.name):
		return fmt.Errorf("-o tombstones=collected is for policies under which a later write wins over a removal whether that is still there or not (%v), not for %s", safe, c.policy.name)
	case c.forgets():
		return fmt.Errorf("-o tombstones=collected counts on what leaders have said, which with durability %s they may forget", c.durability)
	}
	return nil
}

// collects says whether tombstones ever go.
func (c *config) collects() bool {
	return c.tombstones == tombstonesCollected || c.has(tombstonesEarly)
}

// buried notes what an update tells about removals: its own, and those that its
// leader had applied.
func (m *machine) buried(u update) {
	if !m.cfg.collects() {
		return
	}
	t := &m.tombstones
	if t.said == nil {
		t.said = make([][]uint64, len(m.cfg.nodes))
	}
	if u.seq <= m.applied.upTo[u.origin] { // and so is everything before it
		t.said[u.origin] = token{seen: t.said[u.origin]}.and(token{seen: u.deps}).seen
	}
	for i, c := range u.changes {
		if c.f == history.Delete || c.f == history.Remove {
			t.waiting = append(t.waiting, tombstone{c.key, c.element(), dot{u.origin, u.seq, i}, m.ticks})
		}
	}
}

// grace is for how many timers a leader keeps tombstones that does not ask others.
const grace = 10

// collect lets go the tombstones that may go.
func (m *machine) collect() {
	t := &m.tombstones
	t.waiting = slices.DeleteFunc(t.waiting, func(w tombstone) bool {
		goes := m.stable(w.dot)
		if m.cfg.has(tombstonesEarly) {
			goes = m.ticks-w.since >= grace
		}
		if goes {
			cells := m.state.row(w.key).cells
			cells[w.element] = slices.DeleteFunc(slices.Clone(cells[w.element]), func(v version) bool { return v.dot == w.dot })
		}
		return goes
	})
}

// stable says whether everything that an update's leader did before it is here, and
// everything that the others did before they had it.
func (m *machine) stable(d dot) bool {
	if m.applied.upTo[d.node] < d.seq {
		return false
	}
	for id, said := range m.tombstones.said[:len(m.cfg.nodes)-m.cfg.followers] {
		if id != m.me && id != d.node && (len(said) == 0 || said[d.node] < d.seq) {
			return false
		}
	}
	return true
}
