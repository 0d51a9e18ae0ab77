package history

import (
	"bytes"
	"errors"
)

// line is what one line says. What most lines lack lies beside it, in its batch.
type line struct {
	i       int64
	t       int64
	session int64
	at      int32 // the number of the line in the batch's text, from 0
	node    int32 // a parser's number; -1: not given
	steps   int32 // where they end in the batch's steps; they start where those of the line before end
	kind    lineKind
	ops     bool // steps were given
	final   bool
	meta    bool // the batch's next meta is its
}

type lineKind uint8

const (
	invokeLine lineKind = iota + 1
	okLine
	failLine
	infoLine
	eventLine // the batch's next event
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

// batch is what the lines of a chunk say, up to the first that is wrong in
// itself. Whether they fit together is not known yet.
type batch struct {
	from        *parser
	forget      bool     // the parser started its numbers again
	keys, nodes []string // that it met for the first time
	lines       []line
	steps       []step
	nums        []int64 // elements of lists
	metas       []Meta
	events      []Event
	count       int   // of the text's lines, empty ones too
	err         error // of the line after the last one
	errLine     int   // its number in the text, from 0
	errAt       int   // its first byte in the text
}

// parser makes batches, one after the other. It is one of several.
type parser struct {
	keys, nodes names
	*batch
}

func newParser() *parser {
	return &parser{keys: names{number: map[string]int32{}}, nodes: names{number: map[string]int32{}}}
}

// parse reads the lines of a text into a batch, whose memory is used again.
func (p *parser) parse(text []byte, to *batch) {
	*to = batch{
		from: p, forget: len(p.keys.number)+len(p.nodes.number) > maxNames,
		lines: to.lines[:0], steps: to.steps[:0], nums: to.nums[:0], metas: to.metas[:0], events: to.events[:0],
	}
	if to.forget {
		clear(p.keys.number)
		clear(p.nodes.number)
	}
	p.batch, p.keys.fresh, p.nodes.fresh = to, nil, nil
	for at := 0; at < len(text); to.count++ {
		end := bytes.IndexByte(text[at:], '\n')
		if end < 0 {
			end = len(text) - at
		}
		if err := p.line(text[at : at+end]); err != nil {
			to.err, to.errLine, to.errAt = err, to.count, at
			break
		}
		at += end + 1
	}
	to.keys, to.nodes = p.keys.fresh, p.nodes.fresh
	p.batch = nil
}

// errNothing says that a line is empty.
var errNothing = errors.New("there is nothing in the line")

// line reads one line. One that is wrong leaves nothing in the batch.
func (p *parser) line(text []byte) error {
	steps, nums, metas := len(p.steps), len(p.nums), len(p.metas)
	l := line{at: int32(p.count), node: -1}
	if !p.fast(&l, text) {
		p.steps, p.nums, p.metas = p.steps[:steps], p.nums[:nums], p.metas[:metas]
		l = line{at: int32(p.count), node: -1}
		if err := p.slow(&l, text); err != nil {
			p.steps, p.nums, p.metas = p.steps[:steps], p.nums[:nums], p.metas[:metas]
			if errors.Is(err, errNothing) {
				return nil
			}
			return err
		}
	}
	l.steps = int32(len(p.steps))
	p.lines = append(p.lines, l)
	return nil
}
