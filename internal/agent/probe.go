package agent

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"time"
)

const (
	// probes is how many packets prove one link: one that is lost by chance
	// must not look like a cut.
	probes = 5
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
	heard  map[uint64]map[string]heard // by round and sender
	order  []uint64
	marks  uint64
	marked map[uint64]chan struct{}
}

// heard is what arrived from one sender in one round.
type heard struct {
	packets int
	fastest time.Duration // on the way, by the clock of the machine that all agents are on
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
	p := &prober{
		conn: conn, self: netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), conn.LocalAddr().(*net.UDPAddr).AddrPort().Port()),
		heard: map[uint64]map[string]heard{}, marked: map[uint64]chan struct{}{},
	}
	context.AfterFunc(ctx, func() { _ = conn.Close() })
	go p.receive()
	return p, nil
}

func (p *prober) receive() {
	buf := make([]byte, 64)
	for {
		n, from, err := p.conn.ReadFromUDPAddrPort(buf)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil || n != packetLength {
			continue
		}
		number := binary.BigEndian.Uint64(buf[1:])
		took := time.Since(time.Unix(0, int64(binary.BigEndian.Uint64(buf[9:]))))
		p.mu.Lock()
		switch buf[0] {
		case probePacket:
			p.count(number, from.Addr().Unmap().String(), took)
		case markPacket:
			if c := p.marked[number]; c != nil {
				close(c)
				delete(p.marked, number)
			}
		}
		p.mu.Unlock()
	}
}

func (p *prober) count(round uint64, from string, took time.Duration) {
	m := p.heard[round]
	if m == nil {
		m = map[string]heard{}
		p.heard[round] = m
		p.order = append(p.order, round)
		if len(p.order) > rounds {
			delete(p.heard, p.order[0])
			p.order = p.order[1:]
		}
	}
	h := m[from]
	if h.packets == 0 || took < h.fastest {
		h.fastest = took
	}
	h.packets++
	m[from] = h
}

// send sends the probes of a round. That the kernel refuses to send is what a
// cut looks like from inside, hence no error.
func (p *prober) send(round uint64, to []netip.AddrPort) {
	for i := range probes {
		if i > 0 {
			time.Sleep(300 * time.Microsecond)
		}
		for _, peer := range to {
			_, _ = p.conn.WriteToUDPAddrPort(packetOf(probePacket, round), peer)
		}
	}
}

// arrived says whose probes of a round have arrived. A packet to oneself comes
// through the same queue: once it is read, so is all that arrived before. It
// also proves that this end sends and receives.
func (p *prober) arrived(round uint64) (map[string]heard, error) {
	seen := make(chan struct{})
	p.mu.Lock()
	p.marks++
	mark := p.marks
	p.marked[mark] = seen
	p.mu.Unlock()
	if _, err := p.conn.WriteToUDPAddrPort(packetOf(markPacket, mark), p.self); err != nil {
		return nil, fmt.Errorf("probes cannot be sent: %w", err)
	}
	select {
	case <-seen:
	case <-time.After(drainTime):
		return nil, fmt.Errorf("a probe to this very node was not received within %v", drainTime)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	got := map[string]heard{}
	for from, n := range p.heard[round] {
		got[from] = n
	}
	return got, nil
}

// packetLength is that of the kind, the number, and the time of sending.
const packetLength = 1 + 8 + 8

func packetOf(kind byte, number uint64) []byte {
	b := binary.BigEndian.AppendUint64([]byte{kind}, number)
	return binary.BigEndian.AppendUint64(b, uint64(time.Now().UnixNano()))
}
