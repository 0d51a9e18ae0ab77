package checker

import (
	"fmt"
	"slices"
	"strings"

	"github.com/mlcheck/mlcheck/history"
)

// finals are the stages in which a run ended and what was read at the end.
type finals struct {
	nodes                 []int             // the leaders that should have been read
	read                  map[int32][]int32 // key → by position in nodes: the step of the last final read, or -1
	reads                 int
	watched               []int32 // operations: answered final reads since clients were closed, those while replication settled included
	healed, closed, quiet *history.Event
}

// final says whether operation k is a final read, which is in no session order.
// One that is marked as final and writes all the same is an operation like others.
func (ix *index) final(k int) bool { return ix.h.Final(k) && !ix.writes(k) }

// readFinals takes O(operations) for one look at a flag of each, and O(final reads) beyond.
func readFinals(ix *index) finals {
	h := ix.h
	f := finals{read: map[int32][]int32{}}
	for i := range h.Events {
		ev := &h.Events[i]
		if ev.Type != history.StageEvent {
			continue
		}
		switch ev.Stage {
		case history.StageHealed:
			f.healed = ev
		case history.StageClosed:
			f.closed = ev
		case history.StageQuiet:
			f.quiet = ev
		}
	}
	for i := range h.Header.Nodes {
		f.nodes = append(f.nodes, i)
	}
	var reads []int
	for k := range h.Len() {
		if !h.Final(k) {
			continue
		}
		reads = append(reads, k)
		if len(h.Header.Nodes) == 0 && !slices.Contains(f.nodes, h.Node(k)) {
			f.nodes = append(f.nodes, h.Node(k))
		}
	}
	slices.Sort(f.nodes)
	for _, k := range reads {
		f.take(ix, k)
	}
	return f
}

// take looks at a final read. One from before replication came to rest belongs
// to the sweeps that waited for it: it tells what moved, not how the run ended.
func (f *finals) take(ix *index, k int) {
	h := ix.h
	if h.Outcome(k) != history.OK || slices.Index(f.nodes, h.Node(k)) < 0 {
		return
	}
	if f.closed != nil && h.Index(k) > f.closed.Index && ix.final(k) {
		f.watched = append(f.watched, int32(k))
	}
	if f.quiet == nil || h.Index(k) > f.quiet.Index {
		f.add(h, k)
	}
}

func (f *finals) add(h *history.History, k int) {
	at := slices.Index(f.nodes, h.Node(k))
	from, to := h.Steps(k)
	for s := from; s < to; s++ {
		if h.StepF(s) != history.Read {
			continue
		}
		key := int32(h.StepKey(s))
		if f.read[key] == nil {
			f.read[key] = slices.Repeat([]int32{-1}, len(f.nodes))
		}
		f.read[key][at] = int32(s)
		f.reads++
	}
}

// cannot says why nothing can be said about the state in which the run ended,
// or "": it must have healed, every client must be closed, and replication must
// have come to rest.
func (f *finals) cannot() string {
	switch {
	case f.healed == nil:
		return "the run ended before the cluster was proved to be healed, so there is no final state to judge"
	case f.closed == nil:
		return "the run ended before every client was closed, so there is no final state to judge"
	case f.quiet == nil:
		return "the run ended before replication was seen to rest, so there is no final state to judge"
	case f.quiet.State == history.QuietMoving:
		return strings.TrimSuffix("replication was still moving at the deadline: "+f.quiet.Why, ": ")
	case f.reads == 0:
		return "no leader answered a final read, so there is no final state to judge"
	}
	return ""
}

// rest is what is known of replication at the end, in words.
func (f *finals) rest() string {
	if f.quiet.State == history.QuietStopped {
		return strings.TrimSuffix("replication has stopped: "+f.quiet.Why, ": ")
	}
	return fmt.Sprintf("replication was at rest at %s", seconds(f.quiet.T))
}

// writtenKeys are the keys that somebody may have written, in order.
func (ix *index) writtenKeys() []int32 {
	var keys []int32
	for k, kd := range ix.kind {
		if kd != 0 {
			keys = append(keys, int32(k))
		}
	}
	return keys
}

// sameValue compares values as states: lists keep their order, sets and
// siblings do not, and nothing is the same as 0 or an empty collection.
func sameValue(kd kind, a, b history.Value) bool {
	if a.List == nil && b.List == nil {
		return a.N == b.N
	}
	x, y := asList(a), asList(b)
	if kd&list == 0 {
		x, y = sorted(x), sorted(y)
	}
	return slices.Equal(x, y)
}

func asList(v history.Value) []int64 {
	if v.List != nil || !v.Set || v.N == 0 {
		return v.List
	}
	return []int64{v.N}
}

func sorted(l []int64) []int64 {
	l = slices.Clone(l)
	slices.Sort(l)
	return slices.Compact(l)
}
