package reference

import (
	"bytes"
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/mlcheck/mlcheck/history"
	"github.com/mlcheck/mlcheck/targets"
)

func drawUpdate(t *rapid.T, nodes int) update {
	u := update{origin: rapid.IntRange(0, nodes-1).Draw(t, "origin"), seq: rapid.Uint64Max(mostLives<<32).Draw(t, "seq")}
	u.stamp = stamp{rapid.Int64().Draw(t, "time"), u.origin, u.seq}
	u.deps = rapid.SliceOfN(rapid.Uint64(), nodes, nodes).Draw(t, "deps")
	u.passed = rapid.Uint64().Draw(t, "passed")
	u.ticket = ticket{rapid.IntRange(0, nodes-1).Draw(t, "asked at"), rapid.Uint64().Draw(t, "number")}
	u.changes = rapid.SliceOf(rapid.Custom(func(t *rapid.T) change {
		return change{
			rapid.String().Draw(t, "key"), history.F(rapid.IntRange(1, 8).Draw(t, "f")), rapid.Int64().Draw(t, "value"),
			rapid.SliceOf(rapid.Custom(drawDot)).Draw(t, "past"),
		}
	})).Draw(t, "changes")
	return u
}

func drawDot(t *rapid.T) dot {
	return dot{rapid.IntRange(0, 8).Draw(t, "node"), rapid.Uint64().Draw(t, "seq"), rapid.IntRange(0, 100).Draw(t, "n")}
}

func drawOrder(t *rapid.T) order {
	o := order{steps: rapid.SliceOf(rapid.Custom(drawStep)).Draw(t, "steps"), had: map[string]had{}, local: rapid.Bool().Draw(t, "local")}
	for range rapid.IntRange(0, 2).Draw(t, "had") {
		o.had[rapid.String().Draw(t, "key")] = had{rapid.String().Draw(t, "names"), rapid.SliceOf(rapid.Custom(drawDot)).Draw(t, "dots")}
	}
	return o
}

func drawStep(t *rapid.T) history.Step {
	s := history.Step{F: history.F(rapid.IntRange(1, 8).Draw(t, "f")), Key: rapid.String().Draw(t, "key")}
	switch rapid.IntRange(0, 2).Draw(t, "kind") {
	case 1:
		s.Value = history.Int(rapid.Int64().Draw(t, "n"))
	case 2:
		s.Value = history.List(rapid.SliceOf(rapid.Int64()).Draw(t, "list")...)
	}
	return s
}

func TestWhatIsWrittenIsRead(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		nodes := rapid.IntRange(2, 9).Draw(t, "nodes")
		u := drawUpdate(t, nodes)
		o := drawOrder(t)
		st := status{u.deps, rapid.IntRange(0, math.MaxInt32).Draw(t, "held"), rapid.Int64().Draw(t, "wall")}
		e := enc{}
		e.update(u)
		e.order(o)
		e.status(st)
		d := dec{b: e.b}
		gotU, gotO, gotST := d.update(nodes), d.order(), d.status()
		if d.err != nil || len(d.b) != 0 {
			t.Fatalf("error %v, %d bytes left", d.err, len(d.b))
		}
		again := enc{}
		if again.update(gotU); !bytes.HasPrefix(e.b, again.b) {
			t.Fatalf("%x is written again as %x", e.b, again.b)
		}
		gotU.body = nil
		if diff := cmp.Diff(u, gotU, opaque, cmpopts.EquateEmpty()); diff != "" {
			t.Fatal(diff)
		}
		if diff := cmp.Diff(o, gotO, opaque, cmpopts.EquateEmpty()); diff != "" {
			t.Fatal(diff)
		}
		if diff := cmp.Diff(st, gotST, opaque); diff != "" {
			t.Fatal(diff)
		}
		for cut := range e.b {
			d := dec{b: e.b[:cut]}
			d.update(nodes)
			d.order()
			d.status()
			if d.err == nil {
				t.Fatalf("%d of %d bytes were taken for the whole", cut, len(e.b))
			}
		}
	})
}

// FuzzMachine hands any bytes to a machine as a request, as a message of a
// peer and as a record of its disk. It must neither panic nor fall silent.
func FuzzMachine(f *testing.F) {
	e := enc{}
	e.byte(askSteps)
	e.order(order{steps: []history.Step{{F: history.Write, Key: "x", Value: history.Int(1)}, {F: history.Read, Key: "x"}, {F: history.Add, Key: "s", Value: history.Int(2)}}})
	f.Add(e.b)
	f.Add([]byte{askStatus})
	e = enc{}
	e.byte(msgUpdates)
	e.uint(1)
	u := update{origin: 1, seq: 1, deps: []uint64{0, 0, 0}, changes: []change{{key: "x", f: history.Write, value: 7}}}
	e.update(u)
	f.Add(e.b)
	e = enc{}
	e.uint(1)
	e.uint(1)
	e.update(u)
	f.Add(e.b)
	e = enc{}
	e.byte(msgUpdates)
	e.uint(1)
	e.uint(math.MaxUint64) // an origin that is negative where it is taken for an int
	e.uint(1)
	e.int(1)
	e.vector([]uint64{0, 0, 0})
	e.uint(0)
	f.Add(e.b)
	f.Add([]byte{msgAck, 200, 1})
	f.Add([]byte{msgDigest, 3, 0, 0, 0, 0, 0, 0})
	f.Add([]byte{msgAsk, askHome, 1, 1, 1, 1, 'x', 0, 0, 0})
	f.Add([]byte{msgAsk, askCertify, 1, 0, 0})
	f.Add([]byte{msgAnswer, 1, tellOK})
	f.Add([]byte{msgUpdates, 255, 255, 255, 255, 255, 255, 255, 255, 255, 1})
	f.Fuzz(func(t *testing.T, data []byte) {
		for i, delivery := range []string{fifo, causal, unordered, antiEntropy} {
			cfg := config{nodes: []string{"n1", "n2", "n3"}, topology: "all-to-all", delivery: delivery, defect: noDefect}
			cfg.policy = policies[(i*3+len(data))%len(policies)]
			cfg.links, _ = targets.Wire(cfg.topology, cfg.nodes)
			newMachine(cfg, "n1", &memory{records: [][]byte{data}})
			n := newNet(cfg)
			n.step(0, write("x", 1), 0, false)
			n.deliver(letter{"n2", "n1", data}, 0, false)
			n.deliver(letter{"stranger", "n1", data}, 0, false)
			if reply := n.step(0, targets.In{Kind: targets.Request, From: "client", Body: data}, 0, false); len(reply) == 0 && len(n.machines[0].central.waiting) == 0 {
				t.Error("no answer to a request")
			}
			n.step(0, targets.In{Kind: targets.Timer}, 0, false)
		}
	})
}
