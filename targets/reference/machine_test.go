package reference

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/mlcheck/mlcheck/history"
	"github.com/mlcheck/mlcheck/targets"
)

var opaque = cmp.AllowUnexported(entry{}, stamp{}, update{}, cell{}, status{})

// attacked is a net after some forty moves of the adversary.
func attacked(t *rapid.T) *leaders {
	n := newNet(drawConfig(t))
	for range rapid.IntRange(1, 60).Draw(t, "moves") {
		n.adversary(t)
	}
	return n
}

func TestLeadersAgreeOnTheGreatestStampsWhateverTheNetworkDid(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := attacked(t)
		if rounds := n.settle(100); rounds == 100 {
			t.Fatalf("after 100 fair rounds there are still messages\n%s", n)
		}
		want := winners(n.acked)
		for i, m := range n.machines {
			if diff := cmp.Diff(want, m.cells, opaque); diff != "" {
				t.Fatalf("%s: %s\n%s", n.cfg.nodes[i], diff, n)
			}
			if diff := cmp.Diff(sums(n.acked), m.counts); diff != "" {
				t.Fatalf("%s counts: %s\n%s", n.cfg.nodes[i], diff, n)
			}
		}
	})
}

func TestACounterShowsWhatItsOwnOperationAdds(t *testing.T) {
	n := newNet(config{nodes: []string{"n1", "n2"}, topology: "all-to-all", policy: "lww-wall"})
	e := enc{}
	e.byte(askSteps)
	e.steps([]history.Step{
		{F: history.Inc, Key: "c", Value: history.Int(5)}, {F: history.Read, Key: "c"}, {F: history.Inc, Key: "c", Value: history.Int(-2)}, {F: history.Read, Key: "d"},
	})
	d := dec{b: n.step(0, targets.In{Kind: targets.Request, Body: e.b}, 0, false)[1:]}
	ss := d.steps()
	if got := n.machines[0].read("c", nil); !got.Equal(history.Int(3)) || !ss[1].Value.Equal(history.Int(5)) || ss[3].Value.Set {
		t.Errorf("c is %v after 5 and -2; inside it was %v; d is %v", got, ss[1].Value, ss[3].Value)
	}
}

func TestEveryUpdateIsAppliedOnceByEveryLeaderAndNothingGoesRound(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := attacked(t)
		n.settle(100)
		for i, d := range n.disks {
			if len(d.records) != len(n.acked) {
				t.Fatalf("%s has logged %d updates of the %d that there are\n%s", n.cfg.nodes[i], len(d.records), len(n.acked), n)
			}
		}
		for i := range n.machines {
			if n.step(i, targets.In{Kind: targets.Timer}, 0, false); len(n.letters) > 0 {
				t.Fatalf("%s sends though everything is confirmed", n.cfg.nodes[i])
			}
		}
	})
}

func TestDeliveryKeepsItsOrderAtEveryMoment(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := attacked(t)
		for i, d := range n.disks {
			applied := make([]uint64, len(n.cfg.nodes))
			for _, body := range d.records {
				u := record(n.cfg, body)
				if u.seq != applied[u.origin]+1 {
					t.Fatalf("%s applied update %d of %s after %d", n.cfg.nodes[i], u.seq, n.cfg.nodes[u.origin], applied[u.origin])
				}
				if (n.cfg.causal || n.cfg.topology == "ring") && !covers(applied, u.deps) {
					t.Fatalf("%s applied an update that depends on %v when it had %v", n.cfg.nodes[i], u.deps, applied)
				}
				applied[u.origin] = u.seq
			}
			if diff := cmp.Diff(applied, n.machines[i].applied); diff != "" {
				t.Fatalf("%s says that it applied something else than it logged: %s", n.cfg.nodes[i], diff)
			}
		}
	})
}

func TestFIFOAloneDoesNotKeepCausalOrder(t *testing.T) {
	cfg := config{nodes: []string{"n1", "n2", "n3"}, topology: "all-to-all", policy: "lww-hlc"}
	cfg.links, _ = targets.Wire(cfg.topology, cfg.nodes)
	for _, causal := range []bool{false, true} {
		cfg.causal = causal
		n := newNet(cfg)
		n.step(0, write("x", 1), 0, false)
		n.to("n2")                         // n1's write reaches n2, not n3
		n.step(1, write("y", 2), 0, false) // n2 answers it
		n.to("n3", "n2")                   // and its answer reaches n3 first
		early := n.machines[2].read("y", nil).Set
		if early == causal {
			t.Errorf("causal=%v: n3 shows the answer before the question: %v", causal, early)
		}
	}
}

func write(key string, v int64) targets.In {
	e := enc{}
	e.byte(askSteps)
	e.steps([]history.Step{{F: history.Write, Key: key, Value: history.Int(v)}})
	return targets.In{Kind: targets.Request, From: "client", Body: e.b, Wall: time.Unix(1, 0)}
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
		if n.cfg.policy != "lww-hlc" {
			return
		}
		stamps := map[[2]int]stamp{}
		for _, u := range n.acked {
			stamps[[2]int{u.origin, int(u.seq)}] = u.stamp
		}
		for _, u := range n.acked {
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
		i := rapid.IntRange(0, len(n.machines)-1).Draw(t, "restarts")
		before, after := n.machines[i], newMachine(n.cfg, n.cfg.nodes[i], n.disks[i])
		if diff := cmp.Diff(before.cells, after.cells, opaque); diff != "" {
			t.Fatalf("other cells: %s", diff)
		}
		if diff := cmp.Diff(before.applied, after.applied); diff != "" {
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
	n := newNet(config{nodes: []string{"n1", "n2"}, topology: "all-to-all", policy: "lww-wall"})
	e := enc{}
	e.byte(askSteps)
	e.steps([]history.Step{
		{F: history.Write, Key: "x", Value: history.Int(1)},
		{F: history.Write, Key: "x", Value: history.Int(2)},
		{F: history.Read, Key: "x"},
		{F: history.Add, Key: "s", Value: history.Int(3)},
		{F: history.Remove, Key: "s", Value: history.Int(3)},
		{F: history.Read, Key: "s"},
	})
	d := dec{b: n.step(0, targets.In{Kind: targets.Request, Body: e.b}, 0, false)[1:]}
	ss := d.steps()
	if got := n.machines[0].read("x", nil); !got.Equal(history.Int(2)) || !got.Equal(ss[2].Value) {
		t.Errorf("x is %v after 1 and then 2 were written; inside it was %v", got, ss[2].Value)
	}
	if got := n.machines[0].read("s", nil); !got.Equal(history.List()) || !got.Equal(ss[5].Value) {
		t.Errorf("s is %v after 3 was added and removed; inside it was %v", got, ss[5].Value)
	}
}

func TestAStepThatTheStoreDoesNotKnowIsRefused(t *testing.T) {
	for _, s := range []history.Step{
		{F: history.Append, Key: "x", Value: history.Int(1)},
		{F: history.Inc, Key: "c"},
		{F: 99, Key: "x"},
		{F: history.Add, Key: "s"},
		{F: history.Write, Key: "x"},
		{F: history.Write, Key: "x", Value: history.List(1)},
	} {
		n := newNet(config{nodes: []string{"n1", "n2"}, topology: "all-to-all", policy: "lww-wall"})
		e := enc{}
		e.byte(askSteps)
		e.steps([]history.Step{s})
		if reply := n.step(0, targets.In{Kind: targets.Request, Body: e.b}, 0, false); len(reply) == 0 || reply[0] != tellNo {
			t.Errorf("%+v was answered with %q", s, reply)
		}
		if len(n.disks[0].records) > 0 {
			t.Errorf("%+v was refused and logged", s)
		}
	}
}
