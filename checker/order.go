package checker

import (
	"fmt"
	"sync"

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
	ix      *index
	plus    bool // co+: sessions are ordered across nodes
	trunks  int  // slots below this one are sessions; those above hold branches
	slots   []slot
	slot    []int32 // of each event; -1: not in the order
	pos     []int32 // of each event in its slot
	row     []int32 // of each event; -1: not placed yet
	rows    rows
	base    map[int32]branch // of each branch: where it leaves its session
	carry   map[int32]int32  // event → event of the same session that a token brought along
	handed  handovers        // what follows from that for the promised order of sessions
	lines   *lines           // node order, where it is declared
	cycles  [][]hop          // what kept events from being placed; the reading that closes it was then left out
	forced  map[int32]bool
	turns   turns
	keys    keyWrites
	reads   keyReads
	deletes keyDeletes
	flaw    string // why the order could not be built

	judgeLock sync.Mutex
	judged    *judged // what is wrong with the reads, once it was asked for
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
	return o.rows.at(o.row[e], t)
}

// before says whether a is causally before b: O(1). An event that is not in the
// order (unread, not acknowledged) is before nothing.
func (o *order) before(a, b int32) bool {
	return a != b && o.slot[a] >= 0 && o.row[b] >= 0 && o.past(b, o.slot[a]) > o.pos[a]
}

// view is the past of one event, for a look at many slots.
type view struct {
	rows      *rows
	page      []int32 // the whole row, where it is one page
	row       int32
	slot, pos int32
}

// viewOf is the past of e; that of no event (-1) and of one that is not in the
// order is empty.
func (o *order) viewOf(e int32) view {
	if e < 0 || o.row[e] < 0 {
		return o.viewOfRow(0, -1, 0)
	}
	return o.viewOfRow(o.row[e], o.slot[e], o.pos[e])
}

// viewOfRow is what a row knows, and pos events of the slot itself.
func (o *order) viewOfRow(row, slot, pos int32) view {
	v := view{rows: &o.rows, row: row, slot: slot, pos: pos}
	if o.rows.stride == 1 {
		v.page = o.rows.page(row)
	}
	return v
}

// of is how many events of slot t are in the view.
func (v *view) of(t int32) int32 {
	if v.slot == t {
		return v.pos
	}
	if v.page != nil {
		return v.page[t]
	}
	return v.rows.at(v.row, t)
}

func newOrder(ix *index, plus bool) *order {
	o := &order{
		ix: ix, plus: plus, slot: make([]int32, ix.n), pos: make([]int32, ix.n), row: make([]int32, ix.n),
		base: map[int32]branch{}, carry: map[int32]int32{}, forced: map[int32]bool{},
	}
	for e := range o.row {
		o.slot[e], o.row[e] = -1, -1
	}
	queues := o.enqueue()
	o.rows = newRows(len(queues) + ix.branches())
	if ix.h.Header.NodeOrder {
		o.lines = newLines(ix)
	}
	o.place(queues)
	if o.flaw == "" {
		o.handed = o.handovers()
		o.keys = o.writesByKey()
		o.reads = o.readsByKey()
		o.deletes = o.deletesByKey()
	}
	return o
}

// branches is how many slots branches may need: at most one for each that was read.
func (ix *index) branches() int {
	n := 0
	for k := range ix.h.Len() {
		if from, to := ix.events(k); ix.h.Outcome(k) != history.OK && ix.anyRead(from, to) {
			n += int(to - from)
		}
	}
	return n
}

func (ix *index) anyRead(from, to int32) bool {
	for e := from; e < to; e++ {
		if ix.read[e] {
			return true
		}
	}
	return false
}

// enqueue gives every session (at every node) its slot, and each slot its
// events in session order. Final reads are in no session order at all.
func (o *order) enqueue() [][]int32 {
	ix, h := o.ix, o.ix.h
	ids := newSlotIDs(o.plus || h.Header.SessionScope == "client")
	last := map[int]int32{} // session → its last acknowledged event
	var size []int32
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
		s := ids.of(h.Session(k), ix.node(k))
		if int(s) == len(size) {
			size, o.slots = append(size, 0), append(o.slots, slot{session: h.Session(k), node: ix.node(k)})
		}
		size[s] += to - from
		for e := from; e < to; e++ {
			o.slot[e] = s
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
	o.trunks = len(size)
	return o.queues(size)
}

// queues are the events of each slot, in one piece of memory.
func (o *order) queues(size []int32) [][]int32 {
	queues := make([][]int32, len(size))
	total := 0
	for _, n := range size {
		total += int(n)
	}
	all := make([]int32, total)
	for s, n := range size {
		queues[s], all = all[:0:n], all[n:]
	}
	for e, s := range o.slot {
		if s >= 0 {
			queues[s] = append(queues[s], int32(e))
		}
	}
	return queues
}

// slotIDs number the sessions at their nodes in the order in which they begin.
type slotIDs struct {
	whole bool      // a session is one wherever it goes
	small [][]int32 // node → session → its number + 1, for sessions with small numbers
	large map[[2]int]int32
	n     int32
}

// smallSessions bounds the tables: nearly all histories count their sessions from 0.
const smallSessions = 1 << 12

func newSlotIDs(whole bool) *slotIDs { return &slotIDs{whole: whole, large: map[[2]int]int32{}} }

func (ids *slotIDs) of(session, node int) int32 {
	if ids.whole {
		node = 0
	}
	if session < 0 || session >= smallSessions {
		s, known := ids.large[[2]int{session, node}]
		if !known {
			s = ids.next()
			ids.large[[2]int{session, node}] = s
		}
		return s
	}
	for node >= len(ids.small) {
		ids.small = append(ids.small, nil)
	}
	for session >= len(ids.small[node]) {
		ids.small[node] = append(ids.small[node], 0)
	}
	if ids.small[node][session] == 0 {
		ids.small[node][session] = ids.next() + 1
	}
	return ids.small[node][session] - 1
}

func (ids *slotIDs) next() int32 {
	ids.n++
	return ids.n - 1
}

// stopped is the flaw of an order that would take too much memory.
func (o *order) stopped() string {
	return fmt.Sprintf("the causal order of %d events over %d sessions and nodes needs more than 1 GiB", o.ix.n, len(o.slots))
}
