package checker

import (
	"context"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/mlcheck/mlcheck/history"
)

// hotKey is a linearizable history of n operations on one key by clients that are
// all busy all the time: half of them read.
func hotKey(n, clients int) *history.History {
	r := rand.New(rand.NewPCG(3, uint64(clients)))
	b := history.NewBuilder(history.Header{Nodes: []string{"n1"}})
	type open struct {
		step  history.Step
		taken bool
	}
	ops := make([]*open, clients)
	var value int64
	event, begun, written := 0, 0, int64(0)
	for {
		c := r.IntN(clients)
		at := time.Duration(event) * time.Microsecond
		var err error
		switch o := ops[c]; {
		case o == nil && begun == n:
			if !slices.ContainsFunc(ops, func(o *open) bool { return o != nil }) {
				return b.History()
			}
			continue
		case o == nil:
			begun++
			o = &open{step: history.Step{F: history.Read, Key: "x"}}
			if r.IntN(2) == 0 {
				written++
				o.step = history.Step{F: history.Write, Key: "x", Value: history.Int(written)}
			}
			ops[c] = o
			err = b.Invoke(event+1, at, c, "n1", []history.Step{o.step}, false)
		case !o.taken:
			if o.taken = true; o.step.F == history.Read {
				o.step.Value = history.Int(value)
			} else {
				value = o.step.Value.N
			}
			continue
		default:
			ops[c] = nil
			err = b.Complete(event+1, at, c, history.OK, []history.Step{o.step}, history.Meta{})
		}
		if err != nil {
			panic(err)
		}
		event++
	}
}

func benchmarkLinear(b *testing.B, n, clients int) {
	h := hotKey(n, clients)
	ix := newIndex(h)
	runtime.GC()
	b.ReportAllocs()
	for b.Loop() {
		if r := checkLinearizable(context.Background(), ix); r.Verdict != Holds {
			b.Fatal(r.Reason)
		}
	}
	b.ReportMetric(float64(n)*float64(b.N)/b.Elapsed().Seconds(), "ops/s")
}

// One key, from an index that is there already: other properties need it too.
func BenchmarkLinearizable1M64(b *testing.B) { benchmarkLinear(b, 1_000_000, 64) }

// The same with the index.
func BenchmarkLinearizable1M64Alone(b *testing.B) {
	h := hotKey(1_000_000, 64)
	b.ReportAllocs()
	for b.Loop() {
		if r := checkLinearizable(context.Background(), newIndex(h)); r.Verdict != Holds {
			b.Fatal(r.Reason)
		}
	}
}

// The cost over four doublings of the number of operations and of clients.
func BenchmarkLinearizableScaling(b *testing.B) {
	for _, n := range []int{62_500, 125_000, 250_000, 500_000, 1_000_000} {
		b.Run(fmt.Sprintf("ops=%d", n), func(b *testing.B) { benchmarkLinear(b, n, 64) })
	}
	for _, clients := range []int{8, 16, 32, 64, 128} {
		b.Run(fmt.Sprintf("clients=%d", clients), func(b *testing.B) { benchmarkLinear(b, 250_000, clients) })
	}
}

// A key whose every second read is stale: what has to be measured is all there.
func BenchmarkLinearizableViolated1M(b *testing.B) {
	h := staleKey(1_000_000)
	ix := newIndex(h)
	b.ReportAllocs()
	for b.Loop() {
		if r := checkLinearizable(context.Background(), ix); r.Verdict != Violated {
			b.Fatal(r.Reason)
		}
	}
}

// staleKey is a history of one key in which reads return values of up to a
// hundred writes ago.
func staleKey(n int) *history.History {
	r := rand.New(rand.NewPCG(5, 5))
	b := history.NewBuilder(history.Header{Nodes: []string{"n1"}})
	var written int64
	for i := range n {
		at := time.Duration(2*i) * time.Microsecond
		step := history.Step{F: history.Read, Key: "x"}
		done := step
		if i%2 == 0 {
			written++
			step.F, step.Value = history.Write, history.Int(written)
			done = step
		} else {
			done.Value = history.Int(max(1, written-r.Int64N(100)))
		}
		if err := b.Invoke(2*i+1, at, i%64, "n1", []history.Step{step}, false); err != nil {
			panic(err)
		}
		if err := b.Complete(2*i+2, at+time.Microsecond, i%64, history.OK, []history.Step{done}, history.Meta{}); err != nil {
			panic(err)
		}
	}
	return b.History()
}
