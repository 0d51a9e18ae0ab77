package checker

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/mlcheck/mlcheck/history"
)

// siblingStore keeps, of every register, the versions that no write replaces,
// by dotted version vectors. Leaders tell each other whole registers, in any order.
type siblingStore struct {
	r      *rand.Rand
	many   int
	names  string // how the history names versions: vector, stamp, value; "" not at all
	blind  bool   // clients hand over no context
	defect string
	state  [3]map[string]*siblingSet
	known  [3]map[string]map[int64]dot // what a leader's clients read last, which they hand back
	value  int64
}

type dot struct {
	node int
	n    int64
}

type siblingSet struct {
	seen     [3]int64 // causal context
	versions map[int64]dot
}

func newSiblings(seed uint64, names, defect string) *siblingStore {
	s := &siblingStore{r: rand.New(rand.NewPCG(seed, 17)), many: 12, names: names, defect: defect}
	for n := range s.state {
		s.state[n], s.known[n] = map[string]*siblingSet{}, map[string]map[int64]dot{}
		for _, key := range s.keys() {
			s.state[n][key] = &siblingSet{versions: map[int64]dot{}}
		}
	}
	return s
}

func (s *siblingStore) keys() []string { return simKeys("d", s.many) }

func (s *siblingStore) ask(r *rand.Rand, op int) []history.Step {
	st := history.Step{F: history.Read, Key: fmt.Sprint("d", min(s.many-1, op/25+r.IntN(3)))}
	switch r.IntN(8) {
	case 0, 1, 2, 3:
	case 4:
		st.F = history.Delete
	default:
		s.value++
		st.F, st.Value = history.Write, history.Int(s.value)
	}
	return []history.Step{st}
}

func (s *siblingStore) do(node int, steps []history.Step, _ time.Duration) ([]history.Step, history.Meta) {
	st := &steps[0]
	here := s.state[node][st.Key]
	if st.F == history.Read {
		s.known[node][st.Key] = maps.Clone(here.versions)
		if len(here.versions) > 0 {
			st.Value = history.List(slices.Sorted(maps.Keys(here.versions))...)
		}
		return steps, history.Meta{}
	}
	known := s.known[node][st.Key]
	if s.blind && st.F == history.Write {
		known = nil
	}
	m := history.Meta{Ctx: s.ctx(known)}
	here.seen[node]++
	d := dot{node, here.seen[node]}
	for v := range known {
		if s.defect != "deaf" {
			delete(here.versions, v)
		}
	}
	if st.F == history.Write {
		here.versions[st.Value.N] = d
	}
	m.Stamp = fmt.Sprintf("0.%s.%d", leaders[node], d.n)
	return steps, m
}

// ctx names the versions that a client had read.
func (s *siblingStore) ctx(known map[int64]dot) string {
	var names []string
	for _, v := range slices.Sorted(maps.Keys(known)) {
		switch d := known[v]; s.names {
		case "stamp":
			names = append(names, fmt.Sprintf("0.%s.%d", leaders[d.node], d.n))
		case "value":
			names = append(names, fmt.Sprint(v))
		}
	}
	return strings.Join(names, ",")
}

func (s *siblingStore) travel() {
	key := s.keys()[s.r.IntN(s.many)]
	s.merge(s.state[s.r.IntN(3)][key], s.state[s.r.IntN(3)][key])
}

func (s *siblingStore) merge(a, b *siblingSet) {
	if a == b {
		return
	}
	for v, d := range a.versions {
		if _, both := b.versions[v]; !both && d.n <= b.seen[d.node] && s.defect != "union" {
			delete(a.versions, v)
		}
	}
	for v, d := range b.versions {
		if d.n > a.seen[d.node] || s.defect == "union" {
			a.versions[v] = d
		}
	}
	for n := range a.seen {
		a.seen[n] = max(a.seen[n], b.seen[n])
	}
	if s.defect == "cut" && len(a.versions) > 1 {
		last := slices.Max(slices.Collect(maps.Keys(a.versions)))
		a.versions = map[int64]dot{last: a.versions[last]}
	}
}

func (s *siblingStore) rest() {
	for range 3 {
		for _, key := range s.keys() {
			for from := range 3 {
				for to := range 3 {
					s.merge(s.state[to][key], s.state[from][key])
				}
			}
		}
	}
}
