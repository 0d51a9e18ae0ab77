package reference

import "github.com/mlcheck/mlcheck/targets"

// The kinds of records of the log. A leader is what its log says: New reads it
// from the start and does what each record tells.
const (
	recStart     = 's' // the leader has started once more
	recUpdate    = 'u' // an update: the link that it came by, its position there, itself
	recKnown     = 'k' // at this position of this link came what was there already
	recConfirmed = 'c' // up to this position a peer has confirmed what it was sent
	recDeclined  = 'd' // an order of another leader that came to nothing
)

// log puts a record on disk before anything that the leader does afterwards
// leaves it.
func (m *machine) log(kind byte, fill func(*enc)) {
	m.emit(targets.Out{Kind: targets.Log, Body: logRecord(kind, fill), Sync: true})
}

// note puts a record into the log that may be lost: what it says would be found
// out again.
func (m *machine) note(kind byte, fill func(*enc)) {
	m.emit(targets.Out{Kind: targets.Log, Body: logRecord(kind, fill)})
}

func logRecord(kind byte, fill func(*enc)) []byte {
	e := enc{}
	e.byte(kind)
	fill(&e)
	return e.b
}

// logUpdate writes an update: the leader itself is the link of its own.
func (m *machine) logUpdate(u update, via int, at uint64) {
	m.log(recUpdate, func(e *enc) {
		e.uint(uint64(via))
		e.uint(at)
		e.update(u)
	})
}

// logPosition writes a position of the link to or from a peer.
func (e *enc) position(p *peer, at uint64) {
	e.uint(uint64(p.id))
	e.uint(at)
}

// register writes that the leader has started. Until that record is written it
// gives out no name that must never be given out again.
func (m *machine) register() {
	if !m.registered {
		m.registered = true
		m.log(recStart, func(*enc) {})
	}
}

// noteConfirmed writes what peers have confirmed since the last timer, so that
// after a restart they are not sent everything from the start.
func (m *machine) noteConfirmed() {
	for _, p := range m.peers {
		if p.acked > p.noted {
			p.noted = p.acked
			m.note(recConfirmed, func(e *enc) { e.position(p, p.acked) })
		}
	}
}
