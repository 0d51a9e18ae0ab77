package checker

import (
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/mlcheck/mlcheck/history"
)

// counterStore holds counters; leaders send each other increments, each of which
// is applied once, unless a defect is asked for.
type counterStore struct {
	broadcast[history.Step]
	exact  bool // amounts are powers of three
	signed bool // amounts have both signs
	defect string
	values [3]map[string]int64
	made   map[string]int  // exact: increments of a key so far
	hit    map[string]bool // the store's truth: "key by amount" of what the defect hit
}

func newCounters(seed uint64, defect string) *counterStore {
	c := &counterStore{defect: defect, made: map[string]int{}, hit: map[string]bool{}}
	c.broadcast = broadcast[history.Step]{r: rand.New(rand.NewPCG(seed, 13)), apply: c.count}
	c.unordered = true
	for n := range c.values {
		c.values[n] = map[string]int64{}
	}
	return c
}

func (c *counterStore) count(node int, st history.Step) {
	switch {
	case c.defect == "twice" && c.r.IntN(25) == 0:
		c.hit[fmt.Sprint(st.Key, " by ", st.Value.N)] = true
		st.Value.N *= 2 // sent again after a lost confirmation
	case c.defect == "overwrite" && c.r.IntN(10) == 0:
		return
	}
	c.values[node][st.Key] += st.Value.N
}

func (c *counterStore) keys() []string { return simKeys("c", 40) }

func (c *counterStore) ask(r *rand.Rand, op int) []history.Step {
	key := fmt.Sprint("c", min(39, op/12+r.IntN(3)))
	st := history.Step{F: history.Read, Key: key}
	if r.IntN(2) == 0 || c.exact && c.made[key] >= digits {
		return []history.Step{st}
	}
	st.F, st.Value = history.Inc, history.Int(int64(1+r.IntN(5)))
	switch {
	case c.exact:
		st.Value = history.Int(power3(c.made[key]))
		c.made[key]++
	case c.signed && r.IntN(2) == 0:
		st.Value.N = -st.Value.N
	}
	return []history.Step{st}
}

func (c *counterStore) do(node int, steps []history.Step, _ time.Duration) ([]history.Step, history.Meta) {
	for i := range steps {
		if st := &steps[i]; st.F == history.Read {
			st.Value = history.Int(c.values[node][st.Key])
			continue
		}
		if c.defect == "unseen" && c.r.IntN(8) == 0 {
			c.hit[fmt.Sprint(steps[i].Key, " by ", steps[i].Value.N)] = true
			c.seen[node][node]++ // acknowledged before it is there, and then forgotten
			continue
		}
		c.send(node, steps[i])
	}
	return steps, history.Meta{}
}
