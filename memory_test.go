package mlcheck

import (
	"bytes"
	"context"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/mlcheck/mlcheck/history"
)

// Soak, shrink and most tests judge what was recorded in memory, so that must be
// what a run folder would hold.
func TestAHistoryInMemoryIsThatOfTheRunFolder(t *testing.T) {
	for _, workload := range []string{"register", "rmw", "set", "causal", "removals"} {
		t.Run(workload, func(t *testing.T) {
			test := Test{
				Workload: workload, Time: 4 * time.Second, Nemesis: []string{"partition", "clock"}, Seed: 5,
				Options: map[string]string{"policy": "lww-hlc"},
			}
			file, err := history.Open(simulated(t, test).Dir)
			if err != nil {
				t.Fatal(err)
			}
			memory := historyOf(t, test)
			var a, b bytes.Buffer
			for h, to := range map[*history.History]*bytes.Buffer{file: &a, memory: &b} {
				if err := h.WriteJSONL(to); err != nil {
					t.Fatal(err)
				}
			}
			if !bytes.Equal(a.Bytes(), b.Bytes()) {
				t.Error("the lines differ")
			}
			if diff := cmp.Diff(file.Keys(), memory.Keys()) + cmp.Diff(file.Nodes(), memory.Nodes()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestOnlyTheSimulatedWorldStaysInMemory(t *testing.T) {
	p, err := Test{Target: "mariadb", Time: time.Second}.plan()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.simulated(context.Background()); err == nil {
		t.Error("a run in containers was started")
	}
}

func TestAnInterruptedRunLeavesWhatWasDone(t *testing.T) {
	p, err := Test{Time: 2 * time.Second}.plan()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	h, err := p.simulated(ctx)
	if err != nil || h == nil || len(h.Events) == 0 {
		t.Errorf("%v, %v", h, err)
	}
}
