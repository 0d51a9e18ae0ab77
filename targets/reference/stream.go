package reference

// batch is how many updates travel in one message at most.
const batch = 64

// peer is a leader that this one sends to, receives from, or both: one ordered
// stream of updates each way, confirmed by position and sent again from there.
type peer struct {
	name            string
	id              int
	sends, receives bool
	queue           []*update // everything that ever went to this peer, in the order of the link; peers share it
	acked           uint64    // positions up to here are confirmed by the peer
	noted           uint64    // and up to here the log says so
	sent            uint64    // positions up to here went out since the last timer
	// received says up to which position everything that came from this peer was
	// taken; early is what came later, or was taken out of turn.
	received uint64
	early    map[uint64]update
	taken    map[uint64]bool
	lives    lives
}

// took notes that the update at a position of the link was taken.
func (p *peer) took(at uint64) {
	delete(p.early, at)
	if at == p.received+1 && len(p.taken) == 0 { // as nearly always
		p.received = at
		return
	}
	if p.taken == nil {
		p.taken = map[uint64]bool{}
	}
	p.taken[at] = true
	for p.taken[p.received+1] {
		p.received++
		delete(p.taken, p.received)
	}
}

func (m *machine) tick() {
	m.ticks++
	m.flush()
	m.collect()
	if !m.full {
		m.noteConfirmed()
		m.sync()
		m.hello()
	}
	m.arrive()
	m.sayGoodbye()
	if m.cfg.delivery == antiEntropy {
		m.askAround()
		return
	}
	for _, p := range m.peers {
		p.sent = p.acked
		m.push(p)
	}
}

func (m *machine) pushAll() {
	for _, p := range m.peers {
		m.push(p)
	}
}

// push sends a peer what it has not been sent since the last timer.
func (m *machine) push(p *peer) {
	if m.cfg.has(readsBeforeWritten) && m.unsynced.dirty {
		return // peers see only what is on disk
	}
	for p.sends && p.sent < uint64(len(p.queue)) {
		n := min(uint64(len(p.queue)), p.sent+batch)
		e := m.rooms.enc(msgUpdates, roomFor(p.queue[p.sent:n]))
		e.uint(p.sent + 1)
		e.vector(p.lives.own)
		for _, u := range p.queue[p.sent:n] {
			e.update(*u)
		}
		p.sent = n
		m.tellSoon(p, e.b)
		if m.cfg.has(fireAndForget) {
			p.acked = n
		}
		if p.sent-p.acked >= 16*batch {
			return // the rest goes when the peer confirms
		}
	}
}

// roomFor is how many bytes a message of updates takes, most likely.
func roomFor(us []*update) int {
	n := room / 2
	for _, u := range us {
		n += len(u.body) + room/4
	}
	return n
}

func (m *machine) confirmed(p *peer, d *dec) {
	n := d.uint()
	if life := d.uint(); d.err != nil || life != uint64(len(p.lives.own)) {
		return // it is about a stream that ended with an earlier life
	}
	m.asBefore(p, n)
	if n > p.acked && n <= uint64(len(p.queue)) {
		p.acked, p.sent = n, max(p.sent, n)
		m.push(p)
		m.cameBack(p)
	}
}

// updatesFrom takes a message of updates: their first position, and they.
func (m *machine) updatesFrom(p *peer, d *dec) {
	at := d.uint()
	if !m.meet(p, d.vector()) || d.err != nil {
		return
	}
	if m.cfg.has(fireAndForget) && at > 0 {
		p.received = max(p.received, at-1) // what was lost is not missed
	}
	for ; len(d.b) > 0 && d.err == nil; at++ {
		switch u := d.update(len(m.cfg.nodes)); {
		case d.err != nil:
		case at == p.received+1 && len(p.early) == 0 && m.ready(u): // as nearly always
			p.took(at)
			m.accept(u, p, at)
		case at > p.received && !p.taken[at]:
			p.early[at] = u
		default:
			m.again(u)
		}
	}
	m.receive(p)
}

// receive takes what may be taken of what a peer has sent, and confirms it once
// it is applied and logged, not before, so that what is held back survives a crash
// at its sender.
func (m *machine) receive(p *peer) {
	for at, ok := m.next(p); ok; at, ok = m.next(p) {
		u := p.early[at]
		p.took(at)
		m.accept(u, p, at)
	}
	m.acknowledge(p)
	m.receiveWaiting(p)
}

// receiveWaiting looks whether what another peer sent has waited for what has just
// been applied.
func (m *machine) receiveWaiting(than *peer) {
	for _, p := range m.peers {
		if p == than {
			continue
		}
		if _, ok := m.next(p); ok {
			m.receive(p)
		}
	}
}

// next is the position of the next update of a peer that may be taken: under
// unordered delivery any, else the next in the order of the link, and under causal
// delivery only when everything that its writer had seen is here.
func (m *machine) next(p *peer) (uint64, bool) {
	if m.cfg.delivery == unordered {
		least, found := uint64(0), false
		// The order does not show: the least is taken.
		for at := range p.early {
			if !found || at < least {
				least, found = at, true
			}
		}
		return least, found
	}
	u, here := p.early[p.received+1]
	return p.received + 1, here && m.ready(u)
}

// ready says whether everything is here that an update has to wait for.
func (m *machine) ready(u update) bool {
	return m.cfg.delivery != causal || m.cfg.has(causalPerLink) || covers(m.applied.upTo, u.deps)
}

// unconfirmed is how many updates have not been confirmed by the peers that they
// are for, or wait here.
func (m *machine) unconfirmed() int {
	n := m.strangers() + m.unsettled() + m.absent() + len(m.held) + len(m.defects.puts) + len(m.defects.sends) + len(m.defects.commits)
	for _, p := range m.peers {
		n += len(p.early)
		if p.sends {
			n += len(p.queue) - int(p.acked)
		}
	}
	return n
}
