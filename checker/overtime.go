package checker

import (
	"slices"

	"github.com/mlcheck/mlcheck/history"
)

// OverTime is how far leaders were apart over the run, in samples at Step, 2·Step
// and so on. A key is in use from its first operation to its last, and again from
// when it is read after clients were closed.
type OverTime struct {
	Step int64 `json:"step_ns"`
	// Shown counts the keys in use that two leaders or more have shown by then.
	Shown []int `json:"shown"`
	// Differing counts those of them of which the last reads at two leaders
	// returned different values. The reads are of different moments, so keys that
	// change often count though their leaders are alike.
	Differing []int `json:"differing"`
	// Behind counts those of which the last read at some leader was behind: it
	// returned something older than what another leader had acknowledged before
	// that read began. Registers only; nil where there are none.
	Behind []int `json:"behind,omitempty"`
}

// timeSamples is in how many samples a run is shown.
const timeSamples = 200

// spreading is one walk over the answers, in their order.
type spreading struct {
	ix        *index
	leader    []int // node → position among the leaders, or -1
	keys      *shownKeys
	lag       *lagging
	registers bool
}

// spread walks over the answers: O(operations·leaders), and the elements of
// lists. It gives nothing where there is one leader only.
func (ix *index) spread() (*OverTime, []Lag) {
	h, order := ix.h, completions(ix.h)
	var end int64
	for _, k := range order {
		end = max(end, int64(h.End(int(k))))
	}
	if len(ix.end.nodes) < 2 || end == 0 {
		return nil, nil
	}
	w := &spreading{ix: ix, leader: ix.end.leaderAt(len(h.Nodes())), keys: newShownKeys(len(h.Keys()), len(ix.end.nodes)), lag: ix.newLagging()}
	w.registers = slices.Contains(ix.kind, register)
	o := &OverTime{Step: max(1, (end+timeSamples-1)/timeSamples)}
	last := ix.lastUse(order)
	for i, k := range order {
		for int64(h.End(int(k))) > int64(len(o.Shown)+1)*o.Step {
			w.sample(o)
		}
		from, to := h.Steps(int(k))
		for s := from; s < to; s++ {
			if h.StepF(s) == history.Read && h.Outcome(int(k)) == history.OK {
				w.read(int(k), int32(s))
			}
			if key := h.StepKey(s); last[key] == int32(i)+1 {
				w.keys.retire(key)
			}
		}
	}
	w.sample(o)
	return o, w.lag.lags()
}

func (w *spreading) read(k int, s int32) {
	key := w.ix.h.StepKey(int(s))
	at, kd := w.leader[w.ix.node(k)], w.ix.kind[key]
	if at < 0 || kd == 0 {
		return
	}
	behind := kd == register && w.lag.read(k, s)
	w.keys.show(key, at, fingerprint(w.ix.h, int(s), kd), behind)
}

func (w *spreading) sample(o *OverTime) {
	o.Shown, o.Differing = append(o.Shown, w.keys.nShown), append(o.Differing, w.keys.nDiffer)
	if w.registers {
		o.Behind = append(o.Behind, w.keys.nBehind)
	}
}

// lastUse is, by key, the position in the order of the last operation of a
// session on it, plus 1; final reads are none.
func (ix *index) lastUse(order []int32) []int32 {
	last := make([]int32, len(ix.h.Keys()))
	for i, k := range order {
		if ix.h.Final(int(k)) {
			continue
		}
		from, to := ix.h.Steps(int(k))
		for s := from; s < to; s++ {
			last[ix.h.StepKey(s)] = int32(i) + 1
		}
	}
	return last
}

// shownKeys counts keys by what leaders have shown of them last.
type shownKeys struct {
	leaders int
	value   []uint64 // key·leaders + leader → what it showed last
	known   []bool   // beside value
	behind  []bool   // beside value: that read was behind
	counted []state  // by key

	nShown, nDiffer, nBehind int
}

// state is how a key is counted now.
type state struct{ shown, differ, behind bool }

func newShownKeys(keys, leaders int) *shownKeys {
	n := keys * leaders
	return &shownKeys{leaders: leaders, value: make([]uint64, n), known: make([]bool, n), behind: make([]bool, n), counted: make([]state, keys)}
}

func (s *shownKeys) show(key, leader int, value uint64, behind bool) {
	at := key * s.leaders
	if i := at + leader; s.known[i] && s.value[i] == value && s.behind[i] == behind {
		return
	}
	s.known[at+leader], s.value[at+leader], s.behind[at+leader] = true, value, behind
	first, n := -1, 0
	var now state
	for i := at; i < at+s.leaders; i++ {
		if !s.known[i] {
			continue
		}
		if first < 0 {
			first = i
		}
		n++
		now.differ = now.differ || s.value[i] != s.value[first]
		now.behind = now.behind || s.behind[i]
	}
	now.shown, now.behind = n > 1, now.behind && n > 1
	s.count(key, now)
}

// retire takes a key out of the counts until it is read again.
func (s *shownKeys) retire(key int) {
	at := key * s.leaders
	clear(s.known[at : at+s.leaders])
	clear(s.behind[at : at+s.leaders])
	s.count(key, state{})
}

func (s *shownKeys) count(key int, now state) {
	was := s.counted[key]
	s.nShown += one(now.shown) - one(was.shown)
	s.nDiffer += one(now.differ) - one(was.differ)
	s.nBehind += one(now.behind) - one(was.behind)
	s.counted[key] = now
}

func one(b bool) int {
	if b {
		return 1
	}
	return 0
}

// fingerprint is a number for a value: the same for values that are the same as
// states, see sameValue; different for others but for one in 2^64.
func fingerprint(h *history.History, step int, kd kind) uint64 {
	if n, ok := h.StepInt(step); ok {
		return mixed(n)
	}
	sum := uint64(0)
	for _, n := range h.StepList(step) {
		if kd&list != 0 {
			sum *= 0x9e3779b97f4a7c15
		}
		sum += mixed(n)
	}
	return sum
}

// mixed spreads a number over all bits (splitmix64); 0 stays 0.
func mixed(n int64) uint64 {
	x := uint64(n)
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}
