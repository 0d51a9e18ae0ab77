package reference

import (
	"slices"

	"github.com/mlcheck/mlcheck/targets"
)

// The mistakes that need a restart, a disk or a tombstone to show.
const (
	ackBeforeWritten   = "acknowledged-before-written"
	readsBeforeWritten = "visible-before-written"
	actorReuse         = "actor-reuse"
	logInMemory        = "log-in-memory"
	logCutShort        = "log-cut-short"
	redoTwice          = "redo-twice"
	stampRestarts      = "stamp-restarts"
	positionsLost      = "positions-lost"
	positionFirst      = "position-before-update"
	tombstonesEarly    = "tombstones-early"
	noTombstones       = "no-tombstones"
	setByArrival       = "set-by-arrival"
	leavesEarly        = "leaves-early"
)

var diskDefects = []defect{
	{ackBeforeWritten, "a write is acknowledged though the log is synced every 200 ms only (CouchDB's delayed_commits, PostgreSQL's synchronous_commit=off)", nil, "", meshed},
	{readsBeforeWritten, "a write is shown to other clients of its leader before it is on disk, up to 200 ms (readers of a MySQL source that waits for its replica after the commit)", nil, "", meshed},
	{actorReuse, "a leader that has lost what it had not synced numbers its updates as before, and peers take new ones for old ones (Riak before actor epochs, riak_kv issue 679)", nil, "", meshed},
	{logInMemory, "the log is written every 50 ms and stays in memory until then, so that a kill loses it too (InnoDB's innodb_flush_log_at_trx_commit=0)", nil, "", nil},
	{logCutShort, "a recovery takes the last eight updates of the log for torn, and cuts them off", nil, "", nil},
	{redoTwice, "a recovery applies the last sixteen updates twice (Cassandra's counters before 2.1)", []string{"counter"}, "", nil},
	{stampRestarts, "the clock of stamps restarts at zero", []string{"lww-lamport"}, "", nil},
	{positionsLost, "how far a leader has read its peers is written now and then only, and what it reads again after a restart it applies again (MySQL with relay_log_info_repository=FILE)", []string{"counter"}, fifo, meshed},
	{positionFirst, "how far a leader has read its peers is written before what it has read, which a restart loses (etcd 3.5.0 to 3.5.2, issue 13766)", nil, fifo, nil},
	{tombstonesEarly, "tombstones are collected after half a second, whoever has not heard of the removal (Cassandra's gc_grace_seconds)", nil, "", nil},
	{noTombstones, "a removal leaves nothing behind", stamped, "", nil},
	{setByArrival, "an operation-based set over unordered delivery: a removal takes away what is there, and leaves nothing behind", []string{"add-wins"}, unordered, nil},
	{leavesEarly, "a leader leaves whether the others have what it has or not (Cassandra's nodetool assassinate)", nil, antiEntropy, meshed},
}

// withDefect is a configuration with the mistakes that lie in it, which it does
// not tell of.
func withDefect(c config) config {
	c.policy = c.policyWithDefect()
	switch c.defect {
	case ackBeforeWritten, logInMemory, logCutShort:
		c.durability = never
	}
	return c
}

// erased: a removal takes away what it wins over, and itself.
func erased(keep func([]version, version) []version) func([]version, version) []version {
	return func(old []version, v version) []version {
		var left []version
		for _, u := range keep(old, v) {
			if !u.gone() {
				left = append(left, u)
			}
		}
		return left
	}
}

// cutShort is how many updates a recovery takes for torn.
const cutShort = 8

// whole is what a recovery takes of the log, in which each start has cut off what it
// took for torn.
func (m *machine) whole(records [][]byte) [][]byte {
	if !m.cfg.has(logCutShort) {
		return records
	}
	cut := func(rs [][]byte) [][]byte {
		for n := cutShort; n > 0; n-- {
			at := lastUpdate(rs)
			if at < 0 {
				break
			}
			rs = slices.Delete(rs, at, at+1)
		}
		return rs
	}
	var left [][]byte
	for _, r := range records {
		if len(r) > 0 && r[0] == recStart {
			left = cut(left)
		}
		left = append(left, r)
	}
	return cut(left)
}

// lastUpdate is where the last update of the log is, or -1.
func lastUpdate(records [][]byte) int {
	for i, r := range slices.Backward(records) {
		if len(r) > 0 && r[0] == recUpdate {
			return i
		}
	}
	return -1
}

// misremember is what goes wrong when the log has been read.
func (m *machine) misremember() {
	switch m.cfg.defect {
	case stampRestarts:
		m.last = 0
	case positionsLost: // written every 32 positions
		for _, p := range m.peers {
			p.rewind(p.received / 32 * 32)
		}
	case redoTwice:
		for _, u := range m.updates[max(0, len(m.updates)-16):] {
			m.put(u)
		}
	}
}

// logTaken writes an update that came by a link.
func (m *machine) logTaken(u update, via *peer, at uint64) {
	if m.cfg.has(positionFirst) && at > 0 {
		m.log(recKnown, func(e *enc) { e.position(via, at) })
		m.defects.logs = append(m.defects.logs, laterLog{u, via})
		return
	}
	m.logUpdate(u, via.id, at)
}

type laterLog struct {
	u   update
	via *peer
}

// flushLogs writes what was put off.
func (m *machine) flushLogs() {
	for _, l := range m.defects.logs {
		m.logUpdate(l.u, l.via.id, 0)
	}
	for _, o := range m.defects.records {
		m.emit(o)
	}
	m.defects.logs, m.defects.records = nil, nil
}

// later is a write that stays in memory until the next timer.
func (m *machine) later(record targets.Out) {
	record.Sync = false
	m.defects.records = append(m.defects.records, record)
}

// asBefore says whether a peer that confirms less than before is sent again what is
// between.
func (m *machine) asBefore(p *peer, n uint64) {
	if (m.cfg.has(positionsLost) || m.cfg.has(logCutShort)) && n < p.acked {
		p.acked, p.sent, p.noted = n, n, n
	}
}
