package history

import (
	"bufio"
	"cmp"
	"fmt"
	"io"
	"slices"
	"strconv"
	"time"
	"unicode/utf8"
)

// WriteEDN writes the operations as a Jepsen history, one map a line: registers
// and lists as transactions of [:r key value], [:w key value] and [:append key
// value], sets and counters as :add and :read with [key value], registers whose
// numbers repeat as :read, :write and :cas with [key value], and accounts as :transfer
// and :read. An operation that is none of these, or another one in a history of sets,
// counters, such registers or accounts, is an error that names it. Nodes and what is no operation have no place in it. Unknown
// operations, which end a process there, and final reads have processes of their
// own, so that nothing becomes ordered that was not.
func (h *History) WriteEDN(w io.Writer) error {
	e := &ednWriter{
		h: h, x: h.exported(), out: bufio.NewWriterSize(w, 1<<16), process: map[int]int{},
	}
	e.form = e.formOf()
	for s, f := range h.stepF {
		e.zero = e.zero || f.IsWrite() && f != Inc && h.stepHas[s] == intValue && h.stepVal[s] == writtenZero ||
			f == Cas && h.StepList(s)[1] == writtenZero
	}
	return cmp.Or(h.inOrder(func(k int, completion bool, ev *Event) error {
		switch {
		case ev != nil:
			return nil
		case completion:
			return e.completed(k)
		}
		return e.invoked(k)
	}), e.out.Flush())
}

type ednWriter struct {
	h       *History
	x       *exported
	out     *bufio.Writer
	process map[int]int // of operations that are open; of unknown ones the first of several
	form    ednForm
	zero    bool // a written 0 stands in the history as another number
	lines   int
	line    []byte
}

// invoked writes the start of an operation. The parts of one that is several
// transactions follow each other, those of an unknown one stand side by side.
func (e *ednWriter) invoked(k int) error {
	e.process[k] = e.x.session(k)
	at, first := e.process[k], true
	return e.h.units(k, func(steps []Step) error {
		if !first && e.h.outcome[k] != Info {
			return nil
		}
		if !first {
			at = e.x.session(k)
		}
		first = false
		return e.write(k, "invoke", at, e.h.Start(k), steps)
	})
}

func (e *ednWriter) completed(k int) error {
	at, typ, first := e.process[k], e.h.outcome[k].String(), true
	delete(e.process, k)
	return e.h.units(k, func(steps []Step) error {
		if !first && e.h.outcome[k] != Info {
			if err := e.write(k, "invoke", at, e.h.End(k), steps); err != nil {
				return err
			}
		}
		first = false
		err := e.write(k, typ, at, e.h.End(k), steps)
		if e.h.outcome[k] == Info {
			at++ // its parts asked for their sessions one after the other
		}
		return err
	})
}

// write writes one line.
func (e *ednWriter) write(k int, typ string, process int, t time.Duration, steps []Step) error {
	b := strconv.AppendInt(append(e.line[:0], "{:index "...), int64(e.lines), 10)
	e.lines++
	b = append(append(b, ", :type :"...), typ...)
	b = strconv.AppendInt(append(b, ", :process "...), int64(process), 10)
	b, err := e.form(b, steps, typ == "ok")
	if err != nil {
		return fmt.Errorf("operation #%d: %w", e.h.Index(k), err)
	}
	b = strconv.AppendInt(append(b, ", :time "...), int64(t), 10)
	if why := e.h.Meta(k).Error; why != "" && typ != "invoke" {
		b = appendEDNString(append(b, ", :error "...), why)
	}
	e.line = append(b, "}\n"...)
	_, err = e.out.Write(e.line)
	return err
}

// ednForm writes what an operation does, as :f and :value.
type ednForm func(b []byte, steps []Step, ok bool) ([]byte, error)

// formOf is the form that fits the whole history.
func (e *ednWriter) formOf() ednForm {
	switch {
	case e.h.Header.Values == ValuesBalances:
		return e.appendBank
	case e.h.Header.Values == ValuesRepeat:
		return e.appendRegister
	case slices.ContainsFunc(e.h.stepF, func(f F) bool { return f == Add || f == Inc }):
		return e.appendAdd
	}
	return e.appendTransaction
}

func (e *ednWriter) appendAdd(b []byte, steps []Step, ok bool) ([]byte, error) {
	if len(steps) != 1 {
		return nil, fmt.Errorf("it has %d steps, where a Jepsen history of sets or counters has one an operation", len(steps))
	}
	s := steps[0]
	switch s.F {
	case Read:
		b = append(b, ", :f :read, :value ["...)
	case Add, Inc:
		b = append(b, ", :f :add, :value ["...)
	default:
		return nil, fmt.Errorf("%q on %q has no place in a Jepsen history of sets or counters", s.F, s.Key)
	}
	b = append(appendEDNKey(b, s.Key), ' ')
	return append(e.appendValue(b, s, ok), ']'), nil
}

func (e *ednWriter) appendTransaction(b []byte, steps []Step, ok bool) ([]byte, error) {
	b = append(b, ", :f :txn, :value ["...)
	for i, s := range steps {
		if i > 0 {
			b = append(b, ' ')
		}
		word := map[F]string{Read: "[:r ", Write: "[:w ", Append: "[:append "}[s.F]
		if word == "" {
			return nil, fmt.Errorf("%q on %q has no place in a Jepsen history, which holds reads, writes, appends, and adds to sets and counters", s.F, s.Key)
		}
		b = append(appendEDNKey(append(b, word...), s.Key), ' ')
		b = append(e.appendValue(b, s, ok), ']')
	}
	return append(b, ']'), nil
}

// appendValue writes what a step wrote, or what a read that was answered returned.
func (e *ednWriter) appendValue(b []byte, s Step, ok bool) []byte {
	switch {
	case s.F == Read && (!ok || !s.Value.Set):
		return append(b, "nil"...)
	case s.Value.List == nil && s.F == Read && s.Value.N == 0 && e.zero:
		return append(b, "nil"...) // the initial value, where 0 is a written one
	case s.Value.List == nil:
		return e.appendNumber(b, s.Value.N)
	}
	b = append(b, '[')
	for i, n := range s.Value.List {
		if i > 0 {
			b = append(b, ' ')
		}
		b = e.appendNumber(b, n)
	}
	return append(b, ']')
}

func (e *ednWriter) appendNumber(b []byte, n int64) []byte {
	if e.zero && n == writtenZero {
		n = 0
	}
	return strconv.AppendInt(b, n, 10)
}

// appendEDNKey writes a key: a number where its name is one.
func appendEDNKey(b []byte, key string) []byte {
	if n, err := strconv.ParseInt(key, 10, 64); err == nil && strconv.FormatInt(n, 10) == key {
		return append(b, key...)
	}
	return appendEDNString(b, key)
}

func appendEDNString(b []byte, s string) []byte {
	b = append(b, '"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b = append(b, '\\', byte(r))
		case r < 0x20:
			b = fmt.Appendf(b, `\u%04x`, r)
		default:
			b = utf8.AppendRune(b, r)
		}
	}
	return append(b, '"')
}
