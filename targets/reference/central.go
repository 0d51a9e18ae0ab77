package reference

import (
	"errors"
	"fmt"
	"time"
)

// central is the state of policies under which one leader decides: the orders
// that wait here for an answer, and at the leader that decides those that came.
type central struct {
	number  uint64
	waiting map[uint64]waiting
	heard   map[ticket]bool // orders that were decided on: a repeated message is none
}

// waiting is a client's order that another leader decides on.
type waiting struct {
	client string
	order  order
	own    *pending
	since  int // timers that had rung
}

func newCentral() central {
	return central{waiting: map[uint64]waiting{}, heard: map[ticket]bool{}}
}

func (c *central) wait(w waiting) uint64 {
	c.number++
	c.waiting[c.number] = w
	return c.number
}

// decidedOn notes that an order was decided on, so that it is not again.
func (c *central) decidedOn(t ticket) {
	if t.number > 0 {
		c.heard[t] = true
	}
}

// What a leader is asked to decide on: to execute an order as the home of its
// keys, or to certify a transaction.
const (
	askHome    = 'h'
	askCertify = 'c'
)

// homeOf is the leader that executes all writes of a key.
func (m *machine) homeOf(key string) int {
	n := m.cfg.leaders()
	if m.cfg.has(wrongHome) && m.me == n-1 {
		n--
	}
	return int(hash(key)) % n
}

// atHome executes an order at the home of its keys; reads alone may be local.
func (m *machine) atHome(client string, o order, wall time.Time) {
	home := m.homeOf(o.steps[0].Key)
	for _, s := range o.steps {
		if m.homeOf(s.Key) != home {
			m.reply(client, refusal(fmt.Errorf("%q and %q have different homes: no transaction spans leaders", o.steps[0].Key, s.Key)))
			return
		}
	}
	if m.cfg.failsOver() {
		m.orderAtHome(client, m.groups[home], o, wall)
		return
	}
	if home == m.me || !o.writes() && (m.cfg.reads == readsLocal || m.cfg.has(homeReadsLocal)) {
		m.reply(client, m.perform(&o, ticket{}, wall))
		return
	}
	e := enc{}
	e.byte(msgAsk)
	e.byte(askHome)
	e.uint(m.central.wait(waiting{client: client, order: o, since: m.ticks}))
	e.order(o)
	m.askLeader(home, client, e.b)
}

// askLeader sends an order to the leader that decides.
func (m *machine) askLeader(id int, client string, body []byte) {
	p := m.peer(id)
	if p == nil {
		m.reply(client, refusal(fmt.Errorf("there is no link to %s, which decides", m.cfg.nodes[id])))
		return
	}
	m.tell(p, body)
}

// certify executes a transaction here and has it certified: it takes effect where
// everything that it has read is still what it was.
func (m *machine) certify(client string, o order, wall time.Time) {
	own := m.begin(wall)
	m.steps(&o, own)
	number := m.central.wait(waiting{client, o, own, m.ticks})
	if m.me == certifier {
		m.decide(ticket{m.me, number}, own.changes, nil, wall)
		return
	}
	e := enc{}
	e.byte(msgAsk)
	e.byte(askCertify)
	e.uint(number)
	e.changes(own.changes)
	e.uint(uint64(len(m.lastChanges(o))))
	for _, l := range m.lastChanges(o) {
		e.string(l.key)
		e.dots([]dot{l.dot})
	}
	m.askLeader(certifier, client, e.b)
}

// certifier is the leader that orders transactions: n1.
const certifier = 0

// lastChange is what was the last change of a key when it was read.
type lastChange struct {
	key string
	dot dot
}

func (m *machine) lastChanges(o order) []lastChange {
	var ls []lastChange
	for _, s := range o.steps {
		if !s.F.IsWrite() {
			ls = append(ls, lastChange{s.Key, m.state.row(s.Key).last})
		}
	}
	return ls
}

// askedBy decides on an order of another leader's client.
func (m *machine) askedBy(p *peer, d *dec, wall time.Time) {
	kind, t := d.byte(), ticket{p.id, d.uint()}
	if d.err != nil || m.central.heard[t] {
		return
	}
	m.central.decidedOn(t)
	if kind == askHome {
		o := d.order()
		if d.err == nil && m.cfg.failsOver() {
			m.take(m.groups[m.homeOf(o.steps[0].Key)], t, o, wall)
		} else if d.err == nil {
			m.answer(p, t.number, m.perform(&o, t, wall))
		}
		return
	}
	changes := d.changes()
	reads := make([]lastChange, d.count())
	for i := range reads {
		reads[i].key = d.string()
		if ds := d.dots(); len(ds) == 1 {
			reads[i].dot = ds[0]
		}
	}
	if d.err == nil {
		m.decide(t, changes, reads, wall)
	}
}

// decide certifies a transaction.
func (m *machine) decide(t ticket, changes []change, reads []lastChange, wall time.Time) {
	if m.cfg.has(certifyNothing) {
		reads = nil
	}
	for _, r := range reads {
		if m.state.row(r.key).last != r.dot {
			m.log(recDeclined, func(e *enc) { e.ticket(t) })
			m.answer(m.peer(t.node), t.number, refusal(errors.New("aborted: "+r.key+" was changed since it was read")))
			return
		}
	}
	own := m.begin(wall)
	own.changes = changes
	if m.cfg.has(certifyBackward) {
		m.defects.commits = append(m.defects.commits, laterCommit{own, t})
		return
	}
	m.commit(own, t)
}

func (m *machine) answer(p *peer, number uint64, body []byte) {
	e := enc{}
	e.byte(msgAnswer)
	e.uint(number)
	e.b = append(e.b, body...)
	m.tell(p, e.b)
}

func (m *machine) answered(d *dec) {
	number := d.uint()
	if w, ok := m.central.waiting[number]; ok && d.err == nil {
		delete(m.central.waiting, number)
		m.reply(w.client, d.b)
	}
}

// done answers the order that an update was made for, once it is applied where the
// order came from.
func (c *central) done(m *machine, u update) {
	w, ok := c.waiting[u.ticket.number]
	if !ok || !m.cfg.policy.certify || u.ticket.node != m.me {
		return
	}
	delete(c.waiting, u.ticket.number)
	w.own.stamp = u.stamp
	if !w.order.writes() { // what is read through the order is read at its place in it
		m.steps(&w.order, m.begin(time.Time{}))
	}
	m.reply(w.client, m.result(&w.order, w.own))
}
