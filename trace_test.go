package mlcheck

import (
	"context"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/mlcheck/mlcheck/history"
	"github.com/mlcheck/mlcheck/internal/sim"
	"github.com/mlcheck/mlcheck/targets"
	"github.com/mlcheck/mlcheck/targets/reference"
)

// told is one thing that a leader told about itself, and when.
type told struct {
	at   time.Duration
	node string
	reference.TraceEntry
}

// telling is the simulated world of a Test with leaders that tell what they do.
func telling(t *testing.T, p *plan, trace func(told)) *sim.Cluster {
	return sim.Start(sim.Config{
		Nodes: p.nodes, Links: p.conf.Links, Seed: p.Seed, System: reference.Traced(p.conf.System).(targets.Simulated),
		Trace: func(at time.Duration, node string, body []byte) {
			e, err := reference.ReadTrace(body)
			if err != nil {
				t.Errorf("%s at %s: %v", node, at, err)
			}
			trace(told{at, node, e})
		},
	})
}

// traced runs a Test with leaders that tell what they do.
func traced(t *testing.T, test Test) (*history.History, []told) {
	t.Helper()
	p, err := test.plan()
	if err != nil {
		t.Fatal(err)
	}
	var all []told
	r := &runner{plan: p, opt: Options{Progress: func(string, ...any) {}}}
	r.cluster = telling(t, p, func(e told) { all = append(all, e) })
	if err := r.record(context.Background()); err != nil {
		t.Fatalf("seed %d: %v", test.Seed, err)
	}
	h, err := r.memory.History()
	if err != nil {
		t.Fatal(err)
	}
	return h, all
}

// TestTellingChangesNothing: with leaders that tell what they do, clients see the
// same, and every acknowledged write is told of where it was made and where it came.
func TestTellingChangesNothing(t *testing.T) {
	for _, policy := range []string{"lww-wall", "siblings", "home", "certify"} {
		test := Test{Nemesis: []string{"partition", "clock"}, Time: 5 * time.Second, Seed: 3, Options: opts("policy", policy)}
		h, all := traced(t, test)
		plain := historyOf(t, test)
		if h.Len() != plain.Len() {
			t.Fatalf("%s: %d operations told, %d untold", policy, h.Len(), plain.Len())
		}
		for k := range h.Len() {
			if a, b := h.Op(k), plain.Op(k); !cmp.Equal(a, b) {
				t.Fatalf("%s: %+v told, %+v untold", policy, a, b)
			}
		}
		applied := map[int64]int{}
		for _, e := range all {
			if e.Kind == reference.TraceApplied {
				for _, s := range e.Wrote {
					applied[s.Value.N]++
				}
			}
		}
		for k := range h.Len() {
			for _, s := range h.Op(k).Steps {
				if n := applied[s.Value.N]; h.Outcome(k) == history.OK && s.F == history.Write && n != 3 {
					t.Errorf("%s: %d was applied at %d leaders of 3", policy, s.Value.N, n)
				}
			}
		}
	}
}
