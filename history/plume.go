package history

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
)

// plumeHeader is what Plume text says by being Plume text: sessions are ordered
// whatever they ask, and what a transaction wrote becomes visible together.
func plumeHeader() Header { return Header{SessionScope: "client", Granularity: "transaction"} }

// readPlume reads the text format of Plume, AWDIT and PolySI: a step a line,
// r(key,value,session,transaction) or w(…). Lines of one session are in
// program order; those next to each other in it that have one transaction are
// one operation, though lines of other sessions stand between them.
func readPlume(at io.ReaderAt, size int64) (*History, error) {
	r := newPlumeReader(size)
	var z *zstdFile
	err := inChunks(func(take func([]byte, int64) error) (err error) {
		z, err = lines(at, size, take)
		return err
	}, nil, func() func([]byte, *plumeBatch) { return parsePlume }, r.add)
	if errors.Is(err, errLong) {
		err = &LineError{r.line + 1, err.Error()}
	}
	if err != nil {
		return nil, err
	}
	h := r.history()
	if z != nil {
		h.Damage = z.damage
	}
	return h, nil
}

// plumeReader adds up what the lines say. It fills the
// columns itself: a call of Invoke and Complete for each line would take longer
// than the reading.
type plumeReader struct {
	b        *Builder
	size     int64    // of the file
	line     int      // lines so far
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

func newPlumeReader(size int64) *plumeReader {
	b := NewBuilder(plumeHeader())
	b.nodeOf([]byte(onlyNode))
	return &plumeReader{b: b, size: size}
}

// add adds the lines of a chunk.
func (r *plumeReader) add(c *chunk[plumeBatch]) error {
	if c.long {
		return errLong
	}
	b, h := &c.batch, &r.b.h
	if ops, steps := h.n+len(b.lines), len(h.stepF)+len(b.lines); steps > cap(h.stepF) || ops > cap(h.outcome) {
		h.reserve(room(ops, c.fed, r.size), room(steps, c.fed, r.size))
	}
	for i := range b.lines {
		l := &b.lines[i]
		op, err := r.operation(int(l.session), l.transaction)
		if err == nil {
			err = r.step(op, step{f: l.f, has: intValue, key: r.key(l.key), n: l.value})
		}
		if err != nil {
			return &LineError{r.line + int(l.at) + 1, err.Error()}
		}
	}
	if b.err != nil {
		return &LineError{r.line + b.count + 1, b.err.Error()}
	}
	r.line += b.count
	return nil
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
	if s.op >= 0 && s.transaction == transaction && transaction != -1 { // -1 is several that were aborted
		return s.op, nil
	}
	h := &r.b.h
	op := h.n
	if op >= maxForeignOps {
		return 0, fmt.Errorf("there are more than %d operations", maxForeignOps)
	}
	*s = plumeSession{transaction, int32(op)}
	outcome := OK
	if transaction == -1 {
		outcome = Fail
	}
	h.session, h.outcome = append(h.session, int32(session)), append(h.outcome, outcome)
	h.n++
	if h.stepAt != nil {
		h.stepAt = append(h.stepAt, uint32(len(h.stepF)))
	}
	return int32(op), nil
}

// key is the position of a key that has its number as its name.
func (r *plumeReader) key(n int64) int32 {
	if n < 0 || n >= smallKeys {
		return r.b.keyOf(strconv.AppendInt(nil, n, 10))
	}
	for int(n) >= len(r.keys) {
		r.keys = append(r.keys, make([]int32, max(64, len(r.keys)))...)
	}
	if r.keys[n] == 0 {
		r.keys[n] = r.b.keyOf(strconv.AppendInt(nil, n, 10)) + 1
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
	if r.opOf == nil && int(op) != h.n-1 {
		r.noteOperations()
	}
	switch {
	case r.opOf != nil:
		r.opOf = append(r.opOf, op)
	case h.stepAt != nil:
		h.stepAt[h.n] = uint32(len(h.stepF))
	case len(h.stepF) > h.n: // the first operation with two steps
		h.tellSteps()
		h.stepAt[h.n]++
	}
	return nil
}

// noteOperations notes the operation of every step but the last one, from where
// on the steps of one operation no longer lie together.
func (r *plumeReader) noteOperations() {
	h := &r.b.h
	if h.stepAt == nil {
		h.tellSteps()
	}
	r.opOf = make([]int32, 0, 2*len(h.stepF))
	for op := range h.n {
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
	next := make([]uint32, h.n+1)
	for _, op := range r.opOf {
		next[op+1]++
	}
	for op := range h.n {
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

// plumeBatch is what the lines of a chunk say, up to the first that is wrong.
type plumeBatch struct {
	lines []plumeLine
	count int   // of the text's lines, empty ones too
	err   error // of the line after them
}

// plumeLine is one line.
type plumeLine struct {
	key, value, transaction int64
	session                 int32
	at                      int32 // the number of the line in the text, from 0
	f                       F
}

// parsePlume reads the lines of a text into a batch, whose memory is used again.
func parsePlume(text []byte, to *plumeBatch) {
	*to = plumeBatch{lines: to.lines[:0]}
	c := cursor{b: text}
	for ; c.p < len(text); to.count++ {
		c.blanks()
		if c.p < len(text) && c.b[c.p] != '\n' {
			l := plumeLine{at: int32(to.count)}
			if to.err = c.plume(&l); to.err != nil {
				return
			}
			to.lines = append(to.lines, l)
		}
		c.p++ // the line's end
	}
}

func (c *cursor) blanks() {
	for c.p < len(c.b) && isBlank(c.b[c.p]) {
		c.p++
	}
}

// plume reads a line up to its end.
func (c *cursor) plume(l *plumeLine) error {
	start := c.p
	switch {
	case c.lit("r("):
		l.f = Read
	case c.lit("w("):
		l.f = Write
	}
	var session int64
	ok := l.f != 0
	for i, to := range [...]*int64{&l.key, &l.value, &session, &l.transaction} {
		ok = ok && (i == 0 || c.char(','))
		if ok {
			*to, ok = c.integer()
		}
	}
	ok = ok && c.char(')')
	if c.blanks(); !ok || c.p < len(c.b) && c.b[c.p] != '\n' {
		text, _, _ := bytes.Cut(c.b[start:], []byte{'\n'})
		return fmt.Errorf("%q is no line of Plume text: that is r(key,value,session,transaction) or w(key,value,session,transaction), with whole numbers", shortened(bytes.TrimRight(text, " \t\r")))
	}
	if session < 0 || session > math.MaxInt32 {
		return fmt.Errorf("session %d is out of range: sessions are numbered from 0 to %d", session, math.MaxInt32)
	}
	l.session = int32(session)
	return nil
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
