package docker

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/mlcheck/mlcheck/history"
	"github.com/mlcheck/mlcheck/internal/agent"
	"github.com/mlcheck/mlcheck/internal/dockertest"
	"github.com/mlcheck/mlcheck/internal/engine"
	"github.com/mlcheck/mlcheck/internal/world"
	"github.com/mlcheck/mlcheck/nemesis"
	"github.com/mlcheck/mlcheck/targets"
)

var _ world.Cluster = (*Cluster)(nil)

func links(pairs ...string) (all []history.Link) {
	for i := 0; i+1 < len(pairs); i += 2 {
		all = append(all, history.Link{From: pairs[i], To: pairs[i+1]})
	}
	return all
}

func measure(t *testing.T, c *Cluster) nemesis.Measured {
	t.Helper()
	m, err := c.Fabric().Measure(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func apply(t *testing.T, c *Cluster, s nemesis.State) {
	t.Helper()
	if err := c.Fabric().Apply(t.Context(), s); err != nil {
		t.Fatal(err)
	}
}

// down gives the links that a measurement found to be down.
func down(m nemesis.Measured, all []history.Link) (list []history.Link) {
	for _, l := range all {
		if !m.Up[l] {
			list = append(list, l)
		}
	}
	return list
}

func TestCutLinksAreDownAndNoOthers(t *testing.T) {
	c := started(t)
	for _, cut := range [][]history.Link{
		nil,
		links("n1", "n2"),
		links("n1", "n2", "n2", "n1"),
		links("n1", "n2", "n1", "n3", "n2", "n1", "n3", "n1"),
		c.cfg.Links,
		nil,
	} {
		began := time.Now()
		apply(t, c, nemesis.State{Cut: cut})
		m := measure(t, c)
		t.Logf("%d links cut and measured after %v", len(cut), time.Since(began))
		if diff := cmp.Diff(cut, down(m, c.cfg.Links)); diff != "" {
			t.Errorf("links down (-want +got):\n%s", diff)
		}
	}
}

func TestMeasurementTellsWhatIsTrueAndNotWhatWasAskedFor(t *testing.T) {
	c := started(t)
	cut := links("n1", "n2")
	behind := func(s agent.State) { // the fabric's back
		t.Helper()
		if err := c.nodes[1].agent.Apply(t.Context(), s); err != nil {
			t.Fatal(err)
		}
	}
	behind(agent.State{Generation: 1000, In: []string{c.nodes[0].ip}})
	if diff := cmp.Diff(cut, down(measure(t, c), c.cfg.Links)); diff != "" {
		t.Errorf("a link is down that nobody asked for (-want +got):\n%s", diff)
	}
	c.fabric.state = nemesis.State{Cut: cut} // asked for, but never done
	behind(agent.State{Generation: 1001})
	if diff := cmp.Diff(([]history.Link)(nil), down(measure(t, c), c.cfg.Links)); diff != "" {
		t.Errorf("a cut was asked for and not made (-want +got):\n%s", diff)
	}
}

// post makes the echo of one node send datagrams to another's.
func post(t *testing.T, from, to targets.Node, count int) {
	t.Helper()
	if answer, err := ask(t.Context(), from, fmt.Sprintf("post %s %d", echoAt(to), count)); err != nil || answer != "ok" {
		t.Fatalf("post: %s, %v", answer, err)
	}
}

// got asks a node's echo how many datagrams came from another's.
func got(t *testing.T, at, from targets.Node) int {
	t.Helper()
	answer, err := ask(t.Context(), at, "got "+from.Peer())
	if err != nil {
		t.Fatal(err)
	}
	n, err := strconv.Atoi(answer)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func echoAt(n targets.Node) string { return net.JoinHostPort(n.Peer(), strconv.Itoa(echoPort)) }

func TestOneWayCutStopsTheTargetsTrafficThatWayOnly(t *testing.T) {
	c := started(t)
	n := c.Nodes()
	if !talk(t, n[0], n[1]) {
		t.Fatal("n1 and n2 cannot talk before anything is cut")
	}
	apply(t, c, nemesis.State{Cut: links("n1", "n2")})
	post(t, n[0], n[1], 5)
	post(t, n[1], n[0], 5)
	within(t, 5*time.Second, "n1 has the five datagrams of n2", func() bool { return got(t, n[0], n[1]) == 5 })
	if k := got(t, n[1], n[0]); k != 0 {
		t.Errorf("%d datagrams of n1 passed the cut", k)
	}
	// TCP needs both directions, whoever calls.
	if talk(t, n[0], n[1]) || talk(t, n[1], n[0]) {
		t.Error("n1 and n2 can talk although a link is cut")
	}
	if !talk(t, n[0], n[2]) || !talk(t, n[2], n[1]) {
		t.Error("a link is down that was not cut")
	}
	apply(t, c, nemesis.State{})
	within(t, 5*time.Second, "n1 and n2 talk again", func() bool { return talk(t, n[0], n[1]) })
}

func TestCutCountsTheTargetsPacketsAndNeverProbes(t *testing.T) {
	c := started(t)
	n := c.Nodes()
	apply(t, c, nemesis.State{Cut: links("n1", "n2", "n2", "n3")})
	measure(t, c)
	post(t, n[0], n[1], 5)
	want := map[history.Link]int64{{From: "n1", To: "n2"}: 5, {From: "n2", To: "n3"}: 0}
	if diff := cmp.Diff(want, measure(t, c).Dropped); diff != "" {
		t.Errorf("the second cut is idle (-want +got):\n%s", diff)
	}
	apply(t, c, nemesis.State{})
	if diff := cmp.Diff(want, measure(t, c).Dropped); diff != "" {
		t.Errorf("after healing (-want +got):\n%s", diff)
	}
}

// checkClocks measures every clock against what it should be off by. The slack
// is for the time between the reading of a clock and its arrival in a busy test.
func checkClocks(t *testing.T, c *Cluster, want map[string]time.Duration) {
	t.Helper()
	m := measure(t, c)
	for _, node := range c.cfg.Nodes {
		off, ok := m.Clocks[node]
		if slack := m.Within[node] + 20*time.Millisecond; !ok || (off-want[node]).Abs() > slack {
			t.Errorf("clock of %s is off by %v (measured: %v), want %v within %v", node, off, ok, want[node], slack)
		}
	}
}

// mechanisms are the ways to skew a clock that the echo can be under.
func mechanisms(t *testing.T, try func(t *testing.T, c *Cluster)) {
	for _, name := range []string{agent.Libfaketime, agent.VDSO} {
		t.Run(name, func(t *testing.T) {
			try(t, started(t, func(_ *Config, e *echo) {
				if name == agent.VDSO {
					e.clock = name
				}
			}))
		})
	}
}

func TestClocksAreOffAsAskedAndRightAfterHealing(t *testing.T) {
	mechanisms(t, clocksAreOff)
}

func clocksAreOff(t *testing.T, c *Cluster) {
	apply(t, c, nemesis.State{Clocks: []nemesis.ClockState{
		{Node: "n1", Offset: time.Minute, Since: c.Now()},
		{Node: "n2", Offset: -1500 * time.Millisecond, Since: c.Now()},
	}})
	checkClocks(t, c, map[string]time.Duration{"n1": time.Minute, "n2": -1500 * time.Millisecond})
	apply(t, c, nemesis.State{})
	checkClocks(t, c, nil)
}

func TestDriftCountsFromTheFaultsStartAndGoesOn(t *testing.T) {
	mechanisms(t, driftGoesOn)
}

func driftGoesOn(t *testing.T, c *Cluster) {
	drift := nemesis.ClockState{Node: "n2", Offset: time.Second, PPM: 100_000, Since: c.Now() - 10*time.Second}
	apply(t, c, nemesis.State{Clocks: []nemesis.ClockState{drift}})
	for range 2 {
		before := c.Now()
		m := measure(t, c)
		// The agent takes a step ten times a second; under load it may be late.
		low, high := drift.At(before-time.Second), drift.At(c.Now())
		if got, slack := m.Clocks["n2"], m.Within["n2"]; got < low-slack || got > high+slack {
			t.Errorf("off by %v, want %v to %v within %v", got, low, high, slack)
		}
		time.Sleep(2 * time.Second)
	}
}

func TestASkewedClockSurvivesARestartOfTheTarget(t *testing.T) {
	c := started(t, func(_ *Config, e *echo) { e.clock = agent.VDSO })
	apply(t, c, nemesis.State{Clocks: []nemesis.ClockState{{Node: "n1", Offset: time.Hour, Since: c.Now()}}})
	n := c.nodes[0]
	if _, err := ask(t.Context(), n, "exit"); err == nil {
		t.Error("the echo goes on after its exit")
	}
	within(t, 10*time.Second, "n1's container has ended", func() bool {
		s, err := c.eng.InspectContainer(t.Context(), n.target)
		return err == nil && !s.Running
	})
	if err := c.eng.StartContainer(t.Context(), n.target); err != nil {
		t.Fatal(err)
	}
	within(t, 10*time.Second, "n1's clock is off by an hour again", func() bool {
		off, within, err := n.clock(t.Context(), c.system.(targets.Clocked))
		return err == nil && (off-time.Hour).Abs() <= within+20*time.Millisecond
	})
}

func TestClientsReachNodesThroughTheSandboxWhereTheyMust(t *testing.T) {
	c := started(t, func(cfg *Config, _ *echo) { cfg.pipe = true })
	if !c.nodes[0].pipe {
		t.Fatal("the node is dialled directly")
	}
	checkClocks(t, c, nil)
	if _, err := ask(t.Context(), c.nodes[0], "exit"); err == nil {
		t.Error("a connection to an echo that ended is still open")
	}
	within(t, 5*time.Second, "n1 refuses connections", func() bool {
		conn, err := c.nodes[0].Dial(t.Context())
		if err == nil {
			_ = conn.Close()
		}
		return err != nil
	})
	within(t, 5*time.Second, "no pipe is left open", func() bool {
		return len(processes("dial\x00"+echoAt(c.nodes[0]))) == 0
	})
}

func TestNodeIsReachedDirectlyOnThisMachine(t *testing.T) {
	c := started(t)
	if c.nodes[0].pipe && os.Getenv("DOCKER_HOST") == "" && runtime.GOOS == "linux" {
		t.Error("clients go through the sandbox although the container's address can be reached")
	}
}

func TestCannotSaysWhy(t *testing.T) {
	c := started(t, func(_ *Config, e *echo) { e.noClock = true })
	for _, s := range []struct {
		state nemesis.State
		want  string // "": it can
	}{
		{nemesis.State{Cut: links("n1", "n2")}, ""},
		{nemesis.State{Cut: links("n1", "n9")}, "no node n9"},
		{nemesis.State{Clocks: []nemesis.ClockState{{Node: "n1", Offset: 1}}}, "timers would break"},
		{nemesis.State{Clocks: []nemesis.ClockState{{Node: "n9", Offset: 1}}}, "no node n9"},
	} {
		why := c.Fabric().Cannot(s.state)
		if s.want == "" && len(why) > 0 || s.want != "" && (len(why) != 1 || !strings.Contains(why[0], s.want)) {
			t.Errorf("%+v: %q, want %q", s.state, why, s.want)
		}
		if err := c.Fabric().Apply(t.Context(), s.state); (err != nil) != (s.want != "") {
			t.Errorf("%+v: Apply returns %v", s.state, err)
		}
	}
}

func TestClockThatTheImageCannotSkewIsUnavailableWithTheReason(t *testing.T) {
	eng := dockertest.Engine(t)
	n := &node{cluster: &Cluster{eng: eng, arch: "amd64", cfg: Config{System: &echo{}}}, image: "some/image"}
	n.spec = targets.Spec{Clock: "libfaketime"}
	_, preload := n.environment()
	id, err := eng.CreateContainer(t.Context(), engine.Container{Image: agentImage(t, eng), Name: runID(t)})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = eng.Remove(context.Background(), engine.Object{Kind: engine.ContainerKind, ID: id})
	}()
	n.target = id
	if err := n.checkClock(t.Context(), preload); err != nil {
		t.Fatal(err)
	}
	if want := "some/image has no /usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1"; !strings.Contains(n.clockWhy, want) {
		t.Errorf("reason %q, want one with %q", n.clockWhy, want)
	}
}

func TestEndOfAnAgentsStreamEndsItsNodeAndFailsTheNextFault(t *testing.T) {
	c := started(t)
	apply(t, c, nemesis.State{Cut: links("n1", "n2")})
	_ = c.nodes[0].agent.Close()
	for _, id := range []string{c.nodes[0].sandbox, c.nodes[0].target} {
		within(t, 5*time.Second, "the containers of n1 have ended", func() bool {
			s, err := c.eng.InspectContainer(t.Context(), id)
			return err == nil && !s.Running
		})
	}
	err := c.Fabric().Apply(t.Context(), nemesis.State{})
	if err == nil || !strings.Contains(err.Error(), "node n1") || strings.Contains(err.Error(), "node n2") {
		t.Errorf("Apply returns %v, want an error about n1 alone", err)
	}
}

func TestLogsBeginWithTheirTime(t *testing.T) {
	c := started(t)
	dir := t.TempDir()
	if err := c.Logs(t.Context(), dir); err != nil {
		t.Fatal(err)
	}
	for _, n := range c.cfg.Nodes {
		b, err := os.ReadFile(filepath.Join(dir, "logs", n+".log"))
		if err != nil {
			t.Fatal(err)
		}
		stamp, line, _ := strings.Cut(strings.TrimSpace(string(b)), " ")
		at, err := time.Parse(time.RFC3339Nano, stamp)
		if err != nil || line != "echo: ready" || c.Base().Sub(at).Abs() > time.Minute {
			t.Errorf("%s: %q, error %v", n, b, err)
		}
	}
}

// refused starts a cluster that cannot come up and gives the error.
func refused(t *testing.T, e *echo) error {
	t.Helper()
	eng := dockertest.Engine(t)
	e.image = agentImage(t, eng)
	run := runID(t)
	c, err := Start(t.Context(), Config{Run: run, Target: "echo", Nodes: []string{"n1", "n2"}, System: e})
	if err == nil {
		_ = c.Close(t.Context())
		t.Fatal("the start succeeded")
	}
	nothingLeft(t, eng, run)
	return err
}

func TestNodeThatIsNeverReadyFailsTheStartWithItsLog(t *testing.T) {
	err := refused(t, &echo{startup: time.Second, ready: func(_ context.Context, n targets.Node) error {
		if n.Name() == "n2" {
			return errors.New("replication is not up")
		}
		return nil
	}})
	for _, want := range []string{"node n2", "replication is not up", "not ready after 1s", "echo: ready"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("the error lacks %q: %v", want, err)
		}
	}
}

func TestNodeThatEndsFailsTheStartAtOnceWithItsLog(t *testing.T) {
	began := time.Now()
	err := refused(t, &echo{startup: 5 * time.Minute, command: []string{"agent", "echo", "no-port"}})
	for _, want := range []string{"ended with status 1", "no-port"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("the error lacks %q: %v", want, err)
		}
	}
	if took := time.Since(began); took > time.Minute {
		t.Errorf("it took %v to see that the node had ended", took)
	}
}

func TestFailureToWireFailsTheStart(t *testing.T) {
	err := refused(t, &echo{wire: func(context.Context, []targets.Node) error { return errors.New("no such channel") }})
	if !strings.Contains(err.Error(), "no such channel") {
		t.Error(err)
	}
}

func TestFilesAreInPlaceBeforeTheTargetStarts(t *testing.T) {
	// The echo reads its clock from this file, in a folder that is not there.
	c := started(t, func(_ *Config, e *echo) { e.files = map[string]string{"/etc/echo/clock": "+5"} })
	has, err := c.eng.HasFile(t.Context(), c.nodes[0].target, "/etc/echo/clock")
	if err != nil || !has {
		t.Errorf("there: %v, error %v", has, err)
	}
}

func TestNoEngineSaysHowToGetOne(t *testing.T) {
	t.Setenv("DOCKER_HOST", "unix://"+filepath.Join(t.TempDir(), "nobody.sock"))
	_, err := Start(t.Context(), Config{Run: "x", Target: "echo", Nodes: []string{"n1"}, System: &echo{}})
	if err == nil || !errors.Is(err, engine.ErrUnavailable) || !strings.Contains(err.Error(), "scripts/engine up") || !strings.Contains(err.Error(), "--target reference") {
		t.Error(err)
	}
}

func TestConfigThatMakesNoSenseIsRefused(t *testing.T) {
	nodes := []string{"n1", "n2"}
	for want, cfg := range map[string]Config{
		"does not run in containers": {Run: "x", Target: "t", Nodes: nodes, System: nil},
		"cannot name a run":          {Run: "a b", Nodes: nodes, System: &echo{}},
		"at least one node":          {Run: "x", System: &echo{}},
		"cannot name a node":         {Run: "x", Nodes: []string{"n/1"}, System: &echo{}},
		"named twice":                {Run: "x", Nodes: []string{"n1", "n1"}, System: &echo{}},
		"does not exist":             {Run: "x", Nodes: nodes, Links: links("n1", "n3"), System: &echo{}},
	} {
		if _, err := Start(t.Context(), cfg); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want one with %q", err, want)
		}
	}
}

func TestKeptClusterOutlivesItsRunnerAndIsRemovedOnRequestOnly(t *testing.T) {
	eng := dockertest.Engine(t)
	run := runID(t)
	s := spawn(t, eng, run, runnerKeep+"=1")
	defer func() { _ = removeLabelled(context.Background(), eng, runLabel+"="+run, 0) }()
	within(t, 30*time.Second, "the runner is up", s.up)
	_ = s.cmd.Process.Signal(os.Interrupt)
	if err := s.cmd.Wait(); err != nil {
		t.Fatalf("%v: %s", err, s.output())
	}
	if left := processes(run); len(left) > 0 {
		t.Errorf("the janitor of a kept run is still there: %v", left)
	}
	if _, err := sweep(t.Context(), eng, leftOver); err != nil {
		t.Fatal(err)
	}
	list, err := eng.List(t.Context(), runLabel+"="+run)
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range list {
		if o.Kind == engine.ContainerKind && o.State != "running" {
			t.Errorf("%s is %s", o.Name, o.State)
		}
	}
	if len(list) < 7 { // three sandboxes, three targets, a network; volumes
		t.Errorf("only %v is left of a kept run", describe(list))
	}
	gone, err := sweep(t.Context(), eng, func(objects []engine.Object, _ time.Time) bool {
		return kept(objects) && objects[0].Labels[runLabel] == run
	})
	if err != nil || !slices.Contains(gone, run) {
		t.Errorf("swept %v, error %v", gone, err)
	}
	nothingLeft(t, eng, run)
}
