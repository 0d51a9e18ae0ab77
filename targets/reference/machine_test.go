package reference

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/mlcheck/mlcheck/history"
	"github.com/mlcheck/mlcheck/targets"
)

var opaque = cmp.AllowUnexported(row{}, version{}, stamp{}, dot{}, update{}, change{}, ticket{}, status{}, progress{}, order{}, had{}, token{})

// attacked is a net after some forty moves of the adversary.
func attacked(t *rapid.T) *leaders {
	n := newNet(drawConfig(t))
	n.slow = rapid.Bool().Draw(t, "slow disks")
	for range rapid.IntRange(1, 60).Draw(t, "moves") {
		n.adversary(t)
	}
	return n
}

func TestLeadersAgreeWhateverTheNetworkDid(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := attacked(t)
		if rounds := n.settle(100); rounds == 100 {
			t.Fatalf("after 100 fair rounds there are still messages\n%s", n)
		}
		if n.cfg.policy.name == "none" {
			return
		}
		for i, m := range n.machines {
			for _, key := range []string{"x", "y", "s"} {
				if a, b := n.machines[0].state.read(key, nil), m.state.read(key, nil); !a.Equal(b) {
					t.Fatalf("%s shows %v of %s, n1 %v\n%s", n.cfg.nodes[i], b, key, a, n)
				}
			}
			if !strings.HasPrefix(n.cfg.policy.name, "lww") {
				continue
			}
			if diff := cmp.Diff(winners(n.updates()), shown(m), opaque); diff != "" {
				t.Fatalf("%s: %s\n%s", n.cfg.nodes[i], diff, n)
			}
		}
	})
}

func TestEveryUpdateIsAppliedOnceByEveryLeaderAndNothingGoesRound(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := attacked(t)
		n.settle(100)
		all := len(n.updates())
		for i, d := range n.disks {
			if got := len(d.updates(n.cfg)); got != all {
				t.Fatalf("%s has logged %d updates of the %d that there are\n%s", n.cfg.nodes[i], got, all, n)
			}
		}
		for i := range n.machines {
			if m := n.machines[i]; m.unconfirmed() > 0 {
				t.Fatalf("%s says that %d updates are on their way\n%s", n.cfg.nodes[i], m.unconfirmed(), n)
			}
			if n.step(i, targets.In{Kind: targets.Timer}, 0, false); len(n.letters) > 0 && n.cfg.delivery != antiEntropy {
				t.Fatalf("%s sends though everything is confirmed", n.cfg.nodes[i])
			}
		}
	})
}

func TestDeliveryKeepsItsOrderAtEveryMoment(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := attacked(t)
		if n.cfg.forgets() {
			return // no order is promised
		}
		for i, d := range n.disks {
			applied := make([]uint64, len(n.cfg.nodes))
			for _, u := range d.updates(n.cfg) {
				if ordered := n.cfg.delivery == fifo || n.cfg.delivery == causal; !ordered {
					break
				} else if u.seq != applied[u.origin]+1 {
					t.Fatalf("%s applied update %d of %s after %d", n.cfg.nodes[i], u.seq, n.cfg.nodes[u.origin], applied[u.origin])
				}
				if (n.cfg.delivery == causal || n.cfg.topology != "all-to-all") && !covers(applied, u.deps) {
					t.Fatalf("%s applied an update that depends on %v when it had %v", n.cfg.nodes[i], u.deps, applied)
				}
				applied[u.origin] = u.seq
			}
			if got := n.machines[i].applied.upTo; len(d.records) > 0 && slices.Max(applied) > 0 && !slices.Equal(applied, got) {
				t.Fatalf("%s says that it applied %v, and logged %v", n.cfg.nodes[i], got, applied)
			}
		}
	})
}

func TestFIFOAloneDoesNotKeepCausalOrder(t *testing.T) {
	cfg := config{nodes: []string{"n1", "n2", "n3"}, topology: "all-to-all", policy: lookupPolicy("lww-hlc")}
	cfg.links, _ = targets.Wire(cfg.topology, cfg.nodes)
	for _, cfg.delivery = range []string{fifo, causal} {
		n := newNet(cfg)
		n.step(0, write("x", 1), 0, false)
		n.to("n2")                         // n1's write reaches n2, not n3
		n.step(1, write("y", 2), 0, false) // n2 answers it
		n.to("n3", "n2")                   // and its answer reaches n3 first
		early := n.machines[2].state.read("y", nil).Set
		if early == (cfg.delivery == causal) {
			t.Errorf("%s: n3 shows the answer before the question: %v", cfg.delivery, early)
		}
	}
}

func write(key string, v int64) targets.In {
	body := request([]history.Step{{F: history.Write, Key: key, Value: history.Int(v)}})
	return targets.In{Kind: targets.Request, From: "client", Body: body, Wall: time.Unix(1, 0)}
}

// to delivers the letters to one leader, from one other where it is named.
func (n *leaders) to(name string, from ...string) {
	for _, l := range slices.Clone(n.letters) {
		if l.to == name && (len(from) == 0 || l.from == from[0]) {
			n.deliver(l, 0, false)
		}
	}
}

func TestHybridTimeExtendsCausalityUnderAnyClock(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := attacked(t)
		if n.cfg.policy.name == "lww-wall" || n.cfg.forgets() {
			return
		}
		stamps := map[[2]int]stamp{}
		for _, u := range n.updates() {
			stamps[[2]int{u.origin, int(u.seq)}] = u.stamp
		}
		for _, u := range n.updates() {
			for origin, seq := range u.deps {
				if past, ok := stamps[[2]int{origin, int(seq)}]; ok && !past.less(u.stamp) {
					t.Fatalf("%+v depends on %+v, and is not later", u, past)
				}
			}
		}
	})
}

func TestARestartBringsBackWhatWasOnDisk(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := attacked(t)
		if n.cfg.collects() {
			return // the log still has what was collected, and a timer collects it again
		}
		i := rapid.IntRange(0, len(n.machines)-1).Draw(t, "restarts")
		before, after := n.machines[i], newMachine(n.cfg, n.cfg.nodes[i], n.disks[i])
		if diff := cmp.Diff(before.state.keys, after.state.keys, opaque); diff != "" {
			t.Fatalf("other cells: %s", diff)
		}
		if diff := cmp.Diff(before.applied, after.applied, opaque); diff != "" {
			t.Fatalf("other updates: %s", diff)
		}
		if before.last != after.last {
			t.Fatalf("the hybrid clock went from %d to %d", before.last, after.last)
		}
		for k, p := range before.peers {
			q := after.peers[k]
			if p.received != q.received || len(p.queue) != len(q.queue) {
				t.Fatalf("%s: received %d, queue %d; after the restart %d and %d", p.name, p.received, len(p.queue), q.received, len(q.queue))
			}
			if diff := cmp.Diff(p.queue, q.queue, opaque); diff != "" {
				t.Fatalf("the stream to %s is another, and positions in it were confirmed: %s", p.name, diff)
			}
		}
	})
}

func TestTheLastWriteOfATransactionStays(t *testing.T) {
	n := newNet(config{nodes: []string{"n1", "n2"}, topology: "all-to-all", policy: policies[0]})
	body := request([]history.Step{
		{F: history.Write, Key: "x", Value: history.Int(1)},
		{F: history.Write, Key: "x", Value: history.Int(2)},
		{F: history.Read, Key: "x"},
		{F: history.Add, Key: "s", Value: history.Int(3)},
		{F: history.Remove, Key: "s", Value: history.Int(3)},
		{F: history.Read, Key: "s"},
	})
	d := dec{b: n.step(0, targets.In{Kind: targets.Request, Body: body}, 0, false)[1:]}
	ss := d.steps()
	if got := n.machines[0].state.read("x", nil); !got.Equal(history.Int(2)) || !got.Equal(ss[2].Value) {
		t.Errorf("x is %v after 1 and then 2 were written; inside it was %v", got, ss[2].Value)
	}
	if got := n.machines[0].state.read("s", nil); !got.Equal(history.List()) || !got.Equal(ss[5].Value) {
		t.Errorf("s is %v after 3 was added and removed; inside it was %v", got, ss[5].Value)
	}
}

func TestAStepThatTheStoreDoesNotKnowIsRefused(t *testing.T) {
	for _, s := range []history.Step{
		{F: history.Append, Key: "x", Value: history.Int(1)},
		{F: history.Inc, Key: "x", Value: history.Int(1)},
		{F: 99, Key: "x"},
		{F: history.Add, Key: "s"},
		{F: history.Write, Key: "x"},
		{F: history.Write, Key: "x", Value: history.List(1)},
	} {
		n := newNet(config{nodes: []string{"n1", "n2"}, topology: "all-to-all", policy: policies[0]})
		if reply := n.step(0, targets.In{Kind: targets.Request, Body: request([]history.Step{s})}, 0, false); len(reply) == 0 || reply[0] != tellNo {
			t.Errorf("%+v was answered with %q", s, reply)
		}
		if len(n.disks[0].updates(n.cfg)) > 0 {
			t.Errorf("%+v was refused and logged", s)
		}
	}
}
