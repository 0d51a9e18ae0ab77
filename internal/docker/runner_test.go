package docker

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/mlcheck/mlcheck/internal/agent"
	"github.com/mlcheck/mlcheck/internal/dockertest"
	"github.com/mlcheck/mlcheck/internal/engine"
	"github.com/mlcheck/mlcheck/internal/self"
	"github.com/mlcheck/mlcheck/nemesis"
	"github.com/mlcheck/mlcheck/targets"
)

// The test binary is also the runner that gets killed: with these variables set
// it deploys echoes and breaks them until it is told to stop.
const (
	runnerRun   = "MLCHECK_TEST_RUN"   // the run's id
	runnerImage = "MLCHECK_TEST_IMAGE" // the echo's image
	runnerBuild = "MLCHECK_TEST_BUILD" // a port: an echo on it is built, which never gets done
	runnerKeep  = "MLCHECK_TEST_KEEP"
	runnerFault = "MLCHECK_TEST_FAULT" // which of the faults is in force
)

func TestMain(m *testing.M) {
	if run := os.Getenv(runnerRun); run != "" {
		if err := runner(run, os.Getenv(runnerImage)); err != nil {
			fmt.Println("runner:", err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	goleak.VerifyTestMain(m)
}

// runner prints "up" when its nodes are, and ends cleanly on an interrupt.
func runner(run, image string) error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	cfg := Config{
		Run: run, Target: "echo", Nodes: []string{"n1", "n2", "n3"}, System: &echo{image: image},
		Keep:     os.Getenv(runnerKeep) != "",
		Progress: func(format string, args ...any) { fmt.Printf(format+"\n", args...) },
	}
	state := nemesis.State{Cut: links("n1", "n2")}
	if fault := os.Getenv(runnerFault); fault != "" {
		state = underFault(&cfg, fault)
	}
	if os.Getenv(runnerBuild) != "" {
		cfg.System = endless{cfg.System.(*echo)}
	}
	c, err := Start(ctx, cfg)
	if err != nil {
		return err
	}
	fmt.Println("up")
	for ctx.Err() == nil && err == nil {
		if err = c.Fabric().Apply(ctx, state); err == nil {
			if _, err = c.Fabric().Measure(ctx); err == nil {
				fmt.Println(inForce)
			}
		}
	}
	if ctx.Err() != nil {
		err = nil
	}
	if e := c.Close(ctx); e != nil {
		return e
	}
	return err
}

// endless is an echo whose image is built by a step that does not end.
type endless struct{ *echo }

func (e endless) Spec(node string) targets.Spec {
	s := e.echo.Spec(node)
	s.Image = "mlcheckdkr/endless:1"
	s.Build = &targets.Build{Tag: s.Image, Suite: "mlcheckdkr", Dockerfile: fmt.Sprintf(
		"FROM ${BASE}\nRUN [\"/mlcheck\", \"agent\", \"echo\", %q]\n", os.Getenv(runnerBuild))}
	return s
}

// spawned is a runner in a process of its own.
type spawned struct {
	cmd *exec.Cmd
	run string
	out output
}

// output is what a process has said so far.
type output struct {
	mu   sync.Mutex
	text strings.Builder
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(p)
}

func (s *spawned) output() string {
	s.out.mu.Lock()
	defer s.out.mu.Unlock()
	return s.out.text.String()
}

func spawn(t *testing.T, eng engine.Engine, run string, env ...string) *spawned {
	t.Helper()
	s := &spawned{cmd: exec.Command(os.Args[0]), run: run}
	binary, err := self.Find(t.Context(), self.Child())
	if err != nil {
		t.Fatal(err)
	}
	s.cmd.Env = append(os.Environ(), self.Variable+"="+binary, runnerRun+"="+run, runnerImage+"="+agentImage(t, eng))
	s.cmd.Env = append(s.cmd.Env, env...)
	s.cmd.Stdout, s.cmd.Stderr = &s.out, &s.out
	s.cmd.WaitDelay = time.Second
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return s
}

// up says whether all nodes are up, and faults come and go.
func (s *spawned) up() bool { return strings.Contains(s.output(), "up\n") }

// within waits until something is so.
func within(t *testing.T, limit time.Duration, what string, so func() bool) {
	t.Helper()
	for began := time.Now(); !so(); time.Sleep(50 * time.Millisecond) {
		if time.Since(began) > limit {
			t.Errorf("not so after %v: %s", limit, what)
			return
		}
	}
}

// vanished waits until nothing of a run is left: no container, network, volume,
// and no process that has the run's id among its arguments.
func vanished(t *testing.T, eng engine.Engine, run string) {
	t.Helper()
	within(t, 30*time.Second, "nothing is left of run "+run, func() bool {
		left, err := eng.List(context.Background(), runLabel+"="+run)
		return err == nil && len(left) == 0 && len(processes(run)) == 0
	})
	nothingLeft(t, eng, run)
}

func processes(run string) (list []string) {
	paths, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, p := range paths {
		if b, err := os.ReadFile(p); err == nil && strings.Contains(string(b), run) {
			list = append(list, p)
		}
	}
	return list
}

func TestKillAtAnyMomentLeavesNothing(t *testing.T) {
	eng := dockertest.Engine(t)
	const kills, sideBySide, latest = 20, 4, 3 * time.Second
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	id := runID(t)
	for round := range kills / sideBySide {
		var (
			batch []*spawned
			wg    sync.WaitGroup
		)
		for i := range sideBySide {
			s := spawn(t, eng, fmt.Sprintf("%s-%d-%d", id, round, i))
			batch = append(batch, s)
			after := time.Duration(r.Int64N(int64(latest)))
			wg.Go(func() {
				if i == 0 { // one of each batch while faults come and go
					within(t, time.Minute, "the runner is up", s.up)
				}
				time.Sleep(after)
				_ = s.cmd.Process.Kill()
			})
		}
		wg.Wait()
		for _, s := range batch {
			_ = s.cmd.Wait()
			t.Logf("%s was killed after it had said %q", s.run, s.output())
			if s.cmd.ProcessState.Exited() {
				t.Errorf("the runner was to be killed, but ended by itself: %s", s.output())
			}
		}
		for _, s := range batch {
			vanished(t, eng, s.run)
		}
	}
}

func TestNextStartSweepsWhatACrashOfTheMachineLeft(t *testing.T) {
	eng := dockertest.Engine(t)
	s := spawn(t, eng, runID(t))
	within(t, time.Minute, "the runner is up", s.up)
	// A crash spares nobody: neither the runner nor its janitor.
	for _, path := range processes(s.run) {
		var pid int
		if _, err := fmt.Sscanf(path, "/proc/%d/", &pid); err != nil {
			t.Fatal(err)
		}
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
	}
	_ = s.cmd.Process.Kill()
	_ = s.cmd.Wait()
	within(t, 10*time.Second, "the nodes have ended", func() bool { return !anyRuns(t, eng, s.run) })
	if left, err := eng.List(t.Context(), runLabel+"="+s.run); err != nil || len(left) == 0 {
		t.Fatalf("nothing is there to be swept: %v, %v", left, err)
	}
	_, err := Start(t.Context(), Config{Run: runID(t), Target: "echo", Nodes: []string{"n1"}, System: &echo{image: "mlcheckdkr/none:1"}})
	if err == nil || !strings.Contains(err.Error(), "mlcheckdkr/none:1") {
		t.Errorf("a start without an image: error %v", err)
	}
	nothingLeft(t, eng, s.run)
}

func TestRunnerThatHangsLosesItsNodes(t *testing.T) {
	eng := dockertest.Engine(t)
	s := spawn(t, eng, runID(t))
	within(t, time.Minute, "the runner is up", s.up)
	if err := s.cmd.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	within(t, 3*agent.Lease, "the nodes have ended", func() bool { return !anyRuns(t, eng, s.run) })
	_ = s.cmd.Process.Kill()
	_ = s.cmd.Wait()
	vanished(t, eng, s.run)
}

func anyRuns(t *testing.T, eng engine.Engine, run string) bool {
	t.Helper()
	list, err := eng.List(t.Context(), runLabel+"="+run)
	if err != nil {
		t.Fatal(err)
	}
	return slices.ContainsFunc(list, func(o engine.Object) bool { return o.State == "running" })
}

func TestKillDuringABuildLeavesNothing(t *testing.T) {
	eng := dockertest.Engine(t)
	if err := eng.TagImage(t.Context(), agentImage(t, eng), "mlcheck/base:mlcheckdkr"); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = eng.RemoveImage(context.Background(), "mlcheck/base:mlcheckdkr") }()
	port := strconv.Itoa(20000 + os.Getpid()%10000) // tells this echo from all others
	step := "agent\x00echo\x00" + port
	s := spawn(t, eng, runID(t), runnerBuild+"="+port)
	within(t, 30*time.Second, "the build is at work", func() bool { return len(processes(step)) > 0 })
	if err := s.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = s.cmd.Wait()
	within(t, 10*time.Second, "the build has ended", func() bool { return len(processes(step)) == 0 })
	vanished(t, eng, s.run)
}

func TestInterruptLeavesNothing(t *testing.T) {
	eng := dockertest.Engine(t)
	for _, after := range []time.Duration{300 * time.Millisecond, 900 * time.Millisecond, 4 * time.Second} {
		s := spawn(t, eng, runID(t))
		time.Sleep(after)
		if err := syscall.Kill(-s.cmd.Process.Pid, syscall.SIGINT); err != nil {
			t.Fatal(err)
		}
		_ = s.cmd.Wait()
		t.Logf("after %v: %v: %s", after, s.cmd.ProcessState, s.output())
		if left := processes(s.run); len(left) > 0 {
			t.Errorf("the janitor is still there: %v", left)
		}
		nothingLeft(t, eng, s.run)
	}
}
