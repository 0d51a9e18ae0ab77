package checker

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"sort"
	"time"

	"github.com/mlcheck/mlcheck/history"
)

// simOptions describe a simulated store of three leaders and its clients.
type simOptions struct {
	seed                 uint64
	sessions, keys, ops  int
	skew                 bool // n1's clock is far ahead, stamps are wall clock; else stamps extend causality
	unordered            bool // deliver in any order; else what a write had seen goes before it
	moves, info, deletes bool
	stamps               bool // the history shows them
	rmw                  bool // every write reads first, in one operation
}

// simulated is what a store did, and its own truth about it.
type simulated struct {
	history *history.History
	beaten  int // acknowledged writes that lost to one that their leader had applied before
	// knew is, by written value, every value of its key that its leader had
	// applied when it accepted it.
	knew map[int64]map[int64]wall
	// stamps are of every written value.
	stamps map[int64]wall
	// arrived is when each value came to each leader.
	arrived map[int64][3]time.Duration
}

// randomStore is last write wins on three leaders: with hybrid stamps and causal
// delivery it keeps every promise of its row, with wall clocks that are off it
// does not. It shares nothing with the checkers.
func randomStore(o simOptions) simulated {
	r := rand.New(rand.NewPCG(o.seed, 1))
	st := &store{opt: o, r: r, knew: map[int64]map[int64]wall{}, stamps: map[int64]wall{}, arrived: map[int64][3]time.Duration{}}
	policy := "lww-hlc"
	if o.skew {
		policy = "lww-wall"
	}
	b := history.NewBuilder(history.Header{Nodes: []string{"n1", "n2", "n3"}, Policy: policy})
	i := 0
	next := func() (int, time.Duration) { i++; st.now += 100 * time.Microsecond; return i, st.now }
	must := func(err error) {
		if err != nil {
			panic(err)
		}
	}
	at := make([]int, o.sessions)
	for s := range at {
		at[s] = s % 3
	}
	names := []string{"n1", "n2", "n3"}
	value := int64(0)
	for op := range o.ops {
		s := r.IntN(o.sessions)
		if o.moves && r.IntN(20) == 0 {
			at[s] = r.IntN(3)
		}
		// Keys are in use for a while and then left alone, so that many of them
		// end with a conflict.
		node, key := at[s], op/60+r.IntN(o.keys)
		st.deliver()
		steps := []history.Step{{F: history.Read, Key: keyName(key)}}
		if r.IntN(2) == 0 {
			value++
			w := history.Step{F: history.Write, Key: keyName(key), Value: history.Int(value)}
			if o.deletes && r.IntN(6) == 0 {
				w = history.Step{F: history.Delete, Key: keyName(key)}
			}
			if steps = append(steps, w); !o.rmw {
				steps = steps[1:]
			}
		}
		n, t := next()
		must(b.Invoke(n, t, s, names[node], steps, false))
		outcome, meta := history.OK, history.Meta{}
		done := slices.Clone(steps)
		for j := range done {
			switch done[j].F {
			case history.Read:
				if v := st.data[node][key].value; v != 0 {
					done[j].Value = history.Int(v)
				}
			default:
				v := done[j].Value.N
				if o.info && r.IntN(15) == 0 {
					outcome = history.Info
					if r.IntN(2) == 0 {
						continue // lost on the way
					}
				}
				w := st.write(node, key, v)
				if o.stamps {
					meta.Stamp = w.stamp.String()
				}
			}
		}
		if outcome == history.Info {
			done = nil
		}
		n, t = next()
		must(b.Complete(n, t, s, outcome, done, meta))
	}
	st.drain()
	for _, stage := range []string{history.StageHealed, history.StageClosed, history.StageQuiet} {
		n, t := next()
		must(b.Event(history.Event{Index: n, T: t, Type: history.StageEvent, Stage: stage, State: history.QuietYes}))
	}
	for node := range names {
		for key := range o.ops/60 + o.keys {
			steps := []history.Step{{F: history.Read, Key: keyName(key)}}
			n, t := next()
			must(b.Invoke(n, t, 1000+node, names[node], steps, true))
			if v := st.data[node][key].value; v != 0 {
				steps = []history.Step{{F: history.Read, Key: keyName(key), Value: history.Int(v)}}
			}
			n, t = next()
			must(b.Complete(n, t, 1000+node, history.OK, steps, history.Meta{}))
		}
	}
	n, t := next()
	must(b.Event(history.Event{Index: n, T: t, Type: history.StageEvent, Stage: history.StageEnd}))
	return simulated{b.History(), st.beaten, st.knew, st.stamps, st.arrived}
}

func keyName(k int) string { return "k" + string(rune('a'+k%26)) + string(rune('a'+k/26)) }

type store struct {
	opt     simOptions
	r       *rand.Rand
	now     time.Duration
	data    [3][4096]version
	clock   [3]int64  // greatest stamp that each leader knows
	seen    [3][3]int // leader, origin → how many of its writes were applied
	sent    [3]int
	flying  []message
	beaten  int
	all     [3][4096][]version // what each leader has ever applied
	knew    map[int64]map[int64]wall
	stamps  map[int64]wall
	arrived map[int64][3]time.Duration
}

type version struct {
	value int64
	stamp wall
}

type wall struct {
	time int64
	node int
}

func (w wall) String() string {
	return fmt.Sprintf("%d.n%d.0", w.time, w.node+1)
}

func (a wall) less(b wall) bool { return a.time < b.time || a.time == b.time && a.node < b.node }

type message struct {
	to, key int
	v       version
	origin  int
	n       int    // the origin's count of writes, this one included
	deps    [3]int // what the origin had applied before
}

func (st *store) write(node, key int, value int64) version {
	t := int64(st.now)
	if st.opt.skew {
		if node == 0 {
			t += int64(20 * time.Millisecond)
		}
	} else {
		t = max(t, st.clock[node]+1)
	}
	v := version{value, wall{t, node}}
	st.stamps[value], st.knew[value] = v.stamp, map[int64]wall{}
	for _, u := range st.all[node][key] {
		st.knew[value][u.value] = u.stamp
	}
	deps := st.seen[node]
	st.sent[node]++
	st.seen[node][node] = st.sent[node]
	if !st.apply(node, key, v) {
		st.beaten++
	}
	for to := range 3 {
		if to != node {
			st.flying = append(st.flying, message{to, key, v, node, st.sent[node], deps})
		}
	}
	return v
}

func (st *store) apply(node, key int, v version) bool {
	st.clock[node] = max(st.clock[node], v.stamp.time)
	at := st.arrived[v.value]
	at[node] = st.now
	st.arrived[v.value] = at
	st.all[node][key] = append(st.all[node][key], v)
	if !st.data[node][key].stamp.less(v.stamp) {
		return false
	}
	st.data[node][key] = v
	return true
}

// deliver hands over some of what is on its way.
func (st *store) deliver() {
	tries := 12
	if st.opt.unordered {
		tries = 4 // so that there is something to overtake
	}
	for range st.r.IntN(tries) {
		if len(st.flying) == 0 {
			return
		}
		i := st.r.IntN(min(len(st.flying), 30))
		m := st.flying[i]
		if m.origin == 0 && m.to == 2 && st.r.IntN(4) > 0 {
			continue // a slow link
		}
		if !st.opt.unordered && !st.ready(m) {
			continue
		}
		st.hand(i)
	}
	if st.r.IntN(3) == 0 {
		sort.SliceStable(st.flying, func(i, j int) bool { return st.flying[i].n < st.flying[j].n })
	}
}

// drain delivers all that is left, in any order that is allowed.
func (st *store) drain() {
	for len(st.flying) > 0 {
		i := slices.IndexFunc(st.flying, func(m message) bool { return st.opt.unordered || st.ready(m) })
		st.hand(i)
	}
}

func (st *store) hand(i int) {
	m := st.flying[i]
	st.flying = slices.Delete(st.flying, i, i+1)
	st.seen[m.to][m.origin] = max(st.seen[m.to][m.origin], m.n)
	st.apply(m.to, m.key, m.v)
}

func (st *store) ready(m message) bool {
	for origin, n := range m.deps {
		if origin != m.origin && st.seen[m.to][origin] < n {
			return false
		}
	}
	return st.seen[m.to][m.origin] == m.n-1
}
