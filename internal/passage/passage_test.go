package passage

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/mlcheck/mlcheck/internal/impair"
	"github.com/mlcheck/mlcheck/nemesis"
)

// server answers each line with itself, or to bye with its end, and remembers what came and how its
// connections have ended.
type server struct {
	net.Listener
	mu    sync.Mutex
	lines []string
	ends  []error
}

func serve(t testing.TB) *server {
	t.Helper()
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &server{Listener: l}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go s.talk(c)
		}
	}()
	return s
}

func (s *server) talk(c net.Conn) {
	defer func() { _ = c.Close() }()
	for r := bufio.NewReader(c); ; {
		line, err := r.ReadString('\n')
		s.mu.Lock()
		if err != nil {
			s.ends = append(s.ends, err)
			s.mu.Unlock()
			return
		}
		s.lines = append(s.lines, strings.TrimSpace(line))
		s.mu.Unlock()
		if line == "bye\n" {
			return
		}
		if _, err := io.WriteString(c, line); err != nil {
			return
		}
	}
}

func (s *server) got() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return strings.Join(s.lines, " ")
}

func (s *server) ended() []error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]error(nil), s.ends...)
}

// lobby is a server, a gate before it, and a client's connection through that.
type lobby struct {
	*testing.T
	server *server
	*Gate
}

func newWay(seed uint64) *Way { return NewWay(rand.New(rand.NewPCG(seed, seed))) }

func open(t *testing.T) lobby {
	t.Helper()
	g := NewGate(newWay(1), newWay(2))
	t.Cleanup(g.Close)
	return lobby{t, serve(t), g}
}

func (l lobby) dial(limit time.Duration) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	return l.Dial(ctx, func(ctx context.Context) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "tcp4", l.server.Addr().String())
	})
}

func (l lobby) client() net.Conn {
	l.Helper()
	c, err := l.dial(10 * time.Second)
	if err != nil {
		l.Fatal(err)
	}
	l.Cleanup(func() { _ = c.Close() })
	return c
}

// ask sends a line and reads the answer, for so long.
func (l lobby) ask(c net.Conn, line string, limit time.Duration) error {
	_ = c.SetDeadline(time.Now().Add(limit))
	if _, err := fmt.Fprintln(c, line); err != nil {
		return err
	}
	return l.hear(c, line)
}

func (l lobby) hear(c net.Conn, line string) error {
	got := make([]byte, len(line)+1)
	if _, err := io.ReadFull(c, got); err != nil {
		return err
	}
	if string(got) != line+"\n" {
		l.Errorf("%q was answered by %q", line, got)
	}
	return nil
}

// until waits for something that takes the machine a moment.
func (l lobby) until(what string, is func() bool) {
	l.Helper()
	for range 1000 {
		if is() {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	l.Errorf("never: %s", what)
}

const (
	patience = 200 * time.Millisecond // of a client that is to wait in vain
	enough   = 20 * time.Second       // for what comes
)

func TestAHealthyGateLetsEverythingPass(t *testing.T) {
	l := open(t)
	c := l.client()
	long := strings.Repeat("x", 1<<20)
	for _, line := range []string{"a", "b", long} {
		if err := l.ask(c, line, enough); err != nil {
			t.Fatal(err)
		}
	}
	if c.RemoteAddr().String() != l.server.Addr().String() {
		t.Errorf("it leads to %s", c.RemoteAddr())
	}
	if d, i := l.In.Met(); d+i != 0 {
		t.Errorf("%d, %d pieces met something", d, i)
	}
	_ = c.Close()
	l.until("the end arrives", func() bool { return len(l.server.ended()) == 1 && errors.Is(l.server.ended()[0], io.EOF) })
	if err := l.ask(c, "after the end", enough); !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("%v", err)
	}
}

func TestRequestsThatAreHeldUpArriveWhenTheClientHasGivenUp(t *testing.T) {
	l := open(t)
	c := l.client()
	if err := l.ask(c, "a", enough); err != nil {
		t.Fatal(err)
	}
	l.In.Become(Trouble{Cut: true})
	if err := l.ask(c, "b", patience); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("the client is told %v", err)
	}
	_ = c.Close()
	if d, _ := l.In.Met(); d != 1 || l.server.got() != "a" || len(l.server.ended()) > 0 {
		t.Errorf("the cut met %d, the server has %q and the ends %v", d, l.server.got(), l.server.ended())
	}
	l.In.Become(Trouble{})
	l.until("the request and the end arrive", func() bool { return l.server.got() == "a b" && len(l.server.ended()) == 1 })
	if d, _ := l.In.Met(); d != 1 {
		t.Errorf("the cut has met %d after its end", d)
	}
}

func TestAnswersThatAreHeldUpArriveInOrderWhenTheCutIsOver(t *testing.T) {
	l := open(t)
	c := l.client()
	l.Out.Become(Trouble{Cut: true})
	if err := l.ask(c, "a", patience); !errors.Is(err, os.ErrDeadlineExceeded) || l.server.got() != "a" {
		t.Errorf("the client is told %v, the server has %q", err, l.server.got())
	}
	if err := l.ask(c, "b", patience); !errors.Is(err, os.ErrDeadlineExceeded) || l.server.got() != "a b" {
		t.Errorf("the client is told %v, the server has %q", err, l.server.got())
	}
	l.Out.Become(Trouble{})
	_ = c.SetDeadline(time.Now().Add(enough))
	if err := errors.Join(l.hear(c, "a"), l.hear(c, "b"), l.ask(c, "c", enough)); err != nil {
		t.Error(err)
	}
}

func TestRefusedRequestsAreLostAndTheClientIsTold(t *testing.T) {
	l := open(t)
	c := l.client()
	l.In.Become(Trouble{Cut: true, Reject: true})
	if err := l.ask(c, "a", enough); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("the client is told %v", err)
	}
	if _, err := l.dial(enough); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("a new connection: %v", err)
	}
	if len(l.server.ended()) > 0 {
		t.Errorf("the server has heard of it: %v", l.server.ended())
	}
	l.In.Become(Trouble{})
	l.until("the server hears of it", func() bool { return len(l.server.ended()) == 1 && errors.Is(l.server.ended()[0], syscall.ECONNRESET) })
	if l.server.got() != "" {
		t.Errorf("the server has %q", l.server.got())
	}
}

func TestRefusedAnswersAreLostAndTheServerIsTold(t *testing.T) {
	l := open(t)
	c := l.client()
	l.Out.Become(Trouble{Cut: true, Reject: true})
	if err := l.ask(c, "a", patience); !errors.Is(err, os.ErrDeadlineExceeded) || l.server.got() != "a" {
		t.Errorf("the client is told %v, the server has %q", err, l.server.got())
	}
	l.until("the server is told", func() bool { return len(l.server.ended()) == 1 && errors.Is(l.server.ended()[0], syscall.ECONNRESET) })
	l.Out.Become(Trouble{})
	_ = c.SetDeadline(time.Now().Add(patience))
	if err := l.hear(c, "a"); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("the client is told %v when all is well", err)
	}
}

func TestTheEndOfTheServerDoesNotPassACut(t *testing.T) {
	l := open(t)
	c := l.client()
	l.Out.Become(Trouble{Cut: true})
	if err := l.ask(c, "bye", patience); !errors.Is(err, os.ErrDeadlineExceeded) || l.server.got() != "bye" {
		t.Errorf("the client is told %v, the server has %q", err, l.server.got())
	}
	l.Out.Become(Trouble{})
	_ = c.SetDeadline(time.Now().Add(enough))
	if err := l.hear(c, "bye"); !errors.Is(err, io.EOF) {
		t.Errorf("the client is told %v when all is well", err)
	}
}

func TestWhatLingersEndsWithTheGate(t *testing.T) {
	l := open(t)
	c := l.client()
	l.In.Become(Trouble{Cut: true})
	_ = c.Close()
	time.Sleep(patience)
	if len(l.server.ended()) > 0 {
		t.Errorf("the end has passed the cut: %v", l.server.ended())
	}
	l.Close()
	l.until("the connection ends", func() bool { return len(l.server.ended()) == 1 })
}

func TestDialingThroughAGate(t *testing.T) {
	l := open(t)
	for name, way := range map[string]*Way{"requests": l.In, "answers": l.Out} {
		way.Become(Trouble{Cut: true})
		if _, err := l.dial(patience); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%s are cut: %v", name, err)
		}
		if d, _ := way.Met(); d != 1 {
			t.Errorf("%s: the cut met %d first packets", name, d)
		}
		go func() {
			time.Sleep(patience)
			way.Become(Trouble{})
		}()
		began := time.Now()
		if _, err := l.dial(enough); err != nil || time.Since(began) < nemesis.DialedAgain {
			t.Errorf("%s come back: %v after %s", name, err, time.Since(began))
		}
	}
}

func TestSlowAndLossyWays(t *testing.T) {
	l := open(t)
	c := l.client()
	for name, way := range map[string]*Way{"requests": l.In, "answers": l.Out} {
		for _, is := range []struct {
			trouble impair.Link
			least   time.Duration
		}{
			{impair.Link{Delay: 20 * time.Millisecond}, 200 * time.Millisecond},
			{impair.Link{Loss: 300_000}, nemesis.SentAgain}, // chance is the same in each run of the test
		} {
			way.Become(Trouble{Impair: is.trouble})
			began := time.Now()
			for range 10 {
				if err := l.ask(c, "x", enough); err != nil {
					t.Fatal(err)
				}
			}
			if took := time.Since(began); took < is.least {
				t.Errorf("%s, %+v: ten took %s", name, is.trouble, took)
			}
			if _, i := way.Met(); i != 10 {
				t.Errorf("%s, %+v: it met %d", name, is.trouble, i)
			}
			way.Become(Trouble{})
		}
		way.Become(Trouble{Impair: impair.Link{Delay: time.Hour}})
		go func() {
			time.Sleep(patience)
			way.Become(Trouble{})
		}()
		if err := l.ask(c, "in a hurry", enough); err != nil {
			t.Errorf("%s: what waits is not sent when all is well: %v", name, err)
		}
	}
}

func TestProbesFareAsWhatTheyStandForAndDoNotCount(t *testing.T) {
	w := newWay(1)
	for name, c := range map[string]struct {
		is   Trouble
		came func(n int) bool
		late time.Duration
	}{
		"well":  {Trouble{}, func(n int) bool { return n == 1000 }, 0},
		"cut":   {Trouble{Cut: true}, func(n int) bool { return n == 0 }, 0},
		"late":  {Trouble{Impair: impair.Link{Delay: time.Second}}, func(n int) bool { return n == 1000 }, time.Second},
		"lossy": {Trouble{Impair: impair.Link{Loss: 300_000}}, func(n int) bool { return n > 600 && n < 800 }, 0},
	} {
		w.Become(c.is)
		n := 0
		for range 1000 {
			late, came := w.Probe(49)
			if came {
				n++
			}
			if came && late != c.late {
				t.Fatalf("%s: late by %s", name, late)
			}
		}
		if d, i := w.Met(); !c.came(n) || d+i != 0 {
			t.Errorf("%s: %d of 1000 came, %d and %d were counted", name, n, d, i)
		}
	}
}

// How much longer a round trip takes through a gate that nothing is wrong with.
func BenchmarkRoundTrip(b *testing.B) {
	s, g := serve(b), NewGate(newWay(1), newWay(2))
	for _, gated := range []bool{false, true} {
		b.Run(fmt.Sprintf("gated=%v", gated), func(b *testing.B) {
			c, err := net.Dial("tcp4", s.Addr().String())
			if err != nil {
				b.Fatal(err)
			}
			if gated {
				c = g.Wrap(c)
			}
			defer func() { _ = c.Close() }()
			r := bufio.NewReader(c)
			for b.Loop() {
				if _, err := io.WriteString(c, "x\n"); err != nil {
					b.Fatal(err)
				}
				if _, err := r.ReadString('\n'); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
