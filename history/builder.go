package history

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"time"
)

// Builder makes a History out of events in their order. It refuses what no run
// can have produced: a session with two operations open, a completion without
// a start, a number written twice. After an error it is of no further use.
type Builder struct {
	h       History
	keyID   map[string]int32
	nodeID  map[string]uint16
	open    sessions // position of the open operation, plus 1
	lists   listInterner
	written written
	repeats bool // a number may be written again
	last    int
	steps   []step // scratch
}

// step is a Step with its key interned.
type step struct {
	f    F
	has  valueKind
	key  int32
	n    int64
	list []int64
}

// NewBuilder starts a history.
func NewBuilder(hd Header) *Builder {
	b := &Builder{keyID: map[string]int32{}, nodeID: map[string]uint16{}, lists: newListInterner()}
	b.h.Header = hd
	b.repeats = hd.Values == ValuesRepeat
	for _, n := range hd.Nodes {
		b.nodeOf([]byte(n))
	}
	return b
}

// nodeOf interns a node's name. Beyond 65,536 names it stops making new ones;
// invoke says so.
func (b *Builder) nodeOf(name []byte) uint16 {
	id, ok := b.nodeID[string(name)]
	if !ok {
		n := string(name)
		id = uint16(len(b.h.nodes))
		b.nodeID[n], b.h.nodes = id, append(b.h.nodes, n)
	}
	return id
}

func (b *Builder) keyOf(name []byte) int32 {
	id, ok := b.keyID[string(name)]
	if !ok {
		k := string(name)
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

// intern turns steps into their inner form, in the builder's scratch space.
func (b *Builder) intern(steps []Step) []step {
	b.steps = b.steps[:0]
	for _, s := range steps {
		in := step{f: s.F, key: b.keyOf([]byte(s.Key))}
		switch {
		case s.Value.List != nil:
			in.has, in.list = listValue, s.Value.List
		case s.Value.Set:
			in.has, in.n = intValue, s.Value.N
		}
		b.steps = append(b.steps, in)
	}
	return b.steps
}

// Invoke adds the start of an operation as event i. Reads and deletes carry no
// value; every other step carries its argument.
func (b *Builder) Invoke(i int, t time.Duration, session int, node string, steps []Step, final bool) error {
	return b.invoke(i, t, session, b.nodeOf([]byte(node)), b.intern(steps), final, Meta{})
}

func (b *Builder) invoke(i int, t time.Duration, session int, node uint16, steps []step, final bool, m Meta) error {
	h := &b.h
	if session < 0 || session > math.MaxInt32 {
		return fmt.Errorf("event %d: session %d is out of range: sessions are numbered from 0 to %d", i, session, math.MaxInt32)
	}
	if at := b.open.get(session); at != 0 {
		return fmt.Errorf("event %d: session %d starts an operation while its operation %d is still open", i, session, h.index[at-1])
	}
	if err := b.next(i); err != nil {
		return err
	}
	if len(h.nodes) > math.MaxUint16 {
		return fmt.Errorf("event %d: more than %d different nodes", i, math.MaxUint16)
	}
	if len(h.stepF)+len(steps) > math.MaxInt32 {
		return fmt.Errorf("event %d: more than %d steps", i, math.MaxInt32)
	}
	before := len(h.stepF)
	for n, s := range steps {
		if err := b.addStep(s); err != nil {
			h.stepF, h.stepKey = h.stepF[:before], h.stepKey[:before]
			h.stepVal, h.stepHas = h.stepVal[:before], h.stepHas[:before]
			return fmt.Errorf("event %d, step %d: %w", i, n+1, err)
		}
	}
	if h.stepAt == nil && len(steps) != 1 {
		h.tellSteps()
	}
	if h.stepAt != nil {
		h.stepAt = append(h.stepAt, uint32(len(h.stepF)))
	}
	h.n++
	h.index, h.ret = append(h.index, int32(i)), append(h.ret, 0)
	h.start, h.end = append(h.start, int64(t)), append(h.end, 0)
	h.timed = h.timed || t != 0
	h.session, h.node = append(h.session, int32(session)), append(h.node, node)
	h.outcome, h.final = append(h.outcome, Info), append(h.final, final)
	if m != (Meta{}) {
		h.meta.set(h.n-1, m)
	}
	b.open.set(session, int32(h.n))
	return nil
}

// addStep adds a step as it was invoked.
func (b *Builder) addStep(s step) error {
	h := &b.h
	switch {
	case s.f == Read || s.f == Delete:
		s.has = noValue
	case s.f.takesInt():
		if s.has != intValue {
			return fmt.Errorf("%q on %q takes one number", s.f, h.keys[s.key])
		}
		if s.n == 0 && (s.f == Write || s.f == Append || s.f == Add) {
			return fmt.Errorf("%q on %q writes 0, which stands for the initial value: written numbers start at 1", s.f, h.keys[s.key])
		}
	case s.f.takesPair():
		if err := b.checkPair(s); err != nil {
			return err
		}
	default:
		return fmt.Errorf("there is no function %d: the functions are %s", s.f, allWords())
	}
	if (s.f == Write || s.f == Append) && !b.repeats && !b.written.add(h, s.key, s.n) {
		return fmt.Errorf("%q writes %d to %q a second time: a number must name one write", s.f, s.n, h.keys[s.key])
	}
	h.stepF, h.stepKey = append(h.stepF, s.f), append(h.stepKey, s.key)
	h.stepVal, h.stepHas = append(h.stepVal, 0), append(h.stepHas, noValue)
	b.setValue(len(h.stepF)-1, s)
	return nil
}

// checkPair says what is wrong with a step that takes two numbers.
func (b *Builder) checkPair(s step) error {
	key := b.h.keys[s.key]
	switch {
	case s.f == Insert && (s.has != listValue || len(s.list) != 2):
		return fmt.Errorf("%q on %q takes a list of two numbers: the element and the one it follows", s.f, key)
	case s.f == Cas && (s.has != listValue || len(s.list) != 2):
		return fmt.Errorf("%q on %q takes a list of two numbers: the one that is expected and the one that is written", s.f, key)
	case s.f == Cas && !b.repeats:
		return fmt.Errorf(`%q on %q stands only where the header has "values":"repeat"; elsewhere a compare-and-set is an operation that reads and writes`, s.f, key)
	case s.f == Cas && s.list[1] == 0:
		return fmt.Errorf("%q on %q writes 0, which stands for the initial value: written numbers start at 1", s.f, key)
	}
	return nil
}

func (b *Builder) setValue(at int, s step) {
	b.h.stepHas[at], b.h.stepVal[at] = s.has, s.n
	switch s.has {
	case listValue:
		b.h.stepVal[at] = b.lists.intern(&b.h.lists, s.list)
	case noValue:
		b.h.stepVal[at] = 0
	}
}

// Complete adds the end of the session's open operation as event i. The steps
// are those of the invocation, with what reads returned; nil: as invoked.
func (b *Builder) Complete(i int, t time.Duration, session int, o Outcome, steps []Step, m Meta) error {
	return b.complete(i, t, session, o, b.intern(steps), steps != nil, m)
}

func (b *Builder) complete(i int, t time.Duration, session int, o Outcome, steps []step, given bool, m Meta) error {
	h := &b.h
	k := int(b.open.get(session)) - 1
	if k < 0 {
		return fmt.Errorf("event %d: session %d completes an operation that it has not open: it never started one, or completed it already", i, session)
	}
	if err := b.next(i); err != nil {
		return err
	}
	if given {
		if err := b.returned(k, steps); err != nil {
			return fmt.Errorf("event %d: %w", i, err)
		}
	}
	b.open.set(session, 0)
	h.ret[k], h.end[k], h.outcome[k] = int32(i), int64(t), o
	h.timed = h.timed || t != 0
	if m != (Meta{}) {
		h.meta.set(k, m.over(h.Meta(k)))
	}
	return nil
}

// askedElsewhere says what is wrong with a completion that names another node
// than the invocation did.
func (b *Builder) askedElsewhere(i, session int, node string) error {
	k := int(b.open.get(session)) - 1
	if k < 0 || b.h.nodeName(k) == node {
		return nil
	}
	return fmt.Errorf("event %d: session %d asked %s but completes at %s; where another node executed the operation, \"by\" names it", i, session, b.h.nodeName(k), node)
}

// over fills what m lacks from an earlier entry.
func (m Meta) over(earlier Meta) Meta {
	return Meta{
		By: cmp.Or(m.By, earlier.By), Ctx: cmp.Or(m.Ctx, earlier.Ctx), Stamp: cmp.Or(m.Stamp, earlier.Stamp),
		Token: cmp.Or(m.Token, earlier.Token), Error: cmp.Or(m.Error, earlier.Error),
	}
}

// reads says whether the session has an operation open that reads something.
func (b *Builder) reads(session int) bool {
	k := int(b.open.get(session)) - 1
	if k < 0 {
		return false
	}
	from, to := b.h.Steps(k)
	return slices.Contains(b.h.stepF[from:to], Read)
}

// returned takes over what the reads of operation k returned.
func (b *Builder) returned(k int, steps []step) error {
	h := &b.h
	from, to := h.Steps(k)
	if len(steps) != to-from {
		return fmt.Errorf("the completion has %d steps, the operation %d has %d", len(steps), h.index[k], to-from)
	}
	for j, s := range steps {
		at := from + j
		if h.stepF[at] != s.f || h.stepKey[at] != s.key {
			return fmt.Errorf("step %d of the completion is not the one that operation %d was invoked with", j+1, h.index[k])
		}
		switch {
		case s.f == Read:
			b.setValue(at, s)
		case s.has == intValue && s.f.takesInt() && s.n != h.stepVal[at]:
			return fmt.Errorf("step %d of the completion has %d where operation %d was invoked with %d", j+1, s.n, h.index[k], h.stepVal[at])
		case s.has == listValue && s.f.takesPair() && !slices.Equal(s.list, h.StepList(at)):
			return fmt.Errorf("step %d of the completion has %d where operation %d was invoked with %d", j+1, s.list, h.index[k], h.StepList(at))
		}
	}
	return nil
}

// Event adds anything else; ev.Index is its index.
func (b *Builder) Event(ev Event) error {
	if err := ev.Type.check(); err != nil {
		return fmt.Errorf("event %d: %w", ev.Index, err)
	}
	if err := b.next(ev.Index); err != nil {
		return err
	}
	b.h.Events = append(b.h.Events, ev)
	return nil
}

// History ends the building. Operations still open stay Info, without a return.
func (b *Builder) History() *History { return &b.h }
