package history

import (
	"bufio"
	"cmp"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
)

// exported numbers the sessions of a history for formats in which every
// session is one order. What is not ordered here must not become ordered there,
// so a session that is ordered only at one node is one for each node, and what
// may or may not have happened, and final reads, have sessions of their own.
type exported struct {
	h     *History
	whole bool
	ids   map[[2]string]int
	next  int
}

func (h *History) exported() *exported {
	x := &exported{h: h, whole: h.Header.SessionScope == "client", ids: map[[2]string]int{}}
	if x.whole && h.Len() > 0 {
		x.next = int(slices.Max(h.session)) + 1
	}
	return x
}

// session is the number for the operation at position k, which is asked once.
func (x *exported) session(k int) int {
	fresh := x.h.outcome[k] == Info || x.h.Final(k)
	switch {
	case fresh:
		x.next++
		return x.next - 1
	case x.whole:
		return x.h.Session(k)
	}
	at := [2]string{strconv.Itoa(x.h.Session(k)), cmp.Or(x.h.Meta(k).By, x.h.nodeName(k))}
	id, known := x.ids[at]
	if !known {
		id = x.next
		x.ids[at], x.next = id, x.next+1
	}
	return id
}

// units are the parts of an operation that are one transaction elsewhere: all
// of it where its steps are promised to become visible together, else each step.
func (h *History) units(k int, f func(steps []Step) error) error {
	steps := h.appendSteps(nil, k)
	if h.Header.Granularity == "transaction" {
		return f(steps)
	}
	for i := range steps {
		if err := f(steps[i : i+1]); err != nil {
			return err
		}
	}
	return nil
}

// plumeKeys are the numbers of the keys: their names where all of them are
// numbers, else their positions in Keys.
func (h *History) plumeKeys() map[string]string {
	numbers := map[string]string{}
	for _, k := range h.keys {
		if n, err := strconv.ParseInt(k, 10, 64); err != nil || strconv.FormatInt(n, 10) != k {
			for i, k := range h.keys {
				numbers[k] = strconv.Itoa(i)
			}
			return numbers
		}
		numbers[k] = k
	}
	return numbers
}

// WritePlume writes the operations as Plume text, which AWDIT and PolySI read
// too. It holds reads and writes of registers; an operation that is anything
// else is an error that names it. Nodes, times and what is no operation have no
// place in it. What a failed or unknown operation may have read is left out
// where no value came back. Unknown operations and final reads have sessions
// of their own there, so that nothing becomes ordered that was not.
func (h *History) WritePlume(w io.Writer) error {
	if h.Header.Values != "" {
		return errors.New("this history has no place in Plume text, which holds histories in which a number names its write: each is written to a key once")
	}
	out := bufio.NewWriterSize(w, 1<<16)
	x, keys, transaction := h.exported(), h.plumeKeys(), 0
	var line []byte
	for k := range h.Len() {
		session := x.session(k)
		err := h.units(k, func(steps []Step) error {
			number := transaction
			transaction++
			if h.outcome[k] == Fail {
				number = -1
			}
			line = line[:0]
			for _, s := range steps {
				if s.Value.List != nil || s.F != Read && s.F != Write {
					return fmt.Errorf("operation #%d: %q on %q has no place in Plume text, which holds reads and writes of registers", h.Index(k), s.F, s.Key)
				}
				if s.F == Read && !s.Value.Set && h.outcome[k] != OK {
					continue
				}
				line = appendPlume(line, s, keys[s.Key], session, number)
			}
			_, err := out.Write(line)
			return err
		})
		if err != nil {
			return err
		}
	}
	return out.Flush()
}

func appendPlume(b []byte, s Step, key string, session, transaction int) []byte {
	b = append(b, s.F.String()...)
	b = append(append(b, '('), key...)
	b = strconv.AppendInt(append(b, ','), s.Value.N, 10)
	b = strconv.AppendInt(append(b, ','), int64(session), 10)
	b = strconv.AppendInt(append(b, ','), int64(transaction), 10)
	return append(b, ")\n"...)
}
