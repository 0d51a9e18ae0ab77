//go:build linux && amd64

package vdso

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// childEnv makes the test binary a program that tells the time.
const childEnv = "MLCHECK_VDSO_CHILD"

func TestMain(m *testing.M) {
	switch os.Getenv(childEnv) {
	case "tell":
		Tell(os.Stdin, os.Stdout)
	case "watch":
		watchForOthers()
	case "wait":
		waitForAll()
	default:
		os.Exit(m.Run())
	}
}

// watchForOthers looks at the clock from several threads at once, and says how
// often it was neither right nor an hour ahead, each within a minute of the start.
func watchForOthers() {
	began := time.Now()
	var mu sync.Mutex
	var wg sync.WaitGroup
	looks, wrong, ahead := 0, 0, 0
	stop := make(chan struct{})
	for range 4 {
		wg.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				n, w, a := 0, 0, 0
				for range 1000 {
					off := time.Now().Round(0).Sub(began.Round(0))
					n++
					switch {
					case off >= 0 && off < time.Minute:
					case off >= time.Hour && off < time.Hour+time.Minute:
						a++
					default:
						w++
					}
				}
				mu.Lock()
				looks, wrong, ahead = looks+n, wrong+w, ahead+a
				mu.Unlock()
			}
		})
	}
	fmt.Println("ready")
	_, _ = io.ReadAll(os.Stdin)
	close(stop)
	wg.Wait()
	fmt.Println(looks, wrong, ahead)
}

// program is a child that answers lines.
type child struct {
	t   *testing.T
	pid int
	in  io.WriteCloser
	out *bufio.Reader
}

func start(t *testing.T, env, name string, args ...string) *child {
	t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Env = append(os.Environ(), childEnv+"="+env)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = in.Close()
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	return &child{t, cmd.Process.Pid, in, bufio.NewReader(out)}
}

func (c *child) ask(line string) string {
	c.t.Helper()
	if _, err := fmt.Fprintln(c.in, line); err != nil {
		c.t.Fatal(err)
	}
	answer, err := c.out.ReadString('\n')
	if err != nil {
		c.t.Fatal(err)
	}
	return strings.TrimSpace(answer)
}

// programs are ways to ask the time: each calls another function of the vDSO, from
// a static or a dynamic program.
var programs = []struct {
	name string
	args []string
	ask  string
	unit time.Duration // of what it answers
}{
	{"clock_gettime of a Go program", nil, "", time.Nanosecond},
	{"gettimeofday of a C program", []string{"bash", "-s"}, `echo ${EPOCHREALTIME/[.,]/}`, time.Microsecond},
	{"time of a C program", []string{"bash", "-s"}, `printf '%(%s)T\n' -1`, time.Second},
	{"gettimeofday of a forked one", []string{"bash", "-s"}, `(echo ${EPOCHREALTIME/[.,]/})`, time.Microsecond},
}

// offBy asks a program for the time, and checks that it is off by as much as it
// should be: between the moments before and after the question.
func offBy(t *testing.T, c *child, ask string, unit time.Duration, clock Clock) {
	t.Helper()
	before := time.Now()
	text := c.ask(ask)
	after := time.Now()
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	is := time.Unix(0, n*int64(unit))
	low := before.Round(0).Add(clock.At(before)).Truncate(unit)
	high := after.Round(0).Add(clock.At(after))
	if unit == time.Second { // the kernel's own time() may lag by a tick
		low = low.Add(-time.Second)
	}
	if is.Before(low) || is.After(high) {
		t.Errorf("it says %s; it should be between %s and %s", is, low, high)
	}
}

func mustKit(t *testing.T) *Kit {
	t.Helper()
	k, err := NewKit()
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func TestAClockIsSkewedAndPutRight(t *testing.T) {
	kit := mustKit(t)
	for _, pr := range programs {
		t.Run(pr.name, func(t *testing.T) {
			args := pr.args
			if args == nil {
				args = []string{os.Args[0]}
			}
			c := start(t, "tell", args[0], args[1:]...)
			offBy(t, c, pr.ask, pr.unit, Clock{})
			p, err := kit.Patch(c.pid)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = p.Close() }()
			offBy(t, c, pr.ask, pr.unit, Clock{})
			now := time.Now()
			for _, clock := range []Clock{
				{Since: now, Offset: 90 * time.Second},
				{Since: now, Offset: -30 * 24 * time.Hour},
				{Since: now.Add(-100 * time.Second), PPM: 500_000},
				{Since: now.Add(-100 * time.Second), PPM: -900_000, Offset: time.Second},
				{Since: now.Add(-time.Hour), Offset: time.Minute, Alternate: -time.Minute, Period: 48 * time.Minute},
				{Since: now, Offset: -time.Duration(now.UnixNano()) - 1500*time.Millisecond}, // before 1970
				{},
			} {
				if err := p.Set(clock); err != nil {
					t.Fatal(err)
				}
				if clock.Offset < -time.Duration(1<<60) && pr.unit != time.Nanosecond {
					continue // bash and its %s have their own ideas of times before 1970
				}
				offBy(t, c, pr.ask, pr.unit, clock)
			}
			if err := p.Set(Clock{Offset: time.Hour}); err != nil {
				t.Fatal(err)
			}
			if err := p.Restore(); err != nil {
				t.Fatal(err)
			}
			offBy(t, c, pr.ask, pr.unit, Clock{})
			if state, err := p.state(); state != pristine || err != nil {
				t.Errorf("restored, and yet state %d, %v", state, err)
			}
		})
	}
}

// No look at the clock sees half of a change, whichever thread it comes from, and
// patching and restoring hit no thread in the middle of an instruction.
func TestAThreadSeesOneClockOrTheOther(t *testing.T) {
	kit := mustKit(t)
	c := start(t, "watch", os.Args[0])
	if _, err := c.out.ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	for range 20 {
		p, err := kit.Patch(c.pid)
		if err != nil {
			t.Fatal(err)
		}
		for i := range 50 {
			if err := p.Set(Clock{Offset: time.Duration(i%2) * time.Hour}); err != nil {
				t.Fatal(err)
			}
		}
		if err := errors.Join(p.Set(Clock{}), p.Restore(), p.Close()); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.in.Close(); err != nil {
		t.Fatal(err)
	}
	var looks, wrong, ahead int
	if _, err := fmt.Fscan(c.out, &looks, &wrong, &ahead); err != nil {
		t.Fatal(err)
	}
	t.Logf("%d looks, %d an hour ahead", looks, ahead)
	if wrong > 0 || looks == 0 || ahead == 0 {
		t.Errorf("%d of %d looks saw another time; %d were an hour ahead", wrong, looks, ahead)
	}
}

func TestATrialSaysWhetherClocksObey(t *testing.T) {
	kit := mustKit(t)
	t.Setenv(childEnv, "tell")
	if err := kit.Try(os.Args[0]); err != nil {
		t.Error(err)
	}
	// A program whose clock nobody can skew: it tells always the same.
	if err := kit.Try("bash", "-c", "while read; do echo 5; done"); err == nil || !strings.Contains(err.Error(), "does not obey") {
		t.Errorf("got %v", err)
	}
}

func TestAForeignImageIsLeftAlone(t *testing.T) {
	kit := mustKit(t)
	c := start(t, "tell", os.Args[0])
	_, at, _, err := mapping(c.pid)
	if err != nil {
		t.Fatal(err)
	}
	if err := write(c.pid, []patch{{at + kit.place - 8, []byte{1, 2, 3}}}); err != nil {
		t.Fatal(err)
	}
	if p, err := kit.Patch(c.pid); !errors.Is(err, ErrForeign) {
		t.Errorf("got %v, %v", p, err)
	}
	offBy(t, c, "", time.Nanosecond, Clock{})
}

func TestAProcessThatHasEndedIsGone(t *testing.T) {
	kit := mustKit(t)
	cmd := exec.Command("true")
	if err := cmd.Run(); err != nil {
		t.Fatal(err)
	}
	if _, err := kit.Patch(cmd.Process.Pid); !errors.Is(err, ErrGone) {
		t.Errorf("got %v", err)
	}
	c := start(t, "tell", os.Args[0])
	p, err := kit.Patch(c.pid)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = p.Close() }()
	if err := unix.Kill(c.pid, unix.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if _, err := c.out.ReadString('\n'); err == nil {
		t.Fatal("it still answers")
	}
	eventually(t, func() error {
		if err := p.Set(Clock{Offset: time.Hour}); !errors.Is(err, ErrGone) {
			return fmt.Errorf("setting its clock: %w", err)
		}
		return nil
	})
}

func TestAStoppedProcessIsPatchedAndStaysStopped(t *testing.T) {
	kit := mustKit(t)
	c := start(t, "tell", os.Args[0])
	if err := unix.Kill(c.pid, unix.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	eventually(t, func() error { return state(c.pid, "T") })
	p, err := kit.Patch(c.pid)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = p.Close() }()
	clock := Clock{Since: time.Now(), Offset: time.Hour}
	if err := p.Set(clock); err != nil {
		t.Fatal(err)
	}
	eventually(t, func() error { return state(c.pid, "T") })
	if err := unix.Kill(c.pid, unix.SIGCONT); err != nil {
		t.Fatal(err)
	}
	offBy(t, c, "", time.Nanosecond, clock)
}

func state(pid int, want string) error {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return err
	}
	if is := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))[0]; is != want {
		return fmt.Errorf("process %d is in state %s, not %s", pid, is, want)
	}
	return nil
}

func eventually(t *testing.T, try func() error) {
	t.Helper()
	var err error
	for range 500 {
		if err = try(); err == nil {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Error(err)
}

// keepOnly keeps the clocks of a child and whatever descends from it.
func keepOnly(t *testing.T, pid int) *Keeper {
	t.Helper()
	k, err := Keep(mustKit(t), func(p int) bool { return descends(p, pid) })
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func descends(pid, from int) bool {
	for pid > 1 {
		if pid == from {
			return true
		}
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if err != nil {
			return false
		}
		pid, _ = strconv.Atoi(strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))[1])
	}
	return false
}

func TestAProgramThatStartsLaterIsSkewedToo(t *testing.T) {
	c := start(t, "tell", "bash", "-s")
	if got := c.ask("echo up"); got != "up" {
		t.Fatal(got)
	}
	k := keepOnly(t, c.pid)
	clock := Clock{Since: time.Now(), Offset: -time.Hour}
	if err := k.Set(clock); err != nil {
		t.Fatal(err)
	}
	offBy(t, c, `echo ${EPOCHREALTIME/[.,]/}`, time.Microsecond, clock)
	// The same process, but another program: its clock is right until it is found.
	if _, err := fmt.Fprintln(c.in, "exec "+os.Args[0]); err != nil {
		t.Fatal(err)
	}
	eventually(t, func() error {
		n, err := strconv.ParseInt(c.ask(""), 10, 64)
		if err != nil {
			return err
		}
		if off := time.Since(time.Unix(0, n)); off < 59*time.Minute {
			return fmt.Errorf("its clock is behind by %s", off)
		}
		return nil
	})
	if err := k.Problems(); err != nil {
		t.Error(err)
	}
	if err := k.Close(); err != nil {
		t.Fatal(err)
	}
	offBy(t, c, "", time.Nanosecond, Clock{})
}

func BenchmarkSet(b *testing.B) {
	cmd := exec.Command("sleep", "60")
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	defer func() { _ = cmd.Process.Kill(); _ = cmd.Wait() }()
	kit, err := NewKit()
	if err != nil {
		b.Fatal(err)
	}
	p, err := kit.Patch(cmd.Process.Pid)
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if err := p.Set(Clock{Offset: time.Second}); err != nil {
			b.Fatal(err)
		}
	}
}

func TestAProcessThatCannotBePatchedIsAProblemOnceItLasts(t *testing.T) {
	kit := mustKit(t)
	c := start(t, "tell", os.Args[0])
	_, at, _, err := mapping(c.pid)
	if err != nil {
		t.Fatal(err)
	}
	if err := write(c.pid, []patch{{at + kit.place - 8, []byte{1, 2, 3}}}); err != nil {
		t.Fatal(err)
	}
	k := keepOnly(t, c.pid)
	if err := k.Set(Clock{Offset: time.Hour}); !errors.Is(err, ErrForeign) {
		t.Errorf("got %v", err)
	}
	if err := k.Close(); err != nil {
		t.Error(err)
	}
}

// A program that has only just been executed has no vDSO yet, or one without us.
func TestProgramsThatComeAndGoAreNoProblem(t *testing.T) {
	c := start(t, "tell", "bash", "-s")
	k := keepOnly(t, c.pid)
	clock := Clock{Since: time.Now(), Offset: time.Hour}
	for range 20 {
		if _, err := fmt.Fprintln(c.in, "for i in 1 2 3 4 5; do /bin/true; done"); err != nil {
			t.Fatal(err)
		}
		if err := k.Set(clock); err != nil {
			t.Error(err)
		}
	}
	offBy(t, c, `echo ${EPOCHREALTIME/[.,]/}`, time.Microsecond, clock)
	if err := errors.Join(k.Problems(), k.Close()); err != nil {
		t.Error(err)
	}
}
