package reference

import (
	"fmt"

	"github.com/mlcheck/mlcheck/targets"
)

// The kinds of records of the log. A leader is what its log says: New reads it
// from the start and does what each record tells.
const (
	recStart     = 's' // the leader has started once more
	recUpdate    = 'u' // an update: the link that it came by, its position there, itself
	recKnown     = 'k' // at this position of this link came what was there already
	recConfirmed = 'c' // up to this position a peer has confirmed what it was sent
	recLives     = 'l' // a peer has started: of how many starts this leader knows, and what it has received since
	recSync      = 'y' // nothing, but it is on disk with all before it
	recEpoch     = 'e' // a group's epoch, and who has this leader's vote in it
	recEntry     = 'n' // an entry of a group's log; it discards all after it
	recLeft      = 'L' // in which of its lives a peer has left, and of how many others have told
	recJoined    = 'j' // a leader that had no log has caught up
	recDeclined  = 'd' // an order of another leader that came to nothing
)

// log puts a record on disk before anything that the leader does afterwards
// leaves it.
func (m *machine) log(kind byte, fill func(*enc)) {
	m.emit(targets.Out{Kind: targets.Log, Body: m.record(kind, fill), Sync: true})
}

// note puts a record into the log that may be lost: what it says would be found
// out again.
func (m *machine) note(kind byte, fill func(*enc)) {
	m.emit(targets.Out{Kind: targets.Log, Body: m.record(kind, fill)})
}

func (m *machine) record(kind byte, fill func(*enc)) []byte {
	e := m.rooms.enc(kind, room)
	fill(&e)
	return e.b
}

// logUpdate writes an update: the leader itself is the link of its own.
func (m *machine) logUpdate(u update, via int, at uint64) {
	e := m.rooms.enc(recUpdate, len(u.body)+room/2)
	e.uint(uint64(via))
	e.uint(at)
	e.update(u)
	record := targets.Out{Kind: targets.Log, Body: e.b, Sync: true}
	if m.cfg.delays() {
		record.Sync, m.unsynced.dirty = false, true
	}
	if m.cfg.has(logInMemory) {
		m.later(record)
		return
	}
	m.emit(record)
}

// position is one of the link to or from a peer.
func (e *enc) position(p *peer, at uint64) {
	e.uint(uint64(p.id))
	e.uint(at)
}

// register writes that the leader has started, and with that record everything
// before it is on disk: a process that died may have left more in the log than that.
// Nothing that the log says is told to anybody before.
func (m *machine) register() {
	if !m.registered {
		m.registered = true
		m.log(recStart, func(*enc) {})
	}
}

// waitForRoom is what a leader does that has started on a full disk.
func (m *machine) waitForRoom(in targets.In) {
	switch in.Kind {
	case targets.Start, targets.Timer:
		m.emit(targets.Out{Kind: targets.Timer, After: resend})
	case targets.Request:
		m.reply(in.From, m.fullDisk())
	}
}

func (m *machine) fullDisk() []byte {
	return refusal(fmt.Errorf("the disk of %s is full", m.cfg.nodes[m.me]))
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
