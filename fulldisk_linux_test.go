package mlcheck

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/mlcheck/mlcheck/nemesis"
)

// fillDisk puts /dev/full in the place of the open file: every further write to it
// fails as on a full disk.
func fillDisk(path string) error {
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	defer full.Close()
	fds, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return err
	}
	for _, e := range fds {
		if to, err := os.Readlink(filepath.Join("/proc/self/fd", e.Name())); err == nil && to == path {
			var fd int
			if _, err := fmt.Sscan(e.Name(), &fd); err != nil {
				return err
			}
			return syscall.Dup3(int(full.Fd()), fd, syscall.O_CLOEXEC)
		}
	}
	return errors.New(path + " is not open")
}

func TestAFullDiskEndsTheRunAndTearsDown(t *testing.T) {
	r, s := staged(t, with(func(t *Test) {
		t.Time, t.Faults = time.Hour, []nemesis.Fault{cutFault(5*time.Second, 6*time.Second)}
	}))
	full := false
	s.apply = func(context.Context, nemesis.State) error {
		if full {
			return nil
		}
		full = true
		// What has happened so far is on disk first: the simulated world may be seconds
		// ahead of whoever writes.
		return errors.Join(r.rec.Flush(), fillDisk(filepath.Join(r.dir, historyFile)))
	}
	s.measure = func(nemesis.Measured) { // once a second, as a run in real time does
		if full {
			_ = r.rec.Flush() // the recorder keeps what is wrong
		}
	}
	_, err := r.run(t.Context())
	if !errors.Is(err, syscall.ENOSPC) {
		t.Fatalf("got %v", err)
	}
	if n := strings.Count(err.Error(), syscall.ENOSPC.Error()); n != 1 || !strings.Contains(err.Error(), "--store") || !strings.Contains(err.Error(), r.dir) {
		t.Errorf("said %d times: %v", n, err)
	}
	if s.closed != 1 {
		t.Errorf("torn down %d times", s.closed)
	}
	if h := recorded(t, r); h.Len() < 100 {
		t.Errorf("%d operations are left", h.Len())
	}
	if now := s.Now(); now > time.Minute {
		t.Errorf("the run went on until %s", now)
	}
}
