package checker

import "github.com/mlcheck/mlcheck/history"

// keyReads are, by key and slot, the writes that were read there: for
// "which writes of this key had that session read by then".
// A run has an entry only where a read changed what is known.
type keyReads struct {
	first []int32 // key → its first run; one more than there are keys
	runs  []run
	at    []int32 // positions in the slot
	known []int32 // beside at: the newest writes read so far, a list in cells; -1 ends it
	cells []cell
}

// cell is one of several writes that were read, none of them before another.
// Lists share their ends.
type cell struct{ write, reader, next int32 }

// readsByKey takes O(n·k) at worst, where writes of a key are mostly concurrent,
// and O(n) where each is before the next.
func (o *order) readsByKey() *keyReads {
	type entry struct{ key, slot, at, known int32 }
	h := o.ix.h
	kr := &keyReads{}
	head, seenIn := make([]int32, len(h.Keys())), make([]int32, len(h.Keys()))
	count := make([]int32, len(h.Keys())+1)
	var entries []entry
	for t := range o.slots {
		for _, e := range o.slots[t].events {
			from, to := o.ix.steps(e)
			for s := from; s < to; s++ {
				key := int32(h.StepKey(s))
				src := o.ix.src[s]
				if src < 0 || h.StepF(s) != history.Read || o.ix.eventOf(src) == e {
					continue
				}
				if seenIn[key] != int32(t)+1 {
					seenIn[key], head[key] = int32(t)+1, -1
				}
				now := kr.with(o, head[key], o.ix.eventOf(src), e)
				if now != head[key] {
					head[key] = now
					entries = append(entries, entry{key, int32(t), o.pos[e], now})
					count[key+1]++
				}
			}
		}
	}
	for k := range h.Keys() {
		count[k+1] += count[k]
	}
	kr.first = make([]int32, len(count))
	kr.at, kr.known = make([]int32, len(entries)), make([]int32, len(entries))
	slotOf, next := make([]int32, len(entries)), append([]int32(nil), count...)
	for _, en := range entries {
		i := next[en.key]
		next[en.key]++
		kr.at[i], kr.known[i], slotOf[i] = en.at, en.known, en.slot
	}
	for k := range h.Keys() {
		kr.first[k] = int32(len(kr.runs))
		for i := count[k]; i < count[k+1]; {
			j := i + 1
			for j < count[k+1] && slotOf[j] == slotOf[i] {
				j++
			}
			kr.runs = append(kr.runs, run{slotOf[i], i, j})
			i = j
		}
	}
	kr.first[len(h.Keys())] = int32(len(kr.runs))
	return kr
}

// with is a list with one more write that was read: the same list where the write
// is not news, else a new one without what the write is after.
func (kr *keyReads) with(o *order, list, write, reader int32) int32 {
	keep, last := []cell(nil), list // the cells before the last one that must go, and what follows it
	var before []cell
	for c := list; c >= 0; c = kr.cells[c].next {
		u := kr.cells[c]
		if u.write == write || o.before(write, u.write) {
			return list
		}
		if o.before(u.write, write) {
			keep, last = append(keep, before...), u.next
			before = before[:0]
			continue
		}
		before = append(before, u)
	}
	for _, u := range keep {
		last = kr.cons(u.write, u.reader, last)
	}
	return kr.cons(write, reader, last)
}

func (kr *keyReads) cons(write, reader, next int32) int32 {
	kr.cells = append(kr.cells, cell{write, reader, next})
	return int32(len(kr.cells) - 1)
}
