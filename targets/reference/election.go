package reference

import (
	"slices"
	"time"

	"github.com/mlcheck/mlcheck/history"
)

// group is the keys that had one home at first, as one leader knows it: a log of
// operations, replicated by the home of the present epoch, as in Raft (Ongaro and
// Ousterhout, USENIX ATC 2014) and Viewstamped Replication (Oki and Liskov, PODC 1988).
type group struct {
	id    int
	epoch uint64
	vote  int // whom this leader has accepted in the epoch; -1: nobody yet
	home  int // of the epoch; -1: not known
	role  role
	log   []entry
	// Entries up to commit count, up to applied they have taken effect here.
	commit, applied int
	silent          int    // timers for which nothing was heard of the home
	lease           int64  // until when the home has said that it has a lease, by its clock
	votes           uint64 // a candidate's, a bit for each leader

	// The home's, by leader: up to where its log is known to be the same, what it is
	// sent next, and when, by the home's clock, the last message went out that it answered.
	match, next []int
	answered    []int64
}

type role byte

const (
	follows role = iota
	stands
	leads
)

func (g *group) leads() bool { return g.role == leads }

// entry is one operation in the log of a group; without steps it only begins an epoch.
type entry struct {
	epoch  uint64
	home   int // who made it
	ticket ticket
	steps  []history.Step
}

func (c *config) majority() int { return c.leaders()/2 + 1 }

func newGroups(cfg config) []*group {
	if !cfg.failsOver() {
		return nil
	}
	var gs []*group
	for id := range cfg.leaders() {
		gs = append(gs, &group{id: id, vote: id, home: id})
	}
	return gs
}

// beginGroups: in the first epoch every group has the home of its number. One that
// comes up again waits to hear who is home now.
func (m *machine) beginGroups() {
	for _, g := range m.groups {
		g.reset(m)
		switch {
		case m.life > 1:
			g.home = -1
		case g.id == m.me:
			g.role = leads
		}
		if !m.cfg.waits() {
			m.commitTo(g, len(g.log))
		}
	}
}

func (g *group) reset(m *machine) {
	n := m.cfg.leaders()
	g.match, g.next, g.answered = make([]int, n), make([]int, n), make([]int64, n)
	for i := range g.next {
		g.next[i] = len(g.log)
	}
	g.silent, g.votes = 0, 0
}

// last is the epoch of the last entry.
func (g *group) last() uint64 { return g.epochAt(len(g.log)) }

// epochAt is the epoch of the entry before a position.
func (g *group) epochAt(at int) uint64 {
	if at == 0 {
		return 0
	}
	return g.log[at-1].epoch
}

// Elections.

// tickGroups has homes show that they are there, and others take over.
func (m *machine) tickGroups(wall time.Time) {
	if m.full {
		return // neither a vote nor an entry would last
	}
	for _, g := range m.groups {
		if g.leads() {
			m.sendLog(g, wall)
			continue
		}
		leased := m.cfg.failover == failoverLease && wall.UnixNano() < g.lease
		if g.silent++; g.silent > m.patienceFor(g) && !leased {
			m.takeOver(g, wall)
		}
	}
}

// patienceFor is for how many timers a leader waits for the home: another time for each
// leader and epoch, so that one of them is first.
func (m *machine) patienceFor(g *group) int {
	return 2*patience + 4*int((uint64(m.me)+g.epoch)%uint64(m.cfg.leaders()))
}

// takeOver makes this leader the home in a new epoch, or asks the others to.
func (m *machine) takeOver(g *group, wall time.Time) {
	if !m.cfg.byMajority() { // each leader has epochs of its own
		n := uint64(m.cfg.leaders())
		m.enter(g, (g.epoch/n+1)*n+uint64(m.me), m.me, m.me)
		m.lead(g, wall)
		return
	}
	m.enter(g, g.epoch+1, m.me, -1)
	g.role, g.votes = stands, 1<<m.me
	e := enc{}
	e.byte(msgStand)
	e.uint(uint64(g.id))
	e.uint(g.epoch)
	e.uint(uint64(len(g.log)))
	e.uint(g.last())
	m.tellLeaders(e.b)
}

func (m *machine) tellLeaders(body []byte) {
	for _, p := range m.peers {
		m.tell(p, body)
	}
}

// enter begins an epoch. What a leader has promised in it must outlive a restart,
// or it would promise the same to another.
func (m *machine) enter(g *group, epoch uint64, vote, home int) {
	g.epoch, g.vote, g.home, g.role = epoch, vote, home, follows
	g.reset(m)
	m.promise(recEpoch, func(e *enc) {
		e.uint(uint64(g.id))
		e.uint(g.epoch)
		e.int(int64(g.vote))
	})
}

// promise writes what others rely on, which must be on disk before they are told.
func (m *machine) promise(kind byte, fill func(*enc)) {
	if m.cfg.has(voteForgotten) {
		m.note(kind, fill)
		return
	}
	m.log(kind, fill)
}

// stood decides on a candidate: one vote in an epoch, for a log that has all that
// this one has.
func (m *machine) stood(p *peer, g *group, d *dec) {
	epoch, length, last := d.uint(), d.uint(), d.uint()
	if d.err != nil || epoch < g.epoch {
		return
	}
	vote := g.vote
	if epoch > g.epoch {
		vote = -1
	}
	complete := last > g.last() || last == g.last() && length >= uint64(len(g.log)) || m.cfg.has(homeBehind)
	switch {
	case complete && vote == -1:
		m.enter(g, epoch, p.id, -1)
	case epoch > g.epoch:
		m.enter(g, epoch, -1, -1)
	}
	if g.vote != p.id {
		return
	}
	e := enc{}
	e.byte(msgVote)
	e.uint(uint64(g.id))
	e.uint(g.epoch)
	m.tell(p, e.b)
}

// voted counts a vote.
func (m *machine) voted(p *peer, g *group, d *dec, wall time.Time) {
	if epoch := d.uint(); d.err != nil || epoch != g.epoch || g.role != stands {
		return
	}
	g.votes |= 1 << p.id
	count := 0
	for id := range m.cfg.leaders() {
		count += int(g.votes >> id & 1)
	}
	if count >= m.cfg.majority() {
		g.home = m.me
		m.lead(g, wall)
	}
}

// lead makes this leader the home. An entry of the new epoch settles what earlier
// ones have left.
func (m *machine) lead(g *group, wall time.Time) {
	g.reset(m)
	g.role = leads
	m.propose(g, entry{epoch: g.epoch, home: m.me})
	m.sendLog(g, wall)
}

// The log.

// propose appends an entry of this epoch.
func (m *machine) propose(g *group, en entry) {
	m.appendEntry(g, len(g.log), en)
	if !m.cfg.waits() {
		m.commitTo(g, len(g.log))
	}
	for _, p := range m.peers {
		m.sendEntries(g, p, 0)
	}
}

// appendEntry puts an entry at a position; what was there and after it is discarded.
func (m *machine) appendEntry(g *group, at int, en entry) {
	if at < g.applied {
		m.forget(g)
	}
	g.commit = min(g.commit, at)
	g.log = append(g.log[:at], en)
	m.central.decidedOn(en.ticket)
	m.promise(recEntry, func(e *enc) {
		e.uint(uint64(g.id))
		e.uint(uint64(at))
		e.entry(en)
	})
}

// commitTo has entries take effect.
func (m *machine) commitTo(g *group, to int) {
	for g.commit = max(g.commit, to); g.applied < g.commit; g.applied++ {
		m.effect(g, g.applied)
	}
}

// sendLog sends every other leader what it has not confirmed, and shows that the
// home is there.
func (m *machine) sendLog(g *group, wall time.Time) {
	for _, p := range m.peers {
		if g.match[p.id] > 0 {
			g.next[p.id] = g.match[p.id] // what was sent after it may be lost
		}
		m.sendEntries(g, p, wall.UnixNano())
	}
}

// sendEntries sends a leader the next entries; at is the home's clock, or 0 where no
// answer is to prove that it was heard.
func (m *machine) sendEntries(g *group, p *peer, at int64) {
	from := g.next[p.id]
	to := min(len(g.log), from+batch)
	e := enc{}
	e.byte(msgEntries)
	e.uint(uint64(g.id))
	e.uint(g.epoch)
	e.int(at)
	e.uint(uint64(g.commit))
	e.uint(uint64(from))
	e.uint(g.epochAt(from))
	e.uint(uint64(to - from))
	for _, en := range g.log[from:to] {
		e.entry(en)
	}
	g.next[p.id] = to
	m.tell(p, e.b)
}

// entriesFrom takes what the home of an epoch has sent. Entries follow on one that
// both have, or not at all.
func (m *machine) entriesFrom(p *peer, g *group, d *dec) {
	epoch, at, commit, from, before := d.uint(), d.int(), int(d.uint()), int(d.uint()), d.uint()
	entries := make([]entry, d.count())
	for i := range entries {
		entries[i] = d.entry(len(m.cfg.nodes))
	}
	if d.err != nil || from < 0 || commit < 0 {
		return
	}
	if epoch < g.epoch {
		m.tellPosition(p, g, false, len(g.log), 0) // so that it learns of the epoch
		return
	}
	if epoch > g.epoch {
		m.enter(g, epoch, p.id, p.id)
	}
	if g.leads() {
		return // two homes in one epoch: an election has gone wrong
	}
	g.role, g.home, g.silent = follows, p.id, 0
	g.lease = max(g.lease, at+int64(leaseTime))
	if from > len(g.log) || g.epochAt(from) != before {
		m.tellPosition(p, g, false, g.differs(from), at)
		return
	}
	for i, en := range entries {
		if from+i == len(g.log) || g.log[from+i].epoch != en.epoch {
			m.appendEntry(g, from+i, en)
		}
	}
	m.commitTo(g, min(commit, from+len(entries)))
	m.tellPosition(p, g, true, from+len(entries), at)
}

// differs is from where the home should try, if the logs are not the same before a
// position: at the end of this one, or before the epoch that is another there.
func (g *group) differs(from int) int {
	if from > len(g.log) {
		return len(g.log)
	}
	for epoch := g.epochAt(from); from > 0 && g.epochAt(from) == epoch; {
		from--
	}
	return from
}

// tellPosition answers the home: up to where the logs are the same, or from where it
// should try.
func (m *machine) tellPosition(p *peer, g *group, same bool, to int, at int64) {
	e := enc{}
	e.byte(msgPosition)
	e.uint(uint64(g.id))
	e.uint(g.epoch)
	e.bool(same)
	e.uint(uint64(to))
	e.int(at)
	m.tell(p, e.b)
}

// position takes an answer. An entry of this epoch counts once a majority has it, and
// with it all before; one of an earlier epoch alone never does (Raft, section 5.4.2).
func (m *machine) position(p *peer, g *group, d *dec) {
	epoch, same, to, at := d.uint(), d.bool(), int(d.uint()), d.int()
	switch {
	case d.err != nil, to < 0, to > len(g.log) && epoch == g.epoch:
		return
	case epoch > g.epoch:
		m.enter(g, epoch, -1, -1)
		return
	case epoch < g.epoch || !g.leads():
		return
	}
	g.answered[p.id] = max(g.answered[p.id], at)
	if !same {
		g.match[p.id], g.next[p.id] = 0, to
		m.sendEntries(g, p, 0)
		return
	}
	g.match[p.id], g.next[p.id] = max(g.match[p.id], to), max(g.next[p.id], to)
	have := slices.Clone(g.match)
	have[m.me] = len(g.log)
	slices.Sort(have)
	if n := have[len(have)-m.cfg.majority()]; g.epochAt(n) == g.epoch {
		m.commitTo(g, n)
	}
	if g.next[p.id] < len(g.log) {
		m.sendEntries(g, p, 0)
	}
}

// groupMessage is a message of a group: its number comes first.
func (m *machine) groupMessage(kind byte, p *peer, d *dec, wall time.Time) {
	id := d.uint()
	if d.err != nil || id >= uint64(len(m.groups)) || m.full {
		return
	}
	switch g := m.groups[id]; kind {
	case msgStand:
		m.stood(p, g, d)
	case msgVote:
		m.voted(p, g, d, wall)
	case msgEntries:
		m.entriesFrom(p, g, d)
	case msgPosition:
		m.position(p, g, d)
	}
}

// recoverGroup does what a record of the log says of a group.
func (m *machine) recoverGroup(kind byte, d *dec) {
	id := d.uint()
	if d.err != nil || id >= uint64(len(m.groups)) {
		return
	}
	g := m.groups[id]
	if kind == recEpoch {
		epoch, vote := d.uint(), int(d.int())
		if d.err == nil {
			g.epoch, g.vote, g.home = epoch, vote, -1
		}
		return
	}
	at, en := int(d.uint()), d.entry(len(m.cfg.nodes))
	if d.err == nil && at <= len(g.log) {
		g.log = append(g.log[:at], en)
		m.central.decidedOn(en.ticket)
		if en.epoch > g.epoch { // not where epochs are logged
			g.epoch, g.vote, g.home = en.epoch, -1, -1
		}
	}
}

// unsettled is how much of the groups is still on its way.
func (m *machine) unsettled() int {
	n := 0
	for _, g := range m.groups {
		n += len(g.log) - g.applied
		switch {
		case g.home < 0:
			n++
		case g.leads():
			for _, p := range m.peers {
				n += len(g.log) - g.match[p.id]
			}
		}
	}
	return n
}

func (e *enc) entry(en entry) {
	e.uint(en.epoch)
	e.uint(uint64(en.home))
	e.ticket(en.ticket)
	e.steps(en.steps)
}

func (d *dec) entry(nodes int) entry {
	return entry{d.uint(), d.node(nodes), ticket{d.node(nodes), d.uint()}, d.steps()}
}
