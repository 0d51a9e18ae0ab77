package history

import (
	"fmt"
	"math"
	"time"
)

// History is a whole record in memory, in columns: about 50 bytes for an
// operation of one step, so that ten million fit where objects would not. It
// is built by a [Builder] and never changes afterwards. Readers that need speed
// walk the columns through the small accessors; Op makes a view of one row.
type History struct {
	Header Header
	Events []Event // in order
	// Damage says what could not be read, or is "": everything before it is here.
	Damage string

	index, ret  []int32
	start, end  []int64
	session     []int32
	node        []uint16
	outcome     []Outcome
	final       []bool
	stepAt      []uint32 // len(index)+1; steps of op k are stepAt[k]:stepAt[k+1]
	stepF       []F
	stepKey     []int32
	stepVal     []int64 // the number, or the position in lists
	stepHas     []valueKind
	lists       [][]int64
	meta        map[int]Meta
	keys, nodes []string
}

type valueKind uint8

const (
	noValue valueKind = iota
	intValue
	listValue
)

// Len is the number of operations.
func (h *History) Len() int { return len(h.index) }

// Keys are the interned key names: [History.StepKey] gives positions in it.
func (h *History) Keys() []string { return h.keys }

// Nodes are the interned node names: [History.Node] gives positions in it. The
// header's nodes come first, in their order.
func (h *History) Nodes() []string { return h.nodes }

// The columns, by position of the operation.

func (h *History) Index(k int) int             { return int(h.index[k]) }
func (h *History) Return(k int) int            { return int(h.ret[k]) } // 0: never completed
func (h *History) Session(k int) int           { return int(h.session[k]) }
func (h *History) Node(k int) int              { return int(h.node[k]) }
func (h *History) Outcome(k int) Outcome       { return h.outcome[k] }
func (h *History) Final(k int) bool            { return h.final[k] }
func (h *History) Start(k int) time.Duration   { return time.Duration(h.start[k]) }
func (h *History) End(k int) time.Duration     { return time.Duration(h.end[k]) }
func (h *History) Meta(k int) Meta             { return h.meta[k] }
func (h *History) Steps(k int) (from, to int)  { return int(h.stepAt[k]), int(h.stepAt[k+1]) }
func (h *History) NSteps() int                 { return len(h.stepF) }
func (h *History) StepF(s int) F               { return h.stepF[s] }
func (h *History) StepKey(s int) int           { return int(h.stepKey[s]) }
func (h *History) StepInt(s int) (int64, bool) { return h.stepVal[s], h.stepHas[s] == intValue }

// StepList is the list of a step, nil if its value is none. Do not change it.
func (h *History) StepList(s int) []int64 {
	if h.stepHas[s] != listValue {
		return nil
	}
	return h.lists[h.stepVal[s]]
}

// StepValue is the value of a step, whatever its kind.
func (h *History) StepValue(s int) Value {
	switch h.stepHas[s] {
	case intValue:
		return Int(h.stepVal[s])
	case listValue:
		return Value{Set: true, List: h.lists[h.stepVal[s]]}
	}
	return Value{}
}

// Op is a view of the operation at position k.
func (h *History) Op(k int) Op {
	from, to := h.Steps(k)
	op := Op{
		Pos: k, Index: h.Index(k), Return: h.Return(k), Session: h.Session(k), Node: h.nodes[h.node[k]],
		Start: h.Start(k), End: h.End(k), Outcome: h.outcome[k], Final: h.final[k], Meta: h.meta[k],
	}
	op.By = op.Meta.By
	for s := from; s < to; s++ {
		op.Steps = append(op.Steps, Step{F: h.stepF[s], Key: h.keys[h.stepKey[s]], Value: h.StepValue(s)})
	}
	return op
}

// Pos is the position of the operation whose invocation is event i: O(log n).
func (h *History) Pos(i int) (int, bool) {
	lo, hi := 0, len(h.index)
	for lo < hi {
		if mid := (lo + hi) / 2; int(h.index[mid]) < i {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	return lo, lo < len(h.index) && int(h.index[lo]) == i
}

// Builder makes a History out of events in their order.
type Builder struct {
	h      History
	keyID  map[string]int32
	nodeID map[string]uint16
	open   map[int]int // session → position of its open operation
	last   int
}

// NewBuilder starts a history.
func NewBuilder(hd Header) *Builder {
	b := &Builder{keyID: map[string]int32{}, nodeID: map[string]uint16{}, open: map[int]int{}}
	b.h.Header, b.h.meta, b.h.stepAt = hd, map[int]Meta{}, []uint32{0}
	for _, n := range hd.Nodes {
		b.node(n)
	}
	return b
}

func (b *Builder) node(n string) uint16 {
	id, ok := b.nodeID[n]
	if !ok {
		id = uint16(len(b.h.nodes))
		b.nodeID[n], b.h.nodes = id, append(b.h.nodes, n)
	}
	return id
}

func (b *Builder) key(k string) int32 {
	id, ok := b.keyID[k]
	if !ok {
		id = int32(len(b.h.keys))
		b.keyID[k], b.h.keys = id, append(b.h.keys, k)
	}
	return id
}

func (b *Builder) next(i int) error {
	if i <= b.last || i > math.MaxInt32 {
		return fmt.Errorf("event %d follows event %d: indexes must grow, up to %d", i, b.last, math.MaxInt32)
	}
	b.last = i
	return nil
}

func (b *Builder) setValue(s int, v Value) {
	switch {
	case v.List != nil:
		b.h.stepHas[s], b.h.stepVal[s] = listValue, int64(len(b.h.lists))
		b.h.lists = append(b.h.lists, v.List)
	case v.Set:
		b.h.stepHas[s], b.h.stepVal[s] = intValue, v.N
	default:
		b.h.stepHas[s], b.h.stepVal[s] = noValue, 0
	}
}

// Invoke adds the start of an operation as event i.
func (b *Builder) Invoke(i int, t time.Duration, session int, node string, steps []Step, final bool) error {
	if at, open := b.open[session]; open {
		return fmt.Errorf("event %d: session %d starts an operation while its operation %d is still open", i, session, b.h.index[at])
	}
	if err := b.next(i); err != nil {
		return err
	}
	h := &b.h
	b.open[session] = len(h.index)
	h.index, h.ret = append(h.index, int32(i)), append(h.ret, 0)
	h.start, h.end = append(h.start, int64(t)), append(h.end, 0)
	h.session, h.node = append(h.session, int32(session)), append(h.node, b.node(node))
	h.outcome, h.final = append(h.outcome, Info), append(h.final, final)
	for _, s := range steps {
		h.stepF, h.stepKey = append(h.stepF, s.F), append(h.stepKey, b.key(s.Key))
		h.stepVal, h.stepHas = append(h.stepVal, 0), append(h.stepHas, noValue)
		b.setValue(len(h.stepF)-1, s.Value)
	}
	h.stepAt = append(h.stepAt, uint32(len(h.stepF)))
	return nil
}

// Complete adds the end of the session's open operation as event i. The steps
// are those of the invocation, with what reads returned; nil: as invoked.
func (b *Builder) Complete(i int, t time.Duration, session int, o Outcome, steps []Step, m Meta) error {
	k, open := b.open[session]
	if !open {
		return fmt.Errorf("event %d: session %d completes an operation that it never started", i, session)
	}
	if err := b.next(i); err != nil {
		return err
	}
	h := &b.h
	delete(b.open, session)
	h.ret[k], h.end[k], h.outcome[k] = int32(i), int64(t), o
	from, to := h.Steps(k)
	if steps != nil && len(steps) != to-from {
		return fmt.Errorf("event %d: session %d completes with %d steps an operation that it started with %d", i, session, len(steps), to-from)
	}
	for j, s := range steps {
		if h.stepF[from+j] != s.F || h.keys[h.stepKey[from+j]] != s.Key {
			return fmt.Errorf("event %d: step %d of the completion is not the one that was invoked", i, j+1)
		}
		b.setValue(from+j, s.Value)
	}
	if m != (Meta{}) {
		h.meta[k] = m
	}
	return nil
}

// Event adds anything else; ev.Index is its index.
func (b *Builder) Event(ev Event) error {
	if err := b.next(ev.Index); err != nil {
		return err
	}
	b.h.Events = append(b.h.Events, ev)
	return nil
}

// History ends the building. Operations still open stay Info, without a return.
func (b *Builder) History() *History { return &b.h }
