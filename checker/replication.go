package checker

import (
	"slices"

	"github.com/mlcheck/mlcheck/history"
)

// Replication is how changes spread among the leaders, in numbers. Every field
// that ends in _ns is nanoseconds: a time on the history's clock, -1 for never,
// or where it is called a latency, a span. Counts are exact, lists are bounded.
type Replication struct {
	Differing int             `json:"differing_keys"` // keys of which leaders ended with different values
	Late      int             `json:"late_keys"`      // keys that leaders agree on at the end, and certainly differed in after clients were closed
	Keys      []KeyDivergence `json:"keys,omitempty"` // of both kinds, those that still differ first; at most 100
	Settling  *Settling       `json:"settling,omitempty"`
	OverTime  *OverTime       `json:"over_time,omitempty"`
	Lag       []Lag           `json:"lag,omitempty"` // by origin, then observer, in the order of the leaders
}

// KeyDivergence is one key in which leaders differed after clients were closed.
type KeyDivergence struct {
	Key string `json:"key"`
	// Holds says who was last seen with what, leaders with the same value together.
	Holds []Holding `json:"holds"`
	// Since is from when on what the leaders had shown last differed without a
	// break; -1 where they agree at last.
	Since int64 `json:"since_ns"`
	Seen  int64 `json:"last_seen_ns"` // the last read that showed the difference
	// AfterHealing is how long after healing was proved that was: a latency.
	AfterHealing int64 `json:"after_healing_ns"`
}

// Holding is a value of a key and the leaders that show it.
type Holding struct {
	Value   string   `json:"value"`
	Leaders []string `json:"leaders"`
	Since   int64    `json:"since_ns"` // from then on every read of the key at the first of them returned it
}

// maxDivergent bounds the list of keys; their number is exact.
const maxDivergent = 100

// replication works out all of it: O(operations) and O(leaders) for each key.
func replication(ix *index) *Replication {
	r := &Replication{}
	ix.divergentKeys(r)
	r.Settling = ix.settling()
	if ix.h.Timed() {
		r.OverTime, r.Lag = ix.spread()
	}
	if r.Differing+r.Late == 0 && r.Settling == nil && r.OverTime == nil && len(r.Lag) == 0 {
		return nil
	}
	return r
}

// completions are the operations that were answered, in the order of their
// answers: O(n), or a sort where the indexes of events are sparse.
func completions(h *history.History) []int32 {
	last, answered := 0, 0
	for k := range h.Len() {
		if r := h.Return(k); r > 0 {
			last, answered = max(last, r), answered+1
		}
	}
	done := make([]int32, 0, answered)
	if last > 4*h.Len()+1024 {
		for k := range h.Len() {
			if h.Return(k) > 0 {
				done = append(done, int32(k))
			}
		}
		slices.SortFunc(done, func(a, b int32) int { return h.Return(int(a)) - h.Return(int(b)) })
		return done
	}
	at := make([]int32, last+1)
	for k := range h.Len() {
		if r := h.Return(k); r > 0 {
			at[r] = int32(k) + 1
		}
	}
	for _, k := range at {
		if k > 0 {
			done = append(done, k-1)
		}
	}
	return done
}

// leaderAt maps nodes to their positions among the leaders; -1: not one of them.
func (f *finals) leaderAt(nodes int) []int {
	at := slices.Repeat([]int{-1}, nodes)
	for i, n := range f.nodes {
		at[n] = i
	}
	return at
}
