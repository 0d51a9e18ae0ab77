package reference

import (
	"testing"

	"pgregory.net/rapid"

	"github.com/mlcheck/mlcheck/history"
	"github.com/mlcheck/mlcheck/targets"
)

// TestWhatWasAcknowledgedOutlivesALossOfPower, where that is promised.
func TestWhatWasAcknowledgedOutlivesALossOfPower(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := attacked(t)
		n.settle(100)
		there := map[int64]bool{}
		for _, u := range n.updates() {
			for _, c := range u.changes {
				there[c.value] = true
			}
		}
		for v := int64(1); v <= n.value; v++ {
			reply := n.replies[clientOf(v)]
			if n.cfg.durability == never || len(reply) == 0 || reply[0] != tellOK {
				continue
			}
			for _, w := range written(reply) {
				if !there[w] {
					t.Fatalf("with durability %s the write of %d was acknowledged, and is on no disk\n%s", n.cfg.durability, w, n)
				}
			}
		}
	})
}

// TestALeaderIsToldWhatItHasForgotten: what a peer has of it comes back and goes to
// all, and its new updates are not taken for those.
func TestALeaderIsToldWhatItHasForgotten(t *testing.T) {
	for _, durability := range []string{acknowledged, never} {
		for _, delivery := range []string{fifo, causal, unordered, antiEntropy} {
			cfg := mesh("lww-lamport", delivery)
			cfg.durability = durability
			n := newNet(cfg)
			n.settle(10)
			n.slow = true
			n.step(0, write("x", 1), 0, false)
			for range 2 { // where leaders ask, n2 asks one and then the other
				n.step(1, targets.In{Kind: targets.Timer}, 0, false)
			}
			n.deliverTo("n1")
			n.deliverTo("n2")
			n.disks[1].sync()
			n.letters = nil
			n.disks[0].end(true)
			n.restart(0)
			if got := n.machines[0].state.read("x", nil); got.Set {
				t.Fatalf("%s, %s: n1 has forgotten nothing: %v", durability, delivery, got)
			}
			n.step(0, write("y", 2), 0, false)
			n.settle(20)
			for i, m := range n.machines {
				x, y := m.state.read("x", nil), m.state.read("y", nil)
				if !x.Equal(history.Int(1)) || !y.Equal(history.Int(2)) {
					t.Errorf("%s, %s: %s shows x %v and y %v\n%s", durability, delivery, n.cfg.nodes[i], x, y, n)
				}
			}
		}
	}
}

// deliverTo delivers the letters to one leader that are on their way now.
func (n *leaders) deliverTo(name string) {
	var others, its []letter
	for _, l := range n.letters {
		if l.to == name {
			its = append(its, l)
		} else {
			others = append(others, l)
		}
	}
	n.letters = others
	for _, l := range its {
		n.deliver(l, 0, false)
	}
}
