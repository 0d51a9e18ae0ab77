//go:build linux && amd64

package vdso

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/mlcheck/mlcheck/internal/skip"
)

// teller is a C program that answers with a time in nanoseconds, asked for in each of
// the ways that a C library offers, also by a child and by another program.
const teller = `
#include <stdio.h>
#include <string.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static long long from(clockid_t id) {
	struct timespec t;
	clock_gettime(id, &t);
	return t.tv_sec * 1000000000LL + t.tv_nsec;
}

int main(int argc, char **argv) {
	char line[64];
	setvbuf(stdout, NULL, _IOLBF, 0);
	setvbuf(stdin, NULL, _IONBF, 0);
	while (fgets(line, sizeof line, stdin)) {
		line[strcspn(line, "\n")] = 0;
		if (!strcmp(line, "realtime")) printf("%lld\n", from(CLOCK_REALTIME));
		if (!strcmp(line, "coarse")) printf("%lld\n", from(CLOCK_REALTIME_COARSE));
		if (!strcmp(line, "monotonic")) printf("%lld\n", from(CLOCK_MONOTONIC));
		if (!strcmp(line, "time")) printf("%lld\n", time(NULL) * 1000000000LL);
		if (!strcmp(line, "day")) {
			struct timeval t;
			gettimeofday(&t, NULL);
			printf("%lld\n", t.tv_sec * 1000000000LL + t.tv_usec * 1000LL);
		}
		if (!strcmp(line, "fork")) {
			pid_t child = fork();
			if (child == 0) { printf("%lld\n", from(CLOCK_REALTIME)); fflush(stdout); _exit(0); }
			waitpid(child, NULL, 0);
		}
		if (!strcmp(line, "exec")) { printf("0\n"); fflush(stdout); execv(argv[0], argv); }
	}
	return 0;
}
`

// compiled is the teller as a compiler links it; skipped where there is no such compiler.
func compiled(t *testing.T, compiler string, flags ...string) string {
	t.Helper()
	source := filepath.Join(t.TempDir(), "teller.c")
	if err := os.WriteFile(source, []byte(teller), 0o600); err != nil {
		t.Fatal(err)
	}
	return compiledFrom(t, source, compiler, flags...)
}

func compiledFrom(t *testing.T, source, compiler string, flags ...string) string {
	t.Helper()
	if _, err := exec.LookPath(compiler); err != nil {
		skip.Because(t, "%s is not here", compiler)
	}
	program := strings.TrimSuffix(source, ".c")
	out, err := exec.Command(compiler, append(flags, "-O2", "-o", program, source)...).CombinedOutput()
	if err != nil {
		skip.Because(t, "%s %v cannot link here: %s", compiler, flags, out)
	}
	return program
}

// shown asks for the time in a way and says by how much it is off at least and at most.
func (c *child) shown(way string) (low, high time.Duration) {
	c.t.Helper()
	now := func() int64 {
		var ts unix.Timespec
		id := int32(unix.CLOCK_REALTIME)
		if way == "monotonic" {
			id = unix.CLOCK_MONOTONIC
		}
		if err := unix.ClockGettime(id, &ts); err != nil {
			c.t.Fatal(err)
		}
		return ts.Nano()
	}
	before := now()
	is, err := strconv.ParseInt(c.ask(way), 10, 64)
	if err != nil {
		c.t.Fatal(err)
	}
	return time.Duration(is - now()), time.Duration(is - before)
}

// grain is how far a way may lag behind: a whole second, or some ticks of the kernel.
var grain = map[string]time.Duration{"time": time.Second + 20*time.Millisecond, "coarse": 20 * time.Millisecond, "day": time.Microsecond}

func (c *child) isOffBy(want time.Duration, ways ...string) error {
	for _, way := range ways {
		if low, high := c.shown(way); low > want || high+grain[way] < want {
			return fmt.Errorf("by %s it is off by %s to %s, not by %s", way, low, high, want)
		}
	}
	return nil
}

func TestProgramsOfEveryLinkageAreSkewed(t *testing.T) {
	ways := []string{"realtime", "coarse", "day", "time", "fork"}
	for _, l := range []struct {
		name, compiler string
		flags          []string
	}{
		{"dynamic glibc", "gcc", nil},
		{"static glibc", "gcc", []string{"-static"}},
		{"dynamic musl", "musl-gcc", nil},
		{"static musl", "musl-gcc", []string{"-static"}},
	} {
		t.Run(l.name, func(t *testing.T) {
			c := start(t, "", compiled(t, l.compiler, l.flags...))
			if err := c.isOffBy(0, append(ways, "monotonic")...); err != nil {
				t.Fatal(err)
			}
			k := keepOnly(t, c.pid) // armed: a clock that can be set, and is right
			if err := c.isOffBy(0, append(ways, "monotonic")...); err != nil {
				t.Error(err)
			}
			for _, off := range []time.Duration{time.Hour, -90 * time.Second} {
				if err := k.Set(Clock{Offset: off}); err != nil {
					t.Fatal(err)
				}
				if err := errors.Join(c.isOffBy(off, ways...), c.isOffBy(0, "monotonic")); err != nil {
					t.Error(err)
				}
			}
			c.ask("exec") // another program in the same process, right until it is found
			eventually(t, func() error { return c.isOffBy(-90*time.Second, ways...) })
			if err := k.Close(); err != nil {
				t.Fatal(err)
			}
			if err := c.isOffBy(0, append(ways, "monotonic")...); err != nil {
				t.Error(err)
			}
		})
	}
}

// Threads are stopped to put the code in and to take it out, and by ptrace. Somebody
// else who traces the process makes both impossible, and sees that a change is not.
func TestAChangeStopsNoThread(t *testing.T) {
	const ask = `echo ${EPOCHREALTIME/[.,]/}`
	c := start(t, "", "bash", "-s") // no Go program: its runtime sends signals, which stop whoever is traced
	c.ask(ask)                      // and by now it is no copy of this program any more
	p, err := mustKit(t).Patch(c.pid)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread() // and never unlocked: the end of the thread ends the tracing
		if err := unix.PtraceSeize(c.pid); err != nil {
			t.Error(err)
			return
		}
		if err := p.Restore(); err == nil {
			t.Error("a second tracer can stop the process, so this shows nothing")
		}
		for i := range 200 {
			clock := Clock{Since: time.Now(), Offset: time.Duration(i) * time.Minute, PPM: int64(i)}
			if err := p.Set(clock); err != nil {
				t.Error(err)
			}
			var status unix.WaitStatus
			if got, err := unix.Wait4(c.pid, &status, unix.WNOHANG|unix.WALL, nil); got != 0 || err != nil {
				t.Errorf("change %d stopped thread %d: %v, %v", i, got, status, err)
			}
			offBy(t, c, ask, time.Microsecond, clock)
		}
	}()
	<-done
	eventually(t, p.Restore) // once the other has let go of it
	offBy(t, c, ask, time.Microsecond, Clock{})
	if err := p.Close(); err != nil {
		t.Error(err)
	}
}
