package checker

import (
	"fmt"

	"github.com/mlcheck/mlcheck/history"
)

// order is a causal order over the events of a history, as vector clocks: the
// transitive closure of session order and reads-from, and of node order where
// the target declares it.
//
// A slot is a virtual session: one session at one node (co), or one session
// wherever it goes (co+). The past of an event is a row: for each slot, how many
// of its events are in it. A row is made only for an event that brings news from
// another slot and is shared by those that follow it, so the cost is O(n + m·k)
// for m events with news and k slots.
//
// An operation that may or may not have happened is a branch: it is placed only
// if a read returned its write, after what its session did before it, and
// nothing follows it in its session. Branches that are one after the other share
// a slot of their own.
type order struct {
	ix     *index
	trunks int // slots below this one are sessions; those above hold branches
	slots  []slot
	slot   []int32 // of each event; -1: not in the order
	pos    []int32 // of each event in its slot
	row    []int32 // of each event: its position in rows; -1: not placed yet
	rows   [][]int32
	base   map[int32]branch // of each branch: where it leaves its session
	carry  map[int32]int32  // event → event of the same session that a token brought along
	lines  *lines           // node order, where it is declared
	cycles [][]hop          // what kept events from being placed; the reading that closes it was then left out
	forced map[int32]bool
	keys   keyWrites
	flaw   string // why the order could not be built

	arena []int32
	spent int
}

type slot struct {
	session, node int // -1 in slots of branches
	events        []int32
}

type branch struct{ slot, pos int32 }

// maxRows bounds the memory of one order's rows: 1 GiB.
const maxRows = 1 << 28

// past is how many events of slot t are before e.
func (o *order) past(e, t int32) int32 {
	if o.slot[e] == t {
		return o.pos[e]
	}
	return at(o.rows[o.row[e]], t)
}

func at(row []int32, t int32) int32 {
	if int(t) < len(row) {
		return row[t]
	}
	return 0
}

// view is the past of one event, for a look at many slots.
type view struct {
	row       []int32
	slot, pos int32
}

// viewOf is the past of e; that of no event (-1) and of one that is not in the
// order is empty.
func (o *order) viewOf(e int32) view {
	if e < 0 || o.row[e] < 0 {
		return view{slot: -1}
	}
	return view{o.rows[o.row[e]], o.slot[e], o.pos[e]}
}

// of is how many events of slot t are in the view.
func (v view) of(t int32) int32 {
	if v.slot == t {
		return v.pos
	}
	return at(v.row, t)
}

// before says whether a is causally before b: O(1). An event that is not in the
// order (unread, not acknowledged) is before nothing.
func (o *order) before(a, b int32) bool {
	return a != b && o.slot[a] >= 0 && o.row[b] >= 0 && o.past(b, o.slot[a]) > o.pos[a]
}

func newOrder(ix *index, plus bool) *order {
	o := &order{
		ix: ix, slot: make([]int32, ix.n), pos: make([]int32, ix.n), row: make([]int32, ix.n),
		rows: [][]int32{nil}, base: map[int32]branch{}, carry: map[int32]int32{}, forced: map[int32]bool{},
	}
	for e := range o.row {
		o.slot[e], o.row[e] = -1, -1
	}
	queues := o.enqueue(plus)
	if ix.h.Header.NodeOrder {
		o.lines = newLines(ix)
	}
	o.place(queues)
	if o.flaw == "" {
		o.keys = o.writesByKey()
	}
	return o
}

// enqueue gives every session (at every node) its slot, and each slot its
// events in session order. Final reads are in no session order at all.
func (o *order) enqueue(plus bool) [][]int32 {
	ix, h := o.ix, o.ix.h
	whole := plus || h.Header.SessionScope == "client"
	ids := map[[2]int]int32{}
	last := map[int]int32{} // session → its last acknowledged event
	var queues [][]int32
	for k := range h.Len() {
		from, to := ix.events(k)
		if ix.final(k) {
			for e := from; e < to; e++ {
				o.row[e] = 0
			}
			continue
		}
		if h.Outcome(k) == history.Fail && !ix.anyRead(from, to) {
			continue
		}
		id := [2]int{h.Session(k), ix.node(k)}
		if whole {
			id[1] = -1
		}
		s, known := ids[id]
		if !known {
			s = int32(len(queues))
			ids[id] = s
			queues, o.slots = append(queues, nil), append(o.slots, slot{session: h.Session(k), node: ix.node(k)})
		}
		for e := from; e < to; e++ {
			queues[s] = append(queues[s], e)
		}
		if ix.tokens {
			if prev, ok := last[h.Session(k)]; ok && h.Meta(k).Token != "" {
				o.carry[from] = prev
			}
			if h.Outcome(k) == history.OK {
				last[h.Session(k)] = to - 1
			}
		}
	}
	o.trunks = len(queues)
	return queues
}

func (ix *index) anyRead(from, to int32) bool {
	for e := from; e < to; e++ {
		if ix.read[e] {
			return true
		}
	}
	return false
}

// fork is the branch that a session is in: the row of the operation that may
// not have happened, which reads of that operation add to.
type fork struct {
	op  int
	row int32
}

// placing is the state of building an order: a topological sort with a cursor
// in each slot.
type placing struct {
	*order
	queues  [][]int32
	cursor  []int
	now     []int32     // the row after each slot's last event
	forks   []fork      // of each slot
	home    []int32     // event → the slot in whose queue it is
	waiting [][]waiting // by slot: who waits for one of its events
	deps    []int32
}

type waiting struct{ event, slot int32 }

func (o *order) place(queues [][]int32) {
	p := &placing{
		order: o, queues: queues, cursor: make([]int, len(queues)), now: make([]int32, len(queues)),
		forks: make([]fork, len(queues)), home: make([]int32, o.ix.n), waiting: make([][]waiting, len(queues)),
	}
	ready := make([]int32, 0, len(queues))
	for s, q := range queues {
		for _, e := range q {
			p.home[e] = int32(s)
		}
		p.forks[s].op = -1
		ready = append(ready, int32(s))
	}
	for {
		for len(ready) > 0 {
			s := ready[0]
			ready = append(ready[1:], p.advance(s)...)
			if o.flaw != "" {
				return
			}
		}
		s, stuck := p.breakCycle()
		if !stuck {
			return
		}
		ready = append(ready, s)
	}
}

// advance places the events of a slot until one waits for another slot, and
// returns the slots that waited for what it placed.
func (p *placing) advance(s int32) (woken []int32) {
	for p.cursor[s] < len(p.queues[s]) {
		e := p.queues[s][p.cursor[s]]
		if missing := p.missing(e); missing >= 0 && !p.forced[e] {
			t := p.home[missing]
			p.waiting[t] = append(p.waiting[t], waiting{missing, s})
			return woken
		}
		p.placeEvent(s, e)
		p.cursor[s]++
		woken = p.wake(s, e, woken)
		if p.spent > maxRows {
			p.flaw = fmt.Sprintf("the causal order of %d events over %d sessions and nodes needs more than 1 GiB", p.ix.n, len(p.slots))
			return woken
		}
	}
	return woken
}

func (p *placing) wake(s, e int32, woken []int32) []int32 {
	kept := p.waiting[s][:0]
	for _, w := range p.waiting[s] {
		if w.event == e {
			woken = append(woken, w.slot)
		} else {
			kept = append(kept, w)
		}
	}
	p.waiting[s] = kept
	return woken
}

// dependencies are the events in other slots that e directly follows.
func (o *order) dependencies(e int32, into []int32) []int32 {
	from, to := o.ix.steps(e)
	for s := from; s < to; s++ {
		o.ix.eachSource(s, func(w int32) {
			if g := o.ix.eventOf(w); g != e {
				into = append(into, g)
			}
		})
	}
	if prev, ok := o.carry[e]; ok {
		into = append(into, prev)
	}
	return into
}

// missing is an event that must be placed before e and is not, or -1.
func (p *placing) missing(e int32) int32 {
	p.deps = p.dependencies(e, p.deps[:0])
	for _, g := range p.deps {
		if p.row[g] < 0 {
			return g
		}
	}
	if p.lines != nil {
		return p.lines.missing(p.order, e)
	}
	return -1
}

func (p *placing) placeEvent(s, e int32) {
	ix := p.ix
	k := ix.op(e)
	if ix.h.Outcome(k) == history.OK {
		p.slot[e], p.pos[e] = s, int32(len(p.slots[s].events))
		p.slots[s].events = append(p.slots[s].events, e)
		p.now[s] = p.follow(p.now[s], e)
		p.row[e] = p.now[s]
		return
	}
	f := &p.forks[s]
	here := int32(len(p.slots[s].events))
	if f.op != k {
		*f = fork{op: k, row: p.extend(p.now[s], func(row []int32) { row[s] = here })}
	}
	f.row = p.follow(f.row, e)
	p.row[e] = f.row
	p.base[e] = branch{s, here}
	if !ix.read[e] {
		return
	}
	t := p.branchSlot(f.row)
	p.slot[e], p.pos[e] = t, int32(len(p.slots[t].events))
	p.slots[t].events = append(p.slots[t].events, e)
}

// branchSlot is a slot all of whose events are in the past of row, or a new one.
func (p *placing) branchSlot(row int32) int32 {
	for t := p.trunks; t < len(p.slots); t++ {
		if int(at(p.rows[row], int32(t))) == len(p.slots[t].events) {
			return int32(t)
		}
	}
	p.slots = append(p.slots, slot{session: -1, node: -1})
	return int32(len(p.slots) - 1)
}

// follow is row with everything in it that e directly follows.
func (p *placing) follow(row, e int32) int32 {
	p.deps = p.dependencies(e, p.deps[:0])
	own := false
	for _, g := range p.deps {
		if p.row[g] < 0 || p.slot[g] < 0 || p.slot[g] == p.slot[e] {
			continue // left out to break a cycle, or in the past already
		}
		if at(p.rows[row], p.slot[g]) > p.pos[g] {
			continue
		}
		row, own = p.merge(row, own, p.rows[p.row[g]]), true
		p.rows[row] = p.raise(p.rows[row], p.slot[g], p.pos[g]+1)
	}
	if p.lines != nil {
		if seen := p.lines.seen(e); p.adds(row, seen) {
			row = p.merge(row, own, p.rows[seen])
		}
	}
	return row
}

func (p *placing) adds(row, other int32) bool {
	mine := p.rows[row]
	for t, n := range p.rows[other] {
		if n > at(mine, int32(t)) {
			return true
		}
	}
	return false
}

// merge joins other into row: in place when row is this event's own already,
// else into a new row.
func (p *placing) merge(row int32, own bool, other []int32) int32 {
	if !own {
		row = p.extend(row, nil)
	}
	mine := p.rows[row]
	if len(mine) < len(other) {
		mine = p.grow(mine, len(other))
		p.rows[row] = mine
	}
	for t, n := range other {
		if n > mine[t] {
			mine[t] = n
		}
	}
	return row
}

func (o *order) raise(row []int32, t, n int32) []int32 {
	if int(t) >= len(row) {
		row = o.grow(row, int(t)+1)
	}
	row[t] = max(row[t], n)
	return row
}

// extend copies a row, wide enough for every slot there is.
func (o *order) extend(row int32, change func([]int32)) int32 {
	wide := o.grow(o.rows[row], len(o.slots))
	if change != nil {
		change(wide)
	}
	o.rows = append(o.rows, wide)
	return int32(len(o.rows) - 1)
}

// grow is a copy of row with the given width, from a common block of memory.
func (o *order) grow(row []int32, width int) []int32 {
	width = max(width, len(row))
	if len(o.arena) < width {
		o.arena = make([]int32, max(width, min(1<<16, o.spent+256)))
	}
	wide := o.arena[:width:width]
	o.arena = o.arena[width:]
	o.spent += width
	copy(wide, row)
	return wide
}
