package checker

import (
	"context"
	"iter"
	"sync"

	"github.com/mlcheck/mlcheck/history"
)

// index is what every property needs of a history, worked out once: which write
// each read returned, what kind of thing each key is, who served what, and the
// causal order. It is immutable once built, but for what it builds on first use.
//
// The unit of the causal order is an event. Where transactions are promised to
// become visible together, or every operation has a single step, an event is an
// operation; else it is a step, because half of an operation may then be seen
// without the other half.
type index struct {
	h *history.History

	single bool // every operation has exactly one step
	byStep bool
	n      int     // events
	opOf   []int32 // the operation of a step; nil if every operation has one

	kind    []kind            // of each key
	deletes map[int32][]int32 // key → steps of deletes that did not fail
	values  values
	src     []int32 // of each step: what a read returned, see the codes below
	read    []bool  // events whose write some read returned, or nil until one was
	served  []uint16
	tokens  bool
	lists   bool // some read returned several values

	sets   map[int32]*setKey
	reads  map[int32]*setRead // answered reads of sets and lists, by step
	chains [][]int32          // the same in the order in which each follows another
	clocks map[string][]offset
	wipes  map[string][]int
	end    finals

	coOnce, plusOnce, fatesOnce sync.Once
	coOrder, plusOrder          *order
	fateList                    *fates
	setLock                     sync.Mutex
	siblingOnce                 sync.Once
	siblings                    []*siblingKey // by key; nil: registers are not judged by versions
	badSets                     map[*order]map[int32]badRead
}

// What a read step returned, when it is not the step of a write.
const (
	srcNone    = -1 // nothing that can be traced: a counter, a list, no answer
	srcInitial = -2 // the initial state: nobody ever deletes this key
	srcNothing = -3 // nothing: the initial state or one of several deletes
	srcThinAir = -4 // a value that nobody wrote
	srcList    = -5 // a set, a list or siblings: each element names its write
)

// kind says what a key is, by what is done to it.
type kind uint8

const (
	register kind = 1 << iota
	set
	list
	counter
)

func kindOf(f history.F) kind {
	switch f {
	case history.Write, history.Delete, history.Cas:
		return register
	case history.Add, history.Remove:
		return set
	case history.Append, history.Insert:
		return list
	case history.Inc:
		return counter
	}
	return 0
}

type indexKey struct{}

// withIndex hands an index down to the checks of one run.
func withIndex(ctx context.Context, ix *index) context.Context {
	return context.WithValue(ctx, indexKey{}, ix)
}

// indexFor is the index of this history: the one handed down, or a new one when
// a property is checked on its own.
func indexFor(ctx context.Context, h *history.History) *index {
	if ix, ok := ctx.Value(indexKey{}).(*index); ok && ix.h == h {
		return ix
	}
	return newIndex(h)
}

// stepCount is how many steps belong to operations. A history that was cut off
// within an operation may have more.
func stepCount(h *history.History) int {
	if h.Len() == 0 {
		return 0
	}
	_, to := h.Steps(h.Len() - 1)
	return to
}

func singleSteps(h *history.History) bool {
	for k := range h.Len() {
		if from, to := h.Steps(k); to-from != 1 {
			return false
		}
	}
	return true
}

// newIndex reads the whole history twice: O(n) plus the elements of its lists.
func newIndex(h *history.History) *index {
	ix := &index{h: h, n: h.Len(), single: singleSteps(h), deletes: map[int32][]int32{}, sets: map[int32]*setKey{}}
	if !ix.single {
		ix.opOf = make([]int32, stepCount(h))
		for k := range h.Len() {
			from, to := h.Steps(k)
			for s := from; s < to; s++ {
				ix.opOf[s] = int32(k)
			}
		}
	}
	if !ix.single && h.Header.Granularity != "transaction" {
		ix.byStep, ix.n = true, stepCount(h)
	}
	ix.whoServed()
	ix.whatIsWritten()
	ix.tellSetReads()
	ix.whatIsRead()
	ix.plainSets()
	ix.clocks = clockOffsets(h)
	ix.wipes = wipeIndexes(h)
	ix.end = readFinals(ix)
	return ix
}

// op is the operation of an event.
func (ix *index) op(e int32) int {
	if ix.byStep {
		return int(ix.opOf[e])
	}
	return int(e)
}

// steps are the steps of an event.
func (ix *index) steps(e int32) (from, to int) {
	if ix.byStep {
		return int(e), int(e) + 1
	}
	return ix.h.Steps(int(e))
}

// events are the events of an operation: from, and the one after the last.
func (ix *index) events(k int) (from, to int32) {
	if ix.byStep {
		a, b := ix.h.Steps(k)
		return int32(a), int32(b)
	}
	return int32(k), int32(k) + 1
}

// eventOf is the event of a step.
func (ix *index) eventOf(step int32) int32 {
	if ix.byStep || ix.single {
		return step
	}
	return ix.opOf[step]
}

func (ix *index) opOfStep(step int32) int {
	if ix.single {
		return int(step)
	}
	return int(ix.opOf[step])
}

func (ix *index) whoServed() {
	ids := map[string]uint16{}
	for i, n := range ix.h.Nodes() {
		ids[n] = uint16(i)
	}
	for k, m := range ix.h.EachMeta() {
		ix.tokens = ix.tokens || m.Token != ""
		id, known := ids[m.By]
		if m.By == "" || !known || int(id) == ix.h.Node(k) {
			continue
		}
		if ix.served == nil {
			ix.served = make([]uint16, ix.h.Len())
			for j := range ix.h.Len() {
				ix.served[j] = uint16(ix.h.Node(j))
			}
		}
		ix.served[k] = id
	}
}

// node is the leader that executed operation k.
func (ix *index) node(k int) int {
	if ix.served != nil {
		return int(ix.served[k])
	}
	return ix.h.Node(k)
}

func (ix *index) nodeName(k int) string { return ix.h.Nodes()[ix.node(k)] }

func (ix *index) whatIsWritten() {
	h := ix.h
	ix.kind = make([]kind, len(h.Keys()))
	writes, greatest := 0, int64(0)
	for s := range stepCount(h) {
		f := h.StepF(s)
		ix.kind[h.StepKey(s)] |= kindOf(f)
		if v, ok := writtenValue(h, s); ok {
			writes++
			greatest = max(greatest, v)
		}
	}
	ix.values = newValues(h, writes, greatest)
	for k := range h.Len() {
		from, to := h.Steps(k)
		for s := from; s < to; s++ {
			key := int32(h.StepKey(s))
			if h.StepF(s) == history.Delete && h.Outcome(k) != history.Fail {
				ix.deletes[key] = append(ix.deletes[key], int32(s))
			}
			if ix.kind[key]&set != 0 && kindOf(h.StepF(s))&(set|list) != 0 {
				ix.setKey(key).step(int32(s), h)
			}
			v, ok := writtenValue(h, s)
			if !ok {
				continue
			}
			ix.values.put(key, v, int32(s))
		}
	}
}

// writtenValue is the number that names the write of step s, if it has one.
func writtenValue(h *history.History, s int) (int64, bool) {
	switch h.StepF(s) {
	case history.Write, history.Add, history.Append:
		v, ok := h.StepInt(s)
		return v, ok
	case history.Insert:
		if l := h.StepList(s); len(l) > 0 {
			return l[0], true
		}
	}
	return 0, false
}

// whatIsRead finds for every read that was answered the write that it returned.
func (ix *index) whatIsRead() {
	h := ix.h
	ix.src = make([]int32, stepCount(h))
	ix.read = make([]bool, ix.n)
	for k := range h.Len() {
		from, to := h.Steps(k)
		for s := from; s < to; s++ {
			ix.src[s] = srcNone
			if h.StepF(s) != history.Read || h.Outcome(k) == history.Fail {
				continue
			}
			ix.src[s] = ix.source(s, h.Outcome(k) == history.OK)
			ix.eachSource(s, func(w int32) { ix.read[ix.eventOf(w)] = true })
		}
	}
}

// source is what a read step returned. A read whose operation may or may not
// have happened counts only if it brought a value back.
func (ix *index) source(s int, answered bool) int32 {
	h := ix.h
	key := int32(h.StepKey(s))
	switch {
	case h.Header.Values != "":
		return srcNone // no number names its write
	case h.StepIsList(s):
		ix.lists = true
		return srcList
	case ix.kind[key]&^register != 0:
		return srcNone
	}
	v, isInt := h.StepInt(s)
	switch {
	case isInt && v != 0:
		if w, ok := ix.values.get(key, v); ok {
			return w
		}
		return srcThinAir
	case !answered:
		return srcNone
	case len(ix.deletes[key]) > 0:
		return srcNothing
	}
	return srcInitial
}

// eachSource calls f with every write step that a read step certainly returned
// a value of and that the read which it is told by its difference from had not:
// what that one returned is in the reader's past already. An element that was
// added twice has no certain source.
func (ix *index) eachSource(s int, f func(w int32)) {
	r := ix.reads[int32(s)]
	if r == nil || ix.src[s] != srcList {
		for w := range ix.sources(s) {
			f(w)
		}
		return
	}
	key := int32(ix.h.StepKey(s))
	for _, v := range r.came {
		if w, ok := ix.values.get(key, v); ok && !ix.values.twice(key, v) {
			f(w)
		}
	}
}

// sources are all write steps that a read step certainly returned a value of.
func (ix *index) sources(s int) iter.Seq[int32] {
	return func(yield func(w int32) bool) {
		if ix.src[s] >= 0 {
			yield(ix.src[s])
			return
		}
		if ix.src[s] != srcList {
			return
		}
		key := int32(ix.h.StepKey(s))
		for _, p := range ix.h.StepPieces(nil, s) {
			for _, v := range ix.h.Piece(p) {
				if w, ok := ix.values.get(key, v); ok && !ix.values.twice(key, v) && !yield(w) {
					return
				}
			}
		}
	}
}

// certain says that an event took effect: acknowledged, or read.
func (ix *index) certain(e int32) bool {
	return ix.h.Outcome(ix.op(e)) == history.OK || ix.read[e]
}

func (ix *index) co() *order {
	ix.coOnce.Do(func() { ix.coOrder = newOrder(ix, false) })
	return ix.coOrder
}

// plus is co+: the order if sessions were ordered across nodes too.
func (ix *index) plus() *order {
	ix.plusOnce.Do(func() { ix.plusOrder = newOrder(ix, true) })
	return ix.plusOrder
}
