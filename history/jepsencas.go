package history

import "fmt"

// pair is a number and the key that it is written to.
type pair struct {
	key int32
	n   int64
}

// jepsenValues notices registers to which a number is written again, as the
// generators of compare-and-set tests do.
type jepsenValues struct {
	repeat bool
	keys   map[string]int32
	seen   map[pair]struct{}
}

// look notes what a :write or :cas writes, once for each operation.
func (v *jepsenValues) look(op *jepsenOp, completions bool) {
	if v.repeat || !op.invoke && !completions {
		return
	}
	key, value := casOrWritten(op)
	if op.f == "cas" && value.isPair() {
		value = &value.items[1]
	}
	if value.kind != ednInt {
		return // told when its steps are read
	}
	if v.keys == nil {
		v.keys, v.seen = map[string]int32{}, map[pair]struct{}{}
	}
	id, ok := v.keys[key]
	if !ok {
		id = int32(len(v.keys))
		v.keys[key] = id
	}
	before := len(v.seen)
	v.seen[pair{id, value.n}] = struct{}{}
	if v.repeat = len(v.seen) == before; v.repeat {
		v.keys, v.seen = nil, nil
	}
}

// casOrWritten takes the key off what a :cas or :write says.
func casOrWritten(op *jepsenOp) (string, *edn) {
	return keyed(op.value, "register", op.f != "cas" || op.value.isPair() && op.value.items[1].isPair())
}

// cas is a compare-and-set, [old new]. Where numbers name their writes it is an
// operation that, when it is ok, read old and wrote new.
func (j *jepsenShape) cas(op *jepsenOp) ([]Step, error) {
	key, v := casOrWritten(op)
	if !v.isPair() {
		return nil, fmt.Errorf("%s is no [old new], which :cas takes", shortened([]byte(v.String())))
	}
	from, err := j.returned(&v.items[0], true)
	if err != nil {
		return nil, err
	}
	if from.List != nil {
		return nil, fmt.Errorf("%s is no [old new], which :cas takes: old is a whole number or nil", shortened([]byte(v.String())))
	}
	to, err := j.number(&v.items[1], true)
	if err != nil {
		return nil, err
	}
	if j.values.repeat {
		return []Step{{F: Cas, Key: key, Value: List(from.N, to)}}, nil
	}
	return []Step{{F: Read, Key: key, Value: from}, {F: Write, Key: key, Value: Int(to)}}, nil
}

// conditions are what the compare-and-sets expect that never told how they
// ended, where numbers name their writes: by the position of the operation.
type conditions map[int]Value

// met gives each of them that took effect what it expected as what its read
// returned. That it took effect shows in its number: somebody read it. One whose
// number nobody read may as well have failed, and what it expected says nothing.
func (c conditions) met(h *History) {
	if len(c) == 0 {
		return
	}
	waiting := map[pair]int{}
	for k := range c {
		_, to := h.Steps(k)
		waiting[pair{h.stepKey[to-1], h.stepVal[to-1]}] = k
	}
	var told []int // steps that returned a number
	for s, f := range h.stepF {
		if f == Read && h.stepHas[s] == intValue {
			told = append(told, s)
		}
	}
	for len(told) > 0 {
		s := told[len(told)-1]
		told = told[:len(told)-1]
		at := pair{h.stepKey[s], h.stepVal[s]}
		k, ok := waiting[at]
		if !ok {
			continue
		}
		delete(waiting, at)
		if expected := c[k]; expected.Set {
			read, _ := h.Steps(k)
			h.stepHas[read], h.stepVal[read] = intValue, expected.N
			told = append(told, read)
		}
	}
}
