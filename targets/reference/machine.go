package reference

import (
	"bytes"
	"slices"
	"time"

	"github.com/mlcheck/mlcheck/history"
	"github.com/mlcheck/mlcheck/targets"
)

// resend is how often a leader looks for changes that a peer has not confirmed,
// and asks a peer for what it has not heard of.
const resend = 50 * time.Millisecond

// machine is one leader: what it holds of every key, a log on disk, and what it
// sends to its peers. It is a function of what it is handed: no clock, no
// randomness, no map order that shows.
type machine struct {
	cfg     config
	me      int
	state   state
	applied progress
	peers   []*peer
	last    int64    // the greatest time of a stamp given or seen
	ticks   int      // timers that have rung
	updates []update // everything applied, in order, where it may be asked for
	central central
	groups  []*group // where another leader becomes home to keys whose home is away
	held    []held   // orders that wait for what their sessions have seen
	defects delayed
	out     []targets.Out
	rooms   rooms
	life    uint64 // starts before this one
	// registered: this start is in the log. full: the disk takes no more.
	registered, full bool
	unsynced         unsynced
	joining          *joining // nil: it has caught up
	arrived          bool     // the log says that it has
	leaving          *leaving // nil: it was not told to leave
	tombstones       tombstones
}

func newMachine(cfg config, name string, d targets.Disk) *machine {
	m := &machine{
		cfg: cfg, me: slices.Index(cfg.nodes, name), applied: newProgress(len(cfg.nodes)),
		state: state{policy: cfg.policy, keys: map[string]*row{}}, central: newCentral(),
	}
	for id, other := range cfg.nodes {
		to := slices.Contains(cfg.links, history.Link{From: name, To: other})
		from := slices.Contains(cfg.links, history.Link{From: other, To: name})
		if to || from {
			m.peers = append(m.peers, &peer{name: other, id: id, sends: to, receives: from, early: map[uint64]update{}})
		}
	}
	m.groups = newGroups(cfg)
	m.traceBegan()
	m.recoverFrom(d)
	m.joins()
	m.begins()
	m.beginGroups()
	m.central.number = m.life << 32 // no ticket is given out twice
	return m
}

func (m *machine) peer(id int) *peer {
	i := slices.IndexFunc(m.peers, func(p *peer) bool { return p.id == id })
	if i < 0 {
		return nil
	}
	return m.peers[i]
}

// Step is one thing that happens.
func (m *machine) Step(in targets.In) []targets.Out {
	if in.Kind != targets.Start { // what is told of the recovery goes out with the start
		m.out = m.out[:0]
	}
	m.full = in.Full
	if m.joining != nil && m.joining.asks {
		m.join(in)
		return m.out
	}
	if !m.full {
		m.register()
	}
	if !m.registered {
		m.waitForRoom(in)
		return m.out
	}
	switch in.Kind {
	case targets.Start:
		m.emit(targets.Out{Kind: targets.Timer, After: resend})
	case targets.Timer:
		m.tick()
		m.tickGroups(in.Wall)
		m.emit(targets.Out{Kind: targets.Timer, After: resend})
	case targets.Message:
		m.message(in)
	case targets.Request:
		m.request(in)
	}
	m.serveHeld(in.Wall)
	return m.out
}

func (m *machine) emit(o targets.Out) { m.out = append(m.out, o) }

func (m *machine) tell(p *peer, body []byte) {
	m.emit(targets.Out{Kind: targets.Message, To: p.name, Body: body})
}

func (m *machine) message(in targets.In) {
	i := slices.IndexFunc(m.peers, func(p *peer) bool { return p.name == in.From })
	if i < 0 || m.full && takesRoom(in.Body) {
		return
	}
	p, d := m.peers[i], &dec{b: in.Body, rooms: &m.rooms}
	switch kind := d.byte(); kind {
	case msgAck:
		m.confirmed(p, d)
	case msgUpdates:
		m.updatesFrom(p, d)
	case msgDigest:
		m.handOut(p, d)
	case msgMissing:
		for len(d.b) > 0 && d.err == nil {
			if u := d.update(len(m.cfg.nodes)); d.err == nil {
				m.accept(u, p, 0)
			}
		}
	case msgAsk:
		m.askedBy(p, d, in.Wall)
	case msgAnswer:
		m.answered(d)
	case msgHello:
		m.greeted(p, d)
	case msgJoin:
		m.askedToJoin(p, d)
	case msgJoined:
		m.toldOfLife(p, d)
	case msgComplete:
		m.complete(p, d)
	case msgLeave:
		m.leaves(p, d)
	case msgBye:
		m.bye(p, d)
	case msgSnapshot:
		m.snapshot(d)
	case msgStand, msgVote, msgEntries, msgPosition:
		m.groupMessage(kind, p, d, in.Wall)
	}
}

// takesRoom says whether a message from a peer would have to be logged. On a full
// disk it is as if it had been lost: neither taken nor confirmed, so that it comes
// again.
func takesRoom(body []byte) bool {
	return len(body) > 0 && bytes.IndexByte([]byte{msgUpdates, msgMissing, msgAsk, msgHello, msgLeave}, body[0]) >= 0
}

// accept logs and applies an update that came by a link, at a position of it, and
// passes it on.
func (m *machine) accept(u update, via *peer, at uint64) {
	if m.knows(u) {
		m.again(u)
		if at > 0 {
			m.log(recKnown, func(e *enc) { e.position(via, at) })
		}
		return
	}
	u.passed |= 1 << m.me
	m.logTaken(u, via, at)
	m.apply(u)
	m.pushAll()
}

// apply makes an update take effect and puts it into the queues of the peers that
// must hear of it.
func (m *machine) apply(u update) {
	m.applied.add(u.origin, u.seq)
	m.traceUpdate(TraceApplied, u)
	if u.origin == m.me || !m.cfg.has(deafClock) {
		m.last = max(m.last, u.stamp.time)
	}
	if !m.putLater(u) {
		m.put(u)
	}
	if m.cfg.delivery == antiEntropy || m.cfg.forgets() || m.cfg.has(redoTwice) {
		m.updates = append(m.updates, u)
	}
	var queued *update
	for _, p := range m.peers {
		if p.sends && m.cfg.delivery != antiEntropy && m.passesOn(u, p) {
			if queued == nil {
				copied := u
				queued = &copied
			}
			m.enqueue(p, queued)
		}
	}
	m.buried(u)
	m.central.done(m, u)
}

func (m *machine) put(u update) {
	for i, c := range u.changes {
		m.state.put(c, dot{u.origin, u.seq, i}, u.stamp)
		m.traceEffect(c.key, c.element(), dot{u.origin, u.seq, i}, u.stamp)
	}
}

// passesOn says whether an update goes on to a peer: in all-to-all only from its
// origin; elsewhere also from those who forward, but never to a leader that it
// has passed already.
func (m *machine) passesOn(u update, p *peer) bool {
	switch {
	case m.cfg.follows(p.id):
		return true
	case m.cfg.topology == "all-to-all" || m.cfg.has(dropForwarded):
		return u.origin == m.me
	case m.untagged(u):
		return true
	}
	return p.id != u.origin && u.passed&(1<<p.id) == 0
}

// commit makes what a transaction has changed an update of this leader.
func (m *machine) commit(own *pending, t ticket) {
	u := update{origin: m.me, seq: own.seq, stamp: own.stamp, deps: slices.Clone(m.applied.upTo), changes: own.changes, passed: 1 << m.me, ticket: t}
	u.body = m.rooms.body(u)
	m.traceUpdate(TraceCommitted, u)
	m.logUpdate(u, m.me, 0)
	m.apply(u)
	m.pushAll()
}

// begin starts a transaction.
func (m *machine) begin(wall time.Time) *pending {
	seq := m.applied.next(m.me, m.era())
	return &pending{node: m.me, seq: seq, stamp: stamp{m.cfg.policy.stamps(wall, m.last), m.me, seq}}
}
