package reference

import (
	"encoding/binary"
	"errors"
	"slices"

	"github.com/mlcheck/mlcheck/history"
)

// The wire and the disk speak varints: small, fast, and the same everywhere.

// enc appends; its zero value is ready.
type enc struct{ b []byte }

func (e *enc) byte(v byte)     { e.b = append(e.b, v) }
func (e *enc) uint(v uint64)   { e.b = binary.AppendUvarint(e.b, v) }
func (e *enc) int(v int64)     { e.b = binary.AppendVarint(e.b, v) }
func (e *enc) string(v string) { e.uint(uint64(len(v))); e.b = append(e.b, v...) }

var errShort = errors.New("the message ends too early or makes no sense")

// dec reads; the first failure sticks, so a caller checks once at the end.
type dec struct {
	b   []byte
	err error
}

func (d *dec) fail() { d.b, d.err = nil, errShort }

func (d *dec) byte() byte {
	if len(d.b) == 0 {
		d.fail()
		return 0
	}
	v := d.b[0]
	d.b = d.b[1:]
	return v
}

func (d *dec) uint() uint64 {
	v, n := binary.Uvarint(d.b)
	if n <= 0 {
		d.fail()
		return 0
	}
	d.b = d.b[n:]
	return v
}

func (d *dec) int() int64 {
	v, n := binary.Varint(d.b)
	if n <= 0 {
		d.fail()
		return 0
	}
	d.b = d.b[n:]
	return v
}

func (d *dec) string() string {
	n := d.uint()
	if n > uint64(len(d.b)) {
		d.fail()
		return ""
	}
	v := string(d.b[:n])
	d.b = d.b[n:]
	return v
}

// count is a number of things of which each takes at least one byte.
func (d *dec) count() int {
	n := d.uint()
	if n > uint64(len(d.b)) {
		d.fail()
		return 0
	}
	return int(n)
}

func (e *enc) vector(v []uint64) {
	e.uint(uint64(len(v)))
	for _, n := range v {
		e.uint(n)
	}
}

func (d *dec) vector() []uint64 {
	v := make([]uint64, d.count())
	for i := range v {
		v[i] = d.uint()
	}
	return v
}

// stamp orders writes: time, then node, then sequence. It is total and
// persisted with the write.
type stamp struct {
	time int64 // nanoseconds of the wall clock, or of the hybrid clock
	node int   // index of the leader
	seq  uint64
}

func (s stamp) less(t stamp) bool {
	if s.time != t.time {
		return s.time < t.time
	}
	if s.node != t.node {
		return s.node < t.node
	}
	return s.seq < t.seq
}

// cell is one write to one cell of the store: a register, or an element of a
// set (key, element), present or deleted; or an increment of a counter.
type cell struct {
	key     string
	element int64 // of a set; 0: the register itself
	value   int64
	dead    bool // a tombstone
	inc     bool // value is added to the counter of this key
}

// What a cell's last byte says.
const (
	cellPut = iota
	cellDead
	cellInc
)

func (c cell) kind() byte {
	switch {
	case c.dead:
		return cellDead
	case c.inc:
		return cellInc
	}
	return cellPut
}

// update is what one operation changed, and travels and is stored whole.
type update struct {
	origin int
	seq    uint64 // of the origin, from 1 without gaps
	stamp  stamp
	deps   []uint64 // what the origin had applied before: sequence by leader
	cells  []cell
}

func (e *enc) update(u update) {
	e.uint(uint64(u.origin))
	e.uint(u.seq)
	e.int(u.stamp.time)
	e.vector(u.deps)
	e.uint(uint64(len(u.cells)))
	for _, c := range u.cells {
		e.string(c.key)
		e.int(c.element)
		e.int(c.value)
		e.byte(c.kind())
	}
}

func (d *dec) update(nodes int) update {
	origin := d.uint()
	if origin >= uint64(nodes) { // before it becomes an int, which might be negative
		d.fail()
		return update{}
	}
	u := update{origin: int(origin), seq: d.uint()}
	u.stamp = stamp{time: d.int(), node: u.origin, seq: u.seq}
	if u.deps = d.vector(); len(u.deps) != nodes {
		d.fail()
		return update{}
	}
	u.cells = make([]cell, d.count())
	for i := range u.cells {
		c := cell{key: d.string(), element: d.int(), value: d.int()}
		kind := d.byte()
		c.dead, c.inc = kind == cellDead, kind == cellInc
		u.cells[i] = c
	}
	return u
}

// The kinds of messages, of requests, and of replies.
const (
	msgUpdates = 'u' // peer: position of the first, updates in the order of the link
	msgAck     = 'a' // peer: position up to which everything is applied and logged
	askSteps   = 's' // client: perform steps
	askStatus  = 'q' // client: what is applied, what is held back, the clock
	tellOK     = 'o'
	tellNo     = 'n' // refused, with the reason
)

func (e *enc) steps(ss []history.Step) {
	e.uint(uint64(len(ss)))
	for _, s := range ss {
		e.byte(byte(s.F))
		e.string(s.Key)
		switch {
		case !s.Value.Set:
			e.byte(0)
		case s.Value.List == nil:
			e.byte(1)
			e.int(s.Value.N)
		default:
			e.byte(2)
			e.uint(uint64(len(s.Value.List)))
			for _, n := range s.Value.List {
				e.int(n)
			}
		}
	}
}

func (d *dec) steps() []history.Step {
	ss := make([]history.Step, 0, 2)
	for range d.count() {
		s := history.Step{F: history.F(d.byte()), Key: d.string()}
		switch d.byte() {
		case 1:
			s.Value = history.Int(d.int())
		case 2:
			list := make([]int64, d.count())
			for i := range list {
				list[i] = d.int()
			}
			s.Value = history.List(list...)
		}
		ss = append(ss, s)
	}
	return ss
}

// status is what a leader tells of itself.
type status struct {
	applied []uint64 // by origin: the last sequence applied
	held    int      // updates that wait for what they depend on
	wall    int64    // its own clock, nanoseconds since 1970
}

func (e *enc) status(s status) {
	e.vector(s.applied)
	e.uint(uint64(s.held))
	e.int(s.wall)
}

func (d *dec) status() status { return status{d.vector(), int(d.uint()), d.int()} }

// covers says whether everything in deps is applied.
func covers(applied, deps []uint64) bool {
	for i, n := range deps {
		if applied[i] < n {
			return false
		}
	}
	return true
}

func equal(a, b []uint64) bool { return slices.Equal(a, b) }
