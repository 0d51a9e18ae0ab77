package checker

import "github.com/mlcheck/mlcheck/history"

// placing is the state of building an order: a topological sort that goes
// through the history once. A slot whose next event waits for one that comes
// later in the history is stuck until that one is placed.
type placing struct {
	*order
	queues  [][]int32
	cursor  []int
	now     []int32 // the row after each slot's last event
	forks   []fork  // of each slot
	stuck   []bool
	waiting [][]waiting // by slot: who waits for one of its events
	plain   bool        // what an event follows is what its only step read
	deps    []int32
	ready   []int32 // slots that may go on
}

// waiting is a slot that waits for an event.
type waiting struct{ event, slot int32 }

// fork is the branch that a session is in: the row of the operation that may
// not have happened, which reads of that operation add to.
type fork struct {
	op  int
	row int32
}

func (o *order) place(queues [][]int32) {
	p := &placing{
		order: o, queues: queues, cursor: make([]int, len(queues)), now: make([]int32, len(queues)),
		forks: make([]fork, len(queues)), stuck: make([]bool, len(queues)), waiting: make([][]waiting, len(queues)),
		plain: o.ix.single && !o.ix.lists && o.lines == nil && len(o.carry) == 0,
	}
	o.turns = newTurns(o.ix)
	for s, q := range queues {
		p.forks[s].op = -1
		o.slots[s].events = q[:0] // what is in the order moves to the front
	}
	for e := range int32(o.ix.n) {
		if s := o.slot[e]; s >= 0 && o.row[e] < 0 && !p.stuck[s] {
			p.advance(s, e)
		}
		if o.flaw != "" {
			return
		}
	}
	for {
		s, left := p.breakCycle()
		if !left || o.flaw != "" {
			return
		}
		p.advance(s, int32(o.ix.n))
	}
}

// advance places the events of a slot up to the given one, and those of the
// slots that waited for them.
func (p *placing) advance(s, upTo int32) {
	p.ready = append(p.ready[:0], s)
	for next := 0; next < len(p.ready); next++ {
		s := p.ready[next]
		p.stuck[s] = false
		for p.cursor[s] < len(p.queues[s]) && p.head(s) <= upTo {
			e := p.head(s)
			if missing := p.missing(e); missing >= 0 && !p.forced[e] {
				t := p.slot[missing]
				p.waiting[t] = append(p.waiting[t], waiting{missing, s})
				p.stuck[s] = true
				break
			}
			p.cursor[s]++
			p.placeEvent(s, e)
			p.turns.take(p.order, e)
			if len(p.waiting[s]) > 0 {
				p.wake(s, e)
			}
			if p.rows.spent() > maxRows {
				p.flaw = p.stopped()
				return
			}
		}
	}
}

// wake lets the slots go on that waited for event e.
func (p *placing) wake(s, e int32) {
	kept := p.waiting[s][:0]
	for _, w := range p.waiting[s] {
		if w.event == e {
			p.ready = append(p.ready, w.slot)
		} else {
			kept = append(kept, w)
		}
	}
	p.waiting[s] = kept
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
	if p.plain {
		if g := p.ix.src[e]; g >= 0 && p.row[g] < 0 {
			return g
		}
		return -1
	}
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
		p.put(s, e)
		p.now[s] = p.follow(p.now[s], e)
		p.row[e] = p.now[s]
		return
	}
	f := &p.forks[s]
	here := int32(len(p.slots[s].events))
	if f.op != k {
		*f = fork{op: k, row: p.rows.fork(p.now[s])}
		p.rows.raise(f.row, s, here)
	}
	p.slot[e] = -1
	f.row = p.follow(f.row, e)
	p.row[e] = f.row
	p.base[e] = branch{s, here}
	if ix.read[e] {
		p.put(p.branchSlot(f.row), e)
	}
}

// put makes e the last event of a slot.
func (p *placing) put(s, e int32) {
	p.slot[e], p.pos[e] = s, int32(len(p.slots[s].events))
	p.slots[s].events = append(p.slots[s].events, e)
}

// branchSlot is a slot all of whose events are in the past of row, or a new one.
func (p *placing) branchSlot(row int32) int32 {
	for t := p.trunks; t < len(p.slots); t++ {
		if int(p.rows.at(row, int32(t))) == len(p.slots[t].events) {
			return int32(t)
		}
	}
	p.slots = append(p.slots, slot{session: -1, node: -1})
	return int32(len(p.slots) - 1)
}

// follow is row with everything in it that e directly follows.
func (p *placing) follow(row, e int32) int32 {
	if p.plain {
		if g := p.ix.src[e]; g >= 0 && p.news(row, g, e) {
			return p.joined(p.rows.fork(row), g)
		}
		return row
	}
	own := false // the row is this event's own
	p.deps = p.dependencies(e, p.deps[:0])
	for _, g := range p.deps {
		if p.news(row, g, e) {
			if !own {
				row, own = p.rows.fork(row), true
			}
			p.joined(row, g)
		}
	}
	if p.lines == nil {
		return row
	}
	if seen := p.lines.seen(e); p.rows.adds(row, seen) {
		if !own {
			row = p.rows.fork(row)
		}
		p.rows.join(row, seen)
	}
	return row
}

// news says whether g, which e follows, is not in the row yet. What was left out
// to break a cycle is none.
func (p *placing) news(row, g, e int32) bool {
	t := p.slot[g]
	return p.row[g] >= 0 && t >= 0 && t != p.slot[e] && p.rows.at(row, t) <= p.pos[g]
}

// joined is the row that was made last, with g and its past in it.
func (o *order) joined(row, g int32) int32 {
	o.rows.join(row, o.row[g])
	o.rows.raise(row, o.slot[g], o.pos[g]+1)
	return row
}
