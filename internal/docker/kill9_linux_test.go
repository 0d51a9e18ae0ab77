package docker

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/nftables"

	"github.com/mlcheck/mlcheck/internal/dockertest"
	"github.com/mlcheck/mlcheck/internal/engine"
)

// killsVariable says how many runners are killed, one after the other, under one kind of
// fault after the other: MLCHECK_KILLS=20.
const killsVariable = "MLCHECK_KILLS"

// TestKilledUnderEveryKindOfFaultItLeavesNothing: no container, network or volume, no
// mount, no interface, no process with a patched clock, no rule on the machine itself.
func TestKilledUnderEveryKindOfFaultItLeavesNothing(t *testing.T) {
	eng := dockertest.Engine(t)
	kills := 2
	if text := os.Getenv(killsVariable); text != "" {
		var err error
		if kills, err = strconv.Atoi(text); err != nil {
			t.Fatalf("%s=%s is no number", killsVariable, text)
		}
	}
	tables := hostTables(t)
	for i := range kills {
		fault := killedUnder[i%len(killedUnder)].name
		s := spawn(t, eng, fmt.Sprintf("%s-%d", runID(t), i), runnerFault+"="+fault)
		within(t, time.Minute, fault+" is in force", func() bool { return strings.Contains(s.output(), inForce) })
		had := tracesOf(t, eng, s.run)
		if err := s.cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		killed := time.Now()
		_ = s.cmd.Wait()
		if s.cmd.ProcessState.Exited() || len(had) < 10 {
			t.Fatalf("the runner was to be killed with its nodes up, but had only %q, and said %s", had, s.output())
		}
		within(t, 30*time.Second, "nothing is left of "+s.run, func() bool { return len(tracesOf(t, eng, s.run)) == 0 && len(stillThere(had)) == 0 })
		t.Logf("kill %2d of %d, under %-18s: %d traces before, %d after %.1f s", i+1, kills, fault, len(had), len(tracesOf(t, eng, s.run)), time.Since(killed).Seconds())
		for _, what := range append(tracesOf(t, eng, s.run), stillThere(had)...) {
			t.Errorf("killed under %s, and left: %s", fault, what)
		}
		if now := hostTables(t); !slices.Equal(now, tables) {
			t.Errorf("killed under %s: the machine's own rules were in the tables %v, and are in %v", fault, tables, now)
		}
	}
}

// tracesOf are all traces of a run: what the engine has, and processes.
func tracesOf(t *testing.T, eng engine.Engine, run string) (traces []string) {
	t.Helper()
	objects, err := eng.List(context.Background(), runLabel+"="+run)
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range objects {
		traces = append(traces, string(o.Kind)+" "+o.ID)
	}
	for _, of := range []string{"cmdline", "environ"} { // janitors have the run there, targets here
		paths, _ := filepath.Glob("/proc/[0-9]*/" + of)
		for _, p := range paths {
			if b, err := os.ReadFile(p); err == nil && strings.Contains(string(b), run) {
				traces = append(traces, "process "+p)
			}
		}
	}
	return traces
}

// stillThere are the mounts and interfaces behind volumes and networks that are still there.
func stillThere(traces []string) (list []string) {
	mounts, _ := os.ReadFile("/proc/mounts")
	for _, trace := range traces {
		kind, id, _ := strings.Cut(trace, " ")
		switch engine.Kind(kind) {
		case engine.VolumeKind:
			if strings.Contains(string(mounts), id) {
				list = append(list, "mount of "+trace)
			}
		case engine.NetworkKind:
			if _, err := os.Stat("/sys/class/net/br-" + id[:12]); err == nil {
				list = append(list, "interface of "+trace)
			}
		}
	}
	return list
}

// hostTables are the tables of rules with our name that the machine itself has.
func hostTables(t *testing.T) (names []string) {
	t.Helper()
	conn, err := nftables.New()
	if err != nil {
		t.Fatal(err)
	}
	tables, err := conn.ListTables()
	if err != nil {
		t.Logf("the machine's tables of rules cannot be listed: %v", err)
	}
	for _, table := range tables {
		if table.Name != "mlcheck" {
			continue // the engine's, mostly
		}
		names = append(names, fmt.Sprint(table.Family, " ", table.Name))
	}
	slices.Sort(names)
	return names
}
