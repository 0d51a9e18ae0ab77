package mlcheck

import (
	"context"
	"testing"
	"time"

	"github.com/mlcheck/mlcheck/internal/world"
	"github.com/mlcheck/mlcheck/nemesis"
)

// Clocks that jump are compared with the schedule at the time at which they were read,
// not somewhere in the time that the probes of a bad link took.
func TestALookKnowsWhenClocksWereRead(t *testing.T) {
	r, _ := staged(t, with(func(t *Test) {
		t.Faults = []nemesis.Fault{slowed(0, time.Second, nemesis.Impairment{Delay: 300 * time.Millisecond})}
	}))
	n := newSaboteur(r)
	err := r.cluster.Run(t.Context(), world.Task{Name: "look", Do: func(ctx context.Context) error {
		if err := r.cluster.Fabric().Apply(ctx, nemesis.At(n.Faults, 0)); err != nil {
			return err
		}
		began := r.cluster.Now()
		m, err := n.look(ctx)
		if took := r.cluster.Now() - began; took < 300*time.Millisecond || m.from != m.to || m.to > began+1 {
			t.Errorf("a look took %s, and its clocks were read between %s and %s", took, m.from, m.to)
		}
		return err
	}})
	if err != nil {
		t.Fatal(err)
	}
}
