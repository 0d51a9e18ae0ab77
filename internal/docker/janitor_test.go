package docker

import (
	"bufio"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/mlcheck/mlcheck/internal/skip"
)

func TestJanitorIsDoneOnlyWhenItIsTold(t *testing.T) {
	for text, want := range map[string]struct {
		group int
		done  bool
	}{
		"":                {0, false},
		"41\n":            {41, false},
		"41\n0\n":         {0, false},
		"done\n":          {0, true},
		"41\n0\ndone\n":   {0, true},
		"41\n0\n7\nrubbi": {7, false},
	} {
		if group, done := watch(strings.NewReader(text)); group != want.group || done != want.done {
			t.Errorf("%q: group %d, done %v", text, group, done)
		}
	}
}

func TestGroupEndsWithItsChildren(t *testing.T) {
	cmd := exec.Command("sh", "-c", "sleep 1000 & echo $!; wait")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		skip.Because(t, "no shell: %v", err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	child, err := strconv.Atoi(strings.TrimSpace(line))
	if err != nil {
		t.Fatal(err)
	}
	go func() { _ = cmd.Wait() }() // so that no zombie keeps the group
	endGroup(cmd.Process.Pid)
	within(t, 5*time.Second, "the child of the group has ended", func() bool { return syscall.Kill(child, 0) != nil })
}
