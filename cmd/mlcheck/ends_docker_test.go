package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/mlcheck/mlcheck/checker"
	"github.com/mlcheck/mlcheck/internal/dockertest"
	"github.com/mlcheck/mlcheck/internal/engine"
)

// command runs mlcheck, or another program, and gives what it said.
func command(t *testing.T, name string, args ...string) (said string, status int) {
	t.Helper()
	cmd := exec.Command(name, args...)
	out, err := cmd.CombinedOutput()
	if cmd.ProcessState == nil {
		t.Fatalf("%s %v: %v", name, args, err)
	}
	return string(out), cmd.ProcessState.ExitCode()
}

// document is a file with a Test.
func document(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "test.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// runOf finds the run of a seed on the engine.
func runOf(t *testing.T, eng engine.Engine, seed int) string {
	t.Helper()
	objects, err := eng.List(t.Context(), "mlcheck")
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range objects {
		if id := o.Labels["mlcheck"]; strings.Contains(id, fmt.Sprintf("Z-%d-", seed)) {
			return id
		}
	}
	t.Fatalf("no run of seed %d is on the engine", seed)
	return ""
}

// A node that somebody takes out of the run's network does not heal, whatever mlcheck does.
// The run ends with exit status 4 and says what is not well; what was recorded is judged;
// what --keep leaves goes by the command that it prints, and nothing else goes.
func TestAFaultThatDoesNotHealEndsTheRunAndLeavesTheWayOut(t *testing.T) {
	eng := dockertest.Engine(t)
	const seed = 7180
	p := start(t, "--keep", "--seed", fmt.Sprint(seed), "--test", document(t, `
target: reference
world: docker
options: {policy: lww-hlc}
time: 3s
timeout: 1s
faults: [{id: 1, kind: partition, from: 1s, until: 2s, links: [{from: n1, to: n3}]}]
`))
	p.says(t, "partition: ")
	run := runOf(t, eng, seed)
	if said, status := command(t, binary(t), "clean"); status != 0 || strings.Contains(said, run) {
		t.Errorf("clean of a run that is going on: status %d, %s", status, said)
	}
	if said, status := command(t, "docker", "network", "disconnect", "mlcheck-"+run, "mlcheck-"+run+"-n3-agent"); status != 0 {
		t.Fatal(said)
	}
	if code := p.exit(t); code != exitWorld {
		t.Errorf("exit status %d, want %d", code, exitWorld)
	}
	remove := "mlcheck clean " + run
	for _, want := range []string{"Exit status 4: ", "does not heal", "n1 still does not reach n3", "n3 still does not reach n2", "`" + remove + "`", "To remove them: " + remove, "`mlcheck check "} {
		if !strings.Contains(p.out.String(), want) {
			t.Errorf("it does not say %q", want)
		}
	}
	if res := load(t, p).Results; res.Verdict == checker.Holds || res.Properties["convergence"].Verdict != checker.Unknown {
		t.Errorf("a run without an end is judged %s, convergence %s", res.Verdict, res.Properties["convergence"].Verdict)
	}
	if _, err := os.Stat(filepath.Join(p.store, "latest", "report.html")); err != nil {
		t.Error(err)
	}
	if names := left(t, eng, seed); !slices.ContainsFunc(names, func(n string) bool { return strings.Contains(n, "n3 (running)") }) {
		t.Errorf("--keep left %v", names)
	}
	said, status := command(t, binary(t), strings.Fields(remove)[1:]...)
	if status != 0 || said != "removed "+run+"\n" {
		t.Errorf("%s: status %d, %s", remove, status, said)
	}
	if names := left(t, eng, seed); len(names) > 0 {
		t.Errorf("%s left %v", remove, names)
	}
	if said, status := command(t, binary(t), strings.Fields(remove)[1:]...); status != exitWorld || !strings.Contains(said, "nothing is there of a run "+run) {
		t.Errorf("the second time: status %d, %s", status, said)
	}
}

// Where the runner and its janitor are killed, clean finds what they left, and removes that
// only: not what is not mlcheck's, though it is much like it.
func TestCleanRemovesWhatIsLeftOfARunAndOfNobodyElse(t *testing.T) {
	eng := dockertest.Engine(t)
	const seed = 7190
	p := start(t, "--target", "reference", "--world", "docker", "-o", "policy=lww-hlc", "--nemesis", "clock,disk:full", "--time", "5m", "--seed", fmt.Sprint(seed))
	p.says(t, "clock: ")
	run := runOf(t, eng, seed)
	if said, status := command(t, binary(t), "clean", run); status != exitWorld || !strings.Contains(said, "is going on") {
		t.Errorf("clean of a run that is going on: status %d, %s", status, said)
	}
	others := bystanders(t, fmt.Sprintf("mlcheck-bystander-%d", os.Getpid()))
	for _, pid := range append(janitors(t, run), p.Process.Pid) {
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
	}
	p.exit(t)
	if names := left(t, eng, seed); len(names) < 7 {
		t.Errorf("only %v is left where nobody could remove anything", names)
	}
	var said string
	for range 100 { // until the agents have ended
		var status int
		if said, status = command(t, binary(t), "clean"); status != 0 || strings.Contains(said, run) {
			break
		}
		time.Sleep(100 * time.Millisecond)
	}
	if !strings.Contains(said, "removed "+run+"\n") {
		t.Errorf("clean says %s", said)
	}
	if names := left(t, eng, seed); len(names) > 0 {
		t.Errorf("clean left %v", names)
	}
	for _, o := range others {
		if said, status := command(t, "docker", o.kind, "inspect", o.name); status != 0 {
			t.Errorf("clean removed the %s %s of somebody else: %s", o.kind, o.name, said)
		}
	}
}

// janitors are the processes that wait for the end of a run's mlcheck.
func janitors(t *testing.T, run string) (pids []int) {
	t.Helper()
	paths, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, path := range paths {
		if b, err := os.ReadFile(path); err != nil || !strings.Contains(string(b), "janitor\x00"+run) {
			continue
		}
		pid, err := strconv.Atoi(strings.Split(path, "/")[2])
		if err != nil {
			t.Fatal(err)
		}
		pids = append(pids, pid)
	}
	if len(pids) == 0 {
		t.Fatal("the run has no janitor")
	}
	return pids
}

// bystander is an object of somebody else.
type bystander struct{ kind, name string }

// bystanders are a container, a network and a volume whose names and labels begin as
// mlcheck's do.
func bystanders(t *testing.T, name string) []bystander {
	t.Helper()
	labels := []string{"--label", "mlcheck.role=agent", "--label", "mlcheckers=yes"}
	all := []bystander{{"network", name}, {"volume", name}, {"container", name}}
	for i, args := range [][]string{{"network", "create"}, {"volume", "create"}, {"create", "--name"}} {
		args = append(args, labels...)
		if args[0] == "create" {
			args = append(append([]string{"create", "--name", name}, labels...), "--network", name, "--volume", name+":/data", agentImageOf(t))
		} else {
			args = append(args, name)
		}
		if said, status := command(t, "docker", args...); status != 0 {
			t.Fatal(said)
		}
		o := all[i]
		t.Cleanup(func() { command(t, "docker", o.kind, "rm", o.name) })
	}
	return all
}

// agentImageOf is an image that is there, since a run has just used it.
func agentImageOf(t *testing.T) string {
	t.Helper()
	said, status := command(t, "docker", "images", "--quiet", "--filter", "label=mlcheck.image=agent")
	if status != 0 || said == "" {
		t.Fatal("no image is there", said)
	}
	return strings.Fields(said)[0]
}
