package docker

import (
	"testing"
	"time"

	"github.com/mlcheck/mlcheck/history"
	"github.com/mlcheck/mlcheck/nemesis"
)

func TestACutThatRejectsRefusesConnectionsAndASilentOneDoesNot(t *testing.T) {
	c := started(t)
	ways := []history.Link{{From: "n1", To: "n2"}, {From: "n2", To: "n1"}}
	apply(t, c, nemesis.State{Cut: ways, Reject: ways})
	m := measure(t, c)
	for _, l := range ways {
		if !m.Refused[l] || m.Up[l] || m.Dropped[l] != 0 {
			t.Errorf("%v: refused %v, up %v, %d of the target's packets met it", l, m.Refused[l], m.Up[l], m.Dropped[l])
		}
	}
	if talk(t, c.nodes[0], c.nodes[1]) {
		t.Error("n1 and n2 talk over a link that is cut")
	}
	if m := measure(t, c); m.Dropped[ways[0]] == 0 {
		t.Error("what was refused was not counted")
	}
	apply(t, c, nemesis.State{Cut: ways, Reject: ways[:1]})
	if m := measure(t, c); !m.Refused[ways[0]] || m.Refused[ways[1]] {
		t.Errorf("one way is to reject: %v", m.Refused)
	}
	apply(t, c, nemesis.State{})
	within(t, 5*time.Second, "n1 and n2 talk again", func() bool { return talk(t, c.nodes[0], c.nodes[1]) })
}
