package agent

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"
)

func content(t *testing.T, c *clock) string {
	t.Helper()
	b, err := os.ReadFile(c.path)
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(b))
}

func TestControlFileHoldsTheOffsetInSeconds(t *testing.T) {
	c := &clock{path: filepath.Join(t.TempDir(), "faketime")}
	for _, s := range []struct {
		clock *Clock
		want  string
	}{
		{nil, "+0.000000000"},
		{&Clock{Offset: 90 * time.Second}, "+90.000000000"},
		{&Clock{Offset: -1500 * time.Millisecond}, "-1.500000000"},
		{&Clock{Offset: -time.Nanosecond}, "-0.000000001"},
		{nil, "+0.000000000"},
	} {
		if err := c.set(s.clock); err != nil {
			t.Fatal(err)
		}
		if got := content(t, c); got != s.want {
			t.Errorf("%+v: file says %q, want %q", s.clock, got, s.want)
		}
	}
}

func TestDriftGrowsFromTheFaultsStart(t *testing.T) {
	c := Clock{Offset: time.Second, PPM: -1000, Elapsed: 10 * time.Second}
	if got, want := c.At(0), 990*time.Millisecond; got != want {
		t.Errorf("at the request: %v, want %v", got, want)
	}
	if got, want := c.At(20*time.Second), 970*time.Millisecond; got != want {
		t.Errorf("20 s later: %v, want %v", got, want)
	}
}

func TestDriftingClockMovesUntilItIsSet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &clock{path: filepath.Join(t.TempDir(), "faketime")}
		if err := c.set(&Clock{PPM: 100_000, Elapsed: time.Second}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(9*time.Second + stepOf(100_000)/2)
		synctest.Wait()
		if got := content(t, c); got != "+1.000000000" || c.offset() != time.Second {
			t.Errorf("ten seconds after the fault's start the file says %q, offset %v", got, c.offset())
		}
		if err := c.set(nil); err != nil {
			t.Fatal(err)
		}
		time.Sleep(10 * stepOf(100_000)) // a late step would show
		if got := content(t, c); got != "+0.000000000" || c.offset() != 0 {
			t.Errorf("after the end of the drift the file says %q, offset %v", got, c.offset())
		}
	})
}

func TestUnwritableControlFileIsAnError(t *testing.T) {
	c := &clock{path: filepath.Join(t.TempDir(), "missing", "faketime")}
	if err := c.set(&Clock{Offset: time.Second}); err == nil {
		t.Error("a skew that could not be written was confirmed")
	}
}

func TestADriftingClockNeverLagsByMoreThanAStep(t *testing.T) {
	for _, ppm := range []int64{1, -50, 1000, 50_000, -900_000} {
		lag := time.Duration(ppm) * stepOf(ppm) / 1_000_000
		if lag.Abs() > drifts || stepOf(ppm) < fastest || stepOf(ppm) > slowest {
			t.Errorf("at %d ppm the clock is moved every %s and lags by %s", ppm, stepOf(ppm), lag)
		}
	}
}

func drawClock(t *rapid.T) Clock {
	span := func(name string, low, high int) time.Duration {
		return time.Duration(rapid.IntRange(low, high).Draw(t, name)) * time.Microsecond
	}
	c := Clock{Offset: span("offset", -1e9, 1e9), Elapsed: span("elapsed", 0, 1e8)}
	if rapid.Bool().Draw(t, "drifts") {
		c.PPM = int64(rapid.IntRange(-900_000, 900_000).Draw(t, "ppm"))
	}
	if rapid.Bool().Draw(t, "strobes") {
		c.Jump, c.Period = span("jump", -1e9, 1e9), span("period", 1000, 1e7)
	}
	return c
}

func TestBothMechanismsMeanTheSameByAClock(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c, now := drawClock(t), time.Unix(1_800_000_000, 0)
		later := time.Duration(rapid.IntRange(0, 1e8).Draw(t, "later")) * time.Microsecond
		want, got := c.At(later), inProcesses(c, now).At(now.Add(later))
		if (got - want).Abs() > 5*time.Microsecond {
			t.Fatalf("%s later a process is off by %s, not by %s", later, got, want)
		}
	})
}

// Between two writes of the control file a clock does not jump, and drifts by no more
// than a step.
func TestTheControlFileIsWrittenWheneverTheClockJumps(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := drawClock(t)
		at := time.Duration(rapid.IntRange(0, 1e8).Draw(t, "at")) * time.Microsecond
		next := c.next(at)
		if moves := c.PPM != 0 || c.Period > 0; moves != (next > 0) {
			t.Fatalf("it moves: %v, and is written again after %s", moves, next)
		}
		if next == 0 {
			return
		}
		if by := (c.At(at+next-1) - c.At(at)).Abs(); by > drifts+time.Millisecond {
			t.Fatalf("it has moved by %s when it is written again after %s", by, next)
		}
	})
}
