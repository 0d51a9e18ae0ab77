package docker

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/mlcheck/mlcheck/internal/engine"
	"github.com/mlcheck/mlcheck/internal/self"
)

const (
	// janitorSettle is how long nothing may turn up before a janitor trusts
	// that nothing will: an engine under load takes a while to make what a
	// runner had asked for when it was killed.
	janitorSettle = 4 * time.Second
	// janitorTime bounds a janitor's work: an engine may be down for a while.
	janitorTime = 3 * time.Minute
	// janitorDone tells a janitor that there is nothing left to do.
	janitorDone = "done"
)

// janitor is a child that outlives its parent, however that ends: it blocks on
// a pipe whose other end only the parent holds, and at the end of the stream it
// removes what the run has left. What it is told are lines: the id of a process
// group to end as well ("0": none any more), or that all is done.
type janitor struct {
	cmd  *exec.Cmd
	pipe *os.File
}

func startJanitor(ctx context.Context, run string) (*janitor, error) {
	binary, err := self.Find(ctx, self.Child())
	if err != nil {
		return nil, err
	}
	r, w, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("the janitor needs a pipe: %w", err)
	}
	defer func() { _ = r.Close() }()
	// No output: `go test` would wait for whoever holds it open. A session of
	// its own: Ctrl-C and the end of a terminal are not meant for it.
	cmd := exec.Command(binary, "janitor", run)
	cmd.Stdin, cmd.Dir = r, "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		_ = w.Close()
		return nil, fmt.Errorf("the janitor does not start: %w", err)
	}
	return &janitor{cmd: cmd, pipe: w}, nil
}

// group names a process group that ends with the parent; 0: none.
func (j *janitor) group(id int) { _, _ = fmt.Fprintln(j.pipe, id) }

// dismiss ends a janitor that has nothing to do any more.
func (j *janitor) dismiss() {
	_, _ = fmt.Fprintln(j.pipe, janitorDone)
	_ = j.pipe.Close()
	_ = j.cmd.Wait()
}

// summon makes the janitor do its work now, and does not wait for it.
func (j *janitor) summon() {
	_ = j.pipe.Close()
	go func() { _ = j.cmd.Wait() }()
}

// JanitorMain is `mlcheck janitor RUN`. It returns an exit status.
func JanitorMain(args []string) int {
	signal.Ignore(syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT, syscall.SIGPIPE)
	if len(args) != 1 {
		return 2
	}
	group, done := watch(os.Stdin)
	if group > 0 {
		endGroup(group)
	}
	if done {
		return 0
	}
	ctx, cancel := context.WithTimeout(context.Background(), janitorTime)
	defer cancel()
	for ctx.Err() == nil {
		eng, err := engine.Open(ctx)
		if err != nil {
			time.Sleep(time.Second)
			continue
		}
		if removeLabelled(ctx, eng, runLabel+"="+args[0], janitorSettle) == nil {
			return 0
		}
	}
	return 1
}

// watch reads until the parent is gone.
func watch(r io.Reader) (group int, done bool) {
	for scan := bufio.NewScanner(r); scan.Scan(); {
		line := strings.TrimSpace(scan.Text())
		if line == janitorDone {
			done = true
		} else if n, err := strconv.Atoi(line); err == nil {
			group = n
		}
	}
	return group, done
}

// endGroup ends a process group, politely first: it may have mounts to undo.
func endGroup(id int) {
	_ = syscall.Kill(-id, syscall.SIGTERM)
	for range 50 {
		if syscall.Kill(-id, 0) != nil {
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
	_ = syscall.Kill(-id, syscall.SIGKILL)
}
