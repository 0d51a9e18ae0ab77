package docker

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/mlcheck/mlcheck/internal/agent"
	"github.com/mlcheck/mlcheck/nemesis"
	"github.com/mlcheck/mlcheck/targets"
)

// clockTime bounds the question for a target's clock.
const clockTime = 2 * time.Second

// fakeTimeEnv is what makes a program's clock obey the agent's control file.
// The loader itself puts the directory of the architecture in place of $LIB.
// Without the cache every look at the clock reads the file, so that a change
// takes effect at once; a monotonic clock is left alone, as a skew of real
// machines leaves it.
var fakeTimeEnv = map[string]string{
	"LD_PRELOAD":                   "/usr/$LIB/faketime/libfaketimeMT.so.1",
	"FAKETIME_TIMESTAMP_FILE":      agent.ClockFile,
	"FAKETIME_NO_CACHE":            "1",
	"FAKETIME_DONT_FAKE_MONOTONIC": "1",
	"NO_FAKE_STAT":                 "1",
}

// environment gives the variables of the target's container, and the library
// that is loaded for the sake of its clock. The target's own variables win.
func (n *node) environment() (env []string, preload string) {
	all := map[string]string{}
	if n.preloads() {
		maps.Copy(all, fakeTimeEnv)
	}
	maps.Copy(all, n.spec.Env)
	for _, name := range slices.Sorted(maps.Keys(all)) {
		env = append(env, name+"="+all[name])
	}
	if n.preloads() {
		preload, _, _ = strings.Cut(all["LD_PRELOAD"], ":")
	}
	return env, preload
}

// checkClock finds out why the node's clock cannot be skewed, if it cannot: a
// library that is missing would be passed over by the loader without a word
// that anybody reads.
func (n *node) checkClock(ctx context.Context, preload string) error {
	if n.clockWhy = neverSkewed(n.spec); n.clockWhy != "" {
		return nil
	}
	if _, ok := n.cluster.cfg.System.(targets.Clocked); !ok {
		n.clockWhy = "the target has no way to show its clock, so a skew could not be proved"
		return nil
	}
	if n.clockWhy = n.hello.ClockWhy; n.clockWhy != "" || preload == "" {
		return nil
	}
	path := strings.ReplaceAll(preload, "$LIB", "lib/"+debianLib[n.cluster.arch])
	has, err := n.cluster.eng.HasFile(ctx, n.target, path)
	if err != nil {
		return fmt.Errorf("its container cannot be searched for libfaketime: %w", err)
	}
	if !has {
		n.clockWhy = fmt.Sprintf("image %s has no %s: install the Debian package libfaketime in it", n.image, path)
	}
	return nil
}

// debianLib is what Debian's loader puts in place of $LIB, below "lib/".
var debianLib = map[string]string{"amd64": "x86_64-linux-gnu", "arm64": "aarch64-linux-gnu"}

// clock measures a node's clock against ours: the difference to the middle of
// the question's round trip, right within half of it.
func (n *node) clock(ctx context.Context, c targets.Clocked) (off, within time.Duration, err error) {
	ctx, cancel := context.WithTimeout(ctx, clockTime)
	defer cancel()
	asked := time.Now()
	its, err := c.Clock(ctx, n)
	if err != nil {
		return 0, 0, err
	}
	half := time.Since(asked) / 2
	// Wall clocks, without the monotonic reading: the target's has none.
	return its.Round(0).Sub(asked.Round(0).Add(half)), half, nil
}

// onAgent is a clock in the agent's words: it starts where the strobe does, if there
// is one, and has run for as long as has passed since.
func onAgent(c nemesis.ClockState, now time.Duration) *agent.Clock {
	since, jump := c.Since, c.Strobe.Offset
	if c.Strobe.Period > 0 {
		since = c.Strobe.From
	}
	_, line := c.Sides(since)
	return &agent.Clock{Offset: line, PPM: c.PPM, Jump: jump, Period: c.Strobe.Period, Elapsed: now - since}
}
