package docker

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mlcheck/mlcheck/history"
	"github.com/mlcheck/mlcheck/internal/agent"
	"github.com/mlcheck/mlcheck/internal/engine"
	"github.com/mlcheck/mlcheck/nemesis"
	"github.com/mlcheck/mlcheck/targets"
)

// A wiped node is down with nothing on its disk, comes up on that, and is wired anew once;
// cuts and clocks outlast it, and a disk that is full stays so.
func TestAWipedNodeComesUpOnAnEmptyDiskAndIsWiredOnce(t *testing.T) {
	rejoins := &rejoiner{}
	c := started(t, func(cfg *Config, e *echo) {
		cfg.Fills, cfg.Wipes, e.data, e.clock = true, true, "/data", agent.VDSO
		rejoins.echo = e
		cfg.System = rejoins
	})
	n1, n2 := c.nodes[0], c.nodes[1]
	for _, n := range c.nodes {
		write(t, n, "/data/note", n.name)
	}
	wiped := nemesis.State{
		Cut:    links("n1", "n2", "n2", "n1"),
		Clocks: []nemesis.ClockState{{Node: "n1", Offset: time.Hour, Since: c.Now()}},
		Down:   []nemesis.DownState{{Node: "n1", By: nemesis.Wipe}, {Node: "n3", By: nemesis.Kill}},
	}
	apply(t, c, wiped)
	m := measure(t, c)
	if p := m.Nodes["n1"]; p.Is != nemesis.Down || p.Kept != 0 || p.Lost != 1 || p.Of != files {
		t.Errorf("wiped: %+v", p)
	}
	if p := m.Nodes["n3"]; p.Is != nemesis.Down || p.Kept != -1 {
		t.Errorf("killed: %+v", p)
	}
	apply(t, c, wiped) // it is so already
	if p := measure(t, c).Nodes["n1"]; p.Lost != 1 {
		t.Errorf("wiped again: %+v", p)
	}
	full := wiped
	full.Down = []nemesis.DownState{{Node: "n3", By: nemesis.Kill}}
	full.Disks = troubled(nemesis.DiskTrouble{Full: true}).Disks
	apply(t, c, full)
	if m := measure(t, c); m.Nodes["n1"].Is != nemesis.Up || !m.Disks["n1"].Full || len(rejoins.asked) > 0 {
		t.Errorf("it came up on a full disk: %+v, %+v, wired: %v", m.Nodes["n1"], m.Disks["n1"], rejoins.asked)
	}
	full.Disks = nil
	apply(t, c, full)
	if !slices.Equal(rejoins.asked, []string{"n1"}) {
		t.Errorf("wired anew: %v", rejoins.asked)
	}
	if has := read(t, n1, "/data/note"); has != "" {
		t.Errorf("n1 still has %q", has)
	}
	if off := measure(t, c).Clocks["n1"]; (off - time.Hour).Abs() > time.Minute {
		t.Errorf("n1's clock is off by %s, not an hour", off)
	}
	if talk(t, n2, n1) {
		t.Error("the cut between n1 and n2 is gone")
	}
	apply(t, c, nemesis.State{})
	if has := read(t, c.nodes[2], "/data/note"); has != "n3" || !talk(t, n2, n1) {
		t.Errorf("n3, which was killed, has %q", has)
	}
	m = measure(t, c)
	if n1, n3 := m.Nodes["n1"], m.Nodes["n3"]; !n1.Bare || n1.Why != "" || n3.Bare {
		t.Errorf("n1 came up with an empty disk: %+v; n3 did not: %+v", n1, n3)
	}
	killedThenWiped(t, c, rejoins)
	behindTheBack(t, c)
}

// killedThenWiped is a node that loses its disk while it is down, and that nobody can wire
// at first: it is tried until all is well, and then that is an error.
func killedThenWiped(t *testing.T, c *Cluster, rejoins *rejoiner) {
	t.Helper()
	write(t, c.nodes[0], "/data/note", "again")
	rejoins.asked, rejoins.refuse = nil, errors.New("no donor")
	for _, by := range []string{nemesis.Kill, nemesis.Wipe, nemesis.Kill} {
		apply(t, c, fallen(by))
	}
	apply(t, c, nemesis.State{Cut: links("n1", "n2")})
	if p := measure(t, c).Nodes["n1"]; p.Is != nemesis.Up || !p.Bare || p.Why != "and is not wired to the others yet: no donor" {
		t.Errorf("nobody could wire it while a link is cut: %+v", p)
	}
	err := c.Fabric().Apply(t.Context(), nemesis.State{})
	if err == nil || !strings.Contains(err.Error(), "node n1: it has come up with an empty disk and cannot be wired to the others: no donor") || !strings.Contains(err.Error(), "echo: ready") {
		t.Errorf("nobody could wire it when all was well: %v", err)
	}
	rejoins.refuse = nil
	apply(t, c, nemesis.State{})
	if p := measure(t, c).Nodes["n1"]; len(rejoins.asked) != 3 || p.Is != nemesis.Up || p.Why != "" {
		t.Errorf("asked %d times, want 3: %+v", len(rejoins.asked), p)
	}
	if has := read(t, c.nodes[0], "/data/note"); has != "" {
		t.Errorf("n1 has %q", has)
	}
}

// behindTheBack leaves something on a disk that was emptied: that is seen, and the node
// is not started on it.
func behindTheBack(t *testing.T, c *Cluster) {
	t.Helper()
	apply(t, c, fallen(nemesis.Wipe))
	n := c.nodes[0]
	tar, err := engine.Tar(engine.File{Name: "left", Mode: 0o600})
	if err == nil {
		err = c.eng.CopyTo(t.Context(), n.target, "/data", tar)
	}
	if err != nil {
		t.Fatal(err)
	}
	if p := measure(t, c).Nodes["n1"]; p.Kept != 1 {
		t.Errorf("something is on its disk: %+v", p)
	}
	err = c.Fabric().Apply(t.Context(), nemesis.State{})
	if err == nil || !strings.Contains(err.Error(), "n1") || !strings.Contains(err.Error(), "1 files on it again") {
		t.Errorf("started: %v", err)
	}
}

// rejoiner is an echo that has to be wired anew when its disk was lost.
type rejoiner struct {
	*echo
	refuse error
	asked  []string
}

func (r *rejoiner) Rejoin(ctx context.Context, n targets.Node, all []targets.Node) error {
	if err := r.Ready(ctx, n); err != nil || len(all) != 3 {
		return fmt.Errorf("%d nodes, %w", len(all), err)
	}
	r.asked = append(r.asked, n.Name())
	return r.refuse
}

// write puts a word into a file of a node's echo.
func write(t *testing.T, n targets.Node, path, word string) {
	t.Helper()
	if answer, err := ask(t.Context(), n, "write "+path+" "+word); err != nil || answer != "ok" {
		t.Fatalf("write: %s, %v", answer, err)
	}
}

// read gives the word in a file of a node's echo; "": there is none.
func read(t *testing.T, n targets.Node, path string) string {
	t.Helper()
	answer, err := ask(t.Context(), n, "read "+path)
	if err != nil {
		t.Fatal(err)
	}
	word, _ := strings.CutPrefix(answer, "has ")
	if word == answer {
		return ""
	}
	return word
}

func TestADiskIsNotLostWhereThereIsNone(t *testing.T) {
	for want, change := range map[string]func(*Config, *echo){
		"does not say where": func(cfg *Config, _ *echo) { cfg.Wipes = true },
		"without a volume":   func(_ *Config, e *echo) { e.data = "/data" },
	} {
		e, cfg := &echo{}, Config{}
		change(&cfg, e)
		n := &node{name: "n1", cluster: &Cluster{cfg: cfg}, spec: e.Spec("n1")}
		f := &fabric{byName: map[string]*node{"n1": n}}
		if why := f.Cannot(fallen(nemesis.Wipe)); len(why) != 1 || !strings.Contains(why[0], want) {
			t.Errorf("%q, want %q", why, want)
		}
	}
}

// The store's leaders ask for what they lost: what the others have comes back, what only
// one of them had does not, and nothing that is written later is lost.
func TestALeaderOfTheStoreThatLostItsDiskRejoins(t *testing.T) {
	s := deployStoreWith(t, map[string]string{"rejoin": "on", "delivery": "anti-entropy"}, func(c *Config) { c.Wipes = true })
	quiet := func() bool {
		q, _, err := s.target.(targets.Quiet).Quiet(t.Context(), s.Nodes())
		return err == nil && q == history.QuietYes
	}
	within(t, 20*time.Second, "leaders without a log have asked each other", quiet)
	for i := range 6 {
		s.add(i % 3)
	}
	within(t, 10*time.Second, "all leaders have everything", s.everywhere)
	alone := links("n1", "n2", "n2", "n1", "n2", "n3", "n3", "n2")
	apply(t, s.Cluster, nemesis.State{Cut: alone})
	s.do(1, history.Step{F: history.Add, Key: "k", Value: history.Int(99)}) // nobody else hears of it
	apply(t, s.Cluster, nemesis.State{Cut: alone, Down: []nemesis.DownState{{Node: "n2", By: nemesis.Wipe}}})
	if p := measure(t, s.Cluster).Nodes["n2"]; p.Is != nemesis.Down || p.Kept != 0 || p.Lost != 2 {
		t.Errorf("%+v", p)
	}
	apply(t, s.Cluster, nemesis.State{Cut: alone}) // it is up, and reaches nobody
	s.add(0)
	if q, why, err := s.target.(targets.Quiet).Quiet(t.Context(), s.Nodes()); q != history.QuietMoving || err != nil {
		t.Errorf("it has not caught up, and replication is %s: %s, %v", q, why, err)
	}
	apply(t, s.Cluster, nemesis.State{})
	began := time.Now()
	within(t, 20*time.Second, "replication rests", quiet)
	t.Logf("it had caught up after %v", time.Since(began).Round(time.Millisecond))
	if !s.everywhere() {
		t.Errorf("n1 %v, n2 %v, n3 %v, want %v", s.at(0), s.at(1), s.at(2), s.added)
	}
	s.add(1)
	within(t, 10*time.Second, "what it writes now is everywhere", s.everywhere)
}
