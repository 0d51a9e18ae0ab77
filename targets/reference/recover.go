package reference

import "github.com/mlcheck/mlcheck/targets"

// recoverFrom brings back what the leader was when the last record was written:
// what it holds, its clock, its positions on every link, what it still owes its
// peers, and which orders it has decided on. It sends nothing.
func (m *machine) recoverFrom(d targets.Disk) {
	for _, record := range m.whole(d.Read()) {
		m.recover(record)
	}
	m.misremember()
	for _, p := range m.peers {
		p.sent = p.acked
	}
}

// recover does what one record says. A record that makes no sense was torn while
// it was written: nobody was told of it.
func (m *machine) recover(record []byte) {
	d := &dec{b: record, rooms: &m.rooms}
	switch kind := d.byte(); kind {
	case recEpoch, recEntry:
		m.recoverGroup(kind, d)
	case recStart:
		m.begins()
	case recUpdate:
		via, at, u := int(d.uint()), d.uint(), d.update(len(m.cfg.nodes))
		if d.err != nil {
			return
		}
		m.took(via, at)
		m.apply(u)
		m.central.decidedOn(u.ticket)
	case recKnown:
		if via, at := int(d.uint()), d.uint(); d.err == nil {
			m.took(via, at)
		}
	case recConfirmed:
		via, at := int(d.uint()), d.uint()
		if p := m.peer(via); p != nil && d.err == nil {
			p.acked = min(at, uint64(len(p.queue)))
			p.noted = p.acked
		}
	case recLives:
		via, known, received := int(d.uint()), d.uint(), d.uint()
		if p := m.peer(via); p != nil && d.err == nil {
			p.lives.known = int(min(known, mostLives))
			p.rewind(received)
		}
	case recLeft:
		via, left, told := int(d.uint()), d.uint(), d.uint()
		if p := m.peer(via); p != nil && d.err == nil {
			p.lives.left, p.lives.told = int(min(left, mostLives)), int(min(told, mostLives))
		}
	case recJoined:
		m.arrived = true
	case recDeclined:
		if t := (ticket{d.node(len(m.cfg.nodes)), d.uint()}); d.err == nil {
			m.central.decidedOn(t)
		}
	}
}

// took notes that what came by a link at a position is dealt with.
func (m *machine) took(via int, at uint64) {
	if p := m.peer(via); p != nil && at > 0 {
		p.took(at)
	}
}
