package reference

import (
	"testing"

	"pgregory.net/rapid"

	"github.com/mlcheck/mlcheck/history"
	"github.com/mlcheck/mlcheck/targets"
)

func change1(f history.F, key string, v int64) targets.In {
	in := write(key, v)
	in.Body = request([]history.Step{{F: f, Key: key, Value: history.Int(v)}})
	return in
}

func TestATombstoneGoesOnceEveryLeaderHasSpoken(t *testing.T) {
	cfg := mesh("add-wins", fifo)
	cfg.tombstones = tombstonesCollected
	n := newNet(cfg)
	n.step(0, change1(history.Add, "s", 1), 0, false)
	n.settle(10)
	n.step(1, change1(history.Remove, "s", 1), 0, false)
	n.settle(10)
	held := func(i int) int { return len(n.machines[i].state.keys["s"].cells[1]) }
	n.step(0, change1(history.Add, "s", 2), 0, false)
	n.settle(10)
	if held(0) == 0 || held(1) == 0 {
		t.Error("a tombstone went though n3 has said nothing")
	}
	n.step(2, change1(history.Add, "s", 3), 0, false)
	n.settle(10)
	n.settleOnce()
	for i := range n.machines {
		if got := n.machines[i].state.read("s", nil); held(i) > 0 || !got.Equal(history.List(2, 3)) {
			t.Errorf("%s keeps %d tombstones, and shows %v", cfg.nodes[i], held(i), got)
		}
	}
}

// TestTombstonesAreMissedByNobody: the same moves lead to the same, with tombstones
// and without.
func TestTombstonesAreMissedByNobody(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		cfg := mesh(rapid.SampledFrom([]string{"lww-hlc", "lww-lamport", "add-wins"}).Draw(t, "policy"),
			rapid.SampledFrom([]string{fifo, causal, unordered, antiEntropy}).Draw(t, "delivery"))
		cfg.tombstones = tombstonesCollected
		n := newNet(cfg)
		for range rapid.IntRange(1, 120).Draw(t, "moves") {
			n.adversary(t)
		}
		n.settle(100)
		cfg.tombstones = tombstonesKept
		all := newNet(cfg) // every update at once, in an order of causes
		for _, u := range n.updates() {
			all.machines[0].apply(u)
		}
		for i, m := range n.machines {
			for _, key := range []string{"x", "y", "s"} {
				if want, got := all.machines[0].state.read(key, nil), m.state.read(key, nil); !got.Equal(want) {
					t.Fatalf("%s shows %v of %s, and with tombstones %v\n%s", cfg.nodes[i], got, key, want, n)
				}
			}
		}
	})
}
