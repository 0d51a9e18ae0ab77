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

// loadedSet is one set that three leaders hold, as its clients saw it: elements
// added at one leader arrive at the others a while later, in order; reads return
// everything that their leader has, so the later ones return nearly all of it.
func loadedSet(adds, reads, sessions int) *history.History {
	r := rand.New(rand.NewPCG(1, 2))
	b := history.NewBuilder(history.Header{Nodes: []string{"n1", "n2", "n3"}, Policy: "crdt"})
	var has [3][]int64 // ascending, as stores return sets
	var late [3][]int64
	insert := func(node int, v int64) {
		at, _ := slices.BinarySearch(has[node], v)
		has[node] = slices.Insert(has[node], at, v)
	}
	i, value := 0, int64(0)
	op := func(s, node int, final bool, asked, done history.Step) {
		t := time.Duration(i) * time.Microsecond
		must(b.Invoke(i+1, t, s, fmt.Sprint("n", node+1), []history.Step{asked}, final))
		must(b.Complete(i+2, t, s, history.OK, []history.Step{done}, history.Meta{}))
		i += 2
	}
	read := history.Step{F: history.Read, Key: "s"}
	every := (adds + reads) / reads
	for n := range adds + reads {
		s := r.IntN(sessions)
		node := s % 3
		if n%every == 0 {
			op(s, node, false, read, history.Step{F: history.Read, Key: "s", Value: history.List(has[node]...)})
			continue
		}
		value++
		add := history.Step{F: history.Add, Key: "s", Value: history.Int(value)}
		op(s, node, false, add, add)
		insert(node, value)
		for to := range 3 {
			if late[to] = append(late[to], value); to == node {
				late[to] = late[to][:len(late[to])-1]
			}
			if len(late[to]) > 40 {
				insert(to, late[to][0])
				late[to] = late[to][1:]
			}
		}
	}
	for _, stage := range []string{history.StageHealed, history.StageClosed, history.StageQuiet, history.StageEnd} {
		i++
		must(b.Event(history.Event{Index: i, Type: history.StageEvent, Stage: stage, State: history.QuietYes}))
		if stage != history.StageQuiet {
			continue
		}
		for node := range 3 {
			for _, v := range late[node] {
				insert(node, v)
			}
			op(1000+node, node, true, read, history.Step{F: history.Read, Key: "s", Value: history.List(has[node]...)})
		}
	}
	return b.History()
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}

func benchmarkSet(b *testing.B, adds, reads int) {
	h := loadedSet(adds, reads, 12)
	runtime.GC()
	b.ReportAllocs()
	for b.Loop() {
		res := Check(context.Background(), h, Options{})
		for _, name := range []string{"convergence", "durability", "cc", "ccv", "read-your-writes", "monotonic-reads", "no-thin-air", "no-duplicates"} {
			if d := res.Properties[name]; d.Verdict != Holds {
				b.Fatalf("%s: %s: %s", name, d.Verdict, d.Reason)
			}
		}
	}
}

// One set of 100,000 elements, read whole 10,000 times: every property.
func BenchmarkCheckSet(b *testing.B) { benchmarkSet(b, 100_000, 10_000) }

func BenchmarkCheckSetScaling(b *testing.B) {
	for _, n := range []int{12_500, 25_000, 50_000, 100_000} {
		b.Run(fmt.Sprintf("elements=%d", n), func(b *testing.B) { benchmarkSet(b, n, 1000) })
	}
	for _, n := range []int{1000, 2000, 4000, 8000} {
		b.Run(fmt.Sprintf("reads=%d", n), func(b *testing.B) { benchmarkSet(b, 25_000, n) })
	}
}
