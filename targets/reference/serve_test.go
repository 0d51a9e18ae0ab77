package reference

import (
	"context"
	"fmt"
	"net"
	"runtime"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/mlcheck/mlcheck/history"
	"github.com/mlcheck/mlcheck/internal/skip"
	"github.com/mlcheck/mlcheck/targets"
	"github.com/mlcheck/mlcheck/targets/serve"
)

// local is a leader of a test, a process but for the process: its own address on
// this machine, its own log.
type local struct {
	name, ip, dir string
	port          int
	end           func()
}

func (l *local) Name() string { return l.name }
func (l *local) Peer() string { return l.ip }
func (l *local) Dial(ctx context.Context) (net.Conn, error) {
	return new(net.Dialer).DialContext(ctx, "tcp", fmt.Sprintf("%s:%d", l.ip, l.port))
}

// start brings the leader up. At the first time it takes any port that is free.
func (l *local) start(t *testing.T, s system) {
	t.Helper()
	listener, err := net.Listen("tcp", fmt.Sprintf("%s:%d", l.ip, l.port))
	if err != nil {
		t.Fatal(err)
	}
	l.port = listener.Addr().(*net.TCPAddr).Port
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() {
		ended <- serve.Run(ctx, serve.Config{Node: l.name, System: s, Listen: listener, Dir: l.dir, Logf: t.Logf})
	}()
	l.end = func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		l.end = func() {}
	}
	t.Cleanup(func() { l.end() })
}

// overTCP starts three leaders on addresses of this machine, and wires them.
func overTCP(t *testing.T, topology string, options map[string]string) (system, []*local) {
	t.Helper()
	if runtime.GOOS != "linux" {
		skip.Because(t, "only Linux has 127.0.0.2 without being asked")
	}
	s := configured(t, topology, options)
	var leaders []*local
	var nodes []targets.Node
	for i, name := range s.cfg.nodes {
		l := &local{name: name, ip: fmt.Sprintf("127.0.0.%d", i+1), dir: t.TempDir()}
		if i > 0 {
			l.port = leaders[0].port
		}
		l.start(t, s)
		leaders, nodes = append(leaders, l), append(nodes, l)
	}
	if err := serve.Wire(t.Context(), nodes, s.cfg.links, leaders[0].port); err != nil {
		t.Fatal(err)
	}
	return s, leaders
}

func configured(t *testing.T, topology string, options map[string]string) system {
	t.Helper()
	all := map[string]string{}
	for _, o := range (Target{}).Options() {
		all[o.Name] = o.Default
	}
	for name, value := range options {
		all[name] = value
	}
	plan, err := Target{}.Configure(targets.Config{Nodes: []string{"n1", "n2", "n3"}, Topology: topology, Options: all})
	if err != nil {
		t.Fatal(err)
	}
	return plan.System.(system)
}

// do performs one step at a leader.
func do(t *testing.T, s system, at *local, step history.Step) history.Value {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	c, err := s.Connect(ctx, at)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	done, err := c.Do(ctx, []history.Step{step})
	if err != nil {
		t.Fatalf("%v at %s: %v", step, at.name, err)
	}
	return done.Steps[0].Value
}

func awaitQuiet(t *testing.T, s system, leaders []*local) {
	t.Helper()
	var nodes []targets.Node
	for _, l := range leaders {
		nodes = append(nodes, l)
	}
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		state, why, err := s.Quiet(t.Context(), nodes)
		if err == nil && state == history.QuietYes {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("replication does not come to rest: %s, %s, %v", state, why, err)
		}
	}
}

func TestALeaderThatWasKilledCatchesUpAndKeepsWhatItHadAcknowledged(t *testing.T) {
	for _, c := range []struct{ topology, delivery string }{
		{"all-to-all", fifo}, {"ring", fifo}, {"star", fifo}, {"all-to-all", causal}, {"all-to-all", unordered}, {"all-to-all", antiEntropy},
	} {
		t.Run(c.topology+" "+c.delivery, func(t *testing.T) {
			s, l := overTCP(t, c.topology, map[string]string{"policy": "add-wins", "delivery": c.delivery})
			var want []int64
			add := func(at *local) {
				n := int64(len(want) + 1)
				do(t, s, at, history.Step{F: history.Add, Key: "k", Value: history.Int(n)})
				want = append(want, n)
			}
			for i := range 30 {
				add(l[i%3])
			}
			l[1].end() // in the middle of it: its last updates may be nowhere else yet
			for i := range 20 {
				add(l[i%2*2])
			}
			l[1].start(t, s)
			for i := range 10 {
				add(l[i%3])
			}
			awaitQuiet(t, s, l)
			for _, leader := range l {
				got := do(t, s, leader, history.Step{F: history.Read, Key: "k"})
				if diff := cmp.Diff(history.List(want...), got); diff != "" {
					t.Errorf("%s (-want +got):\n%s", leader.name, diff)
				}
			}
		})
	}
}
