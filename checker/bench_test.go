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

// replicated is a history of three leaders that get each other's writes in one
// causal order, lag operations late, and let the later write win. Sessions stay.
func replicated(n, sessions, keys, lag int) *history.History {
	r := rand.New(rand.NewPCG(2, uint64(sessions)))
	nodes := []string{"n1", "n2", "n3"}
	b := history.NewBuilder(history.Header{Nodes: nodes})
	names := make([]string, keys)
	held := [3][]int64{make([]int64, keys), make([]int64, keys), make([]int64, keys)}
	for k := range names {
		names[k] = fmt.Sprintf("k%d", k)
	}
	written := make([]int, n) // by operation: the key it writes, plus 1
	for i := range n {
		if from := i - lag; from >= 0 && written[from] > 0 {
			for node := range held {
				held[node][written[from]-1] = max(held[node][written[from]-1], int64(from+1))
			}
		}
		s, k := r.IntN(sessions), r.IntN(keys)
		step := history.Step{F: history.Read, Key: names[k], Value: history.Int(held[s%3][k])}
		if r.IntN(2) == 0 {
			step = history.Step{F: history.Write, Key: names[k], Value: history.Int(int64(i + 1))}
			held[s%3][k], written[i] = int64(i+1), k+1
		}
		add(b, i, s, nodes[s%3], step)
	}
	return b.History()
}

// add records an operation that took no time.
func add(b *history.Builder, i, session int, node string, steps ...history.Step) {
	t := time.Duration(i) * time.Microsecond
	if err := b.Invoke(2*i+1, t, session, node, steps, false); err != nil {
		panic(err)
	}
	if err := b.Complete(2*i+2, t, session, history.OK, steps, history.Meta{}); err != nil {
		panic(err)
	}
}

// batches is a history of n steps in transactions of the given size, one after
// the other.
func batches(n, size, sessions, keys int) *history.History {
	r := rand.New(rand.NewPCG(3, uint64(sessions)))
	b := history.NewBuilder(history.Header{Nodes: []string{"n1"}, Granularity: "transaction"})
	values := make([]int64, keys)
	for i := range n / size {
		steps := make([]history.Step, 0, size)
		for j := range size {
			k := r.IntN(keys)
			step := history.Step{F: history.Read, Key: fmt.Sprintf("k%d", k), Value: history.Int(values[k])}
			if r.IntN(2) == 0 {
				values[k] = int64(i*size + j + 1)
				step.F, step.Value = history.Write, history.Int(values[k])
			}
			steps = append(steps, step)
		}
		add(b, i, r.IntN(sessions), "n1", steps...)
	}
	return b.History()
}

// relay is a history of many short sessions, a few at a time.
func relay(n, sessions, atOnce, keys int) *history.History {
	r := rand.New(rand.NewPCG(4, uint64(sessions)))
	b := history.NewBuilder(history.Header{Nodes: []string{"n1"}})
	values := make([]int64, keys)
	for i := range n {
		s, k := i*(sessions-atOnce)/n+r.IntN(atOnce), r.IntN(keys)
		step := history.Step{F: history.Read, Key: fmt.Sprintf("k%d", k), Value: history.Int(values[k])}
		if r.IntN(2) == 0 {
			values[k] = int64(i + 1)
			step.F, step.Value = history.Write, history.Int(values[k])
		}
		add(b, i, s, "n1", step)
	}
	return b.History()
}

// benchmarkCausal is the time for cc, ccv and the four session guarantees from a
// loaded history.
func benchmarkCausal(b *testing.B, h *history.History) {
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
	b.ReportMetric(float64(stepCount(h))*float64(b.N)/b.Elapsed().Seconds(), "ops/s")
}

func BenchmarkCheck1M(b *testing.B)   { benchmarkCausal(b, loaded(1_000_000, 8, 1000)) }
func BenchmarkCheck1M64(b *testing.B) { benchmarkCausal(b, loaded(1_000_000, 64, 1000)) }
func BenchmarkCheck10M(b *testing.B)  { benchmarkCausal(b, loaded(10_000_000, 8, 10_000)) }

// Replicas that are 5,000 operations behind: of most keys several newer writes are known elsewhere.
func BenchmarkCheckReplicated1M(b *testing.B) {
	benchmarkCausal(b, replicated(1_000_000, 8, 1000, 5000))
}

func BenchmarkCheckReplicated1M64(b *testing.B) {
	benchmarkCausal(b, replicated(1_000_000, 64, 1000, 5000))
}

// Transactions of 20 operations.
func BenchmarkCheckTransactions(b *testing.B) { benchmarkCausal(b, batches(200_000, 20, 50, 1000)) }

// Sessions that end: 5,000 of them, 20 at a time.
func BenchmarkCheckSessions5000(b *testing.B) { benchmarkCausal(b, relay(1_000_000, 5000, 20, 1000)) }

// BenchmarkCheckTokens1M is of sessions that move to another leader every hundred
// operations, and hand over a token.
func BenchmarkCheckTokens1M(b *testing.B) { benchmarkCausal(b, moving(1_000_000, 8, 1000, 100)) }

// moving is what loaded is, of sessions that move with a token.
func moving(n, sessions, keys, stay int) *history.History {
	r := rand.New(rand.NewPCG(3, uint64(sessions)))
	nodes := []string{"n1", "n2", "n3"}
	b := history.NewBuilder(history.Header{Nodes: nodes})
	at, values := make([]int, sessions), make([]int64, keys)
	for i := range n {
		s, k := r.IntN(sessions), r.IntN(keys)
		meta := history.Meta{}
		if r.IntN(stay) == 0 {
			at[s], meta.Token = (at[s]+1)%len(nodes), "t"
		}
		step, done := history.Step{F: history.Read, Key: keyName(k)}, history.Step{F: history.Read, Key: keyName(k), Value: history.Int(values[k])}
		if r.IntN(2) == 0 {
			values[k] = int64(i + 1)
			step = history.Step{F: history.Write, Key: keyName(k), Value: history.Int(values[k])}
			done = step
		}
		t := time.Duration(i) * time.Microsecond
		if err := b.Invoke(2*i+1, t, s, nodes[at[s]], []history.Step{step}, false); err != nil {
			panic(err)
		}
		if err := b.Complete(2*i+2, t, s, history.OK, []history.Step{done}, meta); err != nil {
			panic(err)
		}
	}
	return b.History()
}

// The cost over four doublings of the number of operations and of sessions.
func BenchmarkCheckScaling(b *testing.B) {
	for _, n := range []int{62_500, 125_000, 250_000, 500_000, 1_000_000} {
		b.Run(fmt.Sprintf("ops=%d", n), func(b *testing.B) { benchmarkCausal(b, loaded(n, 8, 1000)) })
	}
	for _, k := range []int{4, 8, 16, 32, 64} {
		b.Run(fmt.Sprintf("sessions=%d", k), func(b *testing.B) { benchmarkCausal(b, loaded(250_000, k, 1000)) })
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
