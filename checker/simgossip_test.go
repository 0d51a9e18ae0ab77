package checker

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"sort"
	"strings"
	"time"

	"github.com/mlcheck/mlcheck/history"
)

// gossipStore holds sets and registers as cells, of which the one with the
// greater hybrid stamp wins. Leaders tell each other single cells, again and
// again and in any order, so what is old comes round long after it was replaced.
type gossipStore struct {
	r        *rand.Rand
	sets     bool // else registers
	many     int  // keys
	collects bool // the defect: tombstones are thrown away after a while
	stamps   bool
	least    bool // the lesser stamp wins
	keep     bool // nothing is removed
	state    [3]map[cellName]gossipCell
	clock    [3]int64
	value    int64
	buried   [3][]cellName
	gone     [3]map[cellName]map[int64]bool // the store's truth: what was dead, or replaced by a tombstone, at a leader
	back     [3]map[int64]bool              // and what of it that leader took in again
}

type cellName struct {
	key  string
	elem int64
}

type gossipCell struct {
	stamp wall
	value int64
	dead  bool
}

func newGossip(seed uint64) *gossipStore {
	g := &gossipStore{r: rand.New(rand.NewPCG(seed, 11)), many: 4}
	for n := range g.state {
		g.state[n], g.gone[n], g.back[n] = map[cellName]gossipCell{}, map[cellName]map[int64]bool{}, map[int64]bool{}
	}
	return g
}

func (g *gossipStore) keys() []string { return simKeys("g", g.many) }

// ask prefers elements that were written lately, so that they are read, removed
// and read again.
func (g *gossipStore) ask(r *rand.Rand, _ int) []history.Step {
	key := fmt.Sprint("g", r.IntN(g.many))
	recent := max(1, g.value-int64(r.IntN(12)))
	st := history.Step{F: history.Read, Key: key}
	switch n := r.IntN(10); {
	case n < 5:
	case g.sets && n < 7 && g.value > 0:
		st.F, st.Value, st.Key = history.Remove, history.Int(recent), fmt.Sprint("g", recent%int64(g.many))
	case g.sets && n == 7 && g.value > 0:
		st.F, st.Value, st.Key = history.Add, history.Int(recent), fmt.Sprint("g", recent%int64(g.many))
	case g.sets:
		g.value++
		st.F, st.Value, st.Key = history.Add, history.Int(g.value), fmt.Sprint("g", g.value%int64(g.many))
	case n < 7 && !g.keep:
		st.F = history.Delete
	default:
		g.value++
		st.F, st.Value = history.Write, history.Int(g.value)
	}
	return []history.Step{st}
}

func (g *gossipStore) do(node int, steps []history.Step, now time.Duration) ([]history.Step, history.Meta) {
	var m history.Meta
	for i := range steps {
		st := &steps[i]
		if st.F == history.Read {
			st.Value = g.read(node, st.Key)
			continue
		}
		g.clock[node] = max(int64(now), g.clock[node]+1)
		c := gossipCell{wall{g.clock[node], node}, st.Value.N, st.F == history.Remove || st.F == history.Delete}
		name := cellName{key: st.Key}
		if g.sets {
			name.elem = st.Value.N
		}
		g.merge(node, name, c)
		if g.stamps {
			m.Stamp = c.stamp.String()
		}
	}
	return steps, m
}

func (g *gossipStore) read(node int, key string) history.Value {
	list := []int64{}
	// The order does not show: the list is sorted below.
	for name, c := range g.state[node] {
		if name.key == key && !c.dead {
			list = append(list, c.value)
		}
	}
	slices.Sort(list)
	switch {
	case g.sets:
		return history.List(list...)
	case len(list) == 0:
		return history.Value{}
	}
	return history.Int(list[0])
}

func (g *gossipStore) merge(node int, name cellName, c gossipCell) {
	g.clock[node] = max(g.clock[node], c.stamp.time)
	if old, there := g.state[node][name]; there && (old.stamp == c.stamp || old.stamp.less(c.stamp) == g.least) {
		return
	}
	if g.gone[node][name] == nil {
		g.gone[node][name] = map[int64]bool{}
	}
	if old := g.state[node][name]; c.dead && !old.dead {
		g.gone[node][name][old.value] = true
	}
	if !c.dead && (g.gone[node][name][c.value] || g.dropped(node, name)) {
		g.back[node][c.value] = true
	}
	g.state[node][name] = c
	if c.dead {
		g.buried[node] = append(g.buried[node], name)
	}
}

// dropped says whether the leader has forgotten a tombstone of the cell.
func (g *gossipStore) dropped(node int, name cellName) bool {
	_, known := g.gone[node][name]
	_, there := g.state[node][name]
	return known && !there
}

// raised says whether the leader of a finding really took something in again
// that the finding names.
func (g *gossipStore) raised(f Finding) bool {
	for node := range leaders {
		for v := range g.back[node] {
			if strings.Contains(f.Story, fmt.Sprintf("=%d was removed", v)) && strings.Contains(f.Story, leaders[node]) {
				return true
			}
		}
	}
	return false
}

func (g *gossipStore) travel() {
	for range 2 {
		from, to := g.r.IntN(3), g.r.IntN(3)
		if names := g.names(from); len(names) > 0 {
			name := names[len(names)-1-g.r.IntN(min(len(names), 24))]
			g.merge(to, name, g.state[from][name])
		}
	}
	n := g.r.IntN(3)
	if g.collects && len(g.buried[n]) > 2 {
		name := g.buried[n][0]
		g.buried[n] = g.buried[n][1:]
		if g.state[n][name].dead {
			delete(g.state[n], name)
		}
	}
}

func (g *gossipStore) names(node int) []cellName {
	var names []cellName
	for name := range g.state[node] {
		names = append(names, name)
	}
	sort.Slice(names, func(i, j int) bool {
		a, b := names[i], names[j]
		return a.elem < b.elem || a.elem == b.elem && a.key < b.key
	})
	return names
}

func (g *gossipStore) rest() {
	for range 3 {
		for from := range 3 {
			for to := range 3 {
				for _, name := range g.names(from) {
					g.merge(to, name, g.state[from][name])
				}
			}
		}
	}
}
