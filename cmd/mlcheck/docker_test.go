package main

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/mlcheck/mlcheck/checker"
	"github.com/mlcheck/mlcheck/history"
	"github.com/mlcheck/mlcheck/internal/dockertest"
	"github.com/mlcheck/mlcheck/internal/engine"
	"github.com/mlcheck/mlcheck/reports"
)

// These tests put a real database through the whole of it, by the command line
// that a user types. Each has a seed of its own, which is in the names of all
// that its run makes: so what it leaves can be told from what others do.

var built struct {
	once sync.Once
	path string
	err  error
}

// binary is the command, built once.
func binary(t *testing.T) string {
	t.Helper()
	built.once.Do(func() {
		dir, err := os.MkdirTemp("", "mlcheck-test-")
		if err != nil {
			built.err = err
			return
		}
		built.path = filepath.Join(dir, "mlcheck")
		cmd := exec.Command("go", "build", "-o", built.path, ".")
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := cmd.CombinedOutput(); err != nil {
			built.err = fmt.Errorf("%w: %s", err, out)
		}
	})
	if built.err != nil {
		t.Fatal(built.err)
	}
	return built.path
}

// process is mlcheck as a child.
type process struct {
	*exec.Cmd
	store string
	out   lockedBuffer
	ended chan struct{}
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func start(t *testing.T, args ...string) *process {
	t.Helper()
	p := &process{store: t.TempDir(), ended: make(chan struct{})}
	p.Cmd = exec.Command(binary(t), append([]string{"run", "--store", p.store}, args...)...)
	p.Stdout, p.Stderr = &p.out, &p.out
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		_ = p.Wait()
		close(p.ended)
	}()
	t.Cleanup(func() {
		_ = p.Process.Kill()
		<-p.ended
		if t.Failed() {
			t.Logf("the process printed:\n%s", p.out.String())
		}
	})
	return p
}

// says waits until the process has printed something.
func (p *process) says(t *testing.T, what string) {
	t.Helper()
	for deadline := time.Now().Add(5 * time.Minute); !strings.Contains(p.out.String(), what); time.Sleep(20 * time.Millisecond) {
		select {
		case <-p.ended:
			if !strings.Contains(p.out.String(), what) {
				t.Fatalf("the process ended without saying %q", what)
			}
		default:
		}
		if time.Now().After(deadline) {
			t.Fatalf("the process has not said %q", what)
		}
	}
}

// exit waits for the process's end.
func (p *process) exit(t *testing.T) int {
	t.Helper()
	select {
	case <-p.ended:
	case <-time.After(5 * time.Minute):
		t.Fatal("the process does not end")
	}
	return p.ProcessState.ExitCode()
}

// left lists what the runs of a seed have left on the engine.
func left(t *testing.T, eng engine.Engine, seed int) []string {
	t.Helper()
	objects, err := eng.List(context.Background(), "mlcheck")
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, o := range objects {
		if strings.Contains(o.Labels["mlcheck"], fmt.Sprintf("Z-%d-", seed)) {
			names = append(names, fmt.Sprintf("%s %s (%s)", o.Kind, o.Name, o.State))
		}
	}
	return names
}

// nothingIsLeft waits a bounded time for clean-up by others than the process.
func nothingIsLeft(t *testing.T, eng engine.Engine, seed int) {
	t.Helper()
	var names []string
	for range 150 {
		if names = left(t, eng, seed); len(names) == 0 {
			return
		}
		time.Sleep(200 * time.Millisecond)
	}
	t.Errorf("still there half a minute later: %s", strings.Join(names, ", "))
}

func load(t *testing.T, p *process) *reports.Run {
	t.Helper()
	run, err := reports.Load(filepath.Join(p.store, "latest"))
	if err != nil {
		t.Fatal(err)
	}
	if run.Results == nil {
		t.Fatal("the run has no results")
	}
	return run
}

func TestMariaDBGoesThroughTheWholeOfIt(t *testing.T) {
	eng := dockertest.Engine(t)
	for i, topology := range []string{"ring", "all-to-all"} {
		t.Run(topology, func(t *testing.T) {
			seed := 7100 + i
			p := start(t, "--target", "mariadb", "--topology", topology, "--workload", "register",
				"--nemesis", "partition,clock", "--time", "12s", "--seed", fmt.Sprint(seed))
			if code := p.exit(t); code != 0 {
				t.Errorf("exit status %d: MariaDB claims little, and should keep it", code)
			}
			nothingIsLeft(t, eng, seed)
			run := load(t, p)
			everyFaultWasReal(t, run)
			everyLeaderWasDriven(t, run.History)
			everyKeyWasReadAtTheEnd(t, run.History)
			if v := run.Results.Properties["convergence"]; v.Verdict != checker.Holds && v.Verdict != checker.Violated {
				t.Errorf("convergence is %s (%s): replication came to rest, so it can be told", v.Verdict, v.Reason)
			}
			for _, n := range run.History.Header.Nodes {
				if !bytes.Contains(run.Logs[n], []byte("ready for connections")) {
					t.Errorf("the log of %s is not the server's", n)
				}
			}
			if run.Base.IsZero() {
				t.Error("nobody can match the logs to the history: run.json has no base")
			}
		})
	}
}

func everyFaultWasReal(t *testing.T, run *reports.Run) {
	t.Helper()
	kinds := map[string]int{}
	for _, f := range run.Results.Faults {
		kinds[f.Kind]++
		if f.State != "effective" {
			t.Errorf("fault %d (%s) was %s: %s", f.Fault, f.What, f.State, f.Note)
		}
		if f.Effective < f.Planned || f.Healed < f.Healing || f.Healing <= f.Effective {
			t.Errorf("fault %d has edges out of order: %+v", f.Fault, f)
		}
	}
	if kinds["partition"] == 0 || kinds["clock"] == 0 {
		t.Errorf("the schedule had %v", kinds)
	}
	for _, ev := range run.History.Events {
		if ev.Type == history.FaultEvent && ev.Phase == history.Healing && len(ev.Links) > 0 && ev.Dropped <= 0 {
			t.Errorf("the cut of %v swallowed %d packets", ev.Links, ev.Dropped)
		}
	}
}

func everyLeaderWasDriven(t *testing.T, h *history.History) {
	t.Helper()
	acked, moves := map[string]int{}, 0
	for k := range h.Len() {
		if op := h.Op(k); op.Outcome == history.OK && op.Steps[0].F == history.Write {
			acked[op.Node]++
		}
	}
	for _, ev := range h.Events {
		if ev.Type == history.MoveEvent {
			moves++
		}
	}
	for _, n := range h.Header.Nodes {
		if acked[n] < 50 {
			t.Errorf("%s acknowledged %d writes", n, acked[n])
		}
	}
	if moves == 0 {
		t.Error("no session ever moved")
	}
}

func everyKeyWasReadAtTheEnd(t *testing.T, h *history.History) {
	t.Helper()
	read := map[string]bool{}
	for k := range h.Len() {
		if op := h.Op(k); op.Final && op.Outcome == history.OK {
			read[op.Node+" "+op.Steps[0].Key] = true
		}
	}
	for _, n := range h.Header.Nodes {
		for _, key := range h.Keys() {
			if !read[n+" "+key] {
				t.Errorf("%s was not read at %s in the end", key, n)
			}
		}
	}
}

func TestReadModifyWriteOnMariaDBLosesUpdatesAcrossLeaders(t *testing.T) {
	eng := dockertest.Engine(t)
	const seed = 7110
	p := start(t, "--target", "mariadb", "--topology", "ring", "--workload", "rmw", "--nemesis", "partition", "--reads", "0.2",
		"--time", "8s", "--claim", "no-lost-updates", "--seed", fmt.Sprint(seed))
	if code := p.exit(t); code != 1 {
		t.Errorf("exit status %d: two leaders that change the same key while a link is cut lose an update", code)
	}
	nothingIsLeft(t, eng, seed)
	res := load(t, p).Results.Properties["no-lost-updates"]
	if res.Verdict != checker.Violated || res.Counts["across leaders"] == 0 || len(res.Findings) == 0 {
		t.Errorf("no-lost-updates: %s, %v", res.Verdict, res.Counts)
	}
	if n := res.Counts["same leader"]; n != 0 {
		t.Errorf("%d updates lost at one leader, where SELECT … FOR UPDATE protects them", n)
	}
}

func TestCtrlCStillReportsWhatThereIs(t *testing.T) {
	eng := dockertest.Engine(t)
	const seed = 7120
	p := start(t, "--target", "mariadb", "--topology", "ring", "--nemesis", "partition,clock", "--time", "5m", "--seed", fmt.Sprint(seed))
	p.says(t, "partition: ")
	if err := p.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	if code := p.exit(t); code != 2 {
		t.Errorf("exit status %d, want 2: an interrupted run is unknown", code)
	}
	nothingIsLeft(t, eng, seed)
	run := load(t, p)
	if run.Results.Verdict != checker.Unknown || run.History.Len() == 0 {
		t.Errorf("verdict %s over %d operations", run.Results.Verdict, run.History.Len())
	}
	if _, err := os.Stat(filepath.Join(p.store, "latest", "report.html")); err != nil {
		t.Error(err)
	}
}

func TestKilledAtAnyMomentItLeavesNothing(t *testing.T) {
	eng := dockertest.Engine(t)
	r := rand.New(rand.NewPCG(1, 1))
	for i := range 5 {
		seed := 7130 + i
		p := start(t, "--target", "mariadb", "--topology", "all-to-all", "--nemesis", "partition,clock", "--time", "1m", "--seed", fmt.Sprint(seed))
		time.Sleep(time.Duration(100+r.IntN(9000)) * time.Millisecond)
		if err := p.Process.Signal(syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		p.exit(t)
		nothingIsLeft(t, eng, seed)
	}
}

// TestWhatWasKeptIsHealedAndStaysUntilItIsRemoved: also where the run is interrupted while
// the server's clock is an hour ahead.
func TestWhatWasKeptIsHealedAndStaysUntilItIsRemoved(t *testing.T) {
	eng := dockertest.Engine(t)
	const seed = 7140
	p := start(t, "--keep", "--seed", fmt.Sprint(seed), "--test", document(t, `
target: mariadb
leaders: 2
time: 5m
faults: [{id: 1, kind: clock, from: 1s, until: 4m, clocks: [{node: n1, offset: 1h}]}]
`))
	p.says(t, "clock: ")
	server := "mlcheck-" + runOf(t, eng, seed) + "-n1"
	isOff := func(by time.Duration) func() bool {
		return func() bool { return (clockOfServer(t, server) - by).Abs() < time.Minute }
	}
	eventually(t, "n1's clock is an hour ahead", isOff(time.Hour))
	if err := p.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	if code := p.exit(t); code != 2 {
		t.Errorf("exit status %d", code)
	}
	names := left(t, eng, seed)
	if !slices.ContainsFunc(names, func(n string) bool { return strings.Contains(n, "-n1 (running)") }) {
		t.Errorf("--keep left %v", names)
	}
	if !isOff(0)() {
		t.Errorf("n1 was kept with a clock that is off by %s", clockOfServer(t, server))
	}
	_, remove, found := strings.Cut(p.out.String(), "To remove them: mlcheck ")
	if !found {
		t.Fatal("nothing says how to remove the nodes")
	}
	remove, _, _ = strings.Cut(remove, "\n")
	if said, status := command(t, binary(t), strings.Fields(remove)...); status != 0 {
		t.Errorf("mlcheck %s: %s", remove, said)
	}
	nothingIsLeft(t, eng, seed)
}

// clockOfServer is how far the clock of the server in a container is off, by what it answers.
func clockOfServer(t *testing.T, container string) time.Duration {
	t.Helper()
	said, status := command(t, "docker", "exec", container, "mariadb", "-umlcheck", "-pmlcheck", "-N", "-e", "SELECT UNIX_TIMESTAMP(NOW(6))")
	seconds, err := strconv.ParseFloat(strings.TrimSpace(said), 64)
	if status != 0 || err != nil {
		t.Fatalf("status %d: %s", status, said)
	}
	return time.Until(time.UnixMicro(int64(seconds * 1e6)))
}

// eventually waits until something is so.
func eventually(t *testing.T, what string, so func() bool) {
	t.Helper()
	for range 100 {
		if so() {
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
	t.Errorf("not so after ten seconds: %s", what)
}

func TestAnImageThatCannotBeHadNamesTheWaysOut(t *testing.T) {
	eng := dockertest.Engine(t)
	const seed = 7150
	p := start(t, "--target", "mariadb", "-o", "image=mlcheck-no-such-image:1", "--seed", fmt.Sprint(seed))
	if code := p.exit(t); code != exitWorld {
		t.Errorf("exit status %d, want %d", code, exitWorld)
	}
	if out := p.out.String(); !strings.Contains(out, "mlcheck-no-such-image:1") || !strings.Contains(out, "docker load") {
		t.Error("the message does not say which image, or not how to bring it")
	}
	nothingIsLeft(t, eng, seed)
}

func TestALeaderThatDoesNotComeUpShowsItsLog(t *testing.T) {
	eng := dockertest.Engine(t)
	has, err := eng.HasImage(context.Background(), "mlcheck/base:bookworm")
	if err != nil || !has {
		t.Fatalf("the base image is not there (%v); the tests above build it", err)
	}
	const seed = 7160
	p := start(t, "--target", "mariadb", "-o", "image=mlcheck/base:bookworm", "--seed", fmt.Sprint(seed))
	if code := p.exit(t); code != exitWorld {
		t.Errorf("exit status %d, want %d", code, exitWorld)
	}
	if out := p.out.String(); !strings.Contains(out, "mysqld") && !strings.Contains(out, "mariadb") {
		t.Error("the message does not hold the last lines of the log")
	}
	nothingIsLeft(t, eng, seed)
	if _, err := os.Stat(filepath.Join(p.store, "latest")); err == nil {
		t.Error("a run that never was has left a folder")
	}
}

// An image of which nothing is known is no obstacle to clock faults; what they do beside is
// said. Here it is the server that mlcheck builds, under another name.
func TestAnotherImageOfMariaDBHasItsClocksSkewedAndSaysWhatThatDistorts(t *testing.T) {
	eng := dockertest.Engine(t)
	const seed, image = 7200, "mlcheckdkr-other/mariadb:1"
	if said, status := command(t, "docker", "tag", builtMariaDB(t), image); status != 0 {
		t.Fatal(said)
	}
	t.Cleanup(func() { command(t, "docker", "rmi", image) })
	p := start(t, "--seed", fmt.Sprint(seed), "--test", document(t, `
target: mariadb
leaders: 2
time: 4s
options: {image: "`+image+`"}
faults: [{id: 1, kind: clock, from: 1s, until: 3s, clocks: [{node: n1, offset: 3s}]}]
`))
	if code := p.exit(t); code != 0 {
		t.Errorf("exit status %d", code)
	}
	nothingIsLeft(t, eng, seed)
	res := load(t, p).Results
	if f := res.Faults[0]; f.State != "effective" {
		t.Errorf("the clock fault was %s: %s", f.State, f.Note)
	}
	if len(res.Notes) != 1 || !strings.Contains(res.Notes[0], "the clocks of n1 were skewed") || !strings.Contains(res.Notes[0], "error 1205") {
		t.Errorf("the report notes %q", res.Notes)
	}
}

// builtMariaDB is the image that the tests above have had built.
func builtMariaDB(t *testing.T) string {
	t.Helper()
	said, status := command(t, "docker", "images", "--format", "{{.Repository}}:{{.Tag}}", "mlcheck/mariadb")
	if status != 0 || said == "" {
		t.Fatalf("the image is not there: %s", said)
	}
	return strings.Fields(said)[0]
}
