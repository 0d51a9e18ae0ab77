package docker

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mlcheck/mlcheck/history"
	"github.com/mlcheck/mlcheck/internal/dockertest"
	"github.com/mlcheck/mlcheck/nemesis"
	"github.com/mlcheck/mlcheck/targets"
	"github.com/mlcheck/mlcheck/targets/reference"
)

// store is the reference store, deployed: sets, so that what is missing shows.
type store struct {
	t *testing.T
	*Cluster
	target targets.System
	added  []int64
}

func deployStore(t *testing.T, change ...func(*Config)) *store {
	t.Helper()
	return deployStoreWith(t, nil, change...)
}

func deployStoreWith(t *testing.T, chosen map[string]string, change ...func(*Config)) *store {
	t.Helper()
	eng := dockertest.Engine(t)
	options := map[string]string{}
	for _, o := range (reference.Target{}).Options() {
		options[o.Name] = o.Default
	}
	options["policy"] = "add-wins"
	maps.Copy(options, chosen)
	nodes := []string{"n1", "n2", "n3"}
	plan, err := reference.Target{}.Configure(targets.Config{Nodes: nodes, Topology: "all-to-all", World: "docker", Options: options})
	if err != nil {
		t.Fatal(err)
	}
	cfg := Config{Run: runID(t), Target: "reference", Nodes: nodes, Links: plan.Links, System: plan.System, Progress: t.Logf}
	for _, f := range change {
		f(&cfg)
	}
	c, err := Start(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(context.Background()); err != nil {
			t.Error(err)
		}
		nothingLeft(t, eng, cfg.Run)
	})
	return &store{t: t, Cluster: c, target: plan.System}
}

// do performs a step at a node.
func (s *store) do(node int, step history.Step) history.Value {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), 10*time.Second)
	defer cancel()
	client, err := s.target.Connect(ctx, s.Nodes()[node])
	if err != nil {
		s.t.Fatal(err)
	}
	defer client.Close()
	done, err := client.Do(ctx, []history.Step{step})
	if err != nil {
		s.t.Fatal(err)
	}
	return done.Steps[0].Value
}

func (s *store) add(node int) {
	s.t.Helper()
	s.added = append(s.added, int64(len(s.added)+1))
	s.do(node, history.Step{F: history.Add, Key: "k", Value: history.Int(s.added[len(s.added)-1])})
}

func (s *store) at(node int) []int64 {
	s.t.Helper()
	return s.do(node, history.Step{F: history.Read, Key: "k"}).List
}

func (s *store) everywhere() bool {
	return slices.Equal(s.at(0), s.added) && slices.Equal(s.at(1), s.added) && slices.Equal(s.at(2), s.added)
}

func TestReplicationStallsOnACutLinkAndRecoversOnceItIsHealed(t *testing.T) {
	s := deployStore(t)
	for _, cut := range [][]history.Link{
		links("n1", "n2", "n2", "n1", "n1", "n3", "n3", "n1"),
		links("n1", "n2", "n1", "n3"), // one way: no confirmation comes back either
	} {
		s.add(0)
		within(t, 10*time.Second, "all leaders have everything", s.everywhere)
		before := s.at(1)
		apply(t, s.Cluster, nemesis.State{Cut: cut})
		for range 30 { // long enough for connections to be given up and tried again
			s.add(0)
			if got := s.at(1); !slices.Equal(got, before) {
				t.Fatalf("n2 has %v across the cut", got[len(before):])
			}
			time.Sleep(100 * time.Millisecond)
		}
		apply(t, s.Cluster, nemesis.State{})
		healed := time.Now()
		within(t, 20*time.Second, "all leaders have everything again", s.everywhere)
		t.Logf("%d links cut for 3 s: all leaders agree %v after healing", len(cut), time.Since(healed).Round(time.Millisecond))
	}
}

func TestAKilledLeaderHasItsLogAndItsPeersWhenItIsBack(t *testing.T) {
	s := deployStore(t)
	for range 20 {
		s.add(1)
	}
	apply(t, s.Cluster, nemesis.State{Down: []nemesis.DownState{{Node: "n2", By: nemesis.Kill}}})
	s.add(0)
	apply(t, s.Cluster, nemesis.State{})
	began := time.Now()
	within(t, 20*time.Second, "n2 serves clients", func() bool { return s.system.Ready(t.Context(), s.nodes[1]) == nil })
	if got := s.at(1); len(got) < 20 {
		t.Errorf("n2 has only %v of what it had acknowledged", got)
	}
	within(t, 20*time.Second, "all leaders have everything", s.everywhere)
	t.Logf("all leaders agree %v after the start", time.Since(began).Round(time.Millisecond))
}

func TestAFullDiskRefusesWritesAndReadsAndRestartsGoOn(t *testing.T) {
	s := deployStore(t, func(c *Config) { c.Fills = true })
	for range 5 {
		s.add(1)
	}
	full := nemesis.State{Disks: []nemesis.DiskState{{Node: "n2", DiskTrouble: nemesis.DiskTrouble{Full: true}}}}
	apply(t, s.Cluster, full)
	if m := measure(t, s.Cluster); !m.Disks["n2"].Full || m.Disks["n1"].Full || m.Nodes["n2"].Is != nemesis.Up {
		t.Errorf("%+v, %+v", m.Disks, m.Nodes)
	}
	client, err := s.target.Connect(t.Context(), s.Nodes()[1])
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	_, err = client.Do(t.Context(), []history.Step{{F: history.Add, Key: "k", Value: history.Int(99)}})
	if !errors.Is(err, targets.ErrRefused) || !strings.Contains(err.Error(), "full") {
		t.Errorf("a write on a full disk: %v", err)
	}
	if got := s.at(1); !slices.Equal(got, s.added) {
		t.Errorf("a read under a full disk: %v", got)
	}
	s.add(0)
	down := full
	down.Down = []nemesis.DownState{{Node: "n2", By: nemesis.Kill}}
	apply(t, s.Cluster, down)
	apply(t, s.Cluster, nemesis.State{})
	if m := measure(t, s.Cluster); m.Disks["n2"].Full || m.Disks["n2"].Sync <= 0 || m.Nodes["n2"].Is != nemesis.Up {
		t.Errorf("%+v, %+v", m.Disks, m.Nodes)
	}
	within(t, 20*time.Second, "all leaders have everything", s.everywhere)
}

func TestATargetThatDiesOfItsFullDiskIsStartedWhenThereIsRoom(t *testing.T) {
	c := started(t, func(cfg *Config, e *echo) { cfg.Fills, e.data = true, "/data" })
	apply(t, c, nemesis.State{Disks: []nemesis.DiskState{{Node: "n1", DiskTrouble: nemesis.DiskTrouble{Full: true}}}})
	if _, err := ask(t.Context(), c.nodes[0], "exit"); err == nil { // as one does that cannot write
		t.Error("the echo goes on after its exit")
	}
	within(t, 10*time.Second, "n1 is down", func() bool { return measure(t, c).Nodes["n1"].Is == nemesis.Down })
	apply(t, c, nemesis.State{})
	if m := measure(t, c); m.Nodes["n1"].Is != nemesis.Up || m.Disks["n1"].Full {
		t.Errorf("%+v, %+v", m.Nodes["n1"], m.Disks["n1"])
	}
}
