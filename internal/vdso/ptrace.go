//go:build linux && amd64

package vdso

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// The bounds of an installation. A thread stops at once unless it is in the
// kernel and cannot be interrupted there, or frozen.
const (
	stopTime   = 2 * time.Second
	stopPause  = 100 * time.Microsecond
	rounds     = 50 // of looking for threads that were started meanwhile
	singleMost = 64 // instructions until a thread has left the bytes to be changed
)

// write stops all threads of a process, writes, reads back, and lets them go on.
//
// It runs on a thread of its own that ends with it: should something fail in the
// middle, the kernel lets go of every process that the thread still holds.
func write(pid int, ps []patch) error {
	done := make(chan error)
	go func() {
		runtime.LockOSThread() // and never unlocked
		done <- writeHere(pid, ps)
	}()
	return <-done
}

func writeHere(pid int, ps []patch) error {
	s := &stopped{pid: pid, signal: map[int]int{}}
	err := s.all()
	if err == nil {
		err = s.leave(ps)
	}
	if err == nil {
		err = s.poke(ps)
	}
	return errors.Join(err, s.detach())
}

// stopped are the threads of one process that stand still.
type stopped struct {
	pid    int
	signal map[int]int // by thread: a signal that it was about to take, 0 for none
}

// all stops every thread, until no new ones are found.
func (s *stopped) all() error {
	for range rounds {
		tids, err := threads(s.pid)
		if err != nil {
			return err
		}
		found := false
		for _, tid := range tids {
			if _, known := s.signal[tid]; known {
				continue
			}
			found = true
			if err := s.one(tid); err != nil {
				return err
			}
		}
		if !found {
			if len(s.signal) == 0 {
				return ErrGone
			}
			return nil
		}
	}
	return fmt.Errorf("process %d starts threads faster than they can be stopped", s.pid)
}

func threads(pid int) ([]int, error) {
	names, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*", pid))
	if err != nil || len(names) == 0 {
		return nil, ErrGone
	}
	var tids []int
	for _, name := range names {
		if tid, err := strconv.Atoi(filepath.Base(name)); err == nil {
			tids = append(tids, tid)
		}
	}
	return tids, nil
}

// one stops one thread; one that ends meanwhile is none.
func (s *stopped) one(tid int) error {
	if err := unix.PtraceSeize(tid); errors.Is(err, unix.ESRCH) {
		return nil
	} else if err != nil {
		return fmt.Errorf("thread %d of process %d cannot be traced: %w; is it traced already, or CAP_SYS_PTRACE missing?", tid, s.pid, err)
	}
	if err := unix.PtraceInterrupt(tid); err != nil && !errors.Is(err, unix.ESRCH) {
		return fmt.Errorf("thread %d of process %d cannot be interrupted: %w", tid, s.pid, err)
	}
	status, err := wait(tid)
	switch {
	case errors.Is(err, ErrGone):
		return nil
	case err != nil:
		return fmt.Errorf("thread %d of process %d does not stop: %w", tid, s.pid, err)
	}
	s.signal[tid] = pending(status)
	return nil
}

// pending is the signal that a thread was about to take when it stopped. A stop
// that we asked for has none, nor has that of a process which had stopped already.
func pending(status unix.WaitStatus) int {
	if int(status)>>16 != 0 { // an event of tracing
		return 0
	}
	return int(status.StopSignal())
}

// wait waits until a thread has stopped.
func wait(tid int) (unix.WaitStatus, error) {
	var status unix.WaitStatus
	for until := time.Now().Add(stopTime); time.Now().Before(until); time.Sleep(stopPause) {
		got, err := unix.Wait4(tid, &status, unix.WNOHANG|unix.WALL, nil)
		switch {
		case errors.Is(err, unix.EINTR) || err == nil && got == 0:
		case err != nil:
			return 0, ErrGone
		case status.Stopped():
			return status, nil
		default:
			return 0, ErrGone // it has ended
		}
	}
	return 0, fmt.Errorf("it has not for %v; it may be frozen (docker pause), or wait for a disk", stopTime)
}

// leave steps every thread that is about to run one of the bytes to be changed
// until it is past them: it would go on in the middle of another instruction.
func (s *stopped) leave(ps []patch) error {
	for tid := range s.signal {
		for step := 0; ; step++ {
			var regs unix.PtraceRegs
			if err := unix.PtraceGetRegs(tid, &regs); errors.Is(err, unix.ESRCH) {
				delete(s.signal, tid) // killed meanwhile
				break
			} else if err != nil {
				return fmt.Errorf("the registers of thread %d cannot be read: %w", tid, err)
			}
			if !within(ps, regs.Rip) {
				break
			}
			if step == singleMost {
				return fmt.Errorf("thread %d does not leave the bytes that are to be changed", tid)
			}
			if err := unix.PtraceSingleStep(tid); err != nil {
				return fmt.Errorf("thread %d cannot be stepped: %w", tid, err)
			}
			status, err := wait(tid)
			if err != nil {
				return fmt.Errorf("thread %d does not stop after a step: %w", tid, err)
			}
			if sig := status.StopSignal(); sig != unix.SIGTRAP && int(status)>>16 == 0 {
				s.signal[tid] = int(sig)
			}
		}
	}
	return nil
}

// within says whether an instruction pointer is inside of bytes that change; at
// the start of them is as good as not there yet.
func within(ps []patch, ip uint64) bool {
	for _, p := range ps {
		if ip > p.at && ip < p.at+uint64(len(p.bytes)) {
			return true
		}
	}
	return false
}

// poke writes, and reads back what was written.
func (s *stopped) poke(ps []patch) error {
	for _, p := range ps {
		if n, err := unix.PtracePokeText(s.pid, uintptr(p.at), p.bytes); err != nil || n < len(p.bytes) {
			return fmt.Errorf("process %d cannot be written to: %w", s.pid, errors.Join(err, os.ErrPermission))
		}
		is := make([]byte, len(p.bytes))
		if _, err := unix.PtracePeekText(s.pid, uintptr(p.at), is); err != nil || !bytes.Equal(is, p.bytes) {
			return fmt.Errorf("process %d does not hold what was written into it: %w", s.pid, errors.Join(err, os.ErrInvalid))
		}
	}
	return nil
}

// detach lets every thread go on, with the signal that it was about to take.
func (s *stopped) detach() error {
	var errs []error
	for tid, sig := range s.signal {
		_, _, errno := unix.Syscall6(unix.SYS_PTRACE, unix.PTRACE_DETACH, uintptr(tid), 0, uintptr(sig), 0, 0)
		if errno != 0 && errno != unix.ESRCH {
			errs = append(errs, fmt.Errorf("thread %d cannot be let go: %w", tid, errno))
		}
	}
	return errors.Join(errs...)
}
