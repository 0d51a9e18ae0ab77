package reference

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/mlcheck/mlcheck/history"
	"github.com/mlcheck/mlcheck/targets"
)

func mesh(policy, delivery string) config {
	c := config{nodes: []string{"n1", "n2", "n3"}, topology: "all-to-all", policy: lookupPolicy(policy), delivery: delivery, defect: noDefect}
	c.links, _ = targets.Wire(c.topology, c.nodes)
	return c
}

// TestAnOrderIsExecutedOnceOrNot: where one leader decides, whatever is lost,
// repeated or forgotten in crashes, what a client was told is what happened.
func TestAnOrderIsExecutedOnceOrNot(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := newNet(mesh(rapid.SampledFrom([]string{"home", "certify"}).Draw(t, "policy"), fifo))
		for range rapid.IntRange(1, 80).Draw(t, "moves") {
			n.adversary(t)
		}
		n.settle(100)
		for i, d := range n.disks {
			times := map[int64]int{}
			for _, u := range d.updates(n.cfg) {
				for _, c := range u.changes {
					if c.f == history.Write {
						times[c.value]++
					}
				}
			}
			for v := int64(1); v <= n.value; v++ {
				reply := n.replies[clientOf(v)]
				switch {
				case times[v] > 1:
					t.Fatalf("%s has executed the write of %d %d times", n.cfg.nodes[i], v, times[v])
				case times[v] == 1 && len(reply) > 0 && reply[0] == tellNo:
					t.Fatalf("%s has executed the write of %d, which was refused", n.cfg.nodes[i], v)
				case times[v] == 0 && len(reply) > 0 && reply[0] == tellOK && slices.Contains(written(reply), v):
					t.Fatalf("%s has not got %d, which was acknowledged", n.cfg.nodes[i], v)
				}
			}
		}
	})
}

// written are the values that a reply says were written.
func written(reply []byte) []int64 {
	var vs []int64
	for _, s := range (&dec{b: reply[1:]}).steps() {
		if s.F == history.Write {
			vs = append(vs, s.Value.N)
		}
	}
	return vs
}

func TestALeaderOnAFullDiskReadsButTakesNothing(t *testing.T) {
	for _, policy := range []string{"lww-hlc", "home", "certify"} {
		n := newNet(mesh(policy, fifo))
		n.step(0, write("x", 1), 0, false)
		n.step(1, targets.In{Kind: targets.Start}, 0, false)
		n.full[1] = true
		n.settleOnce()
		if got := n.machines[1].state.read("x", nil); got.Set {
			t.Errorf("%s: n2 took %v though its disk was full", policy, got)
		}
		if reply := n.step(1, write("x", 2), 0, false); len(reply) == 0 || reply[0] != tellNo {
			t.Errorf("%s: a write on a full disk was answered with %q", policy, reply)
		}
		e := enc{}
		e.byte(askSteps)
		e.order(order{steps: []history.Step{{F: history.Read, Key: "x"}}, local: true})
		if reply := n.step(1, targets.In{Kind: targets.Request, Body: e.b, Wall: time.Unix(1, 0)}, 0, false); reply[0] != tellOK {
			t.Errorf("%s: a read on a full disk was answered with %q", policy, reply)
		}
		if n.settle(10) == 10 || !n.machines[1].state.read("x", nil).Equal(history.Int(1)) {
			t.Errorf("%s: with room again n2 shows %v", policy, n.machines[1].state.read("x", nil))
		}
	}
}

// settleOnce delivers what is on its way, and what that sets off.
func (n *leaders) settleOnce() {
	for i := range n.machines {
		n.step(i, targets.In{Kind: targets.Timer}, 0, false)
	}
	for len(n.letters) > 0 {
		l := n.letters[0]
		n.letters = n.letters[1:]
		n.deliver(l, 0, false)
	}
}

func TestARestartedLeaderDoesNotSendEverythingAgain(t *testing.T) {
	n := newNet(mesh("lww-hlc", fifo))
	for v := range int64(200) {
		n.step(0, write("x", v+1), 0, false)
	}
	n.settle(10)
	n.restart(0)
	n.step(0, targets.In{Kind: targets.Timer}, 0, false)
	if len(n.letters) > 0 {
		t.Errorf("after a restart n1 sends %d messages, though all was confirmed", len(n.letters))
	}
	n.step(0, write("x", 201), 0, false)
	if n.settle(10); !n.machines[2].state.read("x", nil).Equal(history.Int(201)) {
		t.Errorf("n3 shows %v", n.machines[2].state.read("x", nil))
	}
}
