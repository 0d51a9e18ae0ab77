package docker

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"sync"
	"syscall"
	"time"

	"github.com/mlcheck/mlcheck/history"
	"github.com/mlcheck/mlcheck/internal/agent"
	"github.com/mlcheck/mlcheck/internal/passage"
	"github.com/mlcheck/mlcheck/internal/stream"
	"github.com/mlcheck/mlcheck/nemesis"
)

// Clients have no address of their own: they are this very program, and where an engine
// is elsewhere all of them come through a pipe. So their links are broken here, where
// the bytes of their connections pass, in the same way everywhere.

// guarded is a node as clients reach it: through its gate.
type guarded struct{ *node }

// Dial connects a client to the port that the target serves.
func (g guarded) Dial(ctx context.Context) (net.Conn, error) {
	conn, err := g.gate.Dial(ctx, g.node.Dial)
	if err != nil {
		return nil, fmt.Errorf("dial %s: %w", g.name, err)
	}
	return conn, nil
}

func newGate(node string, seed uint64) *passage.Gate {
	way := func(from, to string) *passage.Way { return passage.NewWay(stream.New(seed, "way "+from+" "+to)) }
	return passage.NewGate(way(nemesis.Clients, node), way(node, nemesis.Clients))
}

// clientWays are the two directions between the clients and a node.
func (n *node) clientWays() map[history.Link]*passage.Way {
	if n.gate == nil {
		return nil
	}
	return map[history.Link]*passage.Way{
		{From: nemesis.Clients, To: n.name}: n.gate.In,
		{From: n.name, To: nemesis.Clients}: n.gate.Out,
	}
}

// admit makes true what a State says of the links between a node and its clients.
func (n *node) admit(s nemesis.State) {
	for l, way := range n.clientWays() {
		t := passage.Trouble{Cut: s.Cuts(l), Reject: s.Rejects(l)}
		if i := s.Impairs(l); i != (nemesis.Impairment{}) {
			t.Impair = onPackets(i)
		}
		way.Become(t)
	}
}

// cannotReach says why a link of clients cannot be broken.
func (f *fabric) cannotReach(l history.Link) string {
	name := l.To
	if name == nemesis.Clients {
		name = l.From
	}
	switch n := f.byName[name]; {
	case n == nil:
		return fmt.Sprintf("link %s→%s: there is no node %s", l.From, l.To, name)
	case n.gate == nil:
		return fmt.Sprintf("link %s→%s: nobody said at the start that links of clients would be broken", l.From, l.To)
	}
	return ""
}

// probeClients proves the links of clients, where they may be broken: it adds to what
// was measured. What cannot be tried is missing there.
func (f *fabric) probeClients(ctx context.Context, m *nemesis.Measured) error {
	if !f.cluster.cfg.Clients {
		return nil
	}
	if m.Refused == nil {
		m.Refused = map[history.Link]bool{}
	}
	var mu sync.Mutex
	return f.every(func(n *node) error {
		sent, longest := f.owedToClients(n)
		seen, err := n.probeGate(ctx, sent, longest)
		if err != nil {
			f.oweAgain(sent)
			return context.Cause(ctx) // nobody could try it: it is missing
		}
		for l, way := range n.clientWays() {
			refused, asked := n.refuses(ctx, l, f.asks(l))
			mu.Lock()
			m.Up[l], m.Probes[l] = seen[l].Came > 0, seen[l]
			m.Dropped[l], m.Impaired[l] = way.Met()
			if asked {
				m.Refused[l] = refused
			}
			mu.Unlock()
		}
		return nil
	})
}

// asks says whether a link is to reject.
func (f *fabric) asks(l history.Link) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.state.Rejects(l)
}

// owedToClients is how many probes show what the links of a node's clients do, and how
// long the slowest may take.
func (f *fabric) owedToClients(n *node) (sent map[history.Link]int, longest time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	sent = map[history.Link]int{}
	for l := range n.clientWays() {
		sent[l] = max(agent.Probes, f.owed[l])
		longest = max(longest, f.state.Impairs(l).Longest())
		delete(f.owed, l)
	}
	return sent, longest
}

// oweAgain notes that probes were not sent after all.
func (f *fabric) oweAgain(sent map[history.Link]int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for l, n := range sent {
		if n > agent.Probes {
			f.owed[l] = max(f.owed[l], n)
		}
	}
}

// Probes of clients leave in packs, as those of the agents do.
const (
	clientPack    = 8
	clientPackGap = 400 * time.Microsecond
	clientProbe   = 5 // bytes: the direction, and the number
)

// gateProbes are the probes of one round between a node and its clients.
type gateProbes struct {
	conn net.Conn // to the agent, which echoes, on the way that clients take
	ways [2]*passage.Way
	sent [2]int
	mu   sync.Mutex
	seen [2]*arrivals
	full chan struct{} // closed when all have come that will
	away int           // that have not come, and were not lost
	open bool
}

// probeGate sends probes to the node's agent, which sends them back. Those of requests
// pass the gate on the way there, those of answers on the way back, so that each direction
// is judged alone.
func (n *node) probeGate(ctx context.Context, sent map[history.Link]int, longest time.Duration) (map[history.Link]nemesis.Probes, error) {
	ctx, cancel := context.WithTimeout(ctx, agent.Lease+longest)
	defer cancel()
	conn, err := n.dial(ctx, agent.Port)
	if err != nil {
		return nil, err
	}
	defer func() { _ = conn.Close() }()
	if until, ok := ctx.Deadline(); ok {
		_ = conn.SetDeadline(until)
	}
	if !n.isOurs(conn) {
		return nil, errors.New("its agent does not answer")
	}
	in, out := history.Link{From: nemesis.Clients, To: n.name}, history.Link{From: n.name, To: nemesis.Clients}
	g := &gateProbes{
		conn: conn, ways: [2]*passage.Way{n.gate.In, n.gate.Out}, sent: [2]int{sent[in], sent[out]},
		full: make(chan struct{}), open: true,
	}
	for i := range g.seen {
		g.seen[i] = newArrivals(g.sent[i])
	}
	g.away = g.sent[0] + g.sent[1]
	go g.hear()
	g.send()
	select {
	case <-g.full:
	case <-time.After(patience + longest):
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.open = false
	return map[history.Link]nemesis.Probes{in: g.seen[0].probes(), out: g.seen[1].probes()}, nil
}

// send sends all probes; those of requests as late as the gate lets them.
func (g *gateProbes) send() {
	for i := range max(g.sent[0], g.sent[1]) {
		if i%clientPack == 0 && i > 0 {
			time.Sleep(clientPackGap)
		}
		for way := range g.ways {
			if i >= g.sent[way] {
				continue
			}
			g.mu.Lock()
			g.seen[way].left[i] = time.Now()
			g.mu.Unlock()
			out := func() { g.write(byte(way), i) }
			if way == 0 {
				g.pass(way, out)
			} else {
				out()
			}
		}
	}
}

func (g *gateProbes) write(way byte, number int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.open {
		_, _ = g.conn.Write(binary.BigEndian.AppendUint32([]byte{way}, uint32(number))) // what is not sent does not come
	}
}

// hear takes what comes back; answers are as late as the gate lets them.
func (g *gateProbes) hear() {
	for {
		probe := make([]byte, clientProbe)
		if _, err := io.ReadFull(g.conn, probe); err != nil {
			return
		}
		way, number := int(probe[0]), int(binary.BigEndian.Uint32(probe[1:]))
		if way > 1 || number >= g.sent[way] {
			continue // the agent sends nothing else
		}
		came := func() {
			g.mu.Lock()
			defer g.mu.Unlock()
			g.seen[way].came(number)
			g.done()
		}
		if way == 1 {
			g.pass(way, came)
		} else {
			came()
		}
	}
}

// pass lets the gate decide on a probe, and does what follows when it has passed.
func (g *gateProbes) pass(way int, then func()) {
	late, came := g.ways[way].Probe(nemesis.ProbeSize)
	switch {
	case !came:
		g.mu.Lock()
		g.done()
		g.mu.Unlock()
	case late == 0:
		then()
	default:
		time.AfterFunc(late, then)
	}
}

func (g *gateProbes) done() {
	if g.away--; g.away == 0 {
		close(g.full)
	}
}

// arrivals are the probes of one direction that have come.
type arrivals struct {
	left  []time.Time
	took  []time.Duration // 0: it has not come
	order []int           // in which they came
}

func newArrivals(n int) *arrivals {
	return &arrivals{left: make([]time.Time, n), took: make([]time.Duration, n)}
}

func (a *arrivals) came(number int) {
	a.took[number] = max(time.Since(a.left[number]), 1)
	a.order = append(a.order, number)
}

// probes sums up what became of them.
func (a *arrivals) probes() nemesis.Probes {
	p := nemesis.Probes{Sent: len(a.took), Came: len(a.order), Within: linkError}
	last := -1
	var total time.Duration
	for _, number := range a.order {
		if number < last {
			p.Overtaken++
		}
		last = max(last, number)
		took := a.took[number]
		if total += took; p.Least == 0 || took < p.Least {
			p.Least = took
		}
	}
	if p.Came > 0 {
		p.Mean = total / time.Duration(p.Came)
	}
	for i, took := range a.took {
		if took == 0 && (i == 0 || a.took[i-1] > 0) {
			p.Gaps++
		}
	}
	return p
}

// refusalLook is how often it is looked whether an answer was refused.
const refusalLook = 20 * time.Millisecond

// refuses tries, where a link is to reject, whether it does: a client that dials is
// refused; an answer of the agent does not come, and ends the connection that it came on.
func (n *node) refuses(ctx context.Context, l history.Link, asked bool) (refused, tried bool) {
	if !asked {
		return false, false
	}
	ctx, cancel := context.WithTimeout(ctx, agent.Lease)
	defer cancel()
	toAgent := func(ctx context.Context) (net.Conn, error) { return n.dial(ctx, agent.Port) }
	gate := n.gate.Quietly()
	if l.From == nemesis.Clients {
		conn, err := gate.Dial(ctx, toAgent)
		if err == nil {
			_ = conn.Close()
		}
		return errors.Is(err, syscall.ECONNREFUSED), true
	}
	outer, err := toAgent(ctx)
	if err != nil {
		return false, false
	}
	defer func() { _ = outer.Close() }()
	client := gate.Wrap(outer)
	defer func() { _ = client.Close() }()
	for ctx.Err() == nil {
		_ = client.SetReadDeadline(time.Now().Add(refusalLook))
		if _, err := client.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
			return false, true // the token, or an end of which the client was not to learn
		}
		if _, err := outer.Write([]byte{0}); err != nil {
			return true, true
		}
	}
	return false, true
}

// clientLinks are the links of clients that may be broken here.
func (f *fabric) clientLinks() []history.Link {
	if !f.cluster.cfg.Clients {
		return nil
	}
	return nemesis.ClientLinks(f.cluster.cfg.Nodes)
}

// linksOf are the links that a State impairs.
func linksOf(s nemesis.State) []history.Link {
	var ls []history.Link
	for _, l := range s.Links {
		ls = append(ls, l.Link)
	}
	return ls
}

// withoutClients leaves out the links of clients, which no agent knows.
func withoutClients(ls []history.Link) []history.Link {
	return slices.DeleteFunc(slices.Clone(ls), nemesis.OfClients)
}
