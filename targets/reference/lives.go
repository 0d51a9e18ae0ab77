package reference

// A leader that has sent what a loss of power then takes from its disk comes back
// knowing less of itself than its peers do. So each of its starts is in its log and
// begins a new life: it numbers its updates anew (an actor that came back under its
// old name would give out names twice: Riak's riak_kv issue 679), its streams go on from
// where the log ends rather than from where its peers are, and it asks every peer
// for what that has of it. Where everything was on disk before it left there is
// nothing to forget, and none of this happens.

// lives are the starts of both ends of a link.
type lives struct {
	own   []uint64 // by start of this leader: where its stream to the peer went on
	known int      // so many starts of the peer are known here
	met   bool     // the peer has told this leader all that it has of it, in this life
	told  int      // others have told of so many starts of the peer
	left  int      // in this one it has left the topology; 0: in none
}

// begins is a start of this leader that is in its log, or the one that is about to be.
func (m *machine) begins() {
	m.life++
	if !m.cfg.numbersLives() {
		return
	}
	for _, p := range m.peers {
		p.lives.own = append(p.lives.own, uint64(len(p.queue)))
	}
}

// era is the part of the sequences that this life uses.
func (m *machine) era() uint64 {
	if !m.cfg.numbersLives() || m.cfg.has(actorReuse) {
		return 0
	}
	return m.life - 1
}

// established says whether a peer has answered to this life.
func (m *machine) established() bool {
	members := 0
	for _, p := range m.peers {
		if !p.lives.out() {
			members++
		}
	}
	return m.strangers() < members
}

// strangers are the peers that have not.
func (m *machine) strangers() int {
	n := 0
	for _, p := range m.peers {
		if m.cfg.numbersLives() && !p.lives.met && !p.lives.out() {
			n++
		}
	}
	return n
}

// hello tells peers of this life, until they have told what they have of this leader.
func (m *machine) hello() {
	for _, p := range m.peers {
		if !m.cfg.numbersLives() || p.lives.met || p.lives.out() {
			continue
		}
		e := enc{}
		e.byte(msgHello)
		e.vector(p.lives.own)
		e.progress(m.applied)
		m.tell(p, e.b)
	}
}

// meet takes note of the starts of a peer: for each where its stream went on. What
// was received beyond that may be anything now. It says whether they are all of the
// peer's starts that are known: older ones are of a message that was long on its way.
func (m *machine) meet(p *peer, starts []uint64) bool {
	if len(starts) <= p.lives.known || len(starts) > mostLives {
		return len(starts) == p.lives.known
	}
	received := p.received
	for _, at := range starts[p.lives.known:] {
		received = min(received, at)
	}
	p.lives.known = len(starts)
	if m.leaving != nil { // it may have lost its disk, and what it said goodbye to
		delete(m.leaving.byes, p.id)
	}
	p.rewind(received)
	m.log(recLives, func(e *enc) {
		e.position(p, uint64(p.lives.known))
		e.uint(p.received)
	})
	return true
}

// rewind forgets what came from a peer after a position.
func (p *peer) rewind(to uint64) {
	p.received = min(p.received, to)
	clear(p.taken)
	clear(p.early)
}

// greeted gives a peer back what it has forgotten of its own, or says that there is
// nothing.
func (m *machine) greeted(p *peer, d *dec) {
	starts := d.vector()
	theirs := d.progress(len(m.cfg.nodes))
	if d.err != nil || !m.meet(p, starts) {
		return
	}
	var lacks []update
	for _, u := range m.updates {
		if u.origin == p.id && !theirs.has(u.origin, u.seq) {
			lacks = append(lacks, u)
		}
	}
	if len(lacks) > 0 {
		m.send(p, lacks)
		return
	}
	e := enc{}
	e.byte(msgComplete)
	e.uint(uint64(len(starts)))
	m.tell(p, e.b)
}

// complete is a peer that has nothing of this leader's that it lacks.
func (m *machine) complete(p *peer, d *dec) {
	if life := d.uint(); d.err == nil && life == uint64(len(p.lives.own)) {
		p.lives.met = true
	}
}
