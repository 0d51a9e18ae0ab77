package linear

import (
	"encoding/binary"
	"hash/maphash"
	"slices"

	"github.com/anishathalye/porcupine"

	"github.com/mlcheck/mlcheck/history"
)

// cell is what one key holds: a number, or elements packed into a string, which
// compares fast and is never changed. Elements of a set are in order.
type cell struct {
	n     int64
	elems string
}

// kind is what a key is.
type kind uint8

const (
	register kind = iota // a number; nothing is 0
	counter
	set
	list
)

// do is a step as the model takes it.
type do struct {
	f    history.F
	key  int
	kind kind
	n    int64
	from int64  // compare-and-set: what is expected
	want cell   // reads: what was returned
	elem string // n, packed
}

// move is an operation as the model takes it.
type move struct {
	steps []do
	maybe bool // it need not have happened
}

// moves puts a problem's operations into the form of the model.
func (p Problem) moves() (moves []move, keys int) {
	ids, kinds := map[string]int{}, []kind{}
	for _, op := range p.Ops {
		for _, s := range op.Steps {
			id, ok := ids[s.Key]
			if !ok {
				id = len(ids)
				ids[s.Key], kinds = id, append(kinds, register)
			}
			switch s.F {
			case history.Inc:
				kinds[id] = counter
			case history.Add, history.Remove:
				kinds[id] = set
			case history.Append:
				kinds[id] = list
			}
		}
	}
	for _, op := range p.Ops {
		m := move{maybe: op.Return == 0}
		for _, s := range op.Steps {
			id := ids[s.Key]
			m.steps = append(m.steps, stepOf(s, id, kinds[id]))
		}
		moves = append(moves, m)
	}
	return moves, len(kinds)
}

func stepOf(s history.Step, key int, k kind) do {
	d := do{f: s.F, key: key, kind: k, n: s.Value.N, elem: packed(s.Value.N)}
	switch {
	case s.F == history.Read && k >= set:
		elems := s.Value.List
		if elems == nil && s.Value.N != 0 {
			elems = []int64{s.Value.N}
		}
		if k == set {
			elems = slices.Compact(slices.Sorted(slices.Values(elems)))
		}
		d.want.elems = packed(elems...)
	case s.F == history.Read:
		d.want.n = s.Value.N
	case s.F == history.Cas && len(s.Value.List) == 2:
		d.from, d.n = s.Value.List[0], s.Value.List[1]
	}
	return d
}

// packed puts numbers into a string in which they are ordered as bytes.
func packed(ns ...int64) string {
	b := make([]byte, 0, 8*len(ns))
	for _, n := range ns {
		b = binary.BigEndian.AppendUint64(b, uint64(n)^1<<63)
	}
	return string(b)
}

// apply does one step; false: it cannot have returned what it did.
func (c cell) apply(d do) (cell, bool) {
	switch d.f {
	case history.Cas:
		return cell{n: d.n}, c.n == d.from
	case history.Read:
		return c, c == d.want
	case history.Write:
		return cell{n: d.n}, true
	case history.Delete:
		return cell{}, true
	case history.Inc:
		return cell{n: c.n + d.n}, true
	case history.Append:
		return cell{elems: c.elems + d.elem}, true
	}
	at, there := c.find(d.elem)
	switch {
	case d.f == history.Add && !there:
		return cell{elems: c.elems[:at] + d.elem + c.elems[at:]}, true
	case d.f == history.Remove && there:
		return cell{elems: c.elems[:at] + c.elems[at+8:]}, true
	}
	return c, true
}

// find is where a packed element is in a set, or would be.
func (c cell) find(elem string) (at int, there bool) {
	low, high := 0, len(c.elems)/8
	for low < high {
		mid := (low + high) / 2
		if c.elems[8*mid:8*mid+8] < elem {
			low = mid + 1
		} else {
			high = mid
		}
	}
	at = 8 * low
	return at, at < len(c.elems) && c.elems[at:at+8] == elem
}

var seed = maphash.MakeSeed()

// model is any number of keys to porcupine. A state is a []cell, never changed.
func model(keys int) porcupine.Model {
	return porcupine.Model{
		Init: func() any { return make([]cell, keys) },
		Step: func(state, input, _ any) (bool, any) {
			before, m := state.([]cell), input.(move)
			after, ok := m.apply(before)
			if !ok {
				return m.maybe, state // it may as well not have happened
			}
			return true, after
		},
		Equal: func(a, b any) bool { return slices.Equal(a.([]cell), b.([]cell)) },
		Hash: func(state any) uint64 {
			var h maphash.Hash
			h.SetSeed(seed)
			for _, c := range state.([]cell) {
				maphash.WriteComparable(&h, c)
			}
			return h.Sum64()
		},
	}
}

// apply does all steps of an operation at one instant.
func (m move) apply(before []cell) (after []cell, ok bool) {
	after = before
	for _, d := range m.steps {
		c, ok := after[d.key].apply(d)
		if !ok {
			return before, false
		}
		if c != after[d.key] {
			if &after[0] == &before[0] {
				after = slices.Clone(before)
			}
			after[d.key] = c
		}
	}
	return after, true
}
