package vdso

import (
	"math/big"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestAScaledProductIsRoundedDown(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := rapid.Int64Range(-1<<62, 1<<62).Draw(t, "a"), rapid.Int64Range(-1<<31, 1<<31).Draw(t, "b")
		want := new(big.Int).Mul(big.NewInt(a), big.NewInt(b))
		want.Rsh(want, 32) // of big.Int: rounds down
		if got := scaled(a, b); got != want.Int64() {
			t.Fatalf("%d * %d / 2^32 = %d, want %s", a, b, got, want)
		}
	})
}

func TestAClockDriftsByItsMillionths(t *testing.T) {
	since := time.Unix(1_000_000, 0)
	for _, c := range []struct {
		ppm  int64
		want time.Duration
	}{{0, 5 * time.Second}, {1000, 5*time.Second + 100*time.Millisecond}, {-1000, 5*time.Second - 100*time.Millisecond}, {10_000_000, 1005 * time.Second}} {
		got := Clock{Since: since, Offset: 5 * time.Second, PPM: c.ppm}.At(since.Add(100 * time.Second))
		if (got - c.want).Abs() > time.Microsecond {
			t.Errorf("%d ppm: off by %s after 100 s, want %s", c.ppm, got, c.want)
		}
	}
}

func TestAClockJumpsEveryPeriod(t *testing.T) {
	since := time.Unix(1_000_000, 0)
	c := Clock{Since: since, Offset: time.Second, Alternate: -time.Minute, Period: 10 * time.Millisecond}
	for _, at := range []struct {
		after, want time.Duration
	}{{-5 * time.Millisecond, time.Second}, {0, time.Second}, {9 * time.Millisecond, time.Second}, {10 * time.Millisecond, -time.Minute}, {20 * time.Millisecond, time.Second}} {
		if got := c.At(since.Add(at.after)); got != at.want {
			t.Errorf("after %s: off by %s, want %s", at.after, got, at.want)
		}
	}
}

func TestTheStartTimeIsCountedFromTheEndOfTheName(t *testing.T) {
	stat := "42 (a) b) S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 4711 20"
	if got := startTime(stat); got != "4711" {
		t.Errorf("got %q", got)
	}
	if got := startTime(""); got != "" {
		t.Errorf("of nothing: %q", got)
	}
}
