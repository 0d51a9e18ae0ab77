package history

import "fmt"

// jepsenShape is what the lines of a Jepsen history mean, as far as that shows
// in the whole only.
type jepsenShape struct {
	invokes   bool
	processes int  // one more than the greatest number
	adds      bool // to a set, or to a counter
	single    bool // some :add is no [key value]
	lists     bool // a read answered a collection that is no pair, or a pair with one
	pairs     bool // a read answered a pair of numbers
	zero      bool // 0 is written
	values    jepsenValues
	bank      bankShape
}

// completions says that the history has nothing but ends of operations, which
// then are whole operations.
func (j *jepsenShape) completions() bool { return !j.invokes }

func (j *jepsenShape) look(op *jepsenOp) {
	j.invokes = j.invokes || op.invoke
	j.processes = max(j.processes, op.process+1)
	j.bank.look(op)
	if op.value == nil {
		return
	}
	switch op.f {
	case "add":
		j.adds = true
		j.single = j.single || !op.value.isPair()
		j.zero = j.zero || endsInZero(op.value)
	case "write", "cas":
		j.zero = j.zero || endsInZero(op.value)
		j.values.look(op, j.completions())
	case "read":
		if v := op.value; v.isPair() {
			j.lists = j.lists || v.items[1].isCollection()
			j.pairs = j.pairs || v.items[1].kind == ednInt
		} else {
			j.lists = j.lists || v.isCollection()
		}
	default:
		for i := range op.value.items {
			if m := &op.value.items[i]; len(m.items) == 3 && (m.items[0].text == "w" || m.items[0].text == "append") {
				j.zero = j.zero || endsInZero(m)
			}
		}
	}
}

// counter says whether an :add is to a counter: reads of a set answer
// collections, which [1 2] is where no :add names its key.
func (j *jepsenShape) counter() bool {
	return j.adds && !j.lists && (!j.pairs || !j.single)
}

// endsInZero looks for the written number: the last one, of [k v] and [k [a b]] too.
func endsInZero(v *edn) bool {
	for v.kind == ednVector && len(v.items) > 0 {
		v = &v.items[len(v.items)-1]
	}
	return v.kind == ednInt && v.n == 0
}

// steps are what an operation does; the reads in it have what they returned.
func (j *jepsenShape) steps(op *jepsenOp) ([]Step, error) {
	if j.bank.is {
		return j.bank.steps(j, op)
	}
	if op.value == nil {
		if op.f == "read" && (op.invoke || op.outcome != OK) {
			return j.read(op, &edn{})
		}
		return nil, fmt.Errorf(":value is missing, and :%s needs one", op.f)
	}
	if j.adds && (op.f == "write" || op.f == "cas") {
		return nil, fmt.Errorf("a :%s in a history with :add: whether a read is of a register, a set or a counter does not show", op.f)
	}
	switch op.f {
	case "read":
		return j.read(op, op.value)
	case "write":
		key, v := keyed(op.value, "register", true)
		return j.write(nil, Write, key, v)
	case "cas":
		return j.cas(op)
	case "add":
		if j.counter() {
			key, v := keyed(op.value, "counter", !j.single)
			return j.write(nil, Inc, key, v)
		}
		key, v := keyed(op.value, "set", !j.single)
		return j.write(nil, Add, key, v)
	case "txn", "":
		return j.transaction(op.value)
	}
	return nil, fmt.Errorf("there is no meaning for :f :%s: what is read is :read, :write, :cas, :add, :transfer and :txn", op.f)
}

// keyed takes [key value] apart, or gives the one key of the history its name.
func keyed(v *edn, name string, pair bool) (string, *edn) {
	if pair && v.isPair() {
		return v.items[0].name(), &v.items[1]
	}
	return name, v
}

// name is a key as a history has it: x for x, :x and "x".
func (v *edn) name() string {
	if v.kind == ednKeyword || v.kind == ednString || v.kind == ednSymbol {
		return v.text
	}
	return v.String()
}

func (j *jepsenShape) read(op *jepsenOp, value *edn) ([]Step, error) {
	name, pair := "register", true
	switch {
	case j.counter():
		name, pair = "counter", !j.single
	case j.adds && j.single:
		name, pair = "set", false
	case j.adds: // some answer with the elements alone where they asked with the key
		name, pair = op.asked, value.isPair() && value.items[1].kind != ednInt
	}
	key, v := keyed(value, name, pair)
	s := Step{F: Read, Key: key}
	if op.invoke || op.outcome != OK {
		return []Step{s}, nil
	}
	var err error
	s.Value, err = j.returned(v, !j.counter())
	return []Step{s}, err
}

// returned is what a read returned: nothing, a number, or a collection of them.
func (j *jepsenShape) returned(v *edn, named bool) (Value, error) {
	switch {
	case v.isNil():
		return Value{}, nil
	case !v.isCollection():
		n, err := j.number(v, named)
		return Int(n), err
	}
	list := make([]int64, 0, len(v.items))
	for i := range v.items {
		n, err := j.number(&v.items[i], named)
		if err != nil {
			return Value{}, err
		}
		list = append(list, n)
	}
	return List(list...), nil
}

// number is a whole number; named: it names its write, so a written 0 is none.
func (j *jepsenShape) number(v *edn, named bool) (int64, error) {
	switch {
	case v.kind != ednInt || v.n == writtenZero:
		return 0, fmt.Errorf("%s is no whole number from %d on: only such values are read", shortened([]byte(v.String())), int64(writtenZero+1))
	case named && v.n == 0 && j.zero:
		return writtenZero, nil
	}
	return v.n, nil
}

func (j *jepsenShape) write(steps []Step, f F, key string, v *edn) ([]Step, error) {
	n, err := j.number(v, f != Inc)
	return append(steps, Step{F: f, Key: key, Value: Int(n)}), err
}

func (j *jepsenShape) transaction(value *edn) ([]Step, error) {
	if !value.isCollection() || value.kind == ednSet {
		return nil, fmt.Errorf("%s is no vector of [:r key value], [:w key value] and [:append key value]", shortened([]byte(value.String())))
	}
	var steps []Step
	for i := range value.items {
		m := &value.items[i]
		if !m.isCollection() || len(m.items) < 2 || len(m.items) > 3 || m.items[0].kind != ednKeyword {
			return nil, fmt.Errorf("%s is no [:r key value], [:w key value] or [:append key value]", shortened([]byte(m.String())))
		}
		var err error
		if steps, err = j.micro(steps, m); err != nil {
			return nil, err
		}
	}
	if steps == nil {
		steps = []Step{}
	}
	return steps, nil
}

// micro adds one step of a transaction.
func (j *jepsenShape) micro(steps []Step, m *edn) ([]Step, error) {
	key, v := m.items[1].name(), &edn{}
	if len(m.items) == 3 {
		v = &m.items[2]
	}
	switch f := m.items[0].text; f {
	case "r":
		got, err := j.returned(v, true)
		return append(steps, Step{F: Read, Key: key, Value: got}), err
	case "w":
		return j.write(steps, Write, key, v)
	case "append":
		return j.write(steps, Append, key, v)
	default:
		return nil, fmt.Errorf("there is no step :%s in a transaction: what is read is :r, :w and :append", f)
	}
}
