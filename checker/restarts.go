package checker

import (
	"math"
	"slices"
	"sort"

	"github.com/mlcheck/mlcheck/history"
)

// restartKinds are the kinds of faults after which a node comes up again with
// no more than what is on its disk. Of a full disk a process may die at any time
// until there is room.
var restartKinds = map[string]bool{"disk": true, "kill": true, "crash": true, "restart": true, "stop": true, "power": true, "wipe": true, "member": true}

// restarts are the stretches of a history, as event indexes, in which one node
// may have restarted: in order, apart from each other. A fault that is planned
// falls on the node at some time until it is measured, so what was answered in
// between is on nobody knows which side of it.
type restarts struct {
	from, until []int
	passed      []int // how many indexes are in this stretch and those before it
}

// restartsOf are the restarts of every node that had any, by its name.
func restartsOf(h *history.History) map[string]*restarts {
	m := map[string]*restarts{}
	for i, ev := range h.Events {
		if ev.Type != history.FaultEvent || !restartKinds[ev.Kind] || ev.Phase == history.Absent {
			continue
		}
		until := ev.Index
		switch {
		case ev.Phase == history.Planned && ev.Kind == "disk":
			until = healed(h.Events[i+1:], ev.Fault)
		case ev.Phase == history.Planned:
			until = measured(h.Events[i+1:], ev.Fault)
		}
		for _, n := range ev.Nodes {
			if m[n] == nil {
				m[n] = &restarts{}
			}
			m[n].add(ev.Index, until)
		}
	}
	return m
}

// endless is more than any index, with room to count beyond it.
const endless = math.MaxInt / 2

// measured is the index at which a planned fault was first said to be there or
// not, or the end of all events.
func measured(events []history.Event, fault int) int {
	i := nextOf(events, fault)
	if i < 0 {
		return endless
	}
	return events[i].Index
}

// healed is the index at which a planned fault was measured to be gone, or the end
// of all events.
func healed(events []history.Event, fault int) int {
	i := slices.IndexFunc(events, func(ev history.Event) bool {
		return ev.Type == history.FaultEvent && ev.Fault == fault && ev.Phase == history.Healed
	})
	if i < 0 {
		return endless
	}
	return events[i].Index
}

// nextOf is the first event that tells what became of a planned fault, or -1.
func nextOf(events []history.Event, fault int) int {
	return slices.IndexFunc(events, func(ev history.Event) bool {
		return ev.Type == history.FaultEvent && ev.Fault == fault && ev.Phase != history.Planned
	})
}

// add puts a stretch behind those that began before it.
func (r *restarts) add(from, until int) {
	last := len(r.from) - 1
	if last >= 0 && from <= r.until[last] {
		r.until[last] = max(r.until[last], until)
	} else {
		r.from, r.until, r.passed = append(r.from, from), append(r.until, until), append(r.passed, 0)
		last++
	}
	r.passed[last] = r.until[last] - r.from[last] + 1
	if last > 0 {
		r.passed[last] += r.passed[last-1]
	}
}

// before is a number that grows with every index at which the node may have
// restarted before event i: two events with the same have no restart between
// them. Within a stretch no two do.
func (r *restarts) before(i int) int {
	if r == nil {
		return 0
	}
	n := sort.SearchInts(r.from, i)
	if n == 0 {
		return 0
	}
	return r.passed[n-1] - max(0, r.until[n-1]-i+1)
}

// whole is the number of an operation that began and ended without a restart in
// between; false: there may have been one. An operation without an end has none.
func (r *restarts) whole(asked, answered int) (int, bool) {
	if answered == 0 {
		answered = endless
	}
	epoch := r.before(asked)
	return epoch, epoch == r.before(answered)
}

// since says whether the node may have restarted after event i.
func (r *restarts) since(i int) bool {
	return r != nil && r.until[len(r.until)-1] > i
}
