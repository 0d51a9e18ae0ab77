package sim

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"syscall"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/mlcheck/mlcheck/history"
	"github.com/mlcheck/mlcheck/nemesis"
	"github.com/mlcheck/mlcheck/targets"
)

var (
	requests = history.Link{From: nemesis.Clients, To: "n1"}
	answers  = history.Link{From: "n1", To: nemesis.Clients}
)

func cutting(rejects bool, ls ...history.Link) nemesis.State {
	st := nemesis.State{Cut: ls}
	if rejects {
		st.Reject = ls
	}
	return st
}

// write opens a connection to n1, or takes the one that there is, and sends a request.
func (s scene) write(conn net.Conn, body string) net.Conn {
	s.Helper()
	if conn == nil {
		var err error
		if conn, err = s.Nodes()[0].Dial(s.ctx); err != nil {
			s.Fatal(err)
		}
	}
	if _, err := conn.Write(targets.AppendFrame(nil, []byte(body))); err != nil {
		s.Fatal(err)
	}
	return conn
}

func (s scene) kept() []string { return s.nodes["n1"].machine.(*clerk).kept }

// What becomes of an operation that is asked for while requests or answers are cut:
// whether it happened within the second that the client waits, what the client is
// told, and whether it has happened when all is well again.
func TestAnOperationWhoseRequestOrAnswerIsCut(t *testing.T) {
	for name, c := range map[string]struct {
		state         nemesis.State
		told          error
		happens, late bool
	}{
		"requests held up":           {cutting(false, requests), context.DeadlineExceeded, false, true},
		"answers held up":            {cutting(false, answers), context.DeadlineExceeded, true, true},
		"both held up":               {cutting(false, requests, answers), context.DeadlineExceeded, false, true},
		"requests refused":           {cutting(true, requests), syscall.ECONNRESET, false, false},
		"answers refused":            {cutting(true, answers), context.DeadlineExceeded, true, true},
		"the requests of another n2": {cutting(false, history.Link{From: nemesis.Clients, To: "n2"}), nil, true, true},
	} {
		play(t, func(s scene) {
			s.ask(0, "keep first")
			conn := s.write(nil, "keep second")
			_, _ = targets.ReadFrame(conn)
			s.apply(c.state)
			began := s.Now()
			ctx, cancel := s.WithTimeout(s.ctx, time.Second)
			defer cancel()
			until, _ := ctx.Deadline()
			if err := conn.SetDeadline(until); err != nil {
				t.Fatal(err)
			}
			s.write(conn, "keep it")
			_, err := targets.ReadFrame(conn)
			if told := c.told; errors.Is(told, context.DeadlineExceeded) {
				var late net.Error
				if !errors.As(err, &late) || !late.Timeout() || s.Now()-began < time.Second {
					t.Errorf("%s: the client is told %v after %s", name, err, s.Now()-began)
				}
			} else if !errors.Is(err, told) || s.Now()-began > 2*time.Millisecond {
				t.Errorf("%s: the client is told %v after %s, not %v", name, err, s.Now()-began, told)
			}
			if happened := slices.Contains(s.kept(), "it"); happened != c.happens {
				t.Errorf("%s: it happened while the client waited: %v", name, happened)
			}
			_ = conn.Close()
			m := s.measure()
			for _, l := range []history.Link{requests, answers} {
				if cut := c.state.Cuts(l); m.Up[l] == cut || m.Refused[l] != c.state.Rejects(l) || m.Dropped[l] > 0 && !cut {
					t.Errorf("%s: %v is up %v, refused %v, has met %d", name, l, m.Up[l], m.Refused[l], m.Dropped[l])
				}
			}
			if met := m.Dropped[requests] + m.Dropped[answers]; met != 1 && c.told != nil {
				t.Errorf("%s: the cut met %d pieces", name, met)
			}
			s.apply(nemesis.State{})
			s.wait(2 * time.Millisecond)
			if happened := slices.Contains(s.kept(), "it"); happened != c.late {
				t.Errorf("%s: it happened in the end: %v", name, happened)
			}
			if m := s.measure(); !m.Up[requests] || !m.Up[answers] || s.ask(0, "keep more") != "keep more" {
				t.Errorf("%s: it does not heal: %v", name, m.Up)
			}
		})
	}
}

// Who restarts knows nothing of the connections that it had.
func TestARequestThatWasHeldUpDoesNotReachAnotherLife(t *testing.T) {
	play(t, func(s scene) {
		cn := s.write(nil, "keep a")
		s.wait(time.Millisecond)
		s.apply(cutting(false, requests))
		s.write(cn, "keep b")
		s.wait(time.Second)
		st := killed("n1")
		st.Cut = []history.Link{requests, answers}
		s.apply(st)
		s.apply(cutting(false, requests, answers))
		if cn.(*conn).ended != nil {
			t.Error("the end of the connection has passed a cut")
		}
		s.apply(nemesis.State{})
		s.wait(time.Second)
		if got := fmt.Sprint(s.kept()); got != "[a]" {
			t.Errorf("it has %s", got)
		}
		_, _ = targets.ReadFrame(cn)
		if _, err := targets.ReadFrame(cn); !errors.Is(err, io.EOF) {
			t.Errorf("the client is told %v", err)
		}
	})
}

func TestDialingIntoACut(t *testing.T) {
	for name, c := range map[string]struct {
		state       nemesis.State
		heal, limit time.Duration
		told        error
		took        time.Duration
	}{
		"requests cut":           {cutting(false, requests), time.Minute, 5 * time.Second, context.DeadlineExceeded, 5 * time.Second},
		"answers cut":            {cutting(false, answers), time.Minute, 5 * time.Second, context.DeadlineExceeded, 5 * time.Second},
		"cut, and tried again":   {cutting(false, requests), 1500 * time.Millisecond, 5 * time.Second, nil, 3 * time.Second},
		"requests refused":       {cutting(true, requests), time.Minute, 5 * time.Second, syscall.ECONNREFUSED, 0},
		"answers refused":        {cutting(true, answers), time.Minute, 5 * time.Second, context.DeadlineExceeded, 5 * time.Second},
		"slow":                   {nemesis.State{Links: []nemesis.LinkState{{Link: answers, Impairment: nemesis.Impairment{Delay: time.Second}}}}, time.Minute, 5 * time.Second, nil, time.Second},
		"to another node is cut": {cutting(false, history.Link{From: nemesis.Clients, To: "n2"}), time.Minute, 5 * time.Second, nil, 0},
	} {
		play(t, func(s scene) {
			s.apply(c.state)
			s.after(c.heal, func() {
				for _, l := range s.sortedLinks() {
					l.become(nemesis.State{})
				}
			})
			ctx, cancel := s.WithTimeout(s.ctx, c.limit)
			defer cancel()
			began := s.Now()
			_, err := s.Nodes()[0].Dial(ctx)
			if took := s.Now() - began; !errors.Is(err, c.told) || took < c.took || took > c.took+2*time.Millisecond {
				t.Errorf("%s: %v after %s", name, err, took)
			}
		})
	}
}

// Slow links delay both ways, losses cost the time after which TCP sends again, and
// what waits when the link is well is sent at once.
func TestAnImpairedLinkOfClients(t *testing.T) {
	const ms = time.Millisecond
	for name, c := range map[string]struct {
		i           nemesis.Impairment
		least, most time.Duration // of ten operations, one after the other, over one connection
	}{
		"slow":  {nemesis.Impairment{Delay: 100 * ms}, 1000 * ms, 1010 * ms},
		"tail":  {nemesis.Impairment{Jitter: 100 * ms, Tail: true}, 300 * ms, 3000 * ms},
		"lossy": {nemesis.Impairment{Loss: 500_000}, 200 * ms, 60_000 * ms},
	} {
		for _, l := range []history.Link{requests, answers} {
			play(t, func(s scene) {
				s.measure()
				conn := s.write(nil, "keep 0")
				_, _ = targets.ReadFrame(conn)
				s.apply(nemesis.State{Links: []nemesis.LinkState{{Link: l, Impairment: c.i}}})
				began := s.Now()
				for range 10 {
					s.write(conn, "keep x")
					if _, err := targets.ReadFrame(conn); err != nil {
						t.Fatal(err)
					}
				}
				if took := s.Now() - began; took < c.least || took > c.most {
					t.Errorf("%s %v: ten operations take %s", name, l, took)
				}
				m := s.measure()
				p, is := m.Probes[l], c.i
				if p.Sent < is.Probes() || is.Loss > 0 != (p.Came < p.Sent) || p.Came > 0 && p.Least < is.Delay || m.Impaired[l] < 10 {
					t.Errorf("%s %v: %+v, met %d", name, l, p, m.Impaired[l])
				}
				s.apply(nemesis.State{Links: []nemesis.LinkState{{Link: l, Impairment: nemesis.Impairment{Delay: time.Minute}}}})
				began = s.Now()
				s.write(conn, "keep y")
				s.wait(time.Second)
				s.apply(nemesis.State{})
				if _, err := targets.ReadFrame(conn); err != nil || s.Now()-began > time.Second+2*ms {
					t.Errorf("%s %v: %v after %s", name, l, err, s.Now()-began)
				}
			})
		}
	}
}

// Whatever silent cuts and slow links do, and in whatever order: when all is well, every
// request has come once, in order, and so has every answer.
func TestStreamsOutliveWhatHappensToTheirLinks(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		steps := rapid.SliceOfN(rapid.IntRange(0, 6), 1, 40).Draw(rt, "steps")
		play(t, func(s scene) {
			conn, asked := s.write(nil, "keep 0"), 1
			slow := nemesis.LinkState{Link: requests, Impairment: nemesis.Impairment{Delay: 30 * time.Millisecond, Jitter: 20 * time.Millisecond, Loss: 300_000}}
			for _, step := range steps {
				switch step {
				case 0:
					s.apply(nemesis.State{})
				case 1:
					s.apply(cutting(false, requests))
				case 2:
					s.apply(cutting(false, answers))
				case 3:
					s.apply(nemesis.State{Links: []nemesis.LinkState{slow}})
				case 4:
					s.apply(nemesis.State{Cut: []history.Link{answers}, Links: []nemesis.LinkState{slow}})
				case 5:
					s.wait(time.Duration(asked) * 70 * time.Microsecond)
				default:
					s.write(conn, fmt.Sprintf("keep %d", asked))
					asked++
				}
			}
			s.apply(nemesis.State{})
			for i := range asked {
				if got, err := targets.ReadFrame(conn); err != nil || string(got) != fmt.Sprintf("keep %d", i) {
					rt.Fatalf("answer %d is %s, %v", i, got, err)
				}
			}
			for i, kept := range s.kept() {
				if kept != fmt.Sprint(i) {
					rt.Fatalf("it has %v", s.kept())
				}
			}
		})
	})
}
