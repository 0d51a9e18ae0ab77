package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/mlcheck/mlcheck"
)

// Ctrl-C in the middle: a summary of what there is, in words and in JSON.
func TestCtrlCEndsACampaignWell(t *testing.T) {
	dir := t.TempDir()
	cmd := exec.Command(binary(t), "soak", "--seeds", "1000000", "--time", "1s", "-o", "policy=lww-hlc", "--nemesis", "partition", "--json", "out.json")
	cmd.Dir = dir
	var out lockedBuffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	deadline := time.Now().Add(time.Minute)
	for !strings.Contains(out.String(), " runs, ") && time.Now().Before(deadline) {
		time.Sleep(50 * time.Millisecond) // until the first line of progress
	}
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	if code := cmd.ProcessState.ExitCode(); code != 2 || !strings.Contains(out.String(), "INTERRUPTED") {
		t.Errorf("exit status %d\n%s", code, out.String())
	}
	s, err := mlcheck.ReadSoaked(filepath.Join(dir, "out.json"))
	if err != nil || !s.Interrupted || s.Runs == 0 || s.Runs >= s.Planned || s.Exit != 2 {
		t.Errorf("%+v, %v", s, err)
	}
}

func TestProgressComesMoreRarelyInALog(t *testing.T) {
	var b bytes.Buffer
	p := newProgress(&b, 0)
	for i := 1; i <= 600; i++ {
		p.tell(mlcheck.SoakProgress{Done: i, Planned: 1200, Violated: 2, Elapsed: time.Duration(i) * time.Second})
	}
	p.end()
	lines := strings.Split(strings.TrimSpace(b.String()), "\n")
	if len(lines) < 10 || len(lines) > 20 {
		t.Errorf("%d lines in ten minutes", len(lines))
	}
	if want := "5 of 1200 runs, 60 a minute, 19m55s left; 2 violated, 0 unknown, 0 failed"; lines[0] != want {
		t.Errorf("%q, want %q", lines[0], want)
	}
}

func TestOnATerminalProgressStaysInItsLine(t *testing.T) {
	var b bytes.Buffer
	p := newProgress(&b, time.Hour)
	p.terminal, p.next, p.every = true, 0, onTerminal
	for i := 1; i <= 3; i++ {
		p.tell(mlcheck.SoakProgress{Done: i, Planned: 10, Elapsed: time.Duration(i) * time.Second})
	}
	p.tell(mlcheck.SoakProgress{Done: 4, Planned: 10, Elapsed: 4 * time.Second, New: []mlcheck.Discovery{
		{Configuration: "policy=lww-wall", Property: "no-stale-wins", Example: mlcheck.Example{Seed: 4, Label: "stale win", Operations: 4, Claimed: true, Dir: "store/x"}},
		{Configuration: "policy=lww-wall", Property: "cc", Example: mlcheck.Example{Seed: 4}},
		{Configuration: "policy=lww-wall", Property: "cm", Example: mlcheck.Example{Seed: 4}},
	}})
	p.end()
	var seen []string
	for _, line := range strings.Split(b.String(), "\n") {
		parts := strings.Split(line, "\r") // what is left is what stands last
		seen = append(seen, parts[len(parts)-1])
	}
	want := []string{
		"found: policy=lww-wall, seed 4: no-stale-wins is violated: stale win, 4 operations; kept in store/x",
		"found: policy=lww-wall, seed 4: broken, and not claimed: cc, cm", "",
	}
	if strings.Join(seen, "\n") != strings.Join(want, "\n") {
		t.Errorf("%q", seen)
	}
}
