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

// gossiped is a history of n operations, half of them reads, by sessions that
// each stay at a store of their own. Stores deliver causally and are up to lag
// writes behind each other. By default a store shows what it applied last, so that it
// keeps cm; arbitrated, it shows the greatest write that it applied, as last write
// wins does, so that nearly every read adds an edge to hb. Keys are many, a few of
// them hot, if any.
func gossiped(n, sessions, keys, lag int, arbitrated bool) *history.History {
	r := rand.New(rand.NewPCG(2, uint64(sessions)))
	nodes := make([]string, sessions)
	for s := range nodes {
		nodes[s] = fmt.Sprintf("n%d", s+1)
	}
	b := history.NewBuilder(history.Header{Nodes: nodes})
	names := make([]string, keys)
	for k := range names {
		names[k] = fmt.Sprintf("k%d", k)
	}
	shown := make([][]int64, sessions) // store → key → value
	for s := range shown {
		shown[s] = make([]int64, keys)
	}
	st := &causalStores{applied: make([][]int, sessions), log: make([][]sent, sessions)}
	for s := range st.applied {
		st.applied[s] = make([]int, sessions)
	}
	for i := range n {
		s, k := r.IntN(sessions), r.IntN(keys)
		st.deliver(r, s, lag, func(w sent) {
			if !arbitrated || w.value > shown[s][w.key] {
				shown[s][w.key] = w.value
			}
		})
		step := history.Step{F: history.Read, Key: names[k]}
		asked := step
		if r.IntN(2) == 0 {
			v := int64(i + 1)
			step = history.Step{F: history.Write, Key: names[k], Value: history.Int(v)}
			asked = step
			st.log[s] = append(st.log[s], sent{k, v, append([]int(nil), st.applied[s]...)})
			st.applied[s][s]++
			shown[s][k] = v
		} else if v := shown[s][k]; v != 0 {
			step.Value = history.Int(v)
		}
		t := time.Duration(i) * time.Microsecond
		if err := b.Invoke(2*i+1, t, s, nodes[s], []history.Step{asked}, false); err != nil {
			panic(err)
		}
		if err := b.Complete(2*i+2, t, s, history.OK, []history.Step{step}, history.Meta{}); err != nil {
			panic(err)
		}
	}
	return b.History()
}

// causalStores are the writes of each store, and how many of them each other has applied.
type causalStores struct {
	applied [][]int
	log     [][]sent
}

type sent struct {
	key   int
	value int64
	needs []int
}

// deliver applies at store s what it may, until it is lag writes behind each other.
func (st *causalStores) deliver(r *rand.Rand, s, lag int, apply func(sent)) {
	for again := true; again; {
		again = false
		for _, from := range r.Perm(len(st.log)) {
			at := st.applied[s][from]
			if from == s || len(st.log[from])-at <= lag {
				continue
			}
			w := st.log[from][at]
			ready := true
			for t, n := range w.needs {
				ready = ready && (t == from || st.applied[s][t] >= n)
			}
			if ready {
				apply(w)
				st.applied[s][from]++
				again = true
			}
		}
	}
}

func benchmarkCM(b *testing.B, h *history.History, want Verdict) {
	runtime.GC()
	b.ReportAllocs()
	for b.Loop() {
		b.StopTimer()
		ix := newIndex(h)
		ctx := withIndex(context.Background(), ix)
		if _, err := ix.co().judge(ctx); err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
		if r := checkCM(ctx, ix); r.Verdict != want {
			b.Fatal(r.Verdict, r.Reason)
		}
	}
	b.ReportMetric(float64(h.Len())*float64(b.N)/b.Elapsed().Seconds(), "ops/s")
}

// cm beyond what cc and ccv need anyway: where hardly a read adds to hb, where
// nearly every one does and cm holds, and where it does not.
func BenchmarkCM(b *testing.B) {
	for _, tc := range []struct {
		name       string
		lag, keys  int
		arbitrated bool
		want       Verdict
	}{
		{"ordinary", 1, 1000, false, Holds},
		{"far apart", 100, 10, false, Holds},
		{"last write wins", 30, 100, true, Violated},
	} {
		for _, n := range []int{12_500, 25_000, 50_000, 100_000, 200_000} {
			b.Run(fmt.Sprintf("%s/ops=%d", tc.name, n), func(b *testing.B) {
				benchmarkCM(b, gossiped(n, 8, tc.keys, tc.lag, tc.arbitrated), tc.want)
			})
		}
		for _, k := range []int{4, 8, 16, 32, 64} {
			b.Run(fmt.Sprintf("%s/sessions=%d", tc.name, k), func(b *testing.B) {
				benchmarkCM(b, gossiped(100_000, k, tc.keys, tc.lag, tc.arbitrated), tc.want)
			})
		}
	}
}
