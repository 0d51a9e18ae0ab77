package sim

import "time"

// happening is something on the agenda. What comes up for every message or
// operation has a type of its own, so that nothing is allocated for a closure.
type happening interface{ happen() }

// call is any function.
type call func()

func (do call) happen() { do() }

// agenda is what is to happen, ordered by time and then by the order in which it
// was asked for. What is to happen now comes after all else that was asked for
// now earlier, so it needs no place in the heap: that is half of everything.
type agenda struct {
	later []event // a heap with four children to a node: shallow, and they share a cache line or two
	seq   uint64
	soon  []happening // from next on: what is to happen now
	next  int
}

type event struct {
	at  time.Duration
	seq uint64
	do  happening
}

func (a *agenda) empty() bool { return len(a.later) == 0 && a.next == len(a.soon) }

// add puts do on the agenda at a time, which is now or later.
func (a *agenda) add(now, at time.Duration, do happening) {
	if at <= now {
		a.soon = append(a.soon, do)
		return
	}
	a.seq++
	a.later = append(a.later, event{})
	a.up(len(a.later)-1, event{at, a.seq, do})
}

// take removes what happens next, and says when. What was put into the heap for
// this very moment was asked for before the moment came, so it is first.
func (a *agenda) take(now time.Duration) (time.Duration, happening) {
	if a.next < len(a.soon) && (len(a.later) == 0 || a.later[0].at > now) {
		do := a.soon[a.next]
		a.soon[a.next] = nil
		if a.next++; a.next == len(a.soon) {
			a.soon, a.next = a.soon[:0], 0
		}
		return now, do
	}
	first, last := a.later[0], len(a.later)-1
	moved := a.later[last]
	a.later[last] = event{}
	if a.later = a.later[:last]; last > 0 {
		a.down(moved)
	}
	return first.at, first.do
}

const children = 4

// up finds the place of e from the end of the heap, where there is a hole at i.
func (a *agenda) up(i int, e event) {
	h := a.later
	for i > 0 {
		parent := (i - 1) / children
		if h[parent].before(&e) {
			break
		}
		h[i] = h[parent]
		i = parent
	}
	h[i] = e
}

// down finds the place of e from the top of the heap, where there is a hole.
func (a *agenda) down(e event) {
	h, i := a.later, 0
	for {
		least := children*i + 1
		if least >= len(h) {
			break
		}
		for c := least + 1; c < min(children*i+1+children, len(h)); c++ {
			if h[c].before(&h[least]) {
				least = c
			}
		}
		if e.before(&h[least]) {
			break
		}
		h[i] = h[least]
		i = least
	}
	h[i] = e
}

func (e *event) before(f *event) bool {
	return e.at < f.at || e.at == f.at && e.seq < f.seq
}
