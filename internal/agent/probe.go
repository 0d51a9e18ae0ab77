package agent

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"
)

const (
	// Probes is how many packets prove a healthy link: one that is lost by chance
	// must not look like a cut.
	Probes = 5
	// The first ones keep their distance; where many are sent, they come in packs: to
	// sleep after each would take as long as the machine's other work lets it.
	firstGap = 300 * time.Microsecond
	pack     = 8
	packGap  = 400 * time.Microsecond
	// rounds is how many rounds are remembered.
	rounds = 16
	// drainTime bounds the wait for a packet to oneself.
	drainTime = 2 * time.Second
)

// prober sends and receives probes: UDP packets with the number of a round,
// from and to the same port, never answered. So a packet that arrives proves
// its own direction and says nothing about the other.
type prober struct {
	conn *net.UDPConn
	self netip.AddrPort

	mu     sync.Mutex
	heard  map[uint64]map[string]*heard // by round and sender
	order  []uint64
	marks  uint64
	marked map[uint64]chan struct{}
}

// heard is what arrived from one sender in one round.
type heard struct {
	Tally
	seen  map[uint32]bool // the numbers that came
	last  uint32          // the highest of them
	total time.Duration
}

// Tally is what became of the probes of one round from one sender.
type Tally struct {
	Came      int `json:"came"`      // how many different ones arrived
	Twice     int `json:"twice"`     // of those, how many did once more
	Overtaken int `json:"overtaken"` // arrived after one that was sent later
	// Last is the highest number that arrived, and Gaps is how often one or more below
	// it are missing in a row.
	Last int `json:"last"`
	Gaps int `json:"gaps"`
	// What the fastest took on its way, and they all on average, by the clock of the
	// machine that all agents are on.
	Least time.Duration `json:"least"`
	Mean  time.Duration `json:"mean"`
}

// add counts one probe.
func (h *heard) add(number uint32, took time.Duration) {
	if h.seen[number] {
		h.Twice++
		return
	}
	h.seen[number] = true
	if h.Came > 0 && number < h.last {
		h.Overtaken++
	}
	if h.Came == 0 || took < h.Least {
		h.Least = took
	}
	h.Came, h.last, h.total = h.Came+1, max(h.last, number), h.total+took
	h.Mean = h.total / time.Duration(h.Came)
}

// The kinds of packets.
const (
	probePacket = 1
	markPacket  = 2
)

// newProber listens on a port of every address until the context ends; 0 stands
// for any free port.
func newProber(ctx context.Context, port int) (*prober, error) {
	conn, err := net.ListenUDP("udp4", &net.UDPAddr{Port: port})
	if err != nil {
		return nil, fmt.Errorf("probes cannot be received: %w", err)
	}
	if err := forProbes(conn); err != nil {
		return nil, errors.Join(fmt.Errorf("probes cannot be received: %w", err), conn.Close())
	}
	p := &prober{
		conn: conn, self: netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), conn.LocalAddr().(*net.UDPAddr).AddrPort().Port()),
		heard: map[uint64]map[string]*heard{}, marked: map[uint64]chan struct{}{},
	}
	context.AfterFunc(ctx, func() { _ = conn.Close() })
	go p.receive()
	return p, nil
}

func (p *prober) receive() {
	buf, control := make([]byte, 64), make([]byte, 64)
	for {
		n, controls, _, from, err := p.conn.ReadMsgUDPAddrPort(buf, control)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil || n != packetLength {
			continue
		}
		number := binary.BigEndian.Uint64(buf[1:])
		took := arrival(control[:controls]).Sub(time.Unix(0, int64(binary.BigEndian.Uint64(buf[9:]))))
		nth := binary.BigEndian.Uint32(buf[17:])
		p.mu.Lock()
		switch buf[0] {
		case probePacket:
			p.count(number, from.Addr().Unmap().String(), nth, took)
		case markPacket:
			if c := p.marked[number]; c != nil {
				close(c)
				delete(p.marked, number)
			}
		}
		p.mu.Unlock()
	}
}

func (p *prober) count(round uint64, from string, nth uint32, took time.Duration) {
	m := p.heard[round]
	if m == nil {
		m = map[string]*heard{}
		p.heard[round] = m
		p.order = append(p.order, round)
		if len(p.order) > rounds {
			delete(p.heard, p.order[0])
			p.order = p.order[1:]
		}
	}
	if m[from] == nil {
		m[from] = &heard{seen: map[uint32]bool{}}
	}
	m[from].add(nth, took)
}

// send sends the probes of a round, so many to each peer. That the kernel refuses
// to send is what a cut looks like from inside, hence no error.
func (p *prober) send(round uint64, to map[netip.AddrPort]int) {
	peers := slices.SortedFunc(maps.Keys(to), netip.AddrPort.Compare)
	most := 0
	for _, n := range to {
		most = max(most, n)
	}
	for i := range most {
		switch {
		case i == 0:
		case i < Probes:
			time.Sleep(firstGap)
		case i%pack == 0:
			time.Sleep(packGap)
		}
		for _, peer := range peers {
			if i < to[peer] {
				_, _ = p.conn.WriteToUDPAddrPort(packetOf(probePacket, round, uint32(i)), peer)
			}
		}
	}
}

// arrived says whose probes of a round have arrived. A packet to oneself comes
// through the same queue: once it is read, so is all that arrived before. It
// also proves that this end sends and receives.
func (p *prober) arrived(round uint64) (map[string]Tally, error) {
	seen := make(chan struct{})
	p.mu.Lock()
	p.marks++
	mark := p.marks
	p.marked[mark] = seen
	p.mu.Unlock()
	if _, err := p.conn.WriteToUDPAddrPort(packetOf(markPacket, mark, 0), p.self); err != nil {
		return nil, fmt.Errorf("probes cannot be sent: %w", err)
	}
	select {
	case <-seen:
	case <-time.After(drainTime):
		return nil, fmt.Errorf("a probe to this very node was not received within %v", drainTime)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	got := map[string]Tally{}
	for from, h := range p.heard[round] {
		got[from] = h.tally()
	}
	return got, nil
}

// tally sums up what arrived so far.
func (h *heard) tally() Tally {
	t := h.Tally
	t.Last = int(h.last)
	for i := range h.last {
		if !h.seen[i] && (i == 0 || h.seen[i-1]) {
			t.Gaps++
		}
	}
	return t
}

// packetLength is that of the kind, the number of the round or mark, the time of
// sending, and the number in the round.
const packetLength = 1 + 8 + 8 + 4

func packetOf(kind byte, number uint64, nth uint32) []byte {
	b := binary.BigEndian.AppendUint64([]byte{kind}, number)
	b = binary.BigEndian.AppendUint64(b, uint64(time.Now().UnixNano()))
	return binary.BigEndian.AppendUint32(b, nth)
}
