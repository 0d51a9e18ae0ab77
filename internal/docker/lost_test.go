package docker

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/mlcheck/mlcheck/internal/agent"
	"github.com/mlcheck/mlcheck/internal/dockertest"
	"github.com/mlcheck/mlcheck/internal/engine"
)

// lone is a node whose agent is not the first process of its sandbox, as it always is in
// a run, so that the node is still there when its agent has ended.
type lone struct {
	*node
	t       *testing.T
	silence func() // ends what the runner says
}

func (n lone) must(err error) {
	n.t.Helper()
	if err != nil {
		n.t.Fatal(err)
	}
}

// loner makes such a node, with everything that a run's node has.
func loner(t *testing.T, eng engine.Engine, clock string) lone {
	t.Helper()
	image, run := agentImage(t, eng), runID(t)
	e := &echo{image: image}
	if clock == agent.VDSO {
		e.clock = clock
	}
	alive, silence := context.WithCancel(context.Background())
	c := &Cluster{eng: eng, cfg: Config{Run: run, Target: "echo", System: e}, system: e, alive: alive}
	n := lone{&node{cluster: c, name: "n1", spec: e.Spec("n1"), image: image, ip: "127.0.0.1", pipe: true}, t, silence}
	t.Cleanup(func() {
		silence()
		c.beats.Wait()
		if n.agent != nil {
			_ = n.agent.Close()
		}
		n.must(removeLabelled(context.Background(), eng, runLabel+"="+run, 0))
	})
	box := n.box(image)
	box.Command, box.Stdin = []string{"agent", "echo", "7001"}, false // anything that does not end
	var err error
	n.sandbox, err = eng.CreateContainer(t.Context(), box)
	n.must(err)
	n.must(eng.StartContainer(t.Context(), n.sandbox))
	stream, err := eng.Exec(t.Context(), n.sandbox, []string{"/mlcheck", "agent"})
	n.must(err)
	n.agent = agent.NewClient(stream)
	n.hello, err = n.agent.Hello(t.Context(), "token", clock)
	n.must(err)
	if n.hello.ClockWhy != "" {
		t.Fatal(n.hello.ClockWhy)
	}
	c.beats.Go(func() { n.heartbeat(alive) })
	n.must(n.startTarget(t.Context()))
	return n
}

// isOffBy waits until the target's own clock is off by that much.
func (n lone) isOffBy(limit, want time.Duration, when string) {
	n.t.Helper()
	within(n.t, limit, fmt.Sprintf("%s the clock is off by %s", when, want), func() bool {
		off, within, err := n.clock(context.Background(), n.cluster.cfg.System.(*echo))
		return err == nil && (off-want).Abs() <= within+100*time.Millisecond
	})
}

// again kills the target and starts it once more.
func (n lone) again() {
	n.t.Helper()
	err := n.cluster.eng.KillContainer(n.t.Context(), n.target)
	n.must(errors.Join(err, n.cluster.eng.StartContainer(n.t.Context(), n.target)))
}

// A run's nodes end with their agents, so nobody sees what becomes of their clocks when a
// runner is gone. These nodes stay: the clock of the target is right again, at once when the
// runner's end of the stream is closed, after the lease when it falls silent; also that of a
// program that was started while it was off, and of one that is frozen meanwhile.
func TestAnAgentThatLosesItsRunnerLeavesRightClocks(t *testing.T) {
	eng := dockertest.Engine(t)
	for _, c := range []struct {
		name string
		lose func(lone)
	}{
		{"closed", func(n lone) {
			_ = n.agent.Close()
			n.isOffBy(agent.Lease/2, 0, "the stream is closed, and")
		}},
		{"silent", func(n lone) {
			n.silence()
			n.isOffBy(2*agent.Lease, 0, "nobody says anything, and")
		}},
		{"frozen", func(n lone) {
			n.must(eng.PauseContainer(t.Context(), n.target))
			_ = n.agent.Close()
			select {
			case <-n.agent.Ended():
			case <-time.After(2 * agent.Lease):
				n.t.Error("the agent does not end")
			}
			n.must(eng.UnpauseContainer(t.Context(), n.target))
			n.isOffBy(agent.Lease/2, 0, "the target goes on, and")
		}},
	} {
		for _, clock := range []string{agent.VDSO, agent.Libfaketime} {
			t.Run(c.name+"-"+clock, func(t *testing.T) {
				t.Parallel()
				n := loner(t, eng, clock)
				n.isOffBy(20*time.Second, 0, "at the start")
				n.must(n.agent.Apply(t.Context(), agent.State{Generation: 1, Clock: &agent.Clock{Offset: time.Hour}}))
				n.isOffBy(agent.Lease, time.Hour, "under the fault")
				n.again()
				n.isOffBy(agent.Lease, time.Hour, "after a restart")
				c.lose(n)
				n.again()
				n.isOffBy(20*time.Second, 0, "after the next restart")
			})
		}
	}
}
