package sim

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/mlcheck/mlcheck/history"
	"github.com/mlcheck/mlcheck/internal/world"
	"github.com/mlcheck/mlcheck/nemesis"
	"github.com/mlcheck/mlcheck/targets"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// echo is a machine that answers requests and gossips every message once.
type echo struct{ peers []string }

func (e echo) Step(in targets.In) []targets.Out {
	if in.Kind != targets.Request {
		return nil
	}
	if string(in.Body) == "wall" {
		return []targets.Out{{Kind: targets.Reply, To: in.From, Body: []byte(in.Wall.Format(time.RFC3339Nano))}}
	}
	var outs []targets.Out
	for _, p := range e.peers {
		outs = append(outs, targets.Out{Kind: targets.Message, To: p, Body: in.Body})
	}
	return append(outs, targets.Out{Kind: targets.Reply, To: in.From, Body: in.Body})
}

type system struct{}

func (system) New(string, targets.Disk) targets.Machine { return echo{[]string{"n2"}} }

var pair = Config{Nodes: []string{"n1", "n2"}, Links: []history.Link{{From: "n1", To: "n2"}}, System: system{}, Seed: 1}

func named(name string, do func(context.Context) error) world.Task {
	return world.Task{Name: name, Do: do}
}

func TestTimeJumpsAndTasksInterleaveByTime(t *testing.T) {
	c := Start(pair)
	var log []string
	sleeper := func(name string, d time.Duration) world.Task {
		return named(name, func(ctx context.Context) error {
			for range 3 {
				if err := c.Sleep(ctx, d); err != nil {
					return err
				}
				log = append(log, fmt.Sprintf("%s %s", name, c.Now()))
			}
			return nil
		})
	}
	if err := c.Run(t.Context(), sleeper("a", 2*time.Hour), sleeper("b", 3*time.Hour)); err != nil {
		t.Fatal(err)
	}
	want := []string{"a 2h0m0s", "b 3h0m0s", "a 4h0m0s", "b 6h0m0s", "a 6h0m0s", "b 9h0m0s"}
	if diff := cmp.Diff(want, log); diff != "" {
		t.Fatal(diff)
	}
}

func TestTimeoutsAreVirtual(t *testing.T) {
	c := Start(pair)
	err := c.Run(t.Context(), named("waiter", func(ctx context.Context) error {
		ctx, cancel := c.WithTimeout(ctx, time.Hour)
		defer cancel()
		child, cancelChild := context.WithCancel(ctx)
		defer cancelChild()
		err := c.Sleep(child, 5*time.Hour)
		if !errors.Is(err, context.DeadlineExceeded) && !errors.Is(ctx.Err(), context.DeadlineExceeded) {
			t.Errorf("Sleep past a deadline: %v", err)
		}
		if c.Now() != time.Hour {
			t.Errorf("the deadline came at %s", c.Now())
		}
		return nil
	}))
	if err != nil {
		t.Fatal(err)
	}
}

func TestPanicInATaskIsAnErrorWithItsStack(t *testing.T) {
	c := Start(pair)
	other := false
	err := c.Run(t.Context(),
		named("bad", func(context.Context) error { panic("boom") }),
		named("good", func(ctx context.Context) error { other = true; return c.Sleep(ctx, time.Second) }))
	if err == nil || !strings.Contains(err.Error(), "task bad panicked: boom") || !strings.Contains(err.Error(), "sim_test.go") {
		t.Errorf("want the panic and its place, got %v", err)
	}
	if !other {
		t.Error("the other task did not run")
	}
}

func TestCancelWakesEveryTask(t *testing.T) {
	c := Start(pair)
	ctx, cancel := context.WithCancel(t.Context())
	err := c.Run(ctx,
		named("sleeps for ever", func(ctx context.Context) error { return c.Sleep(ctx, forever/2) }),
		named("cancels", func(context.Context) error { cancel(); return nil }))
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if c.Now() != 0 {
		t.Errorf("time went on to %s", c.Now())
	}
}

func TestStandingStillIsAnError(t *testing.T) {
	c := Start(pair)
	err := c.Run(t.Context(), named("waits", func(ctx context.Context) error {
		conn, err := c.Nodes()[0].Dial(ctx)
		if err != nil {
			return err
		}
		_, err = conn.Read(make([]byte, 1)) // nobody will ever send
		return err
	}))
	if err == nil || !strings.Contains(err.Error(), "stands still") || !strings.Contains(err.Error(), "waits") {
		t.Errorf("got %v", err)
	}
}

func TestTasksCannotBeNested(t *testing.T) {
	c := Start(pair)
	err := c.Run(t.Context(), named("outer", func(ctx context.Context) error {
		return c.Run(ctx, named("inner", func(context.Context) error { return nil }))
	}))
	if err == nil || !strings.Contains(err.Error(), "outer called Run") {
		t.Errorf("got %v", err)
	}
}

// syncBuffer is read by the test while the watchdog writes.
type syncBuffer struct {
	mu sync.Mutex
	b  strings.Builder
}

func (s *syncBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *syncBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

func TestWatchdogShowsTheTaskThatDoesNotYield(t *testing.T) {
	var out syncBuffer
	cfg := pair
	cfg.Warn = &out
	c := Start(cfg)
	c.patience = 10 * time.Millisecond
	release := make(chan struct{})
	go func() {
		for out.String() == "" {
			time.Sleep(time.Millisecond)
		}
		close(release)
	}()
	if err := c.Run(t.Context(), named("stuck", func(context.Context) error { <-release; return nil })); err != nil {
		t.Fatal(err)
	}
	if got := out.String(); !strings.Contains(got, "has not yielded") || !strings.Contains(got, "TestWatchdog") {
		t.Errorf("the watchdog said %q", got)
	}
}

func ask(ctx context.Context, n targets.Node, body string) (string, error) {
	conn, err := n.Dial(ctx)
	if err != nil {
		return "", err
	}
	defer conn.Close()
	return askOn(conn, body)
}

func askOn(conn net.Conn, body string) (string, error) {
	if _, err := conn.Write(targets.AppendFrame(nil, []byte(body))); err != nil {
		return "", err
	}
	answer, err := targets.ReadFrame(conn)
	return string(answer), err
}

func TestClientsTalkToMachinesInFrames(t *testing.T) {
	c := Start(pair)
	err := c.Run(t.Context(), named("client", func(ctx context.Context) error {
		got, err := ask(ctx, c.Nodes()[0], "hello")
		if got != "hello" {
			t.Errorf("the echo says %q", got)
		}
		if c.Now() == 0 {
			t.Error("a round trip took no time")
		}
		return err
	}))
	if err != nil {
		t.Fatal(err)
	}
}

func TestCutSwallowsMessagesAndProbesAndCountsOnlyMessages(t *testing.T) {
	c := Start(pair)
	there, back := history.Link{From: "n1", To: "n2"}, history.Link{From: "n2", To: "n1"}
	err := c.Run(t.Context(), named("nemesis", func(ctx context.Context) error {
		f := c.Fabric()
		if err := f.Apply(ctx, nemesis.State{Cut: []history.Link{there}}); err != nil {
			return err
		}
		if _, err := ask(ctx, c.Nodes()[0], "x"); err != nil {
			return err
		}
		m, err := f.Measure(ctx)
		if err != nil {
			return err
		}
		if m.Up[there] || !m.Up[back] || m.Dropped[there] != 1 || m.Dropped[back] != 0 {
			t.Errorf("one way cut, one message: up %v, dropped %v", m.Up, m.Dropped)
		}
		if err := f.Apply(ctx, nemesis.State{}); err != nil {
			return err
		}
		if m, err = f.Measure(ctx); err == nil && (!m.Up[there] || !m.Up[back]) {
			t.Errorf("healed, but up is %v", m.Up)
		}
		return err
	}))
	if err != nil {
		t.Fatal(err)
	}
}

func TestSkewedClockIsWhatTheMachineSees(t *testing.T) {
	c := Start(pair)
	err := c.Run(t.Context(), named("nemesis", func(ctx context.Context) error {
		s := nemesis.State{Clocks: []nemesis.ClockState{{Node: "n1", Offset: time.Hour, PPM: 100_000}}}
		if err := c.Fabric().Apply(ctx, s); err != nil {
			return err
		}
		if err := c.Sleep(ctx, 100*time.Second); err != nil {
			return err
		}
		for i, want := range []time.Duration{time.Hour + 10*time.Second, 0} {
			got, err := ask(ctx, c.Nodes()[i], "wall")
			if err != nil {
				return err
			}
			wall, err := time.Parse(time.RFC3339Nano, got)
			if err != nil {
				return err
			}
			if off := wall.Sub(Epoch.Add(c.Now())) - want; off.Abs() > 5*time.Millisecond {
				t.Errorf("n%d's clock is off by %s beside the %s that was asked for", i+1, off, want)
			}
		}
		return nil
	}))
	if err != nil {
		t.Fatal(err)
	}
}

// station sends numbered messages to n2 for every request, logs, and answers;
// at n2 it counts what has come.
type station struct {
	name string
	got  *[]string
}

func (s station) Step(in targets.In) []targets.Out {
	switch in.Kind {
	case targets.Message:
		*s.got = append(*s.got, string(in.Body))
	case targets.Request:
		var outs []targets.Out
		for i := range 50 {
			outs = append(outs, targets.Out{Kind: targets.Message, To: "n2", Body: fmt.Append(nil, string(in.Body), i)})
		}
		outs = append(outs, targets.Out{Kind: targets.Message, To: "nobody", Body: in.Body})
		if string(in.Body) == "log" {
			outs = append([]targets.Out{{Kind: targets.Log, Body: in.Body, Sync: true}}, outs...)
		}
		return append(outs, targets.Out{Kind: targets.Reply, To: in.From, Body: in.Body})
	}
	return nil
}

type stations struct {
	got   []string
	disks map[string]targets.Disk
}

func (s *stations) New(name string, d targets.Disk) targets.Machine {
	s.disks[name] = d
	return station{name, &s.got}
}

func post(t *testing.T, do func(ctx context.Context, c *Cluster, s *stations) error) {
	t.Helper()
	s := &stations{disks: map[string]targets.Disk{}}
	cfg := pair
	cfg.System = s
	c := Start(cfg)
	if err := c.Run(t.Context(), named("post", func(ctx context.Context) error { return do(ctx, c, s) })); err != nil {
		t.Fatal(err)
	}
}

func TestMessagesOvertakeEachOtherAndNoneIsLostOnAHealthyLink(t *testing.T) {
	post(t, func(ctx context.Context, c *Cluster, s *stations) error {
		if _, err := ask(ctx, c.Nodes()[0], "x"); err != nil {
			return err
		}
		err := c.Sleep(ctx, time.Second)
		if len(s.got) != 50 {
			t.Errorf("%d of 50 messages came", len(s.got))
		}
		if s.got[0] == "x0" && s.got[1] == "x1" && s.got[2] == "x2" && s.got[49] == "x49" {
			t.Errorf("they came in order: %v", s.got)
		}
		return err
	})
}

func TestACutSwallowsWhatIsOnItsWay(t *testing.T) {
	post(t, func(ctx context.Context, c *Cluster, s *stations) error {
		if _, err := ask(ctx, c.Nodes()[0], "x"); err != nil {
			return err
		}
		link := history.Link{From: "n1", To: "n2"}
		before := len(s.got)
		if err := c.Fabric().Apply(ctx, nemesis.State{Cut: []history.Link{link}}); err != nil {
			return err
		}
		if err := c.Sleep(ctx, time.Second); err != nil {
			return err
		}
		m, err := c.Fabric().Measure(ctx)
		if len(s.got) != before || m.Dropped[link] != int64(50-before) || before == 50 {
			t.Errorf("%d came before the cut and %d after it, %d were swallowed", before, len(s.got)-before, m.Dropped[link])
		}
		return err
	})
}

func TestWhatSomebodyHasSeenIsOnDisk(t *testing.T) {
	post(t, func(ctx context.Context, c *Cluster, s *stations) error {
		for i := range 5 {
			began := c.Now()
			if _, err := ask(ctx, c.Nodes()[0], "log"); err != nil {
				return err
			}
			if n := len(s.disks["n1"].Read()); n != i+1 {
				t.Errorf("%d records are on disk after %d answers", n, i+1)
			}
			if took := c.Now() - began; took < diskSync+4*clientLatency {
				t.Errorf("an answer came after %s, before the disk could have it", took)
			}
		}
		return nil
	})
}

func TestAReadEndsAtItsVirtualDeadlineAndAConnectionAtABadFrame(t *testing.T) {
	post(t, func(ctx context.Context, c *Cluster, _ *stations) error {
		conn, err := c.Nodes()[0].Dial(ctx)
		if err != nil {
			return err
		}
		at := c.Now() + 3*time.Hour
		if err := conn.SetDeadline(Epoch.Add(at)); err != nil {
			return err
		}
		if _, err := conn.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) || c.Now() != at {
			t.Errorf("%v at %s, want the deadline at %s", err, c.Now(), at)
		}
		if err := conn.SetDeadline(time.Time{}); err != nil {
			return err
		}
		if _, err := conn.Write([]byte{0, 0, 0, 0}); err != nil {
			return err
		}
		if _, err := conn.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
			t.Errorf("after an impossible frame: %v, want EOF", err)
		}
		if _, err := conn.Write([]byte("x")); !errors.Is(err, net.ErrClosed) {
			t.Errorf("a write after that: %v", err)
		}
		return conn.Close()
	})
}

func TestAStateIsAppliedWhole(t *testing.T) {
	c := Start(pair)
	err := c.Run(t.Context(), named("nemesis", func(ctx context.Context) error {
		f := c.Fabric()
		there := history.Link{From: "n1", To: "n2"}
		for range 2 { // the second time changes nothing
			if err := f.Apply(ctx, nemesis.State{Cut: []history.Link{there}, Clocks: []nemesis.ClockState{{Node: "n2", Offset: -time.Hour}}}); err != nil {
				return err
			}
			m, err := f.Measure(ctx)
			if err != nil || m.Up[there] || m.Clocks["n2"] != -time.Hour || m.Clocks["n1"] != 0 {
				t.Errorf("%v: %+v", err, m)
			}
		}
		if err := f.Apply(ctx, nemesis.State{}); err != nil {
			return err
		}
		m, err := f.Measure(ctx)
		if !m.Up[there] || m.Clocks["n2"] != 0 {
			t.Errorf("the healthy State leaves %+v", m)
		}
		return err
	}))
	if err != nil {
		t.Fatal(err)
	}
}
