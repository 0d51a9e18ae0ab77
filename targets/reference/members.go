package reference

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/mlcheck/mlcheck/targets"
)

// A leader that is told to leave serves nobody any more, and asks the others to do
// without it. A peer says goodbye once it has on disk all that the leader had, and from
// then on neither sends to it nor counts on it. When all have said so it has left, and
// its disk is of no use to anybody. Nothing of this is on its own disk: one that starts
// again begins a new life, of which peers said no goodbye, and so is a member. To call a
// leave off it begins one as well. (Wuu and Bernstein's condition for letting go of a log,
// here of all that a leader has.)

const membersHelp = "on: a leader can be told to leave, which it has done once all others have on disk what it had, and joins again with an empty disk as rejoin does it; nothing is lost"

// noMembers is why leaders cannot leave where members=off.
const noMembers = "its leaders count on each other for good; with -o members=on -o delivery=anti-entropy they let one leave"

// leaving is a leader that was told to leave.
type leaving struct {
	had  progress     // when it was told
	byes map[int]bool // by peer that has said goodbye: whether it was to stay itself
}

// leave begins to leave, and says how far that is.
func (m *machine) leave(client string) {
	switch {
	case !m.cfg.members:
		m.reply(client, refusal(errors.New(noMembers)))
		return
	case m.joining != nil:
		m.reply(client, refusal(m.notJoined()))
		return
	case m.leaving == nil:
		m.leaving = &leaving{had: m.applied.copied(), byes: map[int]bool{}}
		for _, h := range m.held {
			m.reply(h.client, refusal(m.isLeaving()))
		}
		m.held = nil
		m.sayGoodbye()
	}
	e := enc{}
	e.byte(tellOK)
	e.bool(m.hasLeft())
	e.string(strings.Join(m.waitsFor(), ", "))
	m.reply(client, e.b)
}

// hasLeft says whether all have said goodbye, and one that stays: what another one has that
// leaves too may have come too late for it to hand that over.
func (m *machine) hasLeft() bool {
	if m.leaving == nil || len(m.waitsFor()) > 0 {
		return false
	}
	// The order does not show: one is enough.
	for _, stays := range m.leaving.byes {
		if stays {
			return true
		}
	}
	return false
}

func (m *machine) notJoined() error {
	return fmt.Errorf("%s has lost its log and does not have yet what its peers have", m.cfg.nodes[m.me])
}

func (m *machine) isLeaving() error {
	return fmt.Errorf("%s leaves, and serves nobody any more", m.cfg.nodes[m.me])
}

// waitsFor are the peers that have not said goodbye.
func (m *machine) waitsFor() (names []string) {
	for _, p := range m.peers {
		if _, said := m.leaving.byes[p.id]; !said && !p.lives.out() {
			names = append(names, p.name)
		}
	}
	return names
}

// sayGoodbye asks the peers that have not yet said goodbye for it.
func (m *machine) sayGoodbye() {
	if m.leaving == nil {
		return
	}
	for _, p := range m.peers {
		if stays := m.leaving.byes[p.id]; stays || p.lives.out() {
			continue
		}
		e := enc{}
		e.byte(msgLeave)
		e.uint(m.life)
		e.progress(m.leaving.had)
		m.tell(p, e.b)
	}
}

// leaves lets a peer go that leaves, if all that it had is here, and else asks for that.
func (m *machine) leaves(p *peer, d *dec) {
	life, had := d.uint(), d.progress(len(m.cfg.nodes))
	if d.err != nil || life >= mostLives || int(life) < p.lives.latest() {
		return // it is of an earlier life
	}
	if !m.applied.covers(had) && !m.cfg.has(leavesEarly) {
		m.ask(p)
		return
	}
	m.heardOf(p, 0, int(life))
	e := enc{}
	e.byte(msgBye)
	e.uint(life)
	e.bool(m.leaving == nil)
	m.onceSynced(targets.Out{Kind: targets.Message, To: p.name, Body: e.b})
}

// bye takes note of a peer's goodbye.
func (m *machine) bye(p *peer, d *dec) {
	life, stays := d.uint(), d.bool()
	if d.err == nil && m.leaving != nil && life == m.life {
		m.leaving.byes[p.id] = stays
	}
}

// stay calls a leave off.
func (m *machine) stay(client string) {
	if m.leaving != nil {
		if m.full {
			m.reply(client, m.fullDisk())
			return
		}
		m.leaving = nil
		m.log(recStart, func(*enc) {})
		m.begins()
		for _, p := range m.peers {
			p.lives.met = false
		}
		m.hello()
	}
	m.reply(client, []byte{tellOK})
}

// latest is the last start of a peer that this leader has heard of, from whomever.
func (l *lives) latest() int { return max(l.known, l.told) }

// out says whether a peer has left, in the last of its lives.
func (l *lives) out() bool { return l.left > 0 && l.left >= l.latest() }

// heardOf takes note of a peer's starts and of the life in which it left. A leader that
// has no life of its own yet writes that down when it has.
func (m *machine) heardOf(p *peer, told, left int) {
	if told <= p.lives.told && left <= p.lives.left {
		return
	}
	p.lives.told, p.lives.left = max(p.lives.told, told), max(p.lives.left, left)
	if m.joining == nil || !m.joining.asks {
		m.logLeft(p)
	}
}

func (m *machine) logLeft(p *peer) {
	m.log(recLeft, func(e *enc) {
		e.position(p, uint64(p.lives.left))
		e.uint(uint64(p.lives.told))
	})
}

// members are those that the leader counts on, and itself while it serves.
func (m *machine) members() []string {
	var names []string
	if m.joining == nil && m.leaving == nil {
		names = append(names, m.cfg.nodes[m.me])
	}
	for _, p := range m.peers {
		if !p.lives.out() {
			names = append(names, p.name)
		}
	}
	slices.Sort(names)
	return names
}

// hearsay is what a leader tells when it asks for what it lacks, and to one that joins: of
// how many starts of each leader it knows, and in which that left.
func (m *machine) hearsay(e *enc) {
	if !m.cfg.members {
		return
	}
	for id := range m.cfg.nodes {
		starts, left := int(m.life), 0
		if p := m.peer(id); p != nil {
			starts, left = m.startsOf(p), p.lives.left
		}
		e.uint(uint64(starts))
		e.uint(uint64(left))
	}
}

// hears takes note of that, if it can be written down.
func (m *machine) hears(d *dec) {
	if !m.cfg.members || m.full {
		return
	}
	for id := range m.cfg.nodes {
		starts, left := d.uint(), d.uint()
		if p := m.peer(id); p != nil && d.err == nil && max(starts, left) < mostLives {
			m.heardOf(p, int(starts), int(left))
		}
	}
}

// startsOf is how many starts of a peer are known here, by what it has said, what others
// have said, and the eras of its updates.
func (m *machine) startsOf(p *peer) int {
	n := max(p.lives.known, p.lives.told, p.lives.left)
	for i := p.id; i < len(m.applied.upTo); i += len(m.cfg.nodes) {
		if m.applied.upTo[i] > 0 || len(m.applied.ahead[i]) > 0 {
			n = max(n, i/len(m.cfg.nodes)+1)
		}
	}
	return n
}

func (p *progress) copied() progress {
	q := progress{p.nodes, slices.Clone(p.upTo), slices.Clone(p.ahead)}
	for i := range q.ahead {
		q.ahead[i] = maps.Clone(q.ahead[i])
	}
	return q
}

var _ targets.Members = system{}

// Leave tells a leader to leave, and asks how far it is.
func (s system) Leave(ctx context.Context, n targets.Node, _ []targets.Node) (left bool, why string, err error) {
	d, err := s.once(ctx, n, askLeave)
	if err != nil {
		return false, "", err
	}
	left, why = d.bool(), d.string()
	if why != "" {
		why = "what it has is not on the disks of " + why
	}
	return left, why, d.err
}

// Stay tells it not to.
func (s system) Stay(ctx context.Context, n targets.Node, _ []targets.Node) error {
	_, err := s.once(ctx, n, askStay)
	return err
}

// Join has nothing to tell: a leader without a log joins by itself.
func (s system) Join(ctx context.Context, n targets.Node, _ []targets.Node) (joined bool, why string, err error) {
	members, err := s.Members(ctx, n)
	return slices.Contains(members, n.Name()), "it does not have yet what its peers have", err
}

// Members is whom a leader takes for members.
func (s system) Members(ctx context.Context, n targets.Node) ([]string, error) {
	d, err := s.once(ctx, n, askMembers)
	if err != nil {
		return nil, err
	}
	names := make([]string, 0, len(s.cfg.nodes))
	for range min(d.count(), len(s.cfg.nodes)) {
		names = append(names, d.string())
	}
	return names, d.err
}

// once asks a leader one question on a connection of its own.
func (s system) once(ctx context.Context, n targets.Node, question byte) (*dec, error) {
	conn, err := n.Dial(ctx)
	if err != nil {
		return nil, err
	}
	c := &client{conn: conn, node: n.Name()}
	defer func() { _ = c.Close() }()
	return c.ask(ctx, []byte{question})
}
