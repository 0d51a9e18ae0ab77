package agent

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os/exec"
	"strconv"
	"testing"
	"time"

	"github.com/mlcheck/mlcheck/internal/skip"
	"github.com/mlcheck/mlcheck/internal/vdso"
)

// A runner that is killed says nothing any more: its end of the stream closes, or, on
// another machine, falls silent until the lease is over. Then clocks are right again.
func TestClocksAreRightWhenTheRunnerIsGone(t *testing.T) {
	kit, err := vdso.NewKit()
	if err != nil {
		skip.Because(t, "%v", err)
	}
	for name, lose := range map[string]func(io.Closer) error{
		"its end of the stream closes": func(c io.Closer) error { return c.Close() },
		"it falls silent":              func(io.Closer) error { return nil },
	} {
		t.Run(name, func(t *testing.T) {
			off := clockOf(t)
			k, err := vdso.Keep(kit, func(pid int) bool { return pid == off.pid })
			if err != nil {
				skip.Because(t, "%v", err)
			}
			s := &sandbox{firewall: newFirewall(&fakePackets{}), clock: &patcher{keeper: k}}
			in, runner := io.Pipe()
			answers, out := io.Pipe()
			ended := make(chan error, 1)
			go func() { ended <- serve(in, out, s, 3*time.Second, nil) }()
			line, err := json.Marshal(request{Do: doApply, State: &State{Generation: 1, Clock: &Clock{Offset: time.Hour}}})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := fmt.Fprintf(runner, "%s\n", line); err != nil {
				t.Fatal(err)
			}
			var rep Reply
			if err := json.NewDecoder(answers).Decode(&rep); err != nil || rep.Error != "" {
				t.Fatal(err, rep.Error)
			}
			if got := off.by(); (got - time.Hour).Abs() > time.Minute {
				t.Fatalf("its clock is off by %s, not by an hour", got)
			}
			if err := lose(runner); err != nil {
				t.Fatal(err)
			}
			<-ended
			if got := off.by(); got.Abs() > time.Minute {
				t.Errorf("the runner is gone, and its clock is off by %s", got)
			}
		})
	}
}

// told is a process that tells the time.
type told struct {
	t   *testing.T
	pid int
	in  io.Writer
	out *bufio.Reader
}

func clockOf(t *testing.T) *told {
	t.Helper()
	cmd := exec.Command("bash", "-c", `while read; do echo ${EPOCHREALTIME/[.,]/}; done`)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		skip.Because(t, "%v", err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	p := &told{t, cmd.Process.Pid, in, bufio.NewReader(out)}
	if got := p.by(); got.Abs() > time.Minute { // and by now it runs what it is to run
		t.Fatalf("its clock is off by %s at the start", got)
	}
	return p
}

// by is how far its clock is off.
func (p *told) by() time.Duration {
	p.t.Helper()
	if _, err := fmt.Fprintln(p.in); err != nil {
		p.t.Fatal(err)
	}
	line, err := p.out.ReadString('\n')
	if err != nil {
		p.t.Fatal(err)
	}
	us, err := strconv.ParseInt(line[:len(line)-1], 10, 64)
	if err != nil {
		p.t.Fatal(err)
	}
	return time.UnixMicro(us).Sub(time.Now().Round(0))
}
