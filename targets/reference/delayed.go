package reference

import (
	"maps"
	"slices"
	"time"

	"github.com/mlcheck/mlcheck/targets"
)

// delayed is what defects put off until the next timer.
type delayed struct {
	puts    []update
	sends   []laterSend
	commits []laterCommit
	logs    []laterLog
	records []targets.Out
	highest []uint64    // by origin: the highest sequence seen
	away    map[int]int // peer → timers for which it has not confirmed what it was sent
}

type laterSend struct {
	p *peer
	u update
}

type laterCommit struct {
	own *pending
	t   ticket
}

// flush does what was put off.
func (m *machine) flush() {
	d := m.defects
	m.defects.puts, m.defects.sends, m.defects.commits = nil, nil, nil
	for _, u := range d.puts {
		m.put(u)
	}
	for _, s := range d.sends {
		s.p.queue = append(s.p.queue, &s.u)
	}
	for _, c := range d.commits {
		own := m.begin(time.Time{})
		own.changes = c.own.changes
		m.commit(own, c.t)
	}
	m.flushLogs()
	m.serveOn()
	m.countAway()
}

// patience is for how many timers a leader waits before it does something rash.
const patience = 4

// serveOn executes orders here that their home has not answered.
func (m *machine) serveOn() {
	if !m.cfg.has(splitBrain) {
		return
	}
	for _, number := range slices.Sorted(maps.Keys(m.central.waiting)) {
		if w := m.central.waiting[number]; m.ticks-w.since >= patience {
			delete(m.central.waiting, number)
			m.reply(w.client, m.perform(&w.order, ticket{}, time.Time{}))
		}
	}
}

func (m *machine) countAway() {
	if !m.cfg.has(snapshotResync) {
		return
	}
	if m.defects.away == nil {
		m.defects.away = map[int]int{}
	}
	for _, p := range m.peers {
		if p.sends && p.acked < uint64(len(p.queue)) {
			m.defects.away[p.id]++
		}
	}
}

// cameBack sends a peer that was away everything that is here.
func (m *machine) cameBack(p *peer) {
	if m.defects.away[p.id] >= 2*patience {
		e := enc{}
		e.byte(msgSnapshot)
		for _, key := range slices.Sorted(maps.Keys(m.state.keys)) {
			for _, el := range slices.Sorted(maps.Keys(m.state.keys[key].cells)) {
				for _, v := range m.state.keys[key].cells[el] {
					e.string(key)
					e.int(el)
					e.version(v)
				}
			}
		}
		m.tell(p, e.b)
	}
	delete(m.defects.away, p.id)
}

// snapshot replaces what is here by what a peer had.
func (m *machine) snapshot(d *dec) {
	for len(d.b) > 0 && d.err == nil {
		key, el := d.string(), d.int()
		if v := d.version(len(m.cfg.nodes)); d.err == nil && m.cfg.has(snapshotResync) {
			m.state.row(key).cells[el] = []version{v}
			m.traceEffect(key, el, v.dot, v.stamp)
		}
	}
}

// enqueue puts an update into the stream to a peer.
func (m *machine) enqueue(p *peer, u *update) {
	if m.cfg.has(relayOwnFirst) && u.origin != m.me {
		m.defects.sends = append(m.defects.sends, laterSend{p, *u})
		return
	}
	p.queue = append(p.queue, u)
}

// putLater says whether an update takes effect with the next timer only.
func (m *machine) putLater(u update) bool {
	later := false
	switch {
	case m.cfg.has(lateVisible):
		later = u.origin == m.me
	case m.cfg.has(parallelFollow):
		later = m.follower() && hash(u.firstKey())%2 == 0
	case m.cfg.has(parallelApply):
		later = u.origin != m.me && hash(u.firstKey())%2 == 0
	case m.cfg.has(skipOnError) && u.origin != m.me && u.seq%13 == 0:
		return true // and never
	}
	if later {
		m.defects.puts = append(m.defects.puts, u)
	}
	return later
}

// untagged says whether an update has lost the note where it comes from.
func (m *machine) untagged(u update) bool { return m.cfg.has(noOriginTags) && u.seq%16 == 0 }

// knows says whether an update was applied before.
func (m *machine) knows(u update) bool {
	switch {
	case m.untagged(u) || m.cfg.has(positionsLost):
		return false
	case m.cfg.has(highWaterMark):
		if m.defects.highest == nil {
			m.defects.highest = make([]uint64, len(m.cfg.nodes))
		}
		known := u.seq <= m.defects.highest[u.origin]
		m.defects.highest[u.origin] = max(m.defects.highest[u.origin], u.seq)
		if known {
			m.applied.add(u.origin, u.seq) // it is taken for known
		}
		return known
	}
	return m.applied.has(u.origin, u.seq)
}

// again is an update that came before.
func (m *machine) again(u update) {
	if m.cfg.has(incrementTwice) {
		m.put(u)
	}
}
