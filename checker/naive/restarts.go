package naive

import (
	"math"
	"slices"

	"github.com/mlcheck/mlcheck/history"
)

// endless is after every event.
const endless = math.MaxInt / 2

// outage is the events from one to another at any of which a node may have
// restarted.
type outage struct{ from, until int }

// outages are those of one node: a fault that was planned may fall on it at any
// time until somebody says whether it did.
func outages(h *history.History, node string) []outage {
	var found []outage
	for i, ev := range h.Events {
		if ev.Type != history.FaultEvent || ev.Phase == history.Absent || !slices.Contains(ev.Nodes, node) || !restarting(ev.Kind) {
			continue
		}
		o := outage{ev.Index, ev.Index}
		if ev.Phase == history.Planned {
			o.until = endless
			for _, later := range h.Events[i+1:] {
				if later.Type == history.FaultEvent && later.Fault == ev.Fault && later.Phase != history.Planned {
					o.until = later.Index
					break
				}
			}
		}
		found = append(found, o)
	}
	return found
}

// before counts the events before event i at which the node may have restarted:
// where the numbers of two events are the same, it did not between them.
func before(outages []outage, i int) int {
	n := 0
	for _, o := range outages {
		if o.from < i {
			n += min(i, o.until+1) - o.from
		}
	}
	return n
}

func (m *model) restarts(node string, i int) int { return before(outages(m.h, node), i) }

// restarted says whether a node may have restarted after event i.
func (m *model) restarted(node string, i int) bool {
	return slices.ContainsFunc(outages(m.h, node), func(o outage) bool { return o.until > i })
}

// diskWiped says whether a node's disk was wiped after event i. A wipe that was
// planned is none if the next that is said of it is that it is absent.
func (m *model) diskWiped(node string, i int) bool {
	for at, ev := range m.h.Events {
		if ev.Type != history.FaultEvent || ev.Index <= i || ev.Kind != "wipe" || ev.Phase == history.Absent || !slices.Contains(ev.Nodes, node) {
			continue
		}
		if ev.Phase != history.Planned {
			return true
		}
		next := slices.IndexFunc(m.h.Events[at+1:], func(later history.Event) bool {
			return later.Type == history.FaultEvent && later.Fault == ev.Fault && later.Phase != history.Planned
		})
		if next < 0 || m.h.Events[at+1+next].Phase != history.Absent {
			return true
		}
	}
	return false
}

// restarting are the kinds of faults after which a node has no more than its disk.
func restarting(kind string) bool {
	return slices.Contains([]string{"kill", "crash", "restart", "stop", "power", "wipe", "member"}, kind)
}
