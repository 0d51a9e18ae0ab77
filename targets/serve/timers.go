package serve

import (
	"container/heap"
	"time"
)

// timers are those that have not rung. Of two that are to ring at one instant the
// one that was set first rings first. The zero value has none.
type timers struct {
	heap alarms
	set  uint64
}

type alarm struct {
	at     time.Time // with its monotonic reading: a skewed clock moves no timer
	number uint64
	body   []byte
}

func (t *timers) push(at time.Time, body []byte) {
	t.set++
	heap.Push(&t.heap, alarm{at, t.set, body})
}

// wait is how long nothing rings.
func (t *timers) wait(now time.Time) time.Duration {
	if len(t.heap) == 0 {
		return time.Hour
	}
	return max(t.heap[0].at.Sub(now), 0)
}

// pop takes the next timer that is due.
func (t *timers) pop(now time.Time) (body []byte, due bool) {
	if len(t.heap) == 0 || t.heap[0].at.After(now) {
		return nil, false
	}
	return heap.Pop(&t.heap).(alarm).body, true
}

type alarms []alarm

func (a alarms) Len() int      { return len(a) }
func (a alarms) Swap(i, j int) { a[i], a[j] = a[j], a[i] }
func (a alarms) Less(i, j int) bool {
	if a[i].at.Equal(a[j].at) {
		return a[i].number < a[j].number
	}
	return a[i].at.Before(a[j].at)
}
func (a *alarms) Push(x any) { *a = append(*a, x.(alarm)) }
func (a *alarms) Pop() any {
	last := len(*a) - 1
	x := (*a)[last]
	*a = (*a)[:last]
	return x
}
