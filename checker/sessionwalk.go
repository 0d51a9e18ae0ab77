package checker

import (
	"slices"

	"github.com/mlcheck/mlcheck/history"
)

// sessionWalk is what one session knows, key by key. Memory is O(keys + writes)
// once, and is cleared by what was touched.
type sessionWalk struct {
	*order
	row      int32           // what was known before the event at hand
	write    []int32         // key → the session's last write of it, a step + 1
	read     []int32         // key → its last read that returned a write, a step + 1
	asked    map[int32]int32 // key → its last read, a step; kept where transactions read as a whole
	touched  []int32
	sets     map[int32]*setWalk
	sights   map[int32]*sights
	versions map[int32]*siblingWalk
	marks    *nodeMarks
	brought  []prefix          // of other slots of the session: what tokens have brought along so far
	lists    map[int32][]int32 // run of reads → by read: the newest writes read so far, in cells
	cells    []cell
	found    judged
}

// reading is one read of a register: its step, its event, and the write that it
// returned, an event or -1.
type reading struct{ key, event, step, src, from int32 }

func newSessionWalk(o *order) *sessionWalk {
	n := len(o.ix.h.Keys())
	return &sessionWalk{
		order: o, write: make([]int32, n), read: make([]int32, n), marks: newNodeMarks(o),
		lists: map[int32][]int32{}, asked: map[int32]int32{}, sets: map[int32]*setWalk{},
	}
}

// session walks one session and returns what is wrong with it.
func (w *sessionWalk) session(s int32) judged {
	w.begin()
	h, tokens := w.ix.h, w.handed.at[s]
	for _, e := range w.slots[s].events {
		from, to := w.ix.steps(e)
		w.marks.enter(e)
		if len(tokens) > 0 && tokens[0].pos == w.pos[e] {
			w.bring(tokens[0].before)
			tokens = tokens[1:]
		}
		for st := int32(from); st < int32(to); st++ {
			key := int32(h.StepKey(int(st)))
			kd := w.ix.kind[key]
			switch {
			case kd == set:
				w.set(key, e, st)
			case kd&^register != 0:
			case h.StepF(int(st)) == history.Read && w.ix.sibling(key) != nil:
				w.siblingRead(w.ix.sibling(key), key, e, st)
			case w.ix.src[st] == srcList:
			case h.StepF(int(st)) == history.Read:
				w.register(key, e, st)
			default:
				w.touch(key)
				w.write[key] = st + 1
			}
			if h.StepF(int(st)) == history.Read {
				w.marks.show(key, st)
			}
		}
		w.row = w.order.row[e]
	}
	return w.found
}

func (w *sessionWalk) begin() {
	for _, key := range w.touched {
		w.write[key], w.read[key] = 0, 0
	}
	w.touched, w.row, w.found, w.brought = w.touched[:0], 0, judged{}, nil
	w.sets, w.sights, w.versions = map[int32]*setWalk{}, map[int32]*sights{}, map[int32]*siblingWalk{}
	w.marks.begin()
}

func (w *sessionWalk) touch(key int32) {
	if w.write[key] == 0 && w.read[key] == 0 {
		w.touched = append(w.touched, key)
	}
}

func (w *sessionWalk) set(key, e, s int32) {
	if w.ix.h.StepF(int(s)) == history.Read {
		w.badSetRead(key, e, s, &w.found.causes)
	}
	w.setStep(key, e, s, true)
}

// register judges one read of a register.
func (w *sessionWalk) register(key, e, s int32) {
	r := reading{key: key, event: e, step: s, src: w.ix.src[s], from: -1}
	if w.knew(key, w.viewOfRow(w.row, w.slot[e], w.pos[e])) || w.knewByToken(key, e) {
		w.found.causes.chances++
	}
	if r.src == srcThinAir {
		w.found.causes.bad = append(w.found.causes.bad, badRead{s, -1, -1, "ThinAirRead"})
		return
	}
	if r.src >= 0 {
		r.from = w.ix.eventOf(r.src)
	}
	own := w.lastOwn(key)
	var bad badRead
	var wrong bool
	switch {
	case own == e:
		bad, wrong = w.ownRead(r, w.write[key]-1)
	case r.from != e:
		if bad, wrong = w.look(r); !wrong && w.ix.atomic() {
			bad, wrong = w.torn(r)
		}
	}
	if wrong {
		w.found.causes.bad = append(w.found.causes.bad, bad)
	}
	w.sessionGuarantees(r, own, wrong)
	if r.from != e && own != e {
		w.writeOrder(r, wrong)
	}
	if w.ix.atomic() {
		w.asked[key] = s
	}
	if r.src >= 0 {
		w.touch(key)
		w.read[key] = s + 1
	}
	if r.from == e {
		w.sightsOf(key).see(w.order, sight{e, e}) // its own write is not among the reads that the order lists
	}
}

// lastOwn is the session's last write of a key so far, an event or -1.
func (w *sessionWalk) lastOwn(key int32) int32 {
	if s := w.write[key] - 1; s >= 0 {
		return w.ix.eventOf(s)
	}
	return -1
}

// look compares what a read returned with the writes of the key in its past.
func (w *sessionWalk) look(r reading) (badRead, bool) {
	past := w.viewOf(r.event)
	found, against := int32(-1), false
	w.newer(r, past.of, func(v int32) bool {
		switch {
		case r.from >= 0 && !w.before(r.from, v):
			against = true
		case found < 0 || w.slot[v] == past.slot:
			found = v
		}
		return false
	})
	if found < 0 || r.src == srcNothing && w.deleteExplains(r.key, r.event) {
		if against {
			w.found.causes.against++
		}
		return badRead{}, false
	}
	return badRead{r.step, found, -1, w.label(r)}, true
}

// newer calls f with writes of the key that had their turn after the one that was
// read and are among the first within(t) events of their slot t, until it returns
// true: with all of them or, where they are many, with the last of each slot.
func (w *sessionWalk) newer(r reading, within func(t int32) int32, f func(v int32) bool) {
	steps, runs := w.turns.between(r.key, r.src, r.step), w.keys.of(r.key)
	if len(steps) == 0 {
		return
	}
	if len(steps) <= 2*len(runs) {
		for _, s := range steps {
			v := w.ix.eventOf(s)
			if v != r.event && w.pos[v] < within(w.slot[v]) && f(v) {
				return
			}
		}
		return
	}
	for _, run := range runs {
		n := w.keys.upTo(run, within(run.slot))
		if n == 0 {
			continue
		}
		v := w.keys.event[int(run.from)+n-1]
		if v != r.event && w.afterTurn(v, r) && f(v) {
			return
		}
	}
}

// afterTurn says whether write v had its turn after the one that was read.
func (w *sessionWalk) afterTurn(v int32, r reading) bool {
	return r.src < 0 || w.turns.of[w.ix.writeOf(v, r.key)] > w.turns.of[r.src]
}

// sessionGuarantees notes what a read says of the session's own writes and
// earlier reads of the key. own is its last write of it, an event or -1.
func (w *sessionWalk) sessionGuarantees(r reading, own int32, wrong bool) {
	if own >= 0 {
		than := int32(-1)
		if wrong {
			than = w.newerOwn(r, own)
		}
		w.found.own.note(r, than, -1, w.suspicious(r, own))
	}
	last := w.read[r.key] - 1
	if last < 0 {
		return
	}
	v, back := sight{-1, -1}, false
	if wrong {
		v, back = w.newerSight(r)
	}
	w.found.seen.note(r, v.write, v.reader, !back && w.suspicious(r, w.ix.eventOf(w.ix.src[last])))
}

// newerOwn is an own write that what a read returned is certainly older than, or
// -1. own is the last one. Where tokens brought several together that are in no
// promised order, it is the last one of each node.
func (w *sessionWalk) newerOwn(r reading, own int32) int32 {
	if own == r.event && r.from == own || w.older(r, own) {
		return own
	}
	if len(w.brought) == 0 {
		return -1
	}
	for _, k := range append(slices.Clip(w.brought), prefix{w.slot[r.event], w.pos[r.event]}) {
		i := w.keys.in(r.key, k.slot)
		if i < 0 {
			continue
		}
		run := w.keys.runs[i]
		if n := w.keys.upTo(run, k.n); n > 0 && w.older(r, w.keys.event[int(run.from)+n-1]) {
			return w.keys.event[int(run.from)+n-1]
		}
	}
	return -1
}

// older says whether what a read returned is certainly from before write w.
func (w *sessionWalk) older(r reading, than int32) bool {
	switch {
	case r.src >= 0 && than == r.event: // the same operation wrote the key before it read it
		return r.from != r.event
	case r.src >= 0:
		return w.before(r.from, than)
	case r.src == srcNothing:
		return !w.deleteSince(r, than)
	}
	return r.src == srcInitial
}

// suspicious says whether what a read returned was acknowledged before write w
// was asked for, though no causal path proves that it is older.
func (w *sessionWalk) suspicious(r reading, than int32) bool {
	if r.src < 0 || r.from == than || w.before(than, r.from) {
		return false
	}
	h := w.ix.h
	a, b := w.ix.op(r.from), w.ix.op(than)
	return h.Outcome(a) == history.OK && h.Return(a) < h.Index(b)
}

// sight is a write that was read, and the event that read it first.
type sight struct{ write, reader int32 }

// sights are the writes of a key that a session has read so far and that none of
// the others is after. They are worked out only for keys of which a read is wrong.
type sights struct {
	list []sight
	done []prefix // by slot: how many reads of its run are in
}

// more is how many reads of a slot's run are in, which are now n.
func (sg *sights) more(slot, n int32) (before int32) {
	for i := range sg.done {
		if k := &sg.done[i]; k.slot == slot {
			before, k.n = k.n, max(k.n, n)
			return before
		}
	}
	sg.done = append(sg.done, prefix{slot, n})
	return 0
}

// newerSight is a write that the session had read and that what it reads now is
// older than.
func (w *sessionWalk) newerSight(r reading) (sight, bool) {
	sg := w.sightsOf(r.key)
	for _, k := range append(slices.Clip(w.brought), prefix{w.slot[r.event], w.pos[r.event] + 1}) {
		i := w.reads.in(r.key, k.slot)
		if i < 0 {
			continue
		}
		run := w.reads.runs[i]
		steps := w.reads.step[run.from : int(run.from)+w.reads.upTo(run, k.n)]
		for len(steps) > 0 && k.slot == w.slot[r.event] && steps[len(steps)-1] >= r.step {
			steps = steps[:len(steps)-1] // of its own event
		}
		for _, s := range steps[min(int(sg.more(k.slot, int32(len(steps)))), len(steps)):] {
			sg.see(w.order, sight{w.ix.eventOf(w.ix.src[s]), w.ix.eventOf(s)})
		}
	}
	for _, v := range sg.list {
		if w.older(r, v.write) {
			return v, true
		}
	}
	return sight{-1, -1}, false
}

func (w *sessionWalk) sightsOf(key int32) *sights {
	if w.sights[key] == nil {
		w.sights[key] = &sights{}
	}
	return w.sights[key]
}

// see adds a write to those read so far and drops the ones that it is after.
func (sg *sights) see(o *order, v sight) {
	kept := sg.list[:0]
	for _, u := range sg.list {
		if u.write == v.write || o.before(v.write, u.write) {
			return // nothing was dropped yet: what v is after cannot be kept beside u
		}
		if !o.before(u.write, v.write) {
			kept = append(kept, u)
		}
	}
	sg.list = append(kept, v)
}
