package checker

import "context"

// placement looks for an order of all that a session knew that explains what it
// read, and builds it from the end. Whatever may come last is put last: the
// session's own operations only when nothing else may. A write may not come last
// while its key is locked: the session has read, later in the order, another
// write of the key that is not placed yet. What is left when nothing else may
// come last is exactly what is before the session's next operation in every such
// order, hb; so a placement that gets stuck proves that there is none.
//
// Each event is placed once and looks at each of its followers once, and at most
// one event of each slot waits for a lock: O(n + m + r·k) for n events with m
// followers, k slots, and r reads of the session.
type placement struct {
	*memory
	chain  chain
	own    []bool  // event → whether it is in the chain
	left   []int32 // slot → how many of its events are not placed
	next   []int32 // slot → the next follower of its last event to look at
	waits  []int32 // slot → the event that must be placed before its last one, or -1
	waiter []int32 // event → a slot that waits for it, + 1
	beside []int32 // slot → another slot that waits for the same event, + 1
	locks  []lock  // by key
	locked []int32 // keys that were locked since the start
	held   []int32 // slot → the key whose lock keeps its last event from being placed, or -1
	holds  int     // slots that are held
	chosen int     // locks of reads that chose between concurrent writes
	ready  []int32 // slots whose last event may be free
	notes  *notes  // why writes were held, where that is asked for
	placed int
}

// lock says that the session read a write of a key which is not placed yet.
type lock struct {
	write  int32 // an event + 1; 0: not locked
	reader int32 // the last read of it, a step
	chose  bool
}

// outcome is how a placement ended.
type outcome int

const (
	ordered     outcome = iota // there is an order
	circle                     // a write would have to come before itself
	tooEarly                   // a write would have to come before a read of the initial state
	interrupted                // the context ended
)

// newPlacement has the memory for one session after the other: five bytes an event,
// twelve a key.
func newPlacement(m *memory) *placement {
	k := len(m.slots)
	return &placement{
		memory: m, own: make([]bool, m.ix.n), waiter: make([]int32, m.ix.n), locks: make([]lock, len(m.ix.h.Keys())),
		left: make([]int32, k), next: make([]int32, k), waits: make([]int32, k), beside: make([]int32, k), held: make([]int32, k),
	}
}

// begin takes a session's chain on; end lets it go.
func (p *placement) begin(c chain) {
	p.chain = c
	for _, e := range c {
		p.own[e] = true
	}
	for t := range p.waits {
		p.waits[t] = -1
	}
}

func (p *placement) end() {
	p.forget()
	for _, e := range p.chain {
		p.own[e] = false
	}
	p.chain, p.notes = nil, nil
}

// forget drops all locks and all waiting.
func (p *placement) forget() {
	for _, key := range p.locked {
		p.locks[key] = lock{}
	}
	for t, e := range p.waits {
		if e >= 0 {
			p.waiter[e] = 0
		}
		p.waits[t], p.held[t], p.beside[t] = -1, -1, 0
	}
	p.locked, p.ready, p.holds, p.chosen = p.locked[:0], p.ready[:0], 0, 0
}

// broken says whether no order explains what a session read; false if the context
// ended before that was known.
func (p *placement) broken(ctx context.Context, c chain) bool {
	p.begin(c)
	defer p.end()
	_, out := p.run(ctx, len(c)-1, 0)
	return out == circle || out == tooEarly
}

// start has everything placed but what is causally before chain[i], and itself.
func (p *placement) start(i int) {
	p.forget()
	e := p.chain[i]
	for t := range int32(len(p.slots)) {
		p.left[t] = p.past(e, t)
		if p.slot[e] == t {
			p.left[t]++
		}
		p.settop(t)
		p.ready = append(p.ready, t)
	}
}

func (p *placement) top(t int32) int32 { return p.slots[t].events[p.left[t]-1] }

func (p *placement) settop(t int32) {
	if p.left[t] > 0 {
		p.next[t] = p.follows.first[p.top(t)]
	}
}

// run places what is before chain[last], from the end, down to where the reads
// from chain[floor] on add nothing more to causal order. It returns how that
// ended, and the position of the operation that could not be placed.
func (p *placement) run(ctx context.Context, last, floor int) (int, outcome) {
	p.start(last)
	for i := last; ; i-- {
		if !p.drain(ctx) {
			return i, interrupted
		}
		if p.holds == 0 && p.chosen == 0 {
			// What is left is what is causally before chain[i]: on to the next choice.
			j := i
			for j >= floor && !p.choseAt(p.chain[j]) {
				j--
			}
			if j < floor {
				return j, ordered
			}
			if j < i {
				p.start(j)
				i = j + 1
				continue
			}
		}
		if p.notes != nil && p.holds > 0 && p.note(i) {
			return i, circle
		}
		if i < 0 {
			return i, circle
		}
		if out := p.placeOwn(i); out != ordered {
			return i, out
		}
	}
}

// drain places all that can be placed without an operation of the session.
func (p *placement) drain(ctx context.Context) bool {
	for len(p.ready) > 0 {
		t := p.ready[len(p.ready)-1]
		p.ready = p.ready[:len(p.ready)-1]
		for p.left[t] > 0 && p.mayGo(t) {
			p.place(t)
			if p.placed++; p.placed&(1<<14-1) == 0 && ctx.Err() != nil {
				return false
			}
		}
	}
	return true
}

// mayGo says whether the last event of a slot may be placed, and otherwise lets
// the slot wait for what it needs.
func (p *placement) mayGo(t int32) bool {
	e := p.top(t)
	if p.own[e] || !p.last(t) {
		return false
	}
	if key := p.lockAgainst(e); key >= 0 {
		p.held[t] = key
		p.holds++
		return false
	}
	return true
}

// last says whether everything that follows the last event of a slot is placed.
func (p *placement) last(t int32) bool {
	e := p.top(t)
	for ; p.next[t] < p.follows.first[e+1]; p.next[t]++ {
		f := p.follows.list[p.next[t]]
		if p.pos[f] < p.left[p.slot[f]] {
			p.waits[t], p.beside[t], p.waiter[f] = f, p.waiter[f], t+1
			return false
		}
	}
	return true
}

// lockAgainst is a key that e writes and that is locked for another write, or -1.
func (p *placement) lockAgainst(e int32) int32 {
	from, to := p.ix.steps(e)
	for s := from; s < to; s++ {
		if p.ix.h.StepF(s).IsWrite() {
			key := p.ix.h.StepKey(s)
			if l := p.locks[key]; l.write != 0 && l.write != e+1 {
				return int32(key)
			}
		}
	}
	return -1
}

// place puts the last event of a slot before all that is placed already.
func (p *placement) place(t int32) {
	e := p.top(t)
	p.left[t]--
	p.settop(t)
	for u := p.waiter[e]; u != 0; {
		p.ready = append(p.ready, u-1)
		p.waits[u-1], u = -1, p.beside[u-1]
	}
	p.waiter[e] = 0
	from, to := p.ix.steps(e)
	for s := from; s < to; s++ {
		if key := p.ix.h.StepKey(s); p.locks[key].write == e+1 && p.ix.h.StepF(s).IsWrite() {
			p.unlock(int32(key))
		}
	}
}

func (p *placement) unlock(key int32) {
	if p.locks[key].chose {
		p.chosen--
	}
	p.locks[key] = lock{}
	for t := 0; t < len(p.held) && p.holds > 0; t++ {
		if p.held[t] == key {
			p.held[t] = -1
			p.holds--
			p.ready = append(p.ready, int32(t))
		}
	}
}

// placeOwn places an operation of the session, when nothing else can be, and
// locks the keys that it read.
func (p *placement) placeOwn(i int) outcome {
	e := p.chain[i]
	t := p.slot[e]
	if p.left[t] != p.pos[e]+1 || !p.last(t) {
		return circle
	}
	if key := p.lockAgainst(e); key >= 0 {
		p.noteHeld(e, key)
		return circle
	}
	from, to := p.ix.steps(e)
	for s := from; s < to; s++ {
		if out := p.contradicted(e, int32(s)); out != ordered {
			return out
		}
	}
	p.place(t)
	for s := from; s < to; s++ {
		p.lock(e, int32(s))
	}
	p.ready = append(p.ready, t)
	return ordered
}
