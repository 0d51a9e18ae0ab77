package checker

import (
	"slices"
	"time"

	"github.com/mlcheck/mlcheck/history"
)

// keyTrace follows what leaders show of one key, read after read.
type keyTrace struct {
	kind  kind
	shown []leaderShows // by position of the leader
	since time.Duration // from when on what they showed last differs; -1: it does not
	// apart is the last read that certainly showed a difference: another leader
	// returned one other value both before it and after it. -1: none.
	apart time.Duration
}

// leaderShows is what a leader showed of a key last.
type leaderShows struct {
	known     bool
	value     history.Value
	since, at time.Duration // the first and the last read in a row that returned it
}

func newKeyTrace(kd kind, leaders int) *keyTrace {
	return &keyTrace{kind: kd, shown: make([]leaderShows, leaders), since: -1, apart: -1}
}

// show adds a read; reads come in the order of their answers. O(leaders).
func (t *keyTrace) show(leader int, v history.Value, at time.Duration) {
	l := &t.shown[leader]
	differ := false
	again := l.known && sameValue(t.kind, l.value, v)
	for n := range t.shown {
		o := &t.shown[n]
		if n == leader || !o.known || sameValue(t.kind, o.value, v) {
			continue
		}
		differ = true
		if again && o.at > l.at {
			t.apart = max(t.apart, o.at)
		}
	}
	if !again {
		l.since = at
	}
	l.known, l.value, l.at = true, v, at
	switch {
	case differ && t.since < 0:
		t.since = at
	case !differ && t.since >= 0 && !t.differ():
		t.since = -1
	}
}

// differ says whether two leaders have shown different values last.
func (t *keyTrace) differ() bool {
	first := slices.IndexFunc(t.shown, func(l leaderShows) bool { return l.known })
	return slices.ContainsFunc(t.shown, func(l leaderShows) bool {
		return l.known && !sameValue(t.kind, l.value, t.shown[first].value)
	})
}

// trace follows keys through answered reads, in the order of their answers: all
// keys when want is nil.
func (ix *index) trace(ops []int32, want map[int32]bool) map[int32]*keyTrace {
	h, leader := ix.h, ix.end.leaderAt(len(ix.h.Nodes()))
	traces := map[int32]*keyTrace{}
	for _, k := range ops {
		from, to := h.Steps(int(k))
		n := leader[ix.node(int(k))]
		if h.Final(int(k)) {
			n = leader[h.Node(int(k))] // as finals has them
		}
		for s := from; s < to; s++ {
			key := int32(h.StepKey(s))
			if n < 0 || h.StepF(s) != history.Read || want != nil && !want[key] {
				continue
			}
			if traces[key] == nil {
				traces[key] = newKeyTrace(ix.kind[key], len(ix.end.nodes))
			}
			traces[key].show(n, h.StepValue(s), ix.when(int(k)))
		}
	}
	return traces
}

// traceKeys follows some keys through the whole history: O(operations), and a
// sort of those that read them.
func (ix *index) traceKeys(keys []int32) map[int32]*keyTrace {
	if len(keys) == 0 {
		return nil
	}
	h := ix.h
	want, wanted := make([]bool, len(h.Keys())), map[int32]bool{}
	for _, key := range keys {
		want[key], wanted[key] = true, true
	}
	var ops []int32
	for k := range h.Len() {
		from, to := h.Steps(k)
		for s := from; s < to; s++ {
			if want[h.StepKey(s)] && h.StepF(s) == history.Read && h.Outcome(k) == history.OK {
				ops = append(ops, int32(k))
				break
			}
		}
	}
	slices.SortFunc(ops, func(a, b int32) int { return h.Return(int(a)) - h.Return(int(b)) })
	return ix.trace(ops, wanted)
}

// divergentKeys lists the keys in which leaders differed after clients were closed.
func (ix *index) divergentKeys(r *Replication) {
	end := &ix.end
	if end.healed == nil || end.closed == nil {
		return
	}
	ended, _ := ix.differing()
	r.Differing = len(ended)
	late, watched := ix.lateKeys()
	r.Late = len(late)
	keys := append(ended, late...)
	keys = keys[:min(len(keys), maxDivergent)]
	whole := ix.traceKeys(keys)
	for i, key := range keys {
		t := whole[key]
		d := KeyDivergence{Key: ix.h.Keys()[key], Holds: ix.holdings(t), Since: int64(t.since), Seen: int64(t.last())}
		if i >= len(ended) {
			d.Since, d.Seen = -1, int64(watched[key].apart)
		}
		d.AfterHealing = d.Seen - int64(end.healed.T)
		r.Keys = append(r.Keys, d)
	}
}

// lateKeys are those that leaders agree on at the end and certainly differed in
// after clients were closed, and what was read of all keys since then.
func (ix *index) lateKeys() (late []int32, watched map[int32]*keyTrace) {
	watched = ix.trace(ix.end.watched, nil)
	for _, key := range ix.writtenKeys() {
		if t := watched[key]; t != nil && t.apart >= 0 && !t.differ() {
			late = append(late, key)
		}
	}
	return late, watched
}

// last is the last read of the key.
func (t *keyTrace) last() time.Duration {
	at := time.Duration(0)
	for _, l := range t.shown {
		at = max(at, l.at)
	}
	return at
}

// holdings sorts the leaders by what they showed last.
func (ix *index) holdings(t *keyTrace) []Holding {
	var hs []Holding
	var values []history.Value
	for n, l := range t.shown {
		if !l.known {
			continue
		}
		name := ix.h.Nodes()[ix.end.nodes[n]]
		if i := slices.IndexFunc(values, func(v history.Value) bool { return sameValue(t.kind, v, l.value) }); i >= 0 {
			hs[i].Leaders = append(hs[i].Leaders, name)
			continue
		}
		values = append(values, l.value)
		hs = append(hs, Holding{valueWord(l.value), []string{name}, int64(l.since)})
	}
	return hs
}
