package docker

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/mlcheck/mlcheck/history"
	"github.com/mlcheck/mlcheck/nemesis"
)

func ofClients(cut, reject []history.Link) nemesis.State {
	return nemesis.State{Cut: cut, Reject: reject}
}

// client is a connection of a client to n1.
type client struct {
	*testing.T
	net.Conn
	answers *bufio.Reader
}

func clientOf(t *testing.T, c *Cluster) client {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	conn, err := c.Nodes()[0].Dial(ctx)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return client{t, conn, bufio.NewReader(conn)}
}

// posts asks the echo to send a datagram to n2, which shows there that it was asked.
func (c client) posts(to string, limit time.Duration) error {
	_ = c.SetDeadline(time.Now().Add(limit))
	if _, err := fmt.Fprintf(c, "post %s 1\n", to); err != nil {
		return err
	}
	answer, err := c.answers.ReadString('\n')
	if err == nil && strings.TrimSpace(answer) != "ok" {
		c.Errorf("the echo says %q", answer)
	}
	return err
}

// What a cut does to clients, over their connections and through a pipe: who is told
// what, whether the node was asked, and what measurements show of it.
func TestClientsAreCutOffFromTheirNodeOneWayOrBoth(t *testing.T) {
	for name, pipe := range map[string]bool{"connections": false, "pipe": true} {
		t.Run(name, func(t *testing.T) {
			c := started(t, func(cfg *Config, _ *echo) { cfg.Clients, cfg.pipe = true, pipe })
			if m := measure(t, c); len(down(m, nemesis.ClientLinks(c.cfg.Nodes))) > 0 {
				t.Fatalf("they are cut off already: %v", m.Up)
			}
			count := 0
			for name, s := range map[string]struct {
				cut, reject []history.Link
				told        error
				soon, late  int // how often the node was asked, during the cut and in the end
			}{
				"requests":         {[]history.Link{asked}, nil, os.ErrDeadlineExceeded, 0, 1},
				"answers":          {[]history.Link{answered}, nil, os.ErrDeadlineExceeded, 1, 1},
				"both":             {[]history.Link{asked, answered}, nil, os.ErrDeadlineExceeded, 0, 1},
				"refused requests": {[]history.Link{asked}, []history.Link{asked}, syscall.ECONNRESET, 0, 0},
				"refused answers":  {[]history.Link{answered}, []history.Link{answered}, os.ErrDeadlineExceeded, 1, 1},
				"another's":        {nemesis.ClientLinks([]string{"n3"}), nil, nil, 1, 1},
			} {
				conn := clientOf(t, c)
				apply(t, c, ofClients(s.cut, s.reject))
				if err := conn.posts(echoAt(c.nodes[1]), 500*time.Millisecond); !errors.Is(err, s.told) {
					t.Errorf("%s: the client is told %v, not %v", name, err, s.told)
				}
				_ = conn.Close()
				if n := got(t, c.nodes[1], c.nodes[0]) - count; n != s.soon {
					t.Errorf("%s: the node was asked %d times, not %d", name, n, s.soon)
				}
				m := measure(t, c)
				met := int64(0)
				for _, l := range nemesis.ClientLinks(c.cfg.Nodes) {
					is := ofClients(s.cut, s.reject)
					if is.Cuts(l) {
						met += m.Dropped[l]
					}
					if m.Up[l] == is.Cuts(l) || m.Refused[l] != is.Rejects(l) {
						t.Errorf("%s: %v is up %v, refused %v", name, l, m.Up[l], m.Refused[l])
					}
				}
				if want := map[bool]int64{true: 1}[s.told != nil]; met != want {
					t.Errorf("%s: the cut met %d pieces", name, met)
				}
				for l, up := range m.Up {
					if !nemesis.OfClients(l) && !up {
						t.Errorf("%s: %v is cut as well", name, l)
					}
				}
				apply(t, c, nemesis.State{})
				within(t, 5*time.Second, name+": the node was asked as often as it is to be", func() bool { return got(t, c.nodes[1], c.nodes[0])-count == s.late })
				count += s.late
				if m := measure(t, c); len(down(m, nemesis.ClientLinks(c.cfg.Nodes))) > 0 {
					t.Errorf("%s: it does not heal: %v", name, m.Up)
				}
				if err := clientOf(t, c).posts(echoAt(c.nodes[1]), 5*time.Second); err != nil {
					t.Errorf("%s: when all is well the client is told %v", name, err)
				}
				count++
			}
			if pipe {
				return // what follows is decided on this side of it
			}
			badLinksOfClients(t, c)
			dialsIntoCuts(t, c)
			measuresWhatIsTrue(t, c)
		})
	}
}

func badLinksOfClients(t *testing.T, c *Cluster) {
	conn := clientOf(t, c)
	for _, l := range []history.Link{asked, answered} {
		for name, s := range map[string]struct {
			is nemesis.Impairment
			ok func(nemesis.Probes) bool
		}{
			"late":   {nemesis.Impairment{Delay: 100 * time.Millisecond}, func(p nemesis.Probes) bool { return p.Came == p.Sent && p.Least >= 100*time.Millisecond }},
			"lost":   {nemesis.Impairment{Loss: 300_000}, func(p nemesis.Probes) bool { return p.Sent >= 200 && p.Came > p.Sent/2 && p.Came < p.Sent*9/10 }},
			"a tail": {nemesis.Impairment{Jitter: 20 * time.Millisecond, Tail: true}, func(p nemesis.Probes) bool { return p.Came == p.Sent && p.Mean-p.Least > 10*time.Millisecond }},
		} {
			apply(t, c, nemesis.State{Links: []nemesis.LinkState{{Link: l, Impairment: s.is}}})
			began := time.Now()
			if err := conn.posts(echoAt(c.nodes[1]), 20*time.Second); err != nil || time.Since(began) < s.is.Delay {
				t.Errorf("%s: %v after %s", name, err, time.Since(began))
			}
			m := measure(t, c)
			for _, other := range nemesis.ClientLinks(c.cfg.Nodes) {
				if p := m.Probes[other]; other == l && (!s.ok(p) || m.Impaired[l] != 1) || other != l && p.Came != p.Sent {
					t.Errorf("%v %s: %v: %+v, met %d", l, name, other, p, m.Impaired[other])
				}
			}
			apply(t, c, nemesis.State{})
		}
	}
}

func dialsIntoCuts(t *testing.T, c *Cluster) {
	for _, s := range []struct {
		state nemesis.State
		told  error
	}{
		{ofClients([]history.Link{asked}, nil), context.DeadlineExceeded},
		{ofClients([]history.Link{answered}, []history.Link{answered}), context.DeadlineExceeded},
		{ofClients([]history.Link{asked}, []history.Link{asked}), syscall.ECONNREFUSED},
	} {
		apply(t, c, s.state)
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		if _, err := c.Nodes()[0].Dial(ctx); !errors.Is(err, s.told) {
			t.Errorf("%+v: a new connection: %v", s.state, err)
		}
		cancel()
		if _, err := ask(t.Context(), c.nodes[0], "clock"); err != nil {
			t.Errorf("%+v: mlcheck itself is cut off: %v", s.state, err)
		}
	}
	apply(t, c, nemesis.State{})
}

// measuresWhatIsTrue has gates do otherwise than they were asked to.
func measuresWhatIsTrue(t *testing.T, c *Cluster) {
	apply(t, c, ofClients([]history.Link{asked, answered}, []history.Link{asked, answered}))
	c.nodes[0].admit(nemesis.State{}) // behind the fabric's back
	if m := measure(t, c); !m.Up[asked] || !m.Up[answered] || m.Refused[asked] || m.Refused[answered] {
		t.Errorf("a cut was asked for and not made: %v, %v", m.Up, m.Refused)
	}
	apply(t, c, nemesis.State{})
	c.nodes[0].admit(ofClients([]history.Link{answered}, nil))
	if m := measure(t, c); !m.Up[asked] || m.Up[answered] {
		t.Errorf("a link is cut that nobody asked for: %v", m.Up)
	}
	c.nodes[0].admit(nemesis.State{})
}

func TestLinksOfClientsNeedToBeSaidAtTheStart(t *testing.T) {
	c := started(t, func(cfg *Config, _ *echo) { cfg.Nodes = []string{"n1"} })
	for want, l := range map[string]history.Link{
		"nobody said at the start": asked,
		"there is no node n9":      {From: nemesis.Clients, To: "n9"},
	} {
		if why := strings.Join(c.Fabric().Cannot(ofClients([]history.Link{l}, nil)), "; "); !strings.Contains(why, want) {
			t.Errorf("%v: %q", l, why)
		}
	}
	if _, err := Start(t.Context(), Config{Run: runID(t), Target: "echo", Nodes: []string{nemesis.Clients}, System: &echo{}}); err == nil || !strings.Contains(err.Error(), "no node can be called") {
		t.Errorf("a node called so: %v", err)
	}
}
