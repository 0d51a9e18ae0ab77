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

// Under both mechanisms: a clock that jumps back and forth is seen on both sides, and
// others, which are scrambled at the same time, each where it should be.
func TestClocksJumpBackAndForthWhileOthersAreScrambled(t *testing.T) {
	mechanisms(t, func(t *testing.T, c *Cluster) {
		apply(t, c, nemesis.State{Clocks: []nemesis.ClockState{
			{Node: "n1", Offset: time.Minute, Strobe: nemesis.Strobe{Offset: time.Hour, Period: 300 * time.Millisecond, From: c.Now()}},
			{Node: "n2", Offset: -time.Minute},
			{Node: "n3", Offset: time.Hour},
		}})
		near := func(is, want time.Duration) bool { return (is - want).Abs() < 10*time.Second }
		off, back := false, false
		within(t, 20*time.Second, "n1's clock is seen on both sides of its jumps", func() bool {
			m := measure(t, c)
			off, back = off || near(m.Clocks["n1"], time.Hour+time.Minute), back || near(m.Clocks["n1"], time.Minute)
			if !near(m.Clocks["n2"], -time.Minute) || !near(m.Clocks["n3"], time.Hour) {
				t.Errorf("%v", m.Clocks)
			}
			return off && back
		})
		apply(t, c, nemesis.State{})
		checkClocks(t, c, nil)
	})
}
