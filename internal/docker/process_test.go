package docker

import (
	"strings"
	"testing"
	"time"

	"github.com/mlcheck/mlcheck/internal/agent"
	"github.com/mlcheck/mlcheck/nemesis"
)

func TestProcessesArePausedAndKilledAndCutsAndClocksOutlastIt(t *testing.T) {
	c := started(t, func(_ *Config, e *echo) { e.clock = agent.VDSO })
	n1, n2 := c.nodes[0], c.nodes[1]
	all := nemesis.State{
		Cut:    links("n1", "n2", "n2", "n1"),
		Clocks: []nemesis.ClockState{{Node: "n1", Offset: time.Hour, Since: c.Now()}},
	}
	paused, down := []string{"n1", "n3"}, []nemesis.DownState{{Node: "n1", By: nemesis.Kill}, {Node: "n3", By: nemesis.Kill}}
	ended := []nemesis.DownState{{Node: "n1", By: nemesis.Stop}, {Node: "n3", By: nemesis.Stop}}
	for _, step := range []struct {
		paused []string
		down   []nemesis.DownState
		is     string
	}{
		{paused, nil, nemesis.Paused},
		{nil, nil, nemesis.Up},
		{nil, down, nemesis.Down},
		{paused, nil, nemesis.Paused},
		{nil, down, nemesis.Down},
		{nil, nil, nemesis.Up},
		{nil, ended, nemesis.Down},
		{paused, nil, nemesis.Paused},
		{nil, ended, nemesis.Down},
		{nil, nil, nemesis.Up},
	} {
		s := all
		s.Paused, s.Down = step.paused, step.down
		apply(t, c, s)
		m := measure(t, c)
		for node, want := range map[string]string{"n1": step.is, "n2": nemesis.Up, "n3": step.is} {
			if m.Nodes[node].Is != want {
				t.Errorf("%+v: %s is %s, want %s", step, node, m.Nodes[node].Is, want)
			}
		}
		if step.is == nemesis.Up {
			checkClocks(t, c, map[string]time.Duration{"n1": time.Hour})
			if talk(t, n2, n1) {
				t.Error("the cut between n1 and n2 is gone")
			}
		}
	}
	apply(t, c, nemesis.State{})
	checkClocks(t, c, nil)
	if !talk(t, n2, n1) {
		t.Error("the cut between n1 and n2 is still there")
	}
}

func TestAProcessThatEndsByItselfIsSeenAndNotStarted(t *testing.T) {
	c := started(t)
	if _, err := ask(t.Context(), c.nodes[0], "exit"); err == nil {
		t.Error("the echo goes on after its exit")
	}
	within(t, 10*time.Second, "n1 is down", func() bool { return measure(t, c).Nodes["n1"].Is == nemesis.Down })
	apply(t, c, nemesis.State{})
	if p := measure(t, c).Nodes["n1"]; p.Is != nemesis.Down || !strings.Contains(p.Why, "by itself, with status 3") {
		t.Errorf("%+v", p)
	}
}

func TestATargetThatDoesNotEndWhenItIsAskedIsKilled(t *testing.T) {
	c := started(t)
	if answer, err := ask(t.Context(), c.nodes[0], "deaf"); answer != "ok" || err != nil {
		t.Fatal(answer, err)
	}
	apply(t, c, fallen(nemesis.Stop))
	if p := measure(t, c).Nodes["n1"]; p.Is != nemesis.Down || !strings.Contains(p.Why, "had not ended after 10s") {
		t.Errorf("%+v", p)
	}
	apply(t, c, nemesis.State{})
	apply(t, c, fallen(nemesis.Stop)) // the new process listens
	if p := measure(t, c).Nodes["n1"]; p.Is != nemesis.Down || p.Why != "" {
		t.Errorf("%+v", p)
	}
}

func TestPausedNodesAreRemoved(t *testing.T) {
	c := started(t)
	apply(t, c, nemesis.State{Paused: []string{"n1", "n2", "n3"}})
	// that nothing is left is checked at the end of every test
}

func TestPowerCannotBeLost(t *testing.T) {
	c := started(t)
	why := c.Fabric().Cannot(nemesis.State{Down: []nemesis.DownState{{Node: "n1", By: nemesis.Crash}}})
	if len(why) != 1 || !strings.Contains(why[0], "kill is the nearest") {
		t.Errorf("got %q", why)
	}
}
