package reference

import (
	"encoding/binary"
	"errors"
	"hash/fnv"
	"maps"
	"slices"
	"strconv"

	"github.com/mlcheck/mlcheck/history"
)

// The wire and the disk speak varints: small, fast, and the same everywhere.

// enc appends; its zero value is ready.
type enc struct{ b []byte }

// room is enough for most messages and records, which start with a byte.
const room = 64

func (e *enc) byte(v byte) {
	if e.b == nil {
		e.b = make([]byte, 0, room)
	}
	e.b = append(e.b, v)
}

func (e *enc) uint(v uint64)   { e.b = binary.AppendUvarint(e.b, v) }
func (e *enc) int(v int64)     { e.b = binary.AppendVarint(e.b, v) }
func (e *enc) string(v string) { e.uint(uint64(len(v))); e.b = append(e.b, v...) }

// rooms is memory for what leaves a leader and comes to it all the time, cut from
// larger pieces.
type rooms struct {
	bytes   piece[byte]
	numbers piece[uint64]
	changes piece[change]
}

// enc is for a message or a record that has most likely so many bytes, or fewer.
func (r *rooms) enc(kind byte, size int) enc {
	return enc{append(r.bytes.cut(size, 64*room)[:0], kind)}
}

// piece is memory from which smaller ones are cut.
type piece[T any] struct{ free []T }

// cut takes n from the piece, or from a new one of some size.
func (p *piece[T]) cut(n, size int) []T {
	if len(p.free) < n {
		p.free = make([]T, max(size, n))
	}
	taken := p.free[:n:n]
	p.free = p.free[n:]
	return taken
}

var errShort = errors.New("the message ends too early or makes no sense")

// dec reads; the first failure sticks, so a caller checks once at the end.
type dec struct {
	b     []byte
	err   error
	rooms *rooms // where what is read goes; nil: wherever
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
	n := d.count()
	var v []uint64
	if d.rooms != nil {
		v = d.rooms.numbers.cut(n, 8*room)
	} else {
		v = make([]uint64, n)
	}
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

// word is how the history has a stamp.
func (s stamp) word(nodes []string) string {
	b := strconv.AppendInt(make([]byte, 0, room), s.time, 10)
	b = append(append(append(b, '.'), nodes[s.node]...), '.')
	return string(strconv.AppendUint(b, s.seq, 10))
}

// update is what one operation changed, and travels and is stored whole.
type update struct {
	origin  int
	seq     uint64 // of the origin, from 1 without gaps
	stamp   stamp
	deps    []uint64 // what the origin had applied before: sequence by leader
	changes []change
	passed  uint64 // the leaders that it came by, a bit for each
	ticket  ticket // who asked for it, where one leader decides for all
	body    []byte // all but passed, as it travels, once it has been written or read
}

// ticket is an order that waits at a leader; its zero value is none.
type ticket struct {
	node   int
	number uint64
}

func (e *enc) dots(ds []dot) {
	e.uint(uint64(len(ds)))
	for _, d := range ds {
		e.uint(uint64(d.node))
		e.uint(d.seq)
		e.uint(uint64(d.n))
	}
}

func (d *dec) dots() []dot {
	ds := make([]dot, d.count())
	for i := range ds {
		ds[i] = dot{int(d.uint()), d.uint(), int(d.uint())}
	}
	if len(ds) == 0 {
		return nil
	}
	return ds
}

// update writes what changes on the way, and then the rest.
func (e *enc) update(u update) {
	e.uint(u.passed)
	if u.body != nil {
		e.b = append(e.b, u.body...)
		return
	}
	e.body(u)
}

// body is what an update is on every way that it goes.
func (r *rooms) body(u update) []byte {
	e := enc{r.bytes.cut(room, 64*room)[:0]}
	e.body(u)
	return e.b
}

func (e *enc) body(u update) {
	e.uint(uint64(u.origin))
	e.uint(u.seq)
	e.int(u.stamp.time)
	e.vector(u.deps)
	e.ticket(u.ticket)
	e.changes(u.changes)
}

func (e *enc) ticket(t ticket) {
	e.uint(uint64(t.node))
	e.uint(t.number)
}

func (e *enc) changes(cs []change) {
	e.uint(uint64(len(cs)))
	for _, c := range cs {
		e.string(c.key)
		e.byte(byte(c.f))
		e.int(c.value)
		e.dots(c.past)
	}
}

func (d *dec) changes() []change {
	n := d.count()
	var cs []change
	if d.rooms != nil {
		cs = d.rooms.changes.cut(n, room)
	} else {
		cs = make([]change, n)
	}
	for i := range cs {
		cs[i] = change{key: d.string(), f: history.F(d.byte()), value: d.int(), past: d.dots()}
	}
	return cs
}

func (d *dec) update(nodes int) update {
	passed, body := d.uint(), d.b
	origin := d.uint()
	if origin >= uint64(nodes) { // before it becomes an int, which might be negative
		d.fail()
		return update{}
	}
	u := update{origin: int(origin), seq: d.uint(), passed: passed}
	u.stamp = stamp{time: d.int(), node: u.origin, seq: u.seq}
	if u.deps = d.vector(); !ofLeaders(u.deps, nodes) || u.seq>>32 > mostLives {
		d.fail()
		return update{}
	}
	u.ticket = ticket{d.node(nodes), d.uint()}
	u.changes = d.changes()
	u.body = slices.Clip(body[:len(body)-len(d.b)])
	return u
}

// node is the number of a leader.
func (d *dec) node(nodes int) int {
	n := d.uint()
	if n >= uint64(nodes) {
		d.fail()
		return 0
	}
	return int(n)
}

// order is what a client asks for.
func (e *enc) order(o order) {
	e.steps(o.steps)
	e.had(o.had)
	e.bool(o.local)
	e.token(o.token)
}

func (d *dec) order() order { return order{d.steps(), d.had(), d.bool(), d.token()} }

func (e *enc) had(known map[string]had) {
	if e.uint(uint64(len(known))); len(known) == 0 {
		return
	}
	for _, key := range slices.Sorted(maps.Keys(known)) {
		e.string(key)
		e.string(known[key].names)
		e.dots(known[key].dots)
	}
}

func (d *dec) had() map[string]had {
	n := d.count()
	if n == 0 {
		return nil
	}
	known := map[string]had{}
	for range n {
		key := d.string()
		known[key] = had{d.string(), d.dots()}
	}
	return known
}

func (e *enc) version(v version) {
	e.dots(append([]dot{v.dot}, v.past...))
	e.int(v.stamp.time)
	e.byte(byte(v.f))
	e.int(v.value)
}

func (d *dec) version(nodes int) version {
	ds := d.dots()
	v := version{stamp: stamp{time: d.int()}, f: history.F(d.byte()), value: d.int()}
	if len(ds) == 0 || ds[0].node < 0 || ds[0].node >= nodes {
		d.fail()
		return version{}
	}
	v.dot, v.past = ds[0], ds[1:]
	v.stamp.node, v.stamp.seq = v.node, v.seq
	return v
}

func (e *enc) bool(v bool) {
	if v {
		e.byte(1)
	} else {
		e.byte(0)
	}
}

func (d *dec) bool() bool { return d.byte() == 1 }

// The kinds of messages, of requests, and of replies.
const (
	msgUpdates  = 'u' // peer: position of the first, updates in the order of the link
	msgAck      = 'a' // peer: position up to which everything is applied and logged
	msgDigest   = 'd' // peer: what it has applied, to be told what it has not
	msgMissing  = 'm' // peer: updates that it had not applied, in no order
	msgAsk      = 'f' // peer: an order that the receiver decides on
	msgAnswer   = 'r' // peer: what became of such an order
	msgHello    = 'h' // peer: it has started: what it has forgotten of its streams, and what it has
	msgComplete = 'c' // peer: such a leader lacks nothing of its own that the sender has
	msgJoin     = 'j' // peer: it has no log: what does the receiver know of it
	msgJoined   = 'J' // peer: so many starts of such a leader are known, and what the sender has
	msgLeave    = 'l' // peer: it leaves, and this is what it has
	msgBye      = 'b' // peer: so it may, all of that is on the sender's disk
	msgSnapshot = 'S' // peer: everything that it holds (a defect)
	msgStand    = 'v' // peer: to be elected as home of a group
	msgVote     = 'w' // peer: so it be
	msgEntries  = 'e' // peer: entries of a group's log, or that its home is there
	msgPosition = 'p' // peer: up to where the logs are the same
	askSteps    = 's' // client: perform steps
	askStatus   = 'q' // client: what is applied, what is held back, the clock
	askLeave    = 'l' // client: leave; how far is that
	askStay     = 'S' // client: do not leave
	askMembers  = 'm' // client: who is a member
	tellOK      = 'o'
	tellNo      = 'n' // refused, with the reason
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
	n := d.count()
	ss := make([]history.Step, 0, min(n, 4)) // more than that only if they are there
	for range n {
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
		if n > 0 && (i >= len(applied) || applied[i] < n) {
			return false
		}
	}
	return true
}

// hash spreads keys over leaders, the same everywhere.
func hash(key string) uint32 {
	h := fnv.New32a()
	_, _ = h.Write([]byte(key)) // it never fails
	return h.Sum32()
}
