package docker

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/mlcheck/mlcheck/nemesis"
)

func TestAClockInTheAgentsWordsRunsAsInTheState(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		span := func(name string, low, high int) time.Duration {
			return time.Duration(rapid.IntRange(low, high).Draw(t, name)) * time.Microsecond
		}
		c := nemesis.ClockState{
			Node: "n1", Offset: span("offset", -1e9, 1e9), Since: span("since", 0, 1e6),
			PPM: int64(rapid.IntRange(-900_000, 900_000).Draw(t, "ppm")),
		}
		now := c.Since + span("now", 0, 1e8)
		if rapid.Bool().Draw(t, "strobes") {
			c.Strobe = nemesis.Strobe{Offset: span("jump", -1e9, 1e9), Period: span("period", 1000, 1e7), From: min(now, c.Since+span("from", 0, 1e8))}
		}
		later := span("later", 0, 1e8)
		want, got := c.At(now+later), onAgent(c, now).At(later)
		if (got - want).Abs() > 5*time.Microsecond {
			t.Fatalf("%s later it is off by %s, not by %s", later, got, want)
		}
	})
}
