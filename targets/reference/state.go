package reference

import (
	"slices"
	"strings"

	"github.com/mlcheck/mlcheck/history"
)

// change is one write to one key, as it travels.
type change struct {
	key   string
	f     history.F
	value int64 // of a register; the element of a set; the amount of an increment
	past  []dot // what it replaces, where the policy asks for that
}

// element is the cell of a key that a change is of: 0 is the register.
func (c change) element() int64 {
	if c.f == history.Add || c.f == history.Remove {
		return c.value
	}
	return 0
}

// state is what a leader holds of each key.
type state struct {
	policy policy
	keys   map[string]*row
}

// row is one key: the versions of each of its cells, and what was counted.
type row struct {
	cells   map[int64][]version
	sum     int64
	counted bool
	last    dot // the last change, whatever it was
}

func (s *state) row(key string) *row {
	r := s.keys[key]
	if r == nil {
		r = &row{cells: map[int64][]version{}}
		s.keys[key] = r
	}
	return r
}

// put makes a change take effect.
func (s *state) put(c change, d dot, st stamp) {
	r := s.row(c.key)
	r.last = d
	if c.f == history.Inc {
		r.sum, r.counted = r.sum+c.value, true
		return
	}
	r.cells[c.element()] = s.policy.keep(r.cells[c.element()], version{d, st, c.f, c.value, c.past})
}

// pending is what a transaction has changed so far.
type pending struct {
	changes []change
	node    int
	seq     uint64
	stamp   stamp
	// What the client is told, where it must say what it replaces.
	replaces []string
	known    map[string]had
}

func (p *pending) dot(i int) dot { return dot{p.node, p.seq, i} }

// versions are those of one cell, with what the transaction has changed itself.
// Where one version wins, a transaction is shown its own even if it will lose.
func (s *state) versions(key string, element int64, own *pending) []version {
	var vs []version
	if r := s.keys[key]; r != nil {
		vs = r.cells[element]
	}
	if own == nil {
		return vs
	}
	for i, c := range own.changes {
		if c.key != key || c.f == history.Inc || c.element() != element {
			continue
		}
		v := version{own.dot(i), own.stamp, c.f, c.value, c.past}
		if s.policy.past {
			vs = s.policy.keep(vs, v)
		} else {
			vs = []version{v}
		}
	}
	return vs
}

// read is what a key holds: nothing, a number, siblings, or the elements of a set
// in ascending order.
func (s *state) read(key string, own *pending) history.Value {
	r := s.keys[key]
	if r == nil {
		r = &row{}
	}
	sum, counted := r.sum, r.counted
	elements := map[int64]bool{}
	// The order does not show: the elements are sorted below.
	for el := range r.cells {
		elements[el] = true
	}
	if own != nil {
		for _, c := range own.changes {
			switch {
			case c.key != key:
			case c.f == history.Inc:
				sum, counted = sum+c.value, true
			default:
				elements[c.element()] = true
			}
		}
	}
	if counted {
		return history.Int(sum)
	}
	register := s.policy.show(s.versions(key, 0, own))
	if delete(elements, 0); len(elements) == 0 {
		return s.register(register)
	}
	list := []int64{}
	// The order does not show: the list is sorted below.
	for el := range elements {
		if len(s.policy.show(s.versions(key, el, own))) > 0 {
			list = append(list, el)
		}
	}
	slices.Sort(list)
	return history.List(list...)
}

// register is a value of its own, or siblings as a list.
func (s *state) register(vs []version) history.Value {
	switch {
	case s.policy.asked && len(vs) > 0:
		list := make([]int64, 0, len(vs))
		for _, v := range vs {
			list = append(list, v.value)
		}
		slices.Sort(list)
		return history.List(list...)
	case len(vs) == 0:
		return history.Value{}
	}
	return history.Int(vs[0].value)
}

// replaced are the versions of a cell and all that they had replaced.
func replaced(vs []version) []dot {
	var dots []dot
	for _, v := range vs {
		dots = append(append(dots, v.past...), v.dot)
	}
	return union(dots)
}

// names are the stamps of versions, as the history has them.
func names(vs []version, nodes []string) string {
	var words []string
	for _, v := range vs {
		words = append(words, v.stamp.word(nodes))
	}
	return strings.Join(words, ",")
}
