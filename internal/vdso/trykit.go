//go:build linux && amd64

package vdso

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"time"
)

// tryTime bounds a trial, which takes some 10 ms.
const tryTime = 10 * time.Second

// Try skews the clock of a child process, which runs [Tell], and puts it right
// again: nil when both were seen to work. A machine may forbid it (Yama, gVisor,
// a missing capability), or emulate its processor.
func (k *Kit) Try(program string, args ...string) (err error) {
	ctx, cancel := context.WithTimeout(context.Background(), tryTime)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, args...)
	in, err := cmd.StdinPipe()
	if err != nil {
		return fmt.Errorf("the skew of a clock cannot be tried: %w", err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return fmt.Errorf("the skew of a clock cannot be tried: %w", err)
	}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("the skew of a clock cannot be tried: %w", err)
	}
	defer func() {
		cancel()
		_ = cmd.Wait() // it was killed
	}()
	answers := bufio.NewReader(out)
	// Start returns when the kernel closes what the child must not inherit, which is before
	// it maps the vDSO: one that answers has it.
	if err := shows(in, answers, 0); err != nil {
		return err
	}
	p, err := k.Patch(cmd.Process.Pid)
	if err != nil {
		return fmt.Errorf("a child's clock cannot be patched: %w", err)
	}
	defer func() { err = errors.Join(err, p.Close()) }()
	for _, off := range []time.Duration{0, time.Hour, -time.Hour, 0} {
		if err := p.Set(Clock{Offset: off}); err != nil {
			return err
		}
		if err := shows(in, answers, off); err != nil {
			return err
		}
	}
	if err := p.Restore(); err != nil {
		return err
	}
	return shows(in, answers, 0)
}

// shows asks for the time, and compares it with ours before and after.
func shows(in io.Writer, answers *bufio.Reader, off time.Duration) error {
	before := time.Now()
	if _, err := fmt.Fprintln(in); err != nil {
		return fmt.Errorf("a child whose clock was to be skewed has ended: %w", err)
	}
	var ns int64
	if _, err := fmt.Fscanln(answers, &ns); err != nil {
		return fmt.Errorf("a child whose clock was to be skewed does not answer: %w", err)
	}
	after := time.Now()
	is := time.Unix(0, ns).Add(-off)
	if is.Before(before.Round(0)) || is.After(after.Round(0)) {
		return fmt.Errorf("a child's clock does not obey: asked to be off by %s, it was off by %s", off, is.Add(off).Sub(after.Round(0)).Round(time.Microsecond))
	}
	return nil
}
