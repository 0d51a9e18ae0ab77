package sim

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// planned is what a model remembers of a happening: when it is due, and its
// number in the order in which it was asked for.
type planned struct {
	at time.Duration
	n  int
}

func (planned) happen() {}

func TestTheAgendaIsOrderedByTimeAndThenByWhoAskedFirst(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var a agenda
		var now time.Duration
		var left []planned
		for n := range rapid.IntRange(0, 200).Draw(t, "steps") {
			if len(left) > 0 && rapid.Bool().Draw(t, "take") {
				next := slices.MinFunc(left, func(p, q planned) int {
					if p.at != q.at {
						return int(p.at - q.at)
					}
					return p.n - q.n
				})
				left = slices.DeleteFunc(left, func(p planned) bool { return p == next })
				at, do := a.take(now)
				if at != next.at || do != next {
					t.Fatalf("%v at %s came, want %v", do, at, next)
				}
				now = at
				continue
			}
			p := planned{now + time.Duration(rapid.IntRange(0, 5).Draw(t, "in")), n}
			left = append(left, p)
			a.add(now, p.at, p)
		}
		if a.empty() != (len(left) == 0) {
			t.Fatalf("empty is %v with %d left", a.empty(), len(left))
		}
	})
}

func TestTheAgendaForgetsWhatHasHappened(t *testing.T) {
	var a agenda
	for range 2 {
		for n := range 10 {
			a.add(0, time.Duration(n%2), planned{n: n})
		}
		for !a.empty() {
			a.take(1)
		}
	}
	for _, e := range a.later[:cap(a.later)] {
		if diff := cmp.Diff(nil, e.do); diff != "" {
			t.Error("the heap holds", diff)
		}
	}
	for _, do := range a.soon[:cap(a.soon)] {
		if do != nil {
			t.Error("the queue holds", do)
		}
	}
}

func BenchmarkAgenda(b *testing.B) {
	var a agenda
	var now time.Duration
	for n := range 256 {
		a.add(now, time.Duration(n*7919%1000), planned{})
	}
	do := happening((*alarm)(nil))
	b.ReportAllocs()
	for n := 0; b.Loop(); n++ {
		now, _ = a.take(now)
		a.add(now, now+time.Duration(n*7919%1000), do)
	}
}
