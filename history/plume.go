package history

import (
	"fmt"
	"math"
	"strconv"
)

// plumeHeader is what Plume text says by being Plume text: sessions are ordered
// whatever they ask, and what a transaction wrote becomes visible together.
func plumeHeader() Header { return Header{SessionScope: "client", Granularity: "transaction"} }

// plumeReader reads the text format of Plume, AWDIT and PolySI: a step a line,
// r(key,value,session,transaction) or w(…). Lines of one session are in
// program order; those next to each other in it that have one transaction are
// one operation, though lines of other sessions stand between them. It fills the
// columns itself: a call of Invoke and Complete for each line would take longer
// than the reading.
type plumeReader struct {
	b        *Builder
	id       sessions // session → position in sessions, plus 1
	sessions []plumeSession
	keys     []int32 // key number → key, plus 1; others are found by their text
	opOf     []int32 // step → operation, once the steps of one do not lie together
}

// plumeSession is a session's last operation.
type plumeSession struct {
	transaction int64
	op          int32
}

// smallKeys bounds the keys that are found by their number: 4 MiB.
const smallKeys = 1 << 20

// maxForeignOps leaves each operation of an untimed format two indexes.
const maxForeignOps = math.MaxInt32/2 - 1

func newPlumeReader() *plumeReader {
	b := NewBuilder(plumeHeader())
	b.nodeOf([]byte(onlyNode))
	return &plumeReader{b: b}
}

func (r *plumeReader) line(text []byte) error {
	for len(text) > 0 && isBlank(text[len(text)-1]) {
		text = text[:len(text)-1]
	}
	for len(text) > 0 && isBlank(text[0]) {
		text = text[1:]
	}
	if len(text) == 0 {
		return nil
	}
	l, ok := parsePlume(text)
	if !ok {
		return fmt.Errorf("%q is no line of Plume text: that is r(key,value,session,transaction) or w(key,value,session,transaction), with whole numbers", shortened(text))
	}
	if l.session < 0 || l.session > math.MaxInt32 {
		return fmt.Errorf("session %d is out of range: sessions are numbered from 0 to %d", l.session, math.MaxInt32)
	}
	op, err := r.operation(int(l.session), l.transaction)
	if err != nil {
		return err
	}
	return r.step(op, step{f: l.f, has: intValue, key: r.key(l.key, l.keyText), n: l.value})
}

func isBlank(c byte) bool { return c == ' ' || c == '\t' || c == '\r' }

func shortened(text []byte) []byte { return text[:min(len(text), 60)] }

// operation is the one that the next step of the session belongs to.
func (r *plumeReader) operation(session int, transaction int64) (int32, error) {
	at := r.id.get(session)
	if at == 0 {
		r.sessions = append(r.sessions, plumeSession{op: -1})
		at = int32(len(r.sessions))
		r.id.set(session, at)
	}
	s := &r.sessions[at-1]
	if s.op >= 0 && s.transaction == transaction {
		return s.op, nil
	}
	h := &r.b.h
	op := len(h.index)
	if op >= maxForeignOps {
		return 0, fmt.Errorf("there are more than %d operations", maxForeignOps)
	}
	*s = plumeSession{transaction, int32(op)}
	outcome := OK
	if transaction == -1 {
		outcome = Fail
	}
	h.index, h.ret = append(h.index, int32(2*op+1)), append(h.ret, int32(2*op+2))
	h.start, h.end = append(h.start, 0), append(h.end, 0)
	h.session, h.node = append(h.session, int32(session)), append(h.node, 0)
	h.outcome, h.final = append(h.outcome, outcome), append(h.final, false)
	h.stepAt = append(h.stepAt, uint32(len(h.stepF)))
	return int32(op), nil
}

// key is the position of a key that has its number as its name.
func (r *plumeReader) key(n int64, text []byte) int32 {
	if n < 0 || n >= smallKeys {
		return r.b.keyOf(text)
	}
	for int(n) >= len(r.keys) {
		r.keys = append(r.keys, make([]int32, max(64, len(r.keys)))...)
	}
	if r.keys[n] == 0 {
		r.keys[n] = r.b.keyOf(text) + 1
	}
	return r.keys[n] - 1
}

// step adds a step to an operation.
func (r *plumeReader) step(op int32, s step) error {
	h := &r.b.h
	if len(h.stepF) >= math.MaxInt32 {
		return fmt.Errorf("there are more than %d steps", math.MaxInt32)
	}
	if err := r.b.addStep(s); err != nil {
		return err
	}
	if s.f == Read {
		r.b.setValue(len(h.stepF)-1, s)
	}
	if r.opOf == nil && int(op) != len(h.index)-1 {
		r.noteOperations()
	}
	if r.opOf != nil {
		r.opOf = append(r.opOf, op)
		return nil
	}
	h.stepAt[len(h.index)] = uint32(len(h.stepF))
	return nil
}

// noteOperations notes the operation of every step but the last one, from where
// on the steps of one operation no longer lie together.
func (r *plumeReader) noteOperations() {
	h := &r.b.h
	r.opOf = make([]int32, 0, 2*len(h.stepF))
	for op := range h.index {
		for range h.stepAt[op+1] - h.stepAt[op] {
			r.opOf = append(r.opOf, int32(op))
		}
	}
}

// history brings the steps of each operation together.
func (r *plumeReader) history() *History {
	h := &r.b.h
	if r.opOf == nil {
		return h
	}
	next := make([]uint32, len(h.index)+1)
	for _, op := range r.opOf {
		next[op+1]++
	}
	for op := range h.index {
		next[op+1] += next[op]
	}
	copy(h.stepAt, next)
	f, key := make([]F, len(r.opOf)), make([]int32, len(r.opOf))
	val, has := make([]int64, len(r.opOf)), make([]valueKind, len(r.opOf))
	for s, op := range r.opOf {
		to := next[op]
		next[op]++
		f[to], key[to], val[to], has[to] = h.stepF[s], h.stepKey[s], h.stepVal[s], h.stepHas[s]
	}
	h.stepF, h.stepKey, h.stepVal, h.stepHas, r.opOf = f, key, val, has, nil
	return h
}

// plumeLine is one line.
type plumeLine struct {
	f                                F
	key, value, session, transaction int64
	keyText                          []byte
}

func parsePlume(text []byte) (l plumeLine, ok bool) {
	c := cursor{b: text}
	switch {
	case c.lit("r("):
		l.f = Read
	case c.lit("w("):
		l.f = Write
	default:
		return l, false
	}
	for i, to := range [...]*int64{&l.key, &l.value, &l.session, &l.transaction} {
		if i > 0 && !c.char(',') {
			return l, false
		}
		if *to, ok = c.integer(); !ok {
			return l, false
		}
		if i == 0 {
			l.keyText = text[2:c.p]
		}
	}
	return l, c.char(')') && c.p == len(text)
}

// integer reads any number of 64 bits.
func (c *cursor) integer() (int64, bool) {
	from := c.p
	if n, ok := c.number(); ok {
		return n, true
	}
	for c.p = from; c.p < len(c.b) && (c.b[c.p] == '-' || c.b[c.p]-'0' <= 9); {
		c.p++
	}
	text := string(c.b[from:c.p])
	n, err := strconv.ParseInt(text, 10, 64)
	return n, err == nil && strconv.FormatInt(n, 10) == text
}
