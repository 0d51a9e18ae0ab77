package reference

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/mlcheck/mlcheck/history"
	"github.com/mlcheck/mlcheck/targets"
)

// resend is how often a leader looks for changes that a peer has not confirmed.
const resend = 50 * time.Millisecond

// batch is how many updates travel in one message at most.
const batch = 64

// machine is one leader: a map of cells under last writer wins, a log on disk,
// and one ordered stream of updates to each peer, confirmed by position and sent
// again from there. It is a function of what it is handed: no clock, no
// randomness, no map order that shows.
type machine struct {
	cfg   config
	me    int
	cells map[string]map[int64]entry // key → element (0: the register) → what is there
	// counts are the counters: sums of increments, each of which is applied once
	// at every leader because every update is.
	counts map[string]int64
	// applied counts, by origin, the updates that are in cells and in the log.
	applied []uint64
	peers   []*peer
	last    int64 // hybrid clock: the greatest time given or seen
	out     []targets.Out
}

// entry is the winner of a cell so far, tombstones included.
type entry struct {
	stamp stamp
	value int64
	dead  bool
}

// peer is a leader that this one sends to, receives from, or both.
type peer struct {
	name  string
	id    int
	sends bool
	queue []update // everything that ever went to this peer, in the order of the link
	acked uint64   // positions up to here are confirmed by the peer
	sent  uint64   // positions up to here went out since the last timer
	// received counts what came from this peer in order; later positions wait.
	received uint64
	early    map[uint64]update
}

func newMachine(cfg config, name string, d targets.Disk) *machine {
	m := &machine{cfg: cfg, me: slices.Index(cfg.nodes, name), cells: map[string]map[int64]entry{}, counts: map[string]int64{}}
	m.applied = make([]uint64, len(cfg.nodes))
	for id, other := range cfg.nodes {
		to := slices.Contains(cfg.links, history.Link{From: name, To: other})
		from := slices.Contains(cfg.links, history.Link{From: other, To: name})
		if to || from {
			m.peers = append(m.peers, &peer{name: other, id: id, sends: to, early: map[uint64]update{}})
		}
	}
	for _, record := range d.Read() {
		m.recover(record)
	}
	return m
}

// recover applies one record of the log: the link that an update came by (the
// leader itself for its own) and the update.
func (m *machine) recover(record []byte) {
	d := dec{b: record}
	via, u := int(d.uint()), d.update(len(m.cfg.nodes))
	if d.err != nil {
		return // a torn last record was never confirmed to anyone
	}
	for _, p := range m.peers {
		if p.id == via {
			p.received++
		}
	}
	m.apply(u)
}

// Step is one thing that happens.
func (m *machine) Step(in targets.In) []targets.Out {
	m.out = nil
	switch in.Kind {
	case targets.Start:
		m.emit(targets.Out{Kind: targets.Timer, After: resend})
	case targets.Timer:
		for _, p := range m.peers {
			p.sent = p.acked
			m.push(p)
		}
		m.emit(targets.Out{Kind: targets.Timer, After: resend})
	case targets.Message:
		m.message(in)
	case targets.Request:
		m.request(in)
	}
	return m.out
}

func (m *machine) emit(o targets.Out) { m.out = append(m.out, o) }

func (m *machine) message(in targets.In) {
	i := slices.IndexFunc(m.peers, func(p *peer) bool { return p.name == in.From })
	if i < 0 {
		return
	}
	p, d := m.peers[i], dec{b: in.Body}
	switch d.byte() {
	case msgAck:
		if n := d.uint(); d.err == nil && n > p.acked && n <= uint64(len(p.queue)) {
			p.acked, p.sent = n, max(p.sent, n)
			m.push(p)
		}
	case msgUpdates:
		first := d.uint()
		for at := first; len(d.b) > 0 && d.err == nil; at++ {
			if u := d.update(len(m.cfg.nodes)); d.err == nil && at > p.received {
				p.early[at] = u
			}
		}
		m.receive(p)
	}
}

// receive takes what has come from a peer without a gap, and confirms it. Under
// causal delivery an update waits until everything that its writer had seen is
// here; it is confirmed once it is applied and logged, not before, so that what
// is held back survives a crash at its sender.
func (m *machine) receive(p *peer) {
	for {
		u, here := p.early[p.received+1]
		if !here || m.cfg.causal && !covers(m.applied, u.deps) {
			break
		}
		delete(p.early, p.received+1)
		p.received++
		m.accept(u, p.id)
	}
	e := enc{}
	e.byte(msgAck)
	e.uint(p.received)
	m.emit(targets.Out{Kind: targets.Message, To: p.name, Body: e.b})
}

// accept logs and applies an update that came by a link, and passes it on.
func (m *machine) accept(u update, via int) {
	if u.seq <= m.applied[u.origin] {
		return
	}
	m.log(u, via)
	m.apply(u)
	for _, p := range m.peers {
		m.push(p)
	}
	// What another peer sent may have waited for exactly this.
	for _, p := range m.peers {
		if next, here := p.early[p.received+1]; here && via != p.id && m.cfg.causal && covers(m.applied, next.deps) {
			m.receive(p)
		}
	}
}

func (m *machine) log(u update, via int) {
	e := enc{}
	e.uint(uint64(via))
	e.update(u)
	m.emit(targets.Out{Kind: targets.Log, Body: e.b, Sync: true})
}

// apply puts an update into the cells and into the queues of the peers that
// must hear of it.
func (m *machine) apply(u update) {
	m.applied[u.origin] = u.seq
	m.last = max(m.last, u.stamp.time)
	for _, c := range u.cells {
		if c.inc {
			m.counts[c.key] += c.value
			continue
		}
		row := m.cells[c.key]
		if row == nil {
			row = map[int64]entry{}
			m.cells[c.key] = row
		}
		// Not "less": of two writes in one update, which share its stamp, the later stays.
		if old, there := row[c.element]; !there || !u.stamp.less(old.stamp) {
			row[c.element] = entry{u.stamp, c.value, c.dead}
		}
	}
	for _, p := range m.peers {
		if p.sends && m.passesOn(u, p) {
			p.queue = append(p.queue, u)
		}
	}
}

// passesOn says whether an update goes on to a peer: in all-to-all only from
// its origin; in a ring also from those who forward, until it would come back
// to its origin.
func (m *machine) passesOn(u update, p *peer) bool {
	if m.cfg.topology == "ring" {
		return p.id != u.origin
	}
	return u.origin == m.me
}

// push sends a peer what it has not been sent since the last timer.
func (m *machine) push(p *peer) {
	for p.sends && p.sent < uint64(len(p.queue)) {
		n := min(uint64(len(p.queue)), p.sent+batch)
		e := enc{}
		e.byte(msgUpdates)
		e.uint(p.sent + 1)
		for _, u := range p.queue[p.sent:n] {
			e.update(u)
		}
		p.sent = n
		m.emit(targets.Out{Kind: targets.Message, To: p.name, Body: e.b})
		if p.sent-p.acked >= 16*batch {
			return // the rest goes when the peer confirms
		}
	}
}

func (m *machine) request(in targets.In) {
	d := dec{b: in.Body}
	e := enc{}
	switch d.byte() {
	case askStatus:
		held := 0
		for _, p := range m.peers {
			held += len(p.early)
		}
		e.byte(tellOK)
		e.status(status{m.applied, held, in.Wall.UnixNano()})
	case askSteps:
		ss := d.steps()
		if err := cmp.Or(d.err, performable(ss)); err != nil {
			e.byte(tellNo)
			e.string(err.Error())
			break
		}
		stamp := m.perform(ss, in.Wall)
		e.byte(tellOK)
		e.steps(ss)
		e.string(stamp)
	default:
		e.byte(tellNo)
		e.string("unknown request")
	}
	m.emit(targets.Out{Kind: targets.Reply, To: in.From, Body: e.b})
}

// performable says why steps cannot be performed. A store that acknowledged what
// it does not do would be a liar.
func performable(ss []history.Step) error {
	for _, s := range ss {
		number := s.Value.Set && s.Value.List == nil
		switch s.F {
		case history.Read, history.Delete:
		case history.Write, history.Inc:
			if !number {
				return fmt.Errorf("a write or an increment of %q needs a number", s.Key)
			}
		case history.Add, history.Remove:
			if !number || s.Value.N == 0 { // element 0 is the register
				return fmt.Errorf("an element of %q must be a number, and not 0", s.Key)
			}
		default:
			return fmt.Errorf("the reference store has no step %q", s.F)
		}
	}
	return nil
}

// perform executes the steps as one transaction: nothing else happens at this
// leader in between, and their writes are one update. It returns the update's
// stamp, "" if nothing was written.
func (m *machine) perform(ss []history.Step, wall time.Time) string {
	u := update{origin: m.me, seq: m.applied[m.me] + 1, deps: slices.Clone(m.applied)}
	for i := range ss {
		s := &ss[i]
		switch s.F {
		case history.Read:
			s.Value = m.read(s.Key, u.cells)
		case history.Write:
			u.cells = append(u.cells, cell{key: s.Key, value: s.Value.N})
		case history.Delete:
			u.cells = append(u.cells, cell{key: s.Key, dead: true})
		case history.Add:
			u.cells = append(u.cells, cell{key: s.Key, element: s.Value.N, value: s.Value.N})
		case history.Remove:
			u.cells = append(u.cells, cell{key: s.Key, element: s.Value.N, dead: true})
		case history.Inc:
			u.cells = append(u.cells, cell{key: s.Key, value: s.Value.N, inc: true})
		}
	}
	if len(u.cells) == 0 {
		return ""
	}
	u.stamp = stamp{time: m.time(wall), node: m.me, seq: u.seq}
	m.log(u, m.me)
	m.apply(u)
	for _, p := range m.peers {
		m.push(p)
	}
	return strconv.FormatInt(u.stamp.time, 10) + "." + m.cfg.nodes[m.me] + "." + strconv.FormatUint(u.seq, 10)
}

// time is the time of a new stamp: the wall clock as it is, or a hybrid clock
// that follows the wall but never falls behind what this leader has seen
// (Kulkarni et al. 2014; the logical part lives in the lowest nanoseconds).
func (m *machine) time(wall time.Time) int64 {
	if m.cfg.policy == "lww-hlc" {
		return max(wall.UnixNano(), m.last+1)
	}
	return wall.UnixNano()
}

// read is what a key holds: nothing, a counter, a register, or the elements of a
// set in ascending order. Cells that the same transaction has written come first.
func (m *machine) read(key string, own []cell) history.Value {
	if sum, counted := m.count(key, own); counted {
		return history.Int(sum)
	}
	row := m.cells[key]
	reg, isSet := history.Value{}, false
	if e, there := row[0]; there && !e.dead {
		reg = history.Int(e.value)
	}
	present := map[int64]bool{}
	// The order does not show: the elements end up in a map, and then sorted.
	for el, e := range row {
		if el != 0 {
			isSet, present[el] = true, !e.dead
		}
	}
	for _, c := range own {
		switch {
		case c.key != key:
		case c.element != 0:
			isSet, present[c.element] = true, !c.dead
		case c.dead:
			reg = history.Value{}
		default:
			reg = history.Int(c.value)
		}
	}
	if !isSet {
		return reg
	}
	list := []int64{}
	// The order does not show: the list is sorted below.
	for el, here := range present {
		if here {
			list = append(list, el)
		}
	}
	slices.Sort(list)
	return history.List(list...)
}

// count is the value of a counter, with what the same transaction adds to it;
// false: the key was never incremented.
func (m *machine) count(key string, own []cell) (sum int64, counted bool) {
	sum, counted = m.counts[key]
	for _, c := range own {
		if c.inc && c.key == key {
			sum, counted = sum+c.value, true
		}
	}
	return sum, counted
}
