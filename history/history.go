package history

import (
	"iter"
	"sort"
	"time"
)

// History is a whole record in memory, in columns: 46 bytes for an operation of
// one step, 19 where the format has no times and no nodes, so that ten million
// fit where objects would not. It is built by a
// [Builder] and never changes afterwards. Readers that need speed walk the
// columns through the small accessors; Op makes a view of one row.
type History struct {
	Header Header
	Events []Event // in order
	// Damage says what could not be read, or is "": everything before it is here.
	Damage string

	n           int     // operations
	index, ret  []int32 // nil: 2k+1 and 2k+2
	start, end  []int64 // nil: no times
	session     []int32
	node        []uint16 // nil: all at the first one
	outcome     []Outcome
	final       []bool   // nil: none is
	stepAt      []uint32 // len n+1; steps of op k are stepAt[k]:stepAt[k+1]; nil: it has one, step k
	stepF       []F
	stepKey     []int32
	stepVal     []int64 // the number, or the position in lists
	stepHas     []valueKind
	lists       listTable
	meta        metaTable
	timed       bool // some time is not 0
	keys, nodes []string
}

type valueKind uint8

const (
	noValue valueKind = iota
	intValue
	listValue
)

// Len is the number of operations.
func (h *History) Len() int { return h.n }

// Keys are the interned key names: [History.StepKey] gives positions in it.
func (h *History) Keys() []string { return h.keys }

// Nodes are the interned node names: [History.Node] gives positions in it. The
// header's nodes come first, in their order.
func (h *History) Nodes() []string { return h.nodes }

// Index is the "i" of the invocation on disk: what reports call #Index.
func (h *History) Index(k int) int {
	if h.index == nil {
		return 2*k + 1
	}
	return int(h.index[k])
}

// Return is the "i" of the completion; 0: it never completed.
func (h *History) Return(k int) int {
	if h.ret == nil {
		return 2*k + 2
	}
	return int(h.ret[k])
}

// Session is the number of the session that asked.
func (h *History) Session(k int) int { return int(h.session[k]) }

// Node is the position in Nodes of the node that was asked.
func (h *History) Node(k int) int {
	if h.node == nil {
		return 0
	}
	return int(h.node[k])
}

// Outcome says whether the operation took effect.
func (h *History) Outcome(k int) Outcome { return h.outcome[k] }

// Final says whether it is a read after healing.
func (h *History) Final(k int) bool { return h.final != nil && h.final[k] }

// Start is the time of the invocation.
func (h *History) Start(k int) time.Duration {
	if h.start == nil {
		return 0
	}
	return time.Duration(h.start[k])
}

// End is the time of the completion; meaningless where Return is 0.
func (h *History) End(k int) time.Duration {
	if h.end == nil {
		return 0
	}
	return time.Duration(h.end[k])
}

// Timed says whether the record holds times. Without them nothing says which
// operation had ended before another started. O(1).
func (h *History) Timed() bool { return h.timed }

// HasMeta says whether any operation has an entry that Meta gives. Loops over
// all operations ask it first, or use EachMeta.
func (h *History) HasMeta() bool { return len(h.meta.at) > 0 }

// Meta is what the target told beyond the outcome.
func (h *History) Meta(k int) Meta {
	if k >= len(h.meta.at) {
		return Meta{}
	}
	return h.meta.get(k)
}

// EachMeta are the operations of which the target told something, by position,
// in order. Where no target told anything it costs nothing.
func (h *History) EachMeta() iter.Seq2[int, Meta] {
	return func(yield func(int, Meta) bool) {
		for k, at := range h.meta.at {
			if at != 0 && !yield(k, h.meta.get(k)) {
				return
			}
		}
	}
}

// Steps are the positions of the operation's steps: from included, to excluded.
func (h *History) Steps(k int) (from, to int) {
	if h.stepAt == nil {
		return k, k + 1
	}
	return int(h.stepAt[k]), int(h.stepAt[k+1])
}

// NSteps is the number of steps of all operations.
func (h *History) NSteps() int { return len(h.stepF) }

// StepF is what step s does.
func (h *History) StepF(s int) F { return h.stepF[s] }

// StepKey is the position in Keys of the key of step s.
func (h *History) StepKey(s int) int { return int(h.stepKey[s]) }

// StepInt is the number of step s; false: its value is a list, or nothing.
func (h *History) StepInt(s int) (int64, bool) { return h.stepVal[s], h.stepHas[s] == intValue }

// StepList is the list of a step, nil if its value is none. Do not change it:
// equal lists are stored once. One of more than some hundred elements is put
// together from its pieces at each call.
func (h *History) StepList(s int) []int64 {
	if h.stepHas[s] != listValue {
		return nil
	}
	return h.lists.get(h.stepVal[s])
}

// StepIsList says whether the value of a step is a list, without putting it together.
func (h *History) StepIsList(s int) bool { return h.stepHas[s] == listValue }

// StepPieces appends the pieces that the list of a step is made of, in order;
// [History.Piece] gives their elements. Equal pieces have equal numbers, and two
// long lists that differ in few elements share nearly all of them, so that a
// difference can be found without a look at what is alike.
func (h *History) StepPieces(pieces []int32, s int) []int32 {
	switch {
	case h.stepHas[s] != listValue:
		return pieces
	case h.stepVal[s] >= 0:
		return append(pieces, int32(h.stepVal[s]))
	}
	return append(pieces, h.lists.pieces(h.stepVal[s])...)
}

// Piece is one piece of lists. Do not change it.
func (h *History) Piece(p int32) []int64 { return h.lists.piece(p) }

// StepValue is the value of a step, whatever its kind.
func (h *History) StepValue(s int) Value {
	switch h.stepHas[s] {
	case intValue:
		return Int(h.stepVal[s])
	case listValue:
		return Value{Set: true, List: h.StepList(s)}
	}
	return Value{}
}

func (h *History) nodeName(k int) string { return h.nodes[h.Node(k)] }

// Op is a view of the operation at position k.
func (h *History) Op(k int) Op {
	op := Op{
		Pos: k, Index: h.Index(k), Return: h.Return(k), Session: h.Session(k), Node: h.nodeName(k),
		Start: h.Start(k), End: h.End(k), Outcome: h.outcome[k], Final: h.Final(k), Meta: h.Meta(k),
	}
	op.By = op.Meta.By
	op.Steps = h.appendSteps(nil, k)
	return op
}

// appendSteps appends the steps of the operation at position k.
func (h *History) appendSteps(steps []Step, k int) []Step {
	from, to := h.Steps(k)
	for s := from; s < to; s++ {
		steps = append(steps, Step{F: h.stepF[s], Key: h.keys[h.stepKey[s]], Value: h.StepValue(s)})
	}
	return steps
}

// Pos is the position of the operation whose invocation is event i: O(log n).
func (h *History) Pos(i int) (int, bool) {
	k := sort.Search(h.n, func(k int) bool { return h.Index(k) >= i })
	return k, k < h.n && h.Index(k) == i
}
