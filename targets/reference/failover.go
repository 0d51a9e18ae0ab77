package reference

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"
)

// What becomes of a key whose home cannot be reached.
const (
	failoverNone     = "none"
	failoverAsync    = "async"
	failoverLease    = "lease"
	failoverMajority = "majority"
)

const failoverHelp = "policy home: what becomes of keys whose home cannot be reached. none: nothing, they cannot be used. " +
	"async: another leader takes over after some timers with what it has; what only the old home has is discarded when that comes back. " +
	"lease: likewise, but only when the old home's lease has run out by the wall clock, and a home serves only while its lease lasts. " +
	"majority: a majority elects the new home for an epoch, and an operation counts once a majority has it in that epoch, reads too"

// checkFailover says why a failover does not go with the other options.
func (c *config) checkFailover() error {
	switch {
	case !c.failsOver():
	case !c.policy.home:
		return fmt.Errorf("-o failover=%s is an option of policy home; under %s no key has a home", c.failover, c.policy.name)
	case c.reads == readsLocal:
		return fmt.Errorf("-o failover=%s has operations executed by the home of the epoch, reads too: it needs -o reads=%s", c.failover, readsDecided)
	case c.tokens:
		return fmt.Errorf("-o failover=%s needs no -o token=on: a session is served by the home of a key wherever it asks", c.failover)
	case c.followers > 0:
		return fmt.Errorf("-o failover=%s elects among the leaders and has no followers below them: leave out --followers", c.failover)
	}
	return nil
}

func (c *config) failsOver() bool { return c.failover != failoverNone && c.failover != "" }

// byMajority says whether homes are elected.
func (c *config) byMajority() bool { return c.failover == failoverMajority }

// waits says whether an operation takes effect only once a majority has it.
func (c *config) waits() bool { return c.byMajority() && !c.has(fencedServes) }

// leaseTime is how long a home's lease lasts from when it asked for it: less than anybody
// waits before taking over.
const leaseTime = 6 * resend

// order has an operation executed by the home of its keys in this epoch.
func (m *machine) orderAtHome(client string, g *group, o order, wall time.Time) {
	if g.home < 0 {
		m.reply(client, refusal(fmt.Errorf("who is home to %q is not known here", o.steps[0].Key)))
		return
	}
	number := m.central.wait(waiting{client: client, order: o, since: m.ticks})
	if g.leads() {
		m.take(g, ticket{m.me, number}, o, wall)
		return
	}
	e := enc{}
	e.byte(msgAsk)
	e.byte(askHome)
	e.uint(number)
	e.order(o)
	m.askLeader(g.home, client, e.b)
}

// take executes an operation as the home of its keys, or refuses it for good.
func (m *machine) take(g *group, t ticket, o order, wall time.Time) {
	leased := wall.UnixNano() < g.leasedUntil(m, wall)
	switch {
	case !g.leads(), m.cfg.failover == failoverLease && !leased:
		if o.writes() && t.node != m.me {
			m.log(recDeclined, func(e *enc) { e.ticket(t) })
		}
		m.answerTicket(t, refusal(errors.New(m.cfg.nodes[m.me]+" is not the home of "+o.steps[0].Key+" now")))
	case o.writes(), m.cfg.waits() && (!m.cfg.has(leaseReads) || !leased):
		m.propose(g, entry{g.epoch, m.me, t, o.steps})
	default:
		m.answerTicket(t, m.perform(&o, t, wall))
	}
}

// answerTicket answers an order where it was asked.
func (m *machine) answerTicket(t ticket, body []byte) {
	if t.node != m.me {
		m.answer(m.peer(t.node), t.number, body)
		return
	}
	if w, ok := m.central.waiting[t.number]; ok {
		delete(m.central.waiting, t.number)
		m.reply(w.client, body)
	}
}

// effect has an entry of the log take effect. All leaders execute the same entries
// in the same order, and the home of the epoch answers.
func (m *machine) effect(g *group, at int) {
	en := g.log[at]
	o := order{steps: slices.Clone(en.steps)}
	seq := uint64(at*len(m.groups) + g.id + 1)
	own := &pending{node: en.home, seq: seq, stamp: stamp{int64(en.epoch), en.home, seq}}
	m.steps(&o, own)
	u := update{origin: en.home, seq: seq, stamp: own.stamp, changes: own.changes}
	if en.home == m.me && g.leads() && en.epoch == g.epoch {
		m.traceUpdate(TraceCommitted, u)
		m.answerTicket(en.ticket, m.result(&o, own))
	}
	m.traceUpdate(TraceApplied, u)
	m.put(u)
}

// forget takes back what a group's log has effected: entries of it were discarded.
func (m *machine) forget(g *group) {
	g.applied = 0
	for _, key := range slices.Sorted(maps.Keys(m.state.keys)) {
		if m.homeOf(key) == g.id {
			delete(m.state.keys, key)
			m.traceForgot(key)
		}
	}
}

// leasedUntil is when the home's lease ends by its own clock: leaseTime after it
// last asked a majority that answered. A clock that is off makes it too long.
func (g *group) leasedUntil(m *machine, wall time.Time) int64 {
	asked := slices.Clone(g.answered)
	asked[m.me] = wall.UnixNano()
	slices.Sort(asked)
	return asked[len(asked)-m.cfg.majority()] + int64(leaseTime)
}
