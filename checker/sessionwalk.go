package checker

import "github.com/mlcheck/mlcheck/history"

// sessionWalk is what one session knows, key by key. Memory is O(keys + writes)
// once, and is cleared by what was touched.
type sessionWalk struct {
	*order
	row     int32           // what was known before the event at hand
	write   []int32         // key → the session's last write of it, a step + 1
	read    []int32         // key → its last read that returned a write, a step + 1
	asked   map[int32]int32 // key → its last read, a step; kept where transactions read as a whole
	touched []int32
	sets    map[int32]*setWalk
	sights  map[int32]*sights
	marks   *nodeMarks        // nil: only cc is asked for
	lists   map[int32][]int32 // run of reads → by read: the newest writes read so far, in cells
	cells   []cell
	found   judged
}

// reading is one read of a register: its step, its event, and the write that it
// returned, an event or -1.
type reading struct{ key, event, step, src, from int32 }

func newSessionWalk(o *order, guarantees bool) *sessionWalk {
	n := len(o.ix.h.Keys())
	w := &sessionWalk{order: o, write: make([]int32, n), read: make([]int32, n), lists: map[int32][]int32{}, asked: map[int32]int32{}, sets: map[int32]*setWalk{}}
	if guarantees {
		w.marks = newNodeMarks(o)
	}
	return w
}

// session walks one session and returns what is wrong with it.
func (w *sessionWalk) session(s int32) judged {
	w.begin()
	h := w.ix.h
	for _, e := range w.slots[s].events {
		from, to := w.ix.steps(e)
		if w.marks != nil {
			w.marks.enter(e)
		}
		for st := int32(from); st < int32(to); st++ {
			key := int32(h.StepKey(int(st)))
			kd := w.ix.kind[key]
			switch {
			case kd == set:
				w.set(key, e, st)
			case kd&^register != 0 || w.ix.src[st] == srcList:
			case h.StepF(int(st)) == history.Read:
				w.register(key, e, st)
			default:
				w.touch(key)
				w.write[key] = st + 1
			}
			if w.marks != nil && h.StepF(int(st)) == history.Read {
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
	w.touched, w.row, w.found = w.touched[:0], 0, judged{}
	w.sets, w.sights = map[int32]*setWalk{}, map[int32]*sights{}
	if w.marks != nil {
		w.marks.begin()
	}
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
	if w.marks != nil {
		w.setStep(key, e, s)
	}
}

// register judges one read of a register.
func (w *sessionWalk) register(key, e, s int32) {
	r := reading{key: key, event: e, step: s, src: w.ix.src[s], from: -1}
	if w.knew(key, w.viewOfRow(w.row, w.slot[e], w.pos[e])) {
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
	if w.marks != nil {
		w.sessionGuarantees(r, own, wrong)
		if r.from != e && own != e {
			w.writeOrder(r, wrong)
		}
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
		if inside := own == r.event && r.from == own; wrong && (inside || w.older(r, own)) {
			than = own
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
	done int32 // reads of the run that are in
}

// newerSight is a write that the session had read and that what it reads now is
// older than.
func (w *sessionWalk) newerSight(r reading) (sight, bool) {
	sg := w.sightsOf(r.key)
	if i := w.reads.in(r.key, w.slot[r.event]); i >= 0 {
		steps := w.reads.step[w.reads.runs[i].from:w.reads.runs[i].to]
		for ; int(sg.done) < len(steps) && steps[sg.done] < r.step; sg.done++ {
			s := steps[sg.done]
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
