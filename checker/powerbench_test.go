package checker

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/mlcheck/mlcheck/history"
)

// loadedAtLeaders is a history of n operations, half of them reads, of sessions
// that stay at one of three leaders. Each leader shows the writes of the others
// some operations late.
func loadedAtLeaders(n, sessions, keys int) *history.History {
	nodes := []string{"n1", "n2", "n3"}
	r := rand.New(rand.NewPCG(1, uint64(sessions)))
	b := history.NewBuilder(history.Header{Nodes: nodes})
	values := make([][3]int64, keys) // at each leader
	type change struct {
		key   int
		value int64
	}
	late := make([]change, 0, n)
	for i := range n {
		s, k := r.IntN(sessions), r.IntN(keys)
		if i >= 500 {
			if c := late[i-500]; c.value > 0 {
				for at := range 3 {
					values[c.key][at] = max(values[c.key][at], c.value)
				}
			}
		}
		key := fmt.Sprintf("k%d", k)
		step := []history.Step{{F: history.Read, Key: key}}
		done := []history.Step{{F: history.Read, Key: key, Value: history.Int(values[k][s%3])}}
		c := change{}
		if r.IntN(2) == 0 {
			c = change{k, int64(i + 1)}
			values[k][s%3] = c.value
			step = []history.Step{{F: history.Write, Key: key, Value: history.Int(c.value)}}
			done = step
		}
		late = append(late, c)
		t := time.Duration(i) * time.Microsecond
		if err := b.Invoke(2*i+1, t, s, nodes[s%3], step, false); err != nil {
			panic(err)
		}
		if err := b.Complete(2*i+2, t+time.Microsecond, s, history.OK, done, history.Meta{}); err != nil {
			panic(err)
		}
	}
	return b.History()
}

// The parts of a check that are no property, on a million operations: each must
// stay small beside the causal core. Their cost is per operation, so ten million
// take ten times as long.
func BenchmarkAroundTheProperties(b *testing.B) {
	for _, sessions := range []int{8, 64} {
		h := loadedAtLeaders(1_000_000, sessions, 1000)
		ix := newIndex(h)
		ix.co()
		for _, part := range []struct {
			name string
			do   func()
		}{
			{"final reads", func() { readFinals(ix) }},
			{"faults", func() { faultReports(ix) }},
			{"measures", func() { measures(ix) }},
			{"power", func() { power(context.Background(), ix, nil) }},
			{"replication", func() { replication(ix) }},
		} {
			b.Run(fmt.Sprintf("%s, %d sessions", part.name, sessions), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					part.do()
				}
			})
		}
	}
}
