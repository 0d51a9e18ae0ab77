package naive

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/mlcheck/mlcheck/history"
)

// happening makes a history in which every read returns something that was
// asked to be written before the read was answered.
func happening(r *rand.Rand) *history.History {
	b := history.NewBuilder(history.Header{
		Nodes:        []string{"n1", "n2", "n3"},
		SessionScope: []string{"", "client"}[r.IntN(2)],
		Granularity:  []string{"", "transaction"}[r.IntN(2)],
		NodeOrder:    r.IntN(3) == 0,
	})
	open := map[int][]history.Step{}
	written := map[string][]int64{"x": {0}, "y": {0}}
	most := 1 + r.IntN(2)
	for i := 1; i < 60; i++ {
		at, s := time.Duration(i), r.IntN(5)
		if asked, busy := open[s]; busy {
			done := slices.Clone(asked)
			for j, st := range done {
				if vs := written[st.Key]; st.F == history.Read {
					done[j].Value = history.Int(vs[r.IntN(len(vs))])
				}
			}
			m := history.Meta{By: []string{"", "", "n2"}[r.IntN(3)], Token: []string{"", "t"}[r.IntN(2)]}
			must(b.Complete(i, at, s, []history.Outcome{history.OK, history.OK, history.OK, history.Info}[r.IntN(4)], done, m))
			delete(open, s)
			continue
		}
		if r.IntN(25) == 0 {
			must(b.Event(history.Event{Index: i, T: at, Type: history.FaultEvent, Fault: 1, Kind: "kill", Phase: history.Effective, Nodes: []string{"n1"}}))
			continue
		}
		steps := make([]history.Step, 1+r.IntN(most))
		for j := range steps {
			steps[j] = history.Step{F: history.Read, Key: []string{"x", "y"}[r.IntN(2)]}
			if r.IntN(2) == 0 {
				steps[j].F, steps[j].Value = history.Write, history.Int(int64(10*i+j))
				written[steps[j].Key] = append(written[steps[j].Key], int64(10*i+j))
			}
		}
		open[s] = steps
		must(b.Invoke(i, at, s, []string{"n1", "n2", "n3"}[r.IntN(3)], steps, r.IntN(20) == 0))
	}
	return b.History()
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}

// The search through a long history finds exactly what the matrix of a short one
// has.
func TestTheSearchAgreesWithTheMatrix(t *testing.T) {
	after := 0
	for seed := range uint64(3000) {
		h := happening(rand.New(rand.NewPCG(seed, 9)))
		m := newModel(h)
		m.order()
		search := NewSearch(h)
		for w, st := range m.steps {
			if !st.F.IsWrite() || m.ops[st.op].Outcome != history.OK {
				continue
			}
			for s := range m.steps {
				e := m.steps[s].event
				if m.ops[m.steps[s].op].Outcome == history.Fail || e == st.event {
					continue
				}
				_, found := search.Follows(w, func(step int) bool { return step == s })
				if found != m.is(st.event, e) {
					t.Fatalf("seed %d: step %d after step %d: the search says %v, the matrix %v", seed, s, w, found, m.is(st.event, e))
				}
				if found {
					after++
				}
			}
			break
		}
	}
	if after < 1000 {
		t.Errorf("only %d steps were after others", after)
	}
}
