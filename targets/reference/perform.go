package reference

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/mlcheck/mlcheck/history"
	"github.com/mlcheck/mlcheck/targets"
)

// order is what a client asks for: steps, and what it had read of their keys.
type order struct {
	steps []history.Step
	had   map[string]had // by key: what a write by this client replaces
	local bool           // answer from what is here: final reads
	token token          // what its session has seen elsewhere
}

// had are the versions that a client has read of a key: their names, and with
// their dots all that they had replaced.
type had struct {
	names string
	dots  []dot
}

func (o *order) writes() bool {
	return slices.ContainsFunc(o.steps, func(s history.Step) bool { return s.F.IsWrite() })
}

func (m *machine) request(in targets.In) {
	d := &dec{b: in.Body}
	switch d.byte() {
	case askStatus:
		e := enc{}
		e.byte(tellOK)
		e.status(status{m.applied.exact(), m.unconfirmed(), in.Wall.UnixNano()})
		m.reply(in.From, e.b)
	case askLeave:
		m.leave(in.From)
	case askStay:
		m.stay(in.From)
	case askMembers:
		e := enc{}
		e.byte(tellOK)
		names := m.members()
		e.uint(uint64(len(names)))
		for _, n := range names {
			e.string(n)
		}
		m.reply(in.From, e.b)
	case askSteps:
		if m.joining != nil {
			m.reply(in.From, refusal(m.notJoined()))
			return
		}
		if m.leaving != nil {
			m.reply(in.From, refusal(m.isLeaving()))
			return
		}
		o := d.order()
		if err := cmp.Or(d.err, m.performable(o.steps)); err != nil {
			m.reply(in.From, refusal(err))
			return
		}
		if !o.token.fits(len(m.cfg.nodes)) {
			m.reply(in.From, refusal(fmt.Errorf("the token %s is of other leaders", o.token)))
			return
		}
		m.serve(in.From, o, in.Wall)
	default:
		m.reply(in.From, refusal(fmt.Errorf("unknown request")))
	}
}

func (m *machine) reply(to string, body []byte) {
	m.emit(targets.Out{Kind: targets.Reply, To: to, Body: body, Eager: m.eager()})
}

func refusal(err error) []byte {
	e := enc{}
	e.byte(tellNo)
	e.string(err.Error())
	return e.b
}

// execute performs an order here, or has the leader do it that decides.
func (m *machine) execute(client string, o order, wall time.Time) {
	switch p := m.cfg.policy; {
	case m.follower() && o.writes():
		m.reply(client, refusal(fmt.Errorf("%s is a follower: it serves reads only", m.cfg.nodes[m.me])))
		return
	case o.local, m.follower():
	case m.full && (o.writes() || p.certify && m.cfg.reads != readsLocal):
		m.reply(client, m.fullDisk())
		return
	case p.home:
		m.atHome(client, o, wall)
		return
	case p.certify && (o.writes() || m.cfg.reads != readsLocal):
		m.certify(client, o, wall)
		return
	}
	if answer := m.perform(&o, ticket{}, wall); m.cfg.awaited() && o.writes() {
		m.onceSynced(targets.Out{Kind: targets.Reply, To: client, Body: answer})
	} else {
		m.reply(client, answer)
	}
}

// performable says why steps cannot be performed. A store that acknowledged what
// it does not do would be a liar.
func (m *machine) performable(ss []history.Step) error {
	for _, s := range ss {
		number := s.Value.Set && s.Value.List == nil
		switch {
		case !slices.Contains(m.cfg.policy.steps, s.F):
			return fmt.Errorf("the reference store with policy %s has no step %q", m.cfg.policy.name, s.F)
		case (s.F == history.Write || s.F == history.Inc) && !number:
			return fmt.Errorf("a change of %q needs a number", s.Key)
		case (s.F == history.Add || s.F == history.Remove) && (!number || s.Value.N == 0): // element 0 is the register
			return fmt.Errorf("an element of %q must be a number, and not 0", s.Key)
		}
	}
	return nil
}

// perform executes an order as one transaction: nothing else happens at this
// leader in between, and its writes are one update. It returns the reply.
func (m *machine) perform(o *order, t ticket, wall time.Time) []byte {
	own := m.begin(wall)
	m.steps(o, own)
	if len(own.changes) > 0 {
		m.commit(own, t)
	}
	return m.result(o, own)
}

// steps executes reads, and collects what is to be changed.
func (m *machine) steps(o *order, own *pending) {
	asked := m.cfg.policy.asked // else nobody needs to know what was read
	var known map[string]had
	if asked {
		if known = maps.Clone(o.had); known == nil {
			known = map[string]had{}
		}
	}
	for i := range o.steps {
		s := &o.steps[i]
		if s.F == history.Read {
			s.Value = m.state.read(s.Key, own)
			if asked {
				vs := m.state.versions(s.Key, 0, own)
				known[s.Key] = had{names(vs, m.cfg.nodes), replaced(vs)}
			}
			continue
		}
		c := change{key: s.Key, f: s.F, value: s.Value.N}
		switch p := m.cfg.policy; {
		case p.asked && m.cfg.blind: // nothing
		case p.asked: // what its client had read
			c.past = known[s.Key].dots
			own.replaces = append(own.replaces, known[s.Key].names)
		case p.past: // what is here
			c.past = replaced(m.state.versions(c.key, c.element(), own))
		}
		own.changes = append(own.changes, c)
		if asked {
			known[s.Key] = had{own.stamp.word(m.cfg.nodes), union(c.past, own.dot(len(own.changes)-1))}
		}
	}
	own.known = known
	m.traceExecuted(o, own)
}

// result is the reply to an order that was performed: the steps, the stamp of
// what was written, who did it, what was replaced, and what the client knows now.
func (m *machine) result(o *order, own *pending) []byte {
	e := m.rooms.enc(tellOK, room)
	e.steps(o.steps)
	if len(own.changes) > 0 {
		e.string(own.stamp.word(m.cfg.nodes))
	} else {
		e.string("")
	}
	e.string(m.cfg.nodes[m.me])
	e.string(strings.Trim(strings.Join(own.replaces, ","), ","))
	e.had(own.known)
	if m.cfg.tokens {
		e.token(m.token(own))
	}
	return e.b
}
