package history

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"
)

// read reads a history of any format.
func read(at io.ReaderAt, size int64) (*History, error) {
	if foreign := foreignFormat(startOf(at, size)); foreign != nil {
		return foreign(at, size)
	}
	r := &reader{size: size, told: map[*parser]*toldBy{}}
	var z *zstdFile
	err := inChunks(func(take func([]byte, int64) error) (err error) {
		z, err = lines(at, size, take)
		return err
	}, r.header, func() func([]byte, *batch) { return newParser().parse }, r.add)
	switch {
	case errors.Is(err, errLong):
		return nil, &LineError{r.line + 1, err.Error()}
	case err != nil && !errors.Is(err, errTorn):
		return nil, err
	case z != nil && z.damage != "":
		r.damage = z.damage
	case err != nil: // r.damage says where the line was torn
	case z != nil && z.sealed && z.events != r.events:
		r.damage = fmt.Sprintf("the seal names %d events", z.events)
	}
	if r.b == nil {
		return nil, fmt.Errorf("nothing could be read: %s", cmp.Or(r.damage, "there is no line in it"))
	}
	h := r.b.History()
	if r.damage != "" {
		h.Damage = fmt.Sprintf("%s; %d events were read", r.damage, r.events)
	}
	return h, nil
}

// reader makes a history out of batches.
type reader struct {
	b      *Builder // nil before the header
	size   int64    // of the file
	line   int      // lines so far
	off    int64    // where the next line starts, in uncompressed bytes
	events int
	t      int64 // of the last event
	told   map[*parser]*toldBy
	damage string // set with errTorn
}

// toldBy are the names that a parser told so far.
type toldBy struct{ keys, nodes told }

// header reads lines until the header was there, and says so.
func (r *reader) header(text []byte) (enough bool, err error) {
	if len(bytes.TrimSpace(text)) > 0 {
		enough, err = true, r.parseHeader(text)
	}
	if err != nil {
		return false, r.wrong(err, r.line+1, r.off)
	}
	r.line++
	r.off += int64(len(text)) + 1
	return enough, nil
}

// wrong is the error of a line, which starts at a byte.
func (r *reader) wrong(err error, line int, off int64) error {
	if errors.Is(err, errTorn) {
		r.damage = fmt.Sprintf("line %d at byte %d is not whole", line, off)
		return errTorn
	}
	return &LineError{line, err.Error()}
}

func (r *reader) parseHeader(text []byte) error {
	var in struct {
		Format string `json:"format"`
		Header
	}
	if !json.Valid(text) {
		return errTorn
	}
	const right = `a history starts with {"format":"` + Format + `","nodes":["n1",…]}`
	if err := json.Unmarshal(text, &in); err != nil {
		return fmt.Errorf("%w: %s", err, right)
	}
	switch {
	case in.Format == "":
		return errors.New("the header is missing: " + right)
	case in.Format != Format:
		return fmt.Errorf("the format is %q: this mlcheck reads %q", in.Format, Format)
	case !slices.Contains([]string{"", ValuesRepeat, ValuesBalances}, in.Values):
		return fmt.Errorf(`"values" is %q: it is %q or %q, or not there`, in.Values, ValuesRepeat, ValuesBalances)
	}
	r.b = NewBuilder(in.Header)
	return nil
}

// add adds the lines of a chunk to the history.
func (r *reader) add(c *chunk[batch]) error {
	if c.long {
		return errLong
	}
	b := &c.batch
	from := r.told[b.from]
	if from == nil {
		from = &toldBy{}
		r.told[b.from] = from
	}
	if b.forget {
		*from = toldBy{}
	}
	from.keys.add(b.keys)
	from.nodes.add(b.nodes)
	h := &r.b.h
	if ops, steps := h.n+len(b.lines), len(h.stepF)+len(b.steps); ops > cap(h.outcome) || steps > cap(h.stepF) {
		h.reserve(room(ops, c.fed, r.size), room(steps, c.fed, r.size))
	}
	meta, event, start := 0, 0, int32(0)
	for i := range b.lines {
		l := &b.lines[i]
		var m Meta
		if l.meta {
			m, meta = b.metas[meta], meta+1
		}
		var err error
		if l.kind == eventLine {
			err, event = r.event(l, &b.events[event]), event+1
		} else {
			err = r.operation(l, b.steps[start:l.steps], from, m)
		}
		if err != nil {
			return r.wrong(err, r.line+int(l.at)+1, 0)
		}
		start = l.steps
		r.events++
	}
	if b.err != nil {
		return r.wrong(b.err, r.line+b.errLine+1, r.off+int64(b.errAt))
	}
	r.line += b.count
	r.off += int64(len(c.text))
	return nil
}

func (r *reader) event(l *line, ev *Event) error {
	if err := r.inTime(l); err != nil {
		return err
	}
	return r.b.Event(*ev)
}

// inTime refuses a line that lies before the line before it.
func (r *reader) inTime(l *line) error {
	if l.t < r.t {
		return fmt.Errorf(`"t" goes back, from %d to %d: events are in the order of their times, which start at 0`, r.t, l.t)
	}
	r.t = l.t
	return nil
}

// operation adds a line of an operation.
func (r *reader) operation(l *line, steps []step, from *toldBy, m Meta) error {
	if err := r.inTime(l); err != nil {
		return err
	}
	for i := range steps {
		s := &steps[i]
		id := from.keys.is[s.key]
		if id == 0 {
			id = r.b.keyOf([]byte(from.keys.name[s.key])) + 1
			from.keys.is[s.key] = id
		}
		s.key = id - 1
	}
	i, t, session := int(l.i), time.Duration(l.t), int(l.session)
	if l.kind == invokeLine {
		return r.b.invoke(i, t, session, r.node(l, from), steps, l.final, m)
	}
	if l.node >= 0 {
		if err := r.b.askedElsewhere(i, session, from.nodes.name[l.node]); err != nil {
			return err
		}
	}
	if l.kind == okLine && !l.ops && r.b.reads(session) {
		return fmt.Errorf(`"ops" is missing: session %d has an operation open that reads, and ok says what it returned`, session)
	}
	return r.b.complete(i, t, session, l.kind.outcome(), steps, l.ops, m)
}

// node is the node that an invocation asks.
func (r *reader) node(l *line, from *toldBy) uint16 {
	if l.node < 0 {
		return r.b.nodeOf(nil)
	}
	id := from.nodes.is[l.node]
	if id == 0 {
		id = int32(r.b.nodeOf([]byte(from.nodes.name[l.node]))) + 1
		from.nodes.is[l.node] = id
	}
	return uint16(id - 1)
}
