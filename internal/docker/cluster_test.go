package docker

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/mlcheck/mlcheck/history"
	"github.com/mlcheck/mlcheck/internal/world"
	"github.com/mlcheck/mlcheck/nemesis"
)

var _ world.Cluster = (*Cluster)(nil)

func links(pairs ...string) (all []history.Link) {
	for i := 0; i+1 < len(pairs); i += 2 {
		all = append(all, history.Link{From: pairs[i], To: pairs[i+1]})
	}
	return all
}

// down gives the links that a measurement found to be down.
func down(m nemesis.Measured, all []history.Link) (list []history.Link) {
	for _, l := range all {
		if !m.Up[l] {
			list = append(list, l)
		}
	}
	return list
}

func apply(t *testing.T, c *Cluster, s nemesis.State) nemesis.Measured {
	t.Helper()
	if err := c.Fabric().Apply(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	m, err := c.Fabric().Measure(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestCutLinksAreDownAndNoOthers(t *testing.T) {
	c := started(t)
	for _, cut := range [][]history.Link{
		nil,
		links("n1", "n2"),
		links("n1", "n2", "n2", "n1"),
		links("n1", "n2", "n1", "n3", "n2", "n1", "n3", "n1"),
		c.cfg.Links,
		nil,
	} {
		began := time.Now()
		m := apply(t, c, nemesis.State{Cut: cut})
		t.Logf("%d links cut and measured after %v", len(cut), time.Since(began))
		if diff := cmp.Diff(cut, down(m, c.cfg.Links)); diff != "" {
			t.Errorf("links down (-want +got):\n%s", diff)
		}
	}
}

func TestClocksAreOffAsAsked(t *testing.T) {
	c := started(t)
	check := func(m nemesis.Measured, node string, want time.Duration) {
		t.Helper()
		got, ok := m.Clocks[node]
		if slack := m.Within[node] + 10*time.Millisecond; !ok || (got-want).Abs() > slack {
			t.Errorf("clock of %s is off by %v (known %v), want %v within %v", node, got, ok, want, slack)
		}
	}
	m := apply(t, c, nemesis.State{Clocks: []nemesis.ClockState{{Node: "n1", Offset: time.Minute, Since: c.Now()}, {Node: "n2", Offset: -1500 * time.Millisecond, Since: c.Now()}}})
	check(m, "n1", time.Minute)
	check(m, "n2", -1500*time.Millisecond)
	check(m, "n3", 0)
	m = apply(t, c, nemesis.State{})
	for _, n := range c.cfg.Nodes {
		check(m, n, 0)
	}
}
