package agent

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"strconv"
	"sync/atomic"
	"time"
)

// sandbox is the real node that an agent acts on: the namespaces and the volume
// of its container.
type sandbox struct {
	firewall *firewall
	clock    skewer // nil: the target's clock cannot be skewed
	prober   *prober
	bad      badLinks
	disk     disk
	token    atomic.Pointer[string]
}

// newSandbox listens for probes and for runners that ask whose address this is,
// until the context ends.
func newSandbox(ctx context.Context) (*sandbox, error) {
	p, err := newProber(ctx, Port)
	if err != nil {
		return nil, err
	}
	s := &sandbox{firewall: newFirewall(newPackets()), prober: p, disk: disk{os.Getenv(DataVariable)}}
	l, err := net.Listen("tcp4", ":"+strconv.Itoa(Port))
	if err != nil {
		return nil, fmt.Errorf("the agent cannot listen: %w", err)
	}
	context.AfterFunc(ctx, func() { _ = l.Close() })
	go s.identify(l)
	return s, nil
}

// identify shows the run's token to whoever connects, and then answers with what it
// hears: so the way of a client is probed.
func (s *sandbox) identify(l net.Listener) {
	for {
		conn, err := l.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err == nil {
			go s.answer(conn)
		}
	}
}

// answerTime bounds what is heard over one connection; probes take less.
const answerTime = 5 * time.Minute

func (s *sandbox) answer(conn net.Conn) {
	defer func() { _ = conn.Close() }()
	_ = conn.SetDeadline(time.Now().Add(answerTime))
	if t := s.token.Load(); t != nil {
		if _, err := io.WriteString(conn, *t); err == nil {
			_, _ = io.Copy(conn, conn)
		}
	}
}

func (s *sandbox) hello(token, mechanism string, rep *Reply) {
	s.token.Store(&token)
	trial := State{In: []string{"192.0.2.1"}, Out: []string{"192.0.2.1"}} // an address that is nobody's
	err := s.firewall.apply(trial)
	if err == nil {
		_, _, err = s.firewall.swallowed()
	}
	if err := errors.Join(err, s.firewall.apply(State{})); err != nil {
		rep.CutWhy = err.Error()
	}
	if err := s.tryRefusal(); err != nil {
		rep.RefuseWhy = err.Error()
	}
	if err := s.tryBadLink(); err != nil {
		rep.ImpairWhy = err.Error()
	}
	clock, err := newSkewer(mechanism)
	if err != nil {
		rep.ClockWhy = err.Error()
		return
	}
	s.clock = clock
}

func (s *sandbox) apply(st State) error {
	if s.clock == nil && st.Clock != nil {
		return errors.New("the clock of this node cannot be skewed")
	}
	links, err := st.impaired()
	if err != nil {
		return err
	}
	// No packet may come to the queue any more when it lets go what waits there.
	if len(links) == 0 {
		err = errors.Join(s.firewall.apply(st), s.bad.set(nil, st.Seed))
	} else if err = s.bad.set(links, st.Seed); err == nil {
		err = s.firewall.apply(st)
	}
	if err != nil {
		return err
	}
	if err := s.disk.set(st.Full); err != nil || s.clock == nil {
		return err
	}
	return s.clock.set(st.Clock)
}

func (s *sandbox) probe(round uint64, to map[string]int) error {
	peers := map[netip.AddrPort]int{}
	for text, n := range to {
		list, err := addresses([]string{text})
		if err != nil {
			return err
		}
		peers[netip.AddrPortFrom(list[0], Port)] = n
	}
	s.prober.send(round, peers)
	return nil
}

func (s *sandbox) heard(round uint64) (map[string]Tally, error) { return s.prober.arrived(round) }

func (s *sandbox) met() map[string]int64 { return s.bad.counts() }

func (s *sandbox) swallowed() (in, out map[string]int64, err error) { return s.firewall.swallowed() }

func (s *sandbox) arm() error {
	if s.clock == nil {
		return nil
	}
	return s.clock.arm()
}

func (s *sandbox) offset() time.Duration {
	if s.clock == nil {
		return 0
	}
	return s.clock.offset()
}

func (s *sandbox) tryDisk() (*DiskTrial, error) { return s.disk.try() }

func (s *sandbox) held() (int, error) { return s.disk.held() }

func (s *sandbox) empty() (int, error) { return s.disk.empty() }

func (s *sandbox) restore() error {
	err := errors.Join(s.firewall.packets.remove(), s.bad.restore(), s.disk.set(false))
	if s.clock != nil {
		err = errors.Join(err, s.clock.restore())
	}
	return err
}
