package checker

import (
	"context"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/mlcheck/mlcheck/history"
)

// tinySet is an add of an element, or a read that returned elements.
type tinySet struct {
	session int
	add     int64
	read    []int64
}

// missesItsPast says by definition, for every read, whether an element whose add
// is in its causal past is not in it.
func missesItsPast(ops []tinySet) int {
	n := len(ops)
	before := make([][]bool, n)
	for i := range before {
		before[i] = make([]bool, n)
		for j := range ops {
			before[i][j] = i < j && ops[i].session == ops[j].session || ops[i].add != 0 && slices.Contains(ops[j].read, ops[i].add)
		}
	}
	for k := range n {
		for i := range n {
			for j := range n {
				before[i][j] = before[i][j] || before[i][k] && before[k][j]
			}
		}
	}
	bad := 0
	for r, op := range ops {
		for i, a := range ops {
			if op.add == 0 && a.add != 0 && before[i][r] && !slices.Contains(op.read, a.add) {
				bad++
				break
			}
		}
	}
	return bad
}

func TestSetsAgreeWithTheDefinition(t *testing.T) {
	wrong := 0
	for seed := range uint64(2000) {
		r := rand.New(rand.NewPCG(seed, 3))
		ops := make([]tinySet, 3+r.IntN(9))
		var added []int64
		b := history.NewBuilder(history.Header{Nodes: []string{"n1"}})
		for i := range ops {
			ops[i].session = r.IntN(3)
			asked, done := history.Step{F: history.Read, Key: "s"}, history.Step{F: history.Read, Key: "s"}
			if r.IntN(2) == 0 {
				ops[i].add = int64(i + 1)
				added = append(added, ops[i].add)
				asked = history.Step{F: history.Add, Key: "s", Value: history.Int(ops[i].add)}
				done = asked
			} else {
				for _, v := range added {
					for range r.IntN(5) / 2 { // sometimes twice
						ops[i].read = append(ops[i].read, v)
					}
				}
				done.Value = history.List(ops[i].read...)
			}
			at := time.Duration(i)
			if err := b.Invoke(2*i+1, at, ops[i].session, "n1", []history.Step{asked}, false); err != nil {
				t.Fatal(err)
			}
			if err := b.Complete(2*i+2, at, ops[i].session, history.OK, []history.Step{done}, history.Meta{}); err != nil {
				t.Fatal(err)
			}
		}
		want := missesItsPast(ops)
		if want > 0 {
			wrong++
		}
		if found := checkCC(context.Background(), newIndex(b.History())); found.Violations != want {
			t.Fatalf("seed %d: %v: %d reads miss something of their past, %d were found", seed, ops, want, found.Violations)
		}
	}
	if wrong < 100 {
		t.Errorf("only %d histories were wrong", wrong)
	}
}
