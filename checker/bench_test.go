package checker

import (
	"context"
	"fmt"
	"math/rand/v2"
	"runtime"
	"testing"
	"time"

	"github.com/mlcheck/mlcheck/history"
)

// loaded is a history of n operations, half of them reads, by sessions that each
// read what a single store held a moment ago: consistent, with much to compare.
func loaded(n, sessions, keys int) *history.History {
	r := rand.New(rand.NewPCG(1, uint64(sessions)))
	b := history.NewBuilder(history.Header{Nodes: []string{"n1", "n2", "n3"}})
	names := make([]string, keys)
	for k := range names {
		names[k] = fmt.Sprintf("k%d", k)
	}
	values := make([]int64, keys)
	for i := range n {
		s, k := r.IntN(sessions), r.IntN(keys)
		step := []history.Step{{F: history.Read, Key: names[k]}}
		done := []history.Step{{F: history.Read, Key: names[k], Value: history.Int(values[k])}}
		if r.IntN(2) == 0 {
			values[k] = int64(i + 1)
			step = []history.Step{{F: history.Write, Key: names[k], Value: history.Int(values[k])}}
			done = step
		}
		t := time.Duration(i) * time.Microsecond
		if err := b.Invoke(2*i+1, t, s, "n1", step, false); err != nil {
			panic(err)
		}
		if err := b.Complete(2*i+2, t, s, history.OK, done, history.Meta{}); err != nil {
			panic(err)
		}
	}
	return b.History()
}

func benchmarkCausal(b *testing.B, n, sessions int) {
	h := loaded(n, sessions, 1000)
	runtime.GC()
	b.ReportAllocs()
	for b.Loop() {
		ix := newIndex(h)
		ctx := withIndex(context.Background(), ix)
		for _, r := range []Result{
			checkCC(ctx, ix), checkCCv(ctx, ix), checkSessions(ctx, ix, "read-your-writes"), checkSessions(ctx, ix, "monotonic-reads"),
			checkWriteOrder(ctx, ix, "monotonic-writes"), checkWriteOrder(ctx, ix, "writes-follow-reads"),
		} {
			if r.Verdict != Holds {
				b.Fatal(r.Reason)
			}
		}
	}
	b.ReportMetric(float64(n)*float64(b.N)/b.Elapsed().Seconds(), "ops/s")
}

// cc, ccv and the four session guarantees from a loaded history.
func BenchmarkCheck1M(b *testing.B) { benchmarkCausal(b, 1_000_000, 8) }

func BenchmarkCheck1M64(b *testing.B) { benchmarkCausal(b, 1_000_000, 64) }

// The cost over four doublings of the number of operations and of sessions.
func BenchmarkCheckScaling(b *testing.B) {
	for _, n := range []int{62_500, 125_000, 250_000, 500_000} {
		b.Run(fmt.Sprintf("ops=%d", n), func(b *testing.B) { benchmarkCausal(b, n, 8) })
	}
	for _, k := range []int{4, 8, 16, 32} {
		b.Run(fmt.Sprintf("sessions=%d", k), func(b *testing.B) { benchmarkCausal(b, 250_000, k) })
	}
}

// Every property, power and measures, on a history of a whole run.
func BenchmarkCheckEverything(b *testing.B) {
	h := randomStore(simOptions{seed: 1, sessions: 12, keys: 20, ops: 100_000, moves: true, info: true}).history
	b.ReportAllocs()
	for b.Loop() {
		Check(context.Background(), h, Options{})
	}
}
