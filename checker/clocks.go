package checker

import (
	"sort"
	"strconv"
	"strings"
	"time"

	"github.com/mlcheck/mlcheck/history"
)

// offset is how far a clock was measured to be off at one time.
type offset struct{ at, off time.Duration }

// clockOffsets are the measured offsets of each node, in order. What a fault
// asked for is no measurement.
func clockOffsets(h *history.History) map[string][]offset {
	m := map[string][]offset{}
	for _, ev := range h.Events {
		measured := ev.Type == history.ClockEvent || ev.Type == history.FaultEvent && (ev.Phase == history.Effective || ev.Phase == history.Healed)
		if !measured {
			continue
		}
		for n, off := range ev.Offsets {
			m[n] = append(m[n], offset{ev.T, time.Duration(off)})
		}
	}
	return m
}

// clock is the latest offset of a node that was measured before t.
func (ix *index) clock(node string, t time.Duration) (time.Duration, bool) {
	offs := ix.clocks[node]
	i := sort.Search(len(offs), func(i int) bool { return offs[i].at > t })
	if i == 0 {
		return 0, false
	}
	return offs[i-1].off, true
}

// stamp is the order stamp that the target gave to a write.
type stamp struct {
	time     int64 // nanoseconds of the target's clock
	node     string
	sequence int64
}

func stampOf(h *history.History, k int) (stamp, bool) {
	parts := strings.SplitN(h.Meta(k).Stamp, ".", 3)
	t, err := strconv.ParseInt(parts[0], 10, 64)
	if err != nil {
		return stamp{}, false
	}
	st := stamp{time: t}
	if len(parts) > 1 {
		st.node = parts[1]
	}
	if len(parts) > 2 {
		st.sequence, _ = strconv.ParseInt(parts[2], 10, 64)
	}
	return st, true
}

// compare orders stamps by time, then node, then sequence. Numbers compare as
// numbers, so that n10 comes after n9.
func (a stamp) compare(b stamp) int {
	switch {
	case a.time != b.time:
		return sign(a.time - b.time)
	case a.node != b.node:
		x, errX := strconv.Atoi(strings.TrimLeft(a.node, "n"))
		y, errY := strconv.Atoi(strings.TrimLeft(b.node, "n"))
		if errX == nil && errY == nil && x != y {
			return sign(int64(x - y))
		}
		return strings.Compare(a.node, b.node)
	}
	return sign(a.sequence - b.sequence)
}

func sign(n int64) int {
	switch {
	case n < 0:
		return -1
	case n > 0:
		return 1
	}
	return 0
}

// wipeIndexes are, by node, the indexes of the events at which its disk was wiped.
// One that was planned, and measured not to be there, is none.
func wipeIndexes(h *history.History) map[string][]int {
	m := map[string][]int{}
	for i, ev := range h.Events {
		if ev.Type != history.FaultEvent || ev.Kind != "wipe" || ev.Phase == history.Absent || ev.Phase == history.Planned && absentNext(h.Events[i+1:], ev.Fault) {
			continue
		}
		for _, n := range ev.Nodes {
			m[n] = append(m[n], ev.Index)
		}
	}
	return m
}

func absentNext(events []history.Event, fault int) bool {
	i := nextOf(events, fault)
	return i >= 0 && events[i].Phase == history.Absent
}
