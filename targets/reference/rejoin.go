package reference

import (
	"fmt"
	"slices"

	"github.com/mlcheck/mlcheck/targets"
)

// A leader whose disk was lost comes back with nothing: it does not even know how often
// it has started, so that it would give out names of updates once more. With rejoin=on a
// leader without a log asks its peers how many of its starts they know, takes a life
// after all of these, waits until every peer has that in its own log, and until it has
// what its peers had when it asked. Before that it serves nobody. What it had
// acknowledged and nobody else had is gone, and reads that showed it are unread.

const rejoinHelp = "on: a leader that comes up without a log asks all of its peers for what they know of it and have, and serves once it has that. " +
	"It may then lose its disk; what only that had is lost"

// joining is a leader that has come up without a log, until it has caught up.
type joining struct {
	asks    bool    // it does not know its life yet
	nonce   uint64  // tells its questions from those of an earlier life
	answers []*join // by peer; nil: none yet
}

// join is what a peer has said: how many starts of this leader it knows, and what it has.
type join struct {
	known int
	had   progress
}

// numbersLives says whether a leader can come back knowing less of itself than its peers.
func (c *config) numbersLives() bool { return c.forgets() || c.startsEmpty() }

// startsEmpty says whether a leader may come up without a log and not be the first to.
func (c *config) startsEmpty() bool { return c.rejoin || c.members }

// checkRejoin says why leaders cannot come back with an empty disk.
func (c *config) checkRejoin() error {
	option := "rejoin"
	if c.members {
		option = "members"
	}
	switch {
	case !c.startsEmpty():
	case c.delivery != antiEntropy:
		return fmt.Errorf("-o %s=on needs the delivery anti-entropy, in which leaders are asked for what somebody lacks; under %s they count on what was confirmed to them", option, c.delivery)
	case c.members && c.topology != "all-to-all":
		return fmt.Errorf("-o members=on needs the topology all-to-all, in which those that stay are still linked; %s would have to be wired anew", c.topology)
	case c.followers > 0:
		return fmt.Errorf("-o %s=on is for leaders alone: leave out --followers", option)
	case c.tombstones == tombstonesCollected:
		return fmt.Errorf("-o %s=on brings back every update from the first on, removals too: it needs tombstones=%s", option, tombstonesKept)
	}
	return nil
}

// noRejoin is why a leader's disk must not be emptied where rejoin=off.
const noRejoin = "its leaders count on each other's logs; with -o rejoin=on -o delivery=anti-entropy they come back without"

// joins is a leader that has no log, or had not caught up before it went down.
func (m *machine) joins() {
	if m.cfg.startsEmpty() && !m.arrived {
		m.joining = &joining{asks: true, answers: make([]*join, len(m.peers))}
	}
}

// join is a step of a leader that does not know its life.
func (m *machine) join(in targets.In) {
	switch in.Kind {
	case targets.Start:
		m.joining.nonce = uint64(in.Wall.UnixNano())
		m.emit(targets.Out{Kind: targets.Timer, After: resend})
		m.askToJoin()
	case targets.Timer:
		m.emit(targets.Out{Kind: targets.Timer, After: resend})
		m.askToJoin()
	case targets.Message:
		m.joinMessage(in)
	case targets.Request:
		m.request(in)
	}
	if !m.full && m.allHaveAnswered() {
		m.takeLife()
	}
}

// allHaveAnswered says whether every peer has that is a member, by what those say that
// have.
func (m *machine) allHaveAnswered() bool {
	for i, a := range m.joining.answers {
		if a == nil && !m.peers[i].lives.out() {
			return false
		}
	}
	return slices.ContainsFunc(m.joining.answers, func(a *join) bool { return a != nil })
}

// askToJoin asks all peers, also those that have answered: one that loses its power may
// come back without what it said that it had, and then nobody can be given that.
func (m *machine) askToJoin() {
	for _, p := range m.peers {
		if p.lives.out() {
			continue
		}
		e := enc{}
		e.byte(msgJoin)
		e.uint(m.joining.nonce)
		m.tell(p, e.b)
	}
}

// toldOfLife takes note of what a peer has said. Later answers count only where the peer
// has lost something: else a leader would never have all that others have.
func (m *machine) toldOfLife(p *peer, d *dec) {
	nonce, known, had := d.uint(), d.uint(), d.progress(len(m.cfg.nodes))
	if m.joining == nil || d.err != nil || nonce != m.joining.nonce || known >= mostLives {
		return
	}
	m.hears(d)
	i := slices.Index(m.peers, p)
	if old := m.joining.answers[i]; old == nil || !had.covers(old.had) {
		m.joining.answers[i] = &join{int(known), had}
	}
}

// joinMessage is what a leader that does not know its life yet understands.
func (m *machine) joinMessage(in targets.In) {
	for _, p := range m.peers {
		if p.name != in.From {
			continue
		}
		switch d := (&dec{b: in.Body}); d.byte() {
		case msgJoin:
			m.askedToJoin(p, d)
		case msgJoined:
			m.toldOfLife(p, d)
		}
	}
}

// askedToJoin tells a peer what this leader knows of it, and what it has.
func (m *machine) askedToJoin(p *peer, d *dec) {
	nonce := d.uint()
	if d.err != nil {
		return
	}
	e := enc{}
	e.byte(msgJoined)
	e.uint(nonce)
	e.uint(uint64(m.startsOf(p)))
	e.progress(m.applied)
	m.hearsay(&e)
	m.tell(p, e.b)
}

// takeLife begins a life that no peer knows of.
func (m *machine) takeLife() {
	for _, a := range m.joining.answers {
		for a != nil && m.life < uint64(a.known)+1 {
			m.log(recStart, func(*enc) {})
			m.begins()
		}
	}
	m.joining.asks = false
	m.register()
	for _, p := range m.peers {
		if p.lives.left > 0 {
			m.logLeft(p)
		}
	}
}

// arrive notes that the leader has caught up, once it has.
func (m *machine) arrive() {
	if m.joining == nil {
		return
	}
	m.askToJoin()
	if m.full || !m.established() || m.cfg.members && m.strangers() > 0 || !m.allHaveAnswered() {
		return
	}
	for _, a := range m.joining.answers {
		if a != nil && !m.applied.covers(a.had) {
			return
		}
	}
	m.joining, m.arrived = nil, true
	m.log(recJoined, func(*enc) {})
}

// covers says whether everything that another progress has is in this one.
func (p *progress) covers(other progress) bool {
	for i, n := range other.upTo {
		if n > 0 && (i >= len(p.upTo) || p.upTo[i] < n) {
			return false
		}
		// The order does not show: all must be there.
		for seq := range other.ahead[i] {
			if i >= len(p.upTo) || seq > p.upTo[i] && !p.ahead[i][seq] {
				return false
			}
		}
	}
	return true
}

// absent is 1 while the leader has not caught up, or leaves.
func (m *machine) absent() int {
	if m.joining != nil || m.leaving != nil {
		return 1
	}
	return 0
}
