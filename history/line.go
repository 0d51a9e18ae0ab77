package history

import (
	"fmt"
	"time"
)

// line is one line of a history, however it was read. Byte slices and lists lie
// in the line's text or in the parser's scratch space, valid until the next one.
type line struct {
	i       int64
	t       int64
	kind    lineKind
	session int64
	node    []byte // nil: not given
	steps   []step
	ops     bool // steps were given
	final   bool
	meta    Meta
	event   *Event // of an eventLine
}

type lineKind uint8

const (
	invokeLine lineKind = iota + 1
	okLine
	failLine
	infoLine
	eventLine
)

func (k lineKind) outcome() Outcome {
	switch k {
	case okLine:
		return OK
	case failLine:
		return Fail
	}
	return Info
}

// parser reads lines one after the other.
type parser struct {
	b    *Builder // interns keys
	line line
	nums []int64 // elements of the line's lists
}

// fast reads a line of an operation in the shape in which this package writes
// it. It says false for any other, valid or not, and leaves no trace of it.
func (p *parser) fast(text []byte) bool {
	keys := len(p.b.h.keys)
	if p.operation(text) {
		return true
	}
	p.b.forgetKeys(keys)
	return false
}

func (p *parser) operation(text []byte) bool {
	l, c := &p.line, cursor{b: text}
	*l = line{steps: l.steps[:0]}
	p.nums = p.nums[:0]
	var ok bool
	if !c.lit(`{"i":`) {
		return false
	}
	if l.i, ok = c.number(); !ok || !c.lit(`,"t":`) {
		return false
	}
	if l.t, ok = c.number(); !ok || !c.lit(`,"type":"`) {
		return false
	}
	if !p.kind(&c) || !c.lit(`,"session":`) {
		return false
	}
	if l.session, ok = c.number(); !ok || !c.lit(`,"node":"`) {
		return false
	}
	if l.node, ok = c.text(); !ok {
		return false
	}
	if c.lit(`,"ops":[`) {
		if l.ops = true; !p.ops(&c) {
			return false
		}
	}
	if c.char('}') {
		return c.p == len(text)
	}
	return p.optional(&c) && c.char('}') && c.p == len(text)
}

func (p *parser) kind(c *cursor) bool {
	switch {
	case c.lit(`invoke"`):
		p.line.kind = invokeLine
	case c.lit(`ok"`):
		p.line.kind = okLine
	case c.lit(`fail"`):
		p.line.kind = failLine
	case c.lit(`info"`):
		p.line.kind = infoLine
	default:
		return false
	}
	return true
}

// ops reads the steps after the opening bracket.
func (p *parser) ops(c *cursor) bool {
	if c.char(']') {
		return true
	}
	for {
		if !p.step(c) {
			return false
		}
		if c.char(']') {
			return true
		}
		if !c.char(',') {
			return false
		}
	}
}

func (p *parser) step(c *cursor) bool {
	if !c.lit(`["`) {
		return false
	}
	s := step{f: c.word()}
	if s.f == 0 || !c.lit(`,"`) {
		return false
	}
	key, ok := c.text()
	if !ok {
		return false
	}
	s.key = p.b.keyOf(key)
	if c.char(',') {
		if !p.value(c, &s) {
			return false
		}
	} else if s.f == Read && p.line.kind == okLine {
		return false // the slow path says what is missing
	}
	p.line.steps = append(p.line.steps, s)
	return c.char(']')
}

// word reads a function and its closing quote.
func (c *cursor) word() F {
	from := c.p
	for c.p < len(c.b) && c.p < from+4 && c.b[c.p] != '"' {
		c.p++
	}
	word := c.b[from:c.p]
	if !c.char('"') {
		return 0
	}
	switch string(word) {
	case "r":
		return Read
	case "w":
		return Write
	}
	f, _ := ParseF(string(word))
	return f
}

func (p *parser) value(c *cursor, s *step) bool {
	if c.lit(`null`) {
		return s.f == Read
	}
	if !c.char('[') {
		n, ok := c.number()
		s.has, s.n = intValue, n
		return ok
	}
	from := len(p.nums)
	for !c.char(']') {
		if len(p.nums) > from && !c.char(',') {
			return false
		}
		n, ok := c.number()
		if !ok {
			return false
		}
		p.nums = append(p.nums, n)
	}
	// A later append may move nums; this view of the old array stays right.
	s.has, s.list = listValue, p.nums[from:len(p.nums):len(p.nums)]
	return true
}

// optional reads what may follow the steps, in our order.
func (p *parser) optional(c *cursor) bool {
	l := &p.line
	if c.lit(`,"final":true`) {
		l.final = true
	}
	for _, f := range [...]struct {
		name string
		to   *string
	}{
		{`,"by":"`, &l.meta.By},
		{`,"ctx":"`, &l.meta.Ctx},
		{`,"stamp":"`, &l.meta.Stamp},
		{`,"token":"`, &l.meta.Token},
		{`,"error":"`, &l.meta.Error},
	} {
		if !c.lit(f.name) {
			continue
		}
		s, ok := c.text()
		if !ok {
			return false
		}
		*f.to = string(s)
	}
	return true
}

// apply adds the line that was read to the history.
func (p *parser) apply() error {
	l := &p.line
	switch l.kind {
	case eventLine:
		return p.b.Event(*l.event)
	case invokeLine:
		return p.b.invoke(int(l.i), time.Duration(l.t), int(l.session), l.node, l.steps, l.final, l.meta)
	}
	if l.kind == okLine && !l.ops && p.b.reads(int(l.session)) {
		return fmt.Errorf(`"ops" is missing: session %d has an operation open that reads, and ok says what it returned`, l.session)
	}
	return p.b.complete(int(l.i), time.Duration(l.t), int(l.session), l.node, l.kind.outcome(), l.steps, l.ops, l.meta)
}
