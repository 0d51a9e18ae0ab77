package truth

import (
	"slices"
	"time"

	"github.com/mlcheck/mlcheck/history"
	"github.com/mlcheck/mlcheck/targets/reference"
)

// Order says which operations came before which.
type Order struct {
	Name string
	past []bits
}

// The names of the order as it was, and of what clients can tell.
const (
	really = "really"
	told   = "told"
)

// Before says whether operation a came before b.
func (o Order) Before(a, b int) bool { return a != b && o.past[b].has(a) }

type bits []uint64

func (b bits) has(i int) bool { return b[i/64]>>(i%64)&1 == 1 }
func (b bits) set(i int)      { b[i/64] |= 1 << (i % 64) }

// join adds another set, and says whether anything was new.
func (b bits) join(c bits) bool {
	grown := false
	for i, w := range c {
		if w&^b[i] != 0 {
			b[i] |= w
			grown = true
		}
	}
	return grown
}

func (t *Truth) empty() bits { return make(bits, len(t.ops)/64+1) }

// Really is the order as it was: an operation is after everything that its leader
// had applied when it executed it, and after what its session did there before.
func (t *Truth) Really() Order { return t.really }

// replay goes through what leaders told, in the order of it.
func (t *Truth) replay() {
	n := len(t.ops)
	t.really = Order{really, make([]bits, n)}
	t.put, t.applied = make([]map[string]int, n), make([]map[string]int, n)
	t.began = map[string][]time.Duration{}
	t.left = map[string]map[cell][]reference.TraceVersion{}
	t.undone, t.twice = make([]map[string]bool, n), make([]map[string]int, n)
	for k := range t.ops {
		t.really.past[k] = t.empty()
		t.put[k], t.applied[k], t.undone[k], t.twice[k] = map[string]int{}, map[string]int{}, map[string]bool{}, map[string]int{}
	}
	executed := map[int]int{} // entry → operation
	for k, i := range t.exec {
		if i >= 0 {
			executed[i] = k
		}
	}
	known := map[string]bits{}     // node → what it has applied, and all before it
	whose := map[string]int{}      // node, origin, sequence → operation
	deleted := map[string]int{}    // origin, sequence → operation that only deletes
	before := t.sessionOrder(true) // what came before in the same session
	for i, e := range t.told {
		switch e.Kind {
		case reference.TraceBegan:
			known[e.Node], t.left[e.Node] = t.empty(), map[cell][]reference.TraceVersion{}
			t.began[e.Node] = append(t.began[e.Node], e.At)
			for k := range t.applied { // what it recovers it will tell
				if _, had := t.applied[k][e.Node]; had {
					t.undone[k][e.Node] = true
				}
				delete(t.applied[k], e.Node)
				delete(t.put[k], e.Node)
			}
		case reference.TraceForgot:
			known[e.Node] = t.forget(e)
		case reference.TraceExecuted:
			if k, ok := executed[i]; ok {
				t.really.past[k].join(known[e.Node])
				t.follow(before, k, k)
				deleted[update(e)] = k
			}
		case reference.TraceCommitted:
			if k := t.owner(e, deleted); k >= 0 {
				t.commit[k] = i
				t.really.past[k].join(known[e.Node])
				whose[update(e)] = k
			}
		case reference.TraceApplied:
			if k := t.owner(e, whose); k >= 0 {
				known[e.Node].join(t.really.past[k])
				known[e.Node].set(k)
				t.applied[k][e.Node] = i
				if e.At == t.began[e.Node][len(t.began[e.Node])-1] {
					delete(t.undone[k], e.Node)
				}
				whose[e.Node+" "+update(e)] = k
			}
		case reference.TraceEffect:
			k, ok := whose[e.Node+" "+update(e)]
			if !ok {
				k, ok = whose[update(e)]
			}
			if ok {
				t.put[k][e.Node]++
				if _, known := t.twice[k][e.Node]; !known && t.commit[k] >= 0 && t.put[k][e.Node] > len(t.wrote(t.commit[k])) {
					t.twice[k][e.Node] = i
				}
			}
			t.left[e.Node][cell{e.Key, e.Element}] = e.Left
		}
	}
}

// follow puts operation k after what its session had done before at. What never was
// executed is passed over.
func (t *Truth) follow(before [][]int, k, at int) {
	for _, p := range before[at] {
		if t.exec[p] < 0 {
			t.follow(before, k, p)
			continue
		}
		t.really.past[k].join(t.really.past[p])
		t.really.past[k].set(p)
	}
}

// forget takes back what a leader had applied to a key, and returns what it still
// knows.
func (t *Truth) forget(e Told) bits {
	known := t.empty()
	// The order does not show: cells of one key go.
	for c := range t.left[e.Node] {
		if c.key == e.Key {
			delete(t.left[e.Node], c)
		}
	}
	for k, op := range t.ops {
		if slices.ContainsFunc(op.Steps, func(s history.Step) bool { return s.Key == e.Key }) {
			delete(t.applied[k], e.Node)
			delete(t.put[k], e.Node)
		}
		if _, has := t.applied[k][e.Node]; has {
			known.join(t.really.past[k])
			known.set(k)
		}
	}
	return known
}

// sessionOrder is for each operation what its session did directly before it, in
// the order that is promised: at the same node, or elsewhere with a token. What may
// or may not have happened is followed by nothing, unless infos says so.
func (t *Truth) sessionOrder(infos bool) [][]int {
	type at struct {
		session int
		node    string
	}
	last, anywhere := map[at]int{}, map[int]int{}
	before := make([][]int, len(t.ops))
	for k, op := range t.ops {
		if op.Final {
			continue
		}
		here := at{op.Session, t.at(k)}
		if p, ok := last[here]; ok {
			before[k] = append(before[k], p)
		}
		if p, ok := anywhere[op.Session]; ok && op.Meta.Token != "" {
			before[k] = append(before[k], p)
		}
		if op.Outcome == history.OK || infos && op.Outcome == history.Info {
			last[here], anywhere[op.Session] = k, k
		}
	}
	return before
}

// Told is the order that clients can tell: session order and who read from whom.
// With infos, operations that were never answered are followed by what came after
// them; with moves, sessions are ordered across nodes.
func (t *Truth) Told(infos, moves bool) Order {
	asked := [2]bool{infos, moves}
	if o, ok := t.tellings[asked]; ok {
		return o
	}
	o := t.telling(infos, moves)
	t.tellings[asked] = o
	return o
}

func (t *Truth) telling(infos, moves bool) Order {
	o := Order{told, make([]bits, len(t.ops))}
	if infos {
		o.Name = "told, had every operation been answered"
	}
	before := t.sessionOrder(infos)
	if moves {
		last := map[int]int{}
		for k, op := range t.ops {
			if op.Final {
				continue
			}
			if p, ok := last[op.Session]; ok {
				before[k] = append(before[k], p)
			}
			if op.Outcome == history.OK || infos && op.Outcome == history.Info {
				last[op.Session] = k
			}
		}
	}
	for k, op := range t.ops {
		o.past[k] = t.empty()
		if op.Outcome != history.OK {
			continue
		}
		for _, s := range op.Steps {
			if s.F == history.Read {
				before[k] = append(before[k], t.sources(s)...)
			}
		}
	}
	return closed(o, before)
}

// closed adds what is before what is before, until nothing is new.
func closed(o Order, before [][]int) Order {
	for grown := true; grown; {
		grown = false
		for k := range before {
			for _, p := range before[k] {
				if p == k { // it read what it wrote itself
					o.past[k].set(k)
					continue
				}
				if !o.past[k].has(p) {
					o.past[k].set(p)
					grown = true
				}
				grown = o.past[k].join(o.past[p]) || grown
			}
		}
	}
	return o
}

// sessions is session order alone, as it is promised.
func (t *Truth) sessions() Order {
	o := Order{"sessions", make([]bits, len(t.ops))}
	for k := range o.past {
		o.past[k] = t.empty()
	}
	return closed(o, t.sessionOrder(false))
}

// sources are the operations that wrote what a read returned, where that is told
// by the numbers.
func (t *Truth) sources(s history.Step) []int {
	numbers := s.Value.List
	if numbers == nil && s.Value.Set {
		numbers = []int64{s.Value.N}
	}
	var from []int
	for _, n := range numbers {
		for _, f := range []history.F{history.Write, history.Add} {
			if k, ok := t.by[named{f, s.Key, n}]; ok && n != 0 {
				from = append(from, k)
			}
		}
	}
	return from
}
