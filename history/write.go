package history

import (
	"bufio"
	"cmp"
	"io"
	"slices"
)

// WriteJSONL writes the history as plain lines, in the order of its events. Open
// gives the same history back, except for its Damage: what was not read cannot
// be written.
func (h *History) WriteJSONL(w io.Writer) error {
	out := bufio.NewWriterSize(w, 1<<16)
	line, err := appendHeader(nil, h.Header)
	if err != nil {
		return err
	}
	if _, err := out.Write(line); err != nil {
		return err
	}
	var steps []Step
	return cmp.Or(h.inOrder(func(k int, completion bool, ev *Event) error {
		switch {
		case ev != nil:
			line = appendEvent(line[:0], *ev)
		case completion:
			steps = h.appendSteps(steps[:0], k)
			line = h.appendCompletion(line[:0], k, steps)
		default:
			steps = h.appendSteps(steps[:0], k)
			line = h.appendInvocation(line[:0], k, steps)
		}
		_, err := out.Write(line)
		return err
	}), out.Flush())
}

func (h *History) appendInvocation(b []byte, k int, steps []Step) []byte {
	var m Meta
	if h.Return(k) == 0 {
		m = h.Meta(k) // it has no other line
	}
	return appendInvoke(b, h.Index(k), h.Start(k), h.Session(k), h.nodeName(k), steps, h.Final(k), m)
}

// appendCompletion leaves out the steps of an operation that has nothing to
// tell beyond what was invoked.
func (h *History) appendCompletion(b []byte, k int, steps []Step) []byte {
	told := h.outcome[k] == OK || slices.ContainsFunc(steps, func(s Step) bool { return s.F == Read && s.Value.Set })
	if !told {
		steps = nil
	}
	return appendComplete(b, h.Return(k), h.End(k), h.Session(k), h.nodeName(k), h.outcome[k], steps, h.Meta(k))
}

// inOrder calls f for every event by index: for the invocation of the operation
// at position k, its completion, or an event that is no operation.
func (h *History) inOrder(f func(k int, completion bool, ev *Event) error) error {
	return h.inOrderOf(nil, f)
}

// inOrderOf does so for the operations at the given positions, which grow; nil
// stands for all of them.
func (h *History) inOrderOf(positions []int, f func(k int, completion bool, ev *Event) error) error {
	n, at := len(positions), func(i int) int { return positions[i] }
	if positions == nil {
		n, at = h.Len(), func(i int) int { return i }
	}
	completed := make([]int32, 0, n)
	for i := range n {
		if k := at(i); h.Return(k) != 0 {
			completed = append(completed, int32(k))
		}
	}
	slices.SortFunc(completed, func(a, b int32) int { return cmp.Compare(h.Return(int(a)), h.Return(int(b))) })
	const none = int(^uint(0) >> 1)
	for i, c, e := 0, 0, 0; ; {
		invoked, returned, event := none, none, none
		if i < n {
			invoked = h.Index(at(i))
		}
		if c < len(completed) {
			returned = h.Return(int(completed[c]))
		}
		if e < len(h.Events) {
			event = h.Events[e].Index
		}
		var err error
		switch first := min(invoked, returned, event); first {
		case none:
			return nil
		case invoked:
			err, i = f(at(i), false, nil), i+1
		case returned:
			err, c = f(int(completed[c]), true, nil), c+1
		default:
			err, e = f(0, false, &h.Events[e]), e+1
		}
		if err != nil {
			return err
		}
	}
}

// Only is the history of the operations at some positions, under the header and
// with every other event of the whole: what a finding is shown with. Indexes
// stay, so #17 is #17 in both. It costs as much as what it keeps.
func (h *History) Only(positions []int) *History {
	keep := slices.Clone(positions)
	slices.Sort(keep)
	keep = append([]int{}, slices.Compact(keep)...)
	b := NewBuilder(h.Header)
	err := h.inOrderOf(keep, func(k int, completion bool, ev *Event) error {
		switch {
		case ev != nil:
			return b.Event(*ev)
		case completion:
			return b.Complete(h.Return(k), h.End(k), h.Session(k), h.outcome[k], h.Op(k).Steps, h.Meta(k))
		}
		return b.invoke(h.Index(k), h.Start(k), h.Session(k), b.nodeOf([]byte(h.nodeName(k))), b.intern(h.Op(k).Steps), h.Final(k), h.Meta(k))
	})
	part := b.History()
	if err != nil { // cannot be: a part of what a Builder accepted is accepted again
		part.Damage = err.Error()
	}
	return part
}
