package history

import (
	"errors"
	"fmt"
	"io"
	"math"
	"time"
)

// writtenZero stands for a 0 that a foreign history writes: our 0 is the
// initial value, which nobody writes.
const writtenZero = math.MinInt64

// jepsenOp is one line of a Jepsen history: the start or the end of an operation.
type jepsenOp struct {
	invoke  bool
	outcome Outcome
	process int
	client  bool // false: the nemesis, whose lines are no operations
	f       string
	value   *edn // nil: there is none
	time    int64
	err     string
	asked   string // completions: the key of the operation's first step
}

// jepsenForms reads the maps of a history: one after the other, or in one
// vector or list.
type jepsenForms struct {
	*ednReader
	begun bool
	close byte // the bracket that ends the history, or 0
	done  bool
}

// next is the next map and the line that it starts in; io.EOF: there is none.
func (f *jepsenForms) next() (form edn, line int, err error) {
	f.items = 0
	for {
		c, err := f.skip()
		line = f.line
		switch {
		case errors.Is(err, io.EOF) && f.close != 0 && !f.done:
			return form, line, errCut
		case err != nil:
			return form, line, err
		case f.done:
			return form, line, errors.New("there is more after the end of the history")
		case !f.begun && (c == '[' || c == '('):
			f.begun, f.close = true, map[byte]byte{'[': ']', '(': ')'}[c]
			continue
		case f.close != 0 && c == f.close:
			f.done = true
			continue
		case c == '#':
			dropped, err := f.discard(0)
			if err != nil {
				return form, line, err
			}
			if dropped {
				continue
			}
		}
		f.begun = true
		form, err = f.value(c, 0)
		return form, line, err
	}
}

// eachJepsenOp calls f with every line that is about an operation.
func eachJepsenOp(at io.ReaderAt, size int64, f func(*jepsenOp) error) (damage string, err error) {
	in, out := io.Pipe()
	unpacked := make(chan string, 1)
	go func() {
		z, err := lines(at, size, func(b []byte, _ int64) error { _, err := out.Write(b); return err })
		damage := ""
		if z != nil {
			damage = z.damage
		}
		unpacked <- damage
		_ = out.CloseWithError(err) // never fails; nil is the end
	}()
	defer func() {
		_ = in.Close() // never fails
		damage = <-unpacked
	}()
	forms := jepsenForms{ednReader: newEDNReader(in)}
	for {
		form, line, err := forms.next()
		if errors.Is(err, io.EOF) {
			return "", nil
		}
		var op jepsenOp
		if err == nil {
			op, err = jepsenOpOf(&form)
		}
		if err == nil && op.client {
			err = f(&op)
		}
		if err != nil {
			return "", &LineError{line, err.Error()}
		}
	}
}

func jepsenOpOf(form *edn) (op jepsenOp, err error) {
	if form.kind != ednMap {
		return op, fmt.Errorf("%s is no operation of a Jepsen history: that is a map with :type, :process, :f and :value", shortened([]byte(form.String())))
	}
	typ, ok := form.get("type")
	if !ok {
		return op, errors.New(":type is missing")
	}
	outcomes := map[string]Outcome{"ok": OK, "fail": Fail, "info": Info, "invoke": Info}
	if op.outcome, ok = outcomes[typ.text]; !ok || typ.kind != ednKeyword {
		return op, fmt.Errorf("there is no :type %s: the types are :invoke, :ok, :fail and :info", typ)
	}
	op.invoke = typ.text == "invoke"
	process, ok := form.get("process")
	switch {
	case !ok:
		return op, errors.New(":process is missing")
	case process.kind != ednInt:
		return op, nil
	case process.n < 0 || process.n > math.MaxInt32/2:
		return op, fmt.Errorf("process %d is out of range: processes are numbered from 0 to %d", process.n, math.MaxInt32/2)
	}
	op.client, op.process = true, int(process.n)
	if f, ok := form.get("f"); ok {
		op.f = f.text
	}
	op.value, _ = form.get("value")
	if t, ok := form.get("time"); ok && t.kind == ednInt {
		op.time = t.n
	}
	if e, ok := form.get("error"); ok && !e.isNil() {
		op.err = e.String()
		if e.kind == ednString || e.kind == ednKeyword {
			op.err = e.text
		}
	}
	return op, nil
}

// readJepsen reads a Jepsen history in EDN, twice: what an :add means and
// whether 0 is written shows only in the whole.
func readJepsen(at io.ReaderAt, size int64) (*History, error) {
	var shape jepsenShape
	if _, err := eachJepsenOp(at, size, func(op *jepsenOp) error { shape.look(op); return nil }); err != nil {
		return nil, err
	}
	shape.bank.again()
	b := &jepsenBuilder{b: NewBuilder(shape.header()), shape: shape, expect: conditions{}}
	damage, err := eachJepsenOp(at, size, b.add)
	if err != nil {
		return nil, err
	}
	h := b.b.History()
	b.expect.met(h)
	h.Damage = damage
	return h, nil
}

// header is what a Jepsen history says by being one: a process is ordered
// whatever it asks, and what a transaction wrote becomes visible together.
func (j *jepsenShape) header() Header {
	hd := Header{SessionScope: "client", Granularity: "transaction"}
	switch {
	case j.bank.is:
		hd.Values = ValuesBalances
	case j.values.repeat:
		hd.Values = ValuesRepeat
	}
	return hd
}

// jepsenBuilder gives a Jepsen history's lines to a Builder.
type jepsenBuilder struct {
	b       *Builder
	shape   jepsenShape
	session sessions      // process → session plus 1, once they differ
	ended   sessions      // process → 1: its last operation is :info, so it is no more
	times   map[int]int64 // process → of its last line
	now     time.Duration // the greatest so far, which a line has that comes late
	expect  conditions    // of the compare-and-sets that may have taken effect
	events  int
}

// sessionOf is the session of a process. One that ended does not come back: the
// process that has its number is another one.
func (j *jepsenBuilder) sessionOf(op *jepsenOp) int {
	if j.ended.get(op.process) != 0 && (op.invoke || j.shape.completions()) {
		j.shape.processes++
		j.session.set(op.process, int32(j.shape.processes))
		j.ended.set(op.process, 0)
	}
	if s := j.session.get(op.process); s != 0 {
		return int(s) - 1
	}
	return op.process
}

// inTime refuses a line that lies before an earlier one of its process. Those of
// others may: Jepsen's workers take the time before they take their turn.
func (j *jepsenBuilder) inTime(op *jepsenOp) error {
	if op.time == 0 {
		return nil // there is none
	}
	if before := j.times[op.process]; op.time < before {
		return fmt.Errorf(":time goes back, from %d to %d, within process %d", before, op.time, op.process)
	}
	if j.times == nil {
		j.times = map[int]int64{}
	}
	j.times[op.process] = op.time
	j.now = max(j.now, time.Duration(op.time))
	return nil
}

func (j *jepsenBuilder) add(op *jepsenOp) error {
	if err := j.inTime(op); err != nil {
		return err
	}
	session := j.sessionOf(op)
	if k := j.b.open.get(session); k != 0 && !op.invoke {
		if from, to := j.b.h.Steps(int(k) - 1); from < to {
			op.asked = j.b.h.keys[j.b.h.stepKey[from]]
		}
	}
	var steps []Step
	if op.invoke || op.outcome == OK || j.shape.completions() {
		var err error
		if steps, err = j.shape.steps(op); err != nil {
			return err
		}
	}
	if op.invoke || j.shape.completions() {
		j.events++
		if err := j.b.Invoke(j.events, j.now, session, onlyNode, steps, false); err != nil {
			return err
		}
		if op.f == "cas" && steps[0].F == Read {
			j.expect[j.b.h.Len()-1] = steps[0].Value
		}
	}
	if op.invoke {
		return nil
	}
	if op.outcome != OK {
		steps = nil
	}
	if op.outcome != Info {
		delete(j.expect, int(j.b.open.get(session))-1)
	}
	if op.outcome == Info {
		j.ended.set(op.process, 1)
	}
	j.events++
	return j.b.Complete(j.events, j.now, session, op.outcome, steps, Meta{Error: op.err})
}
