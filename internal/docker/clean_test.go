package docker

import (
	"testing"
	"time"

	"github.com/mlcheck/mlcheck/internal/engine"
)

func TestRunIsLeftOverOnceAllItsAgentsHaveEnded(t *testing.T) {
	now := time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
	object := func(kind engine.Kind, role, state string, age time.Duration, more ...string) engine.Object {
		labels := map[string]string{roleLabel: role}
		for _, l := range more {
			labels[l] = "true"
		}
		return engine.Object{Kind: kind, State: state, Labels: labels, Created: now.Add(-age)}
	}
	agent := func(state string, age time.Duration) engine.Object {
		return object(engine.ContainerKind, agentRole, state, age)
	}
	network := func(age time.Duration) engine.Object { return object(engine.NetworkKind, "", "", age) }
	for _, c := range []struct {
		name    string
		objects []engine.Object
		want    bool
	}{
		{"all agents have ended", []engine.Object{agent("exited", time.Minute), agent("dead", time.Minute), network(time.Minute)}, true},
		{"all agents have ended, and their volumes are there", []engine.Object{agent("exited", time.Minute), object(engine.VolumeKind, agentRole, "", time.Minute)}, true},
		{"one still runs", []engine.Object{agent("exited", time.Hour), agent("running", time.Hour)}, false},
		{"one is paused", []engine.Object{agent("exited", time.Hour), agent("paused", time.Hour)}, false},
		{"one is about to start", []engine.Object{agent("exited", time.Second), agent("created", time.Second)}, false},
		{"a network alone, just made", []engine.Object{network(time.Second)}, false},
		{"a network alone, for long", []engine.Object{network(time.Hour)}, true},
		{"sandboxes that never started, for long", []engine.Object{agent("created", time.Hour), network(time.Hour)}, true},
		{"an old network and a sandbox just made", []engine.Object{agent("created", time.Second), network(time.Hour)}, false},
		{"a target without its agent", []engine.Object{object(engine.ContainerKind, targetRole, "exited", time.Minute)}, false},
		{"kept, and ended by a restart of the engine", []engine.Object{object(engine.ContainerKind, agentRole, "exited", time.Hour, keepLabel)}, false},
	} {
		if got := leftOver(c.objects, now); got != c.want {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}
