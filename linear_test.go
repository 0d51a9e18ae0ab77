package mlcheck

import (
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/mlcheck/mlcheck/history"
	"github.com/mlcheck/mlcheck/nemesis"
)

// register is one key of one leader, to porcupine.
var register = porcupine.Model{
	Init: func() any { return int64(0) },
	Step: func(state, input, output any) (bool, any) {
		step := input.(history.Step)
		if step.F == history.Write {
			return true, step.Value.N
		}
		return output.(history.Value).N == state.(int64), state
	},
}

// operations are those of one key at one leader, as porcupine takes them.
func operations(h *history.History, node, key string) []porcupine.Operation {
	var ops []porcupine.Operation
	for k := range h.Len() {
		op := h.Op(k)
		if op.Outcome != history.OK || op.Node != node || op.Steps[0].Key != key || op.Final {
			continue
		}
		ops = append(ops, porcupine.Operation{
			ClientId: op.Session, Input: op.Steps[0], Output: op.Steps[0].Value,
			Call: int64(op.Index), Return: int64(op.Return),
		})
	}
	return ops
}

// A leader that no link reaches is an ordinary store, and must be linearizable
// key by key: this is what the history's order and the simulated world rest on,
// judged by a checker of somebody else's.
func TestALeaderAloneIsLinearizable(t *testing.T) {
	cut := nemesis.Fault{
		ID: 1, Kind: nemesis.Partition, From: 0, Until: 5 * time.Second,
		Links: []history.Link{{From: "n1", To: "n2"}, {From: "n2", To: "n1"}},
	}
	o := simulated(t, Test{
		Leaders: 2, Sessions: 8, Keys: 2, Rate: 400, Time: 5 * time.Second, Moves: Share(0.2),
		Options: map[string]string{"policy": "lww-hlc"}, Faults: []nemesis.Fault{cut}, Seed: 9,
	})
	h, err := history.Open(o.Dir)
	if err != nil {
		t.Fatal(err)
	}
	concurrent := 0
	for _, node := range h.Header.Nodes {
		for _, key := range h.Keys() {
			ops := operations(h, node, key)
			if got := porcupine.CheckOperationsTimeout(register, ops, time.Minute); got != porcupine.Ok {
				t.Errorf("%s at %s, %d operations: %s", key, node, len(ops), got)
			}
			for i := 1; i < len(ops); i++ {
				if ops[i].Call < ops[i-1].Return {
					concurrent++
				}
			}
		}
	}
	if concurrent < 50 {
		t.Errorf("only %d operations overlapped: a history without concurrency shows nothing", concurrent)
	}
}
