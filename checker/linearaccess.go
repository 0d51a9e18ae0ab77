package checker

import (
	"fmt"

	"github.com/mlcheck/mlcheck/history"
)

// access is what one operation did to one key at one instant: it read, it
// wrote, or both.
type access struct {
	op          int32
	read, write int32 // steps; -1: none
}

// accesses are all that took effect or may have, by key and in the order in which
// the operations began. An unanswered read had no effect, and a refused
// operation is none. Where operations are promised to take effect as a whole, what
// one did to a key is one access; else each step is one, which may have taken effect
// whenever its operation was in flight.
type accesses struct {
	ix  *index
	at  []int32 // key → where its accesses start in all
	n   []int32 // key → how many there are
	all []access

	search map[int32]string // keys for which zones are not enough, and why
	cannot map[int32]string // keys that no sequential object describes, and why
	untold map[int32]bool   // registers whose values do not tell their writes
	joined map[int32]int32  // keys in one operation: union-find, where there are any
}

func (as *accesses) of(key int32) []access { return as.all[as.at[key] : as.at[key]+as.n[key]] }

// accesses are worked out in O(n).
func (ix *index) accesses() *accesses {
	h := ix.h
	keys := len(h.Keys())
	as := &accesses{
		ix: ix, at: make([]int32, keys+1), n: make([]int32, keys),
		search: map[int32]string{}, cannot: map[int32]string{}, untold: map[int32]bool{}, joined: map[int32]int32{},
	}
	steps := stepCount(h)
	for s := range steps {
		as.at[h.StepKey(s)+1]++
	}
	for key := range keys {
		as.at[key+1] += as.at[key]
	}
	as.all = make([]access, steps)
	whole := h.Header.Granularity == "transaction"
	for k := range h.Len() {
		from, to := h.Steps(k)
		switch {
		case h.Outcome(k) == history.Fail:
		case whole && to-from > 1:
			as.transaction(k, from, to)
		default:
			for s := from; s < to; s++ {
				as.step(k, s)
			}
		}
	}
	as.classify()
	return as
}

func (as *accesses) put(key int, a access) {
	as.all[as.at[key]+as.n[key]] = a
	as.n[key]++
}

// step adds what one step did.
func (as *accesses) step(k, s int) {
	h := as.ix.h
	switch {
	case h.StepF(s).IsWrite():
		as.put(h.StepKey(s), access{int32(k), -1, int32(s)})
	case as.told(k, s):
		as.put(h.StepKey(s), access{int32(k), int32(s), -1})
	}
}

// told says whether a read step brought something back.
func (as *accesses) told(k, s int) bool {
	return as.ix.h.Outcome(k) == history.OK || as.ix.src[s] != srcNone
}

// transaction adds what an operation of several steps did, one access for each
// of its keys: what it read there before it wrote, and what it wrote last.
func (as *accesses) transaction(k, from, to int) {
	h := as.ix.h
	for s := from; s < to; s++ {
		key := h.StepKey(s)
		if key != h.StepKey(from) {
			as.join(int32(h.StepKey(from)), int32(key))
		}
		first := true
		for t := from; t < s && first; t++ {
			first = h.StepKey(t) != key
		}
		if first {
			as.inTransaction(k, s, to)
		}
	}
}

// inTransaction adds what an operation did to the key of its step s, the first
// one to that key.
func (as *accesses) inTransaction(k, s, to int) {
	h := as.ix.h
	key := h.StepKey(s)
	a := access{int32(k), -1, -1}
	steps, plain := 0, true
	for t := s; t < to; t++ {
		if h.StepKey(t) != key {
			continue
		}
		steps++
		plain = steps == 1 || plain && steps == 2 && h.StepF(s) == history.Read && h.StepF(t).IsWrite()
		switch {
		case h.StepF(t).IsWrite():
			a.write = int32(t)
		case a.read < 0 && a.write < 0 && as.told(k, t):
			a.read = int32(t)
		}
	}
	if !plain {
		as.search[int32(key)] = "one operation has several reads or writes of it"
	}
	// What a transaction read says nothing if it never took effect, and of one
	// that may not have, only being read says that it did.
	if a.write >= 0 || a.read >= 0 && h.Outcome(k) == history.OK {
		as.put(key, a)
	}
}

// join notes that one operation has steps of both keys.
func (as *accesses) join(a, b int32) {
	if x, y := as.root(a), as.root(b); x != y {
		as.joined[y] = x
	}
}

// root names the group of keys that operations join with this one.
func (as *accesses) root(key int32) int32 {
	for {
		up, ok := as.joined[key]
		if !ok {
			return key
		}
		if above, ok := as.joined[up]; ok {
			as.joined[key] = above
		}
		key = up
	}
}

// classify says of every key whether zones decide it, only a search, or nothing.
func (as *accesses) classify() {
	h := as.ix.h
	for key := range int32(len(h.Keys())) {
		switch kd := as.ix.kind[key]; {
		case kd&(kd-1) != 0:
			as.cannot[key] = "it is used as more than one kind of thing"
		case kd&^register != 0:
			as.search[key] = "it is a " + kindWord(kd)
		}
		deletes, updates := false, false
		for _, a := range as.of(key) {
			if why := as.strange(a); why != "" {
				as.cannot[key] = why
				break
			}
			deletes = deletes || a.write >= 0 && h.StepF(int(a.write)) == history.Delete
			updates = updates || a.write >= 0 && a.read >= 0 && (as.ix.src[a.read] < 0 || h.StepF(int(a.write)) == history.Delete)
			if as.nameless(key, a) {
				as.search[key], as.untold[key] = "a value does not tell its write", true
			}
		}
		if deletes && updates {
			as.search[key] = "it is deleted, and changed by operations that first read it"
		}
	}
	for key := range as.joined {
		as.search[key] = "operations on several keys at once"
		as.search[as.root(key)] = as.search[key]
	}
}

// strange says why an access has no meaning for a sequential object, or "".
func (as *accesses) strange(a access) string {
	h := as.ix.h
	switch {
	case a.write >= 0 && h.StepF(int(a.write)) == history.Insert:
		return "elements are inserted after others, which only a text explains"
	case a.read >= 0 && as.ix.kind[h.StepKey(int(a.read))] == register && h.StepList(int(a.read)) != nil:
		return "it is read as siblings, of which a register has one"
	}
	return ""
}

// nameless says whether the number that an access of a register read or wrote
// does not tell which write it is.
func (as *accesses) nameless(key int32, a access) bool {
	if as.ix.kind[key] != register {
		return false
	}
	if a.read >= 0 && as.ix.src[a.read] == srcNone {
		return true
	}
	if a.write < 0 {
		return false
	}
	switch f := as.ix.h.StepF(int(a.write)); f {
	case history.Write:
		v, _ := as.ix.h.StepInt(int(a.write))
		return as.ix.values.twice(key, v)
	case history.Delete:
		return false
	}
	return true
}

func kindWord(kd kind) string {
	switch kd {
	case set:
		return "set"
	case list:
		return "list"
	case counter:
		return "counter"
	}
	return fmt.Sprint("thing of kind ", uint8(kd))
}

// zoned says whether zones can say something about the key, even where only a
// search can say that it is linearizable: values of a register that tell their writes.
func (as *accesses) zoned(key int32) bool {
	return as.ix.kind[key]&^register == 0 && as.cannot[key] == "" && !as.untold[key]
}
