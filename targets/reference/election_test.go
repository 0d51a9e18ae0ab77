package reference

import (
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/mlcheck/mlcheck/history"
	"github.com/mlcheck/mlcheck/targets"
)

// electing is a net whose homes are elected, and what must never change of it.
type electing struct {
	*leaders
	homes map[[2]uint64]int   // group, epoch → who was its home
	sure  map[[2]uint64]entry // group, position → the entry that counted there
}

func newElecting(t *rapid.T, failover, defect string) *electing {
	cfg := config{topology: "all-to-all", policy: lookupPolicy("home"), delivery: fifo, reads: readsDecided, failover: failover, defect: defect}
	cfg.nodes = []string{"n1", "n2", "n3", "n4", "n5"}[:rapid.SampledFrom([]int{2, 3, 3, 4, 5}).Draw(t, "leaders")]
	cfg.links, _ = targets.Wire(cfg.topology, cfg.nodes)
	return &electing{newNet(cfg), map[[2]uint64]int{}, map[[2]uint64]entry{}}
}

// something happens: timers ring, letters arrive in any order, are repeated or lost,
// clients write, and a machine dies in the middle of a step.
func (n *electing) something(t *rapid.T) {
	i := rapid.IntRange(0, len(n.machines)-1).Draw(t, "machine")
	crash := rapid.IntRange(0, 15).Draw(t, "crash") == 0
	outs := 0
	if crash {
		outs = rapid.IntRange(0, 6).Draw(t, "outs before the crash")
	}
	switch what := rapid.SampledFrom([]string{"timers", "deliver", "deliver", "lose", "write", "write", "side", "side"}).Draw(t, "what"); what {
	case "timers":
		for range rapid.IntRange(1, 12).Draw(t, "timers") {
			n.step(i, targets.In{Kind: targets.Timer, Wall: time.Unix(1, 0)}, outs, crash)
		}
	case "side":
		side := rapid.IntRange(0, 1<<len(n.machines)-1).Draw(t, "side")
		n.together(func(i int) bool { return side>>i&1 == 1 }, rapid.IntRange(1, 30).Draw(t, "rounds"))
	case "write":
		n.value++
		key := rapid.SampledFrom([]string{"x", "y", "z"}).Draw(t, "key")
		n.step(i, write(key, n.value), outs, crash)
	default:
		for range rapid.IntRange(1, 12).Draw(t, "letters") {
			if len(n.letters) == 0 {
				return
			}
			k := rapid.IntRange(0, len(n.letters)-1).Draw(t, "letter")
			l := n.letters[k]
			if rapid.IntRange(0, 9).Draw(t, "repeated") > 0 {
				n.letters = slices.Delete(n.letters, k, k+1)
			}
			if what == "deliver" {
				n.deliver(l, outs, crash)
			}
		}
	}
}

// wrong says what is there that must never be: two homes in one epoch, or another
// entry where one has counted.
func (n *electing) wrong() string {
	for i, m := range n.machines {
		for _, g := range m.groups {
			at := [2]uint64{uint64(g.id), g.epoch}
			if home, known := n.homes[at]; g.leads() && known && home != i {
				return "two homes in one epoch: " + n.cfg.nodes[home] + " and " + n.cfg.nodes[i]
			} else if g.leads() {
				n.homes[at] = i
			}
			for k := range g.commit {
				at := [2]uint64{uint64(g.id), uint64(k)}
				was, known := n.sure[at]
				if is := g.log[k]; known && (was.epoch != is.epoch || was.ticket != is.ticket) {
					return "an entry that counted is another one at " + n.cfg.nodes[i]
				}
				n.sure[at] = g.log[k]
			}
		}
	}
	return ""
}

// together is a while in which some machines reach each other, and nobody else
// anybody: timers ring in turn, and letters arrive in order.
func (n *electing) together(in func(int) bool, rounds int) {
	for range rounds {
		for i := range n.machines {
			if !in(i) {
				continue
			}
			n.step(i, targets.In{Kind: targets.Timer, Wall: time.Unix(1, 0)}, 0, false)
			for len(n.letters) > 0 {
				l := n.letters[0]
				n.letters = n.letters[1:]
				if in(slices.Index(n.cfg.nodes, l.from)) && in(slices.Index(n.cfg.nodes, l.to)) {
					n.deliver(l, 0, false)
				}
			}
		}
	}
}

func TestAnEpochHasOneHomeAndWhatCountedStays(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := newElecting(t, failoverMajority, noDefect)
		for range rapid.IntRange(1, 80).Draw(t, "moves") {
			n.something(t)
			if why := n.wrong(); why != "" {
				t.Fatal(why)
			}
		}
		n.together(func(int) bool { return true }, 200)
		if why := n.wrong(); why != "" {
			t.Fatal("at the end: " + why)
		}
		for _, key := range []string{"x", "y", "z"} {
			for i, m := range n.machines {
				if m.unsettled() > 0 {
					t.Fatalf("%s is not at rest", n.cfg.nodes[i])
				}
				if a, b := n.machines[0].state.read(key, nil), m.state.read(key, nil); !a.Equal(b) {
					t.Fatalf("%s has %s=%v, n1 %v", n.cfg.nodes[i], key, b, a)
				}
			}
		}
	})
}

// Leaders that say they are at rest agree, at any time: a home that has just come up
// again, and leads nobody yet, is not.
func TestHomesAtRestAgree(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := newElecting(t, rapid.SampledFrom([]string{failoverAsync, failoverMajority}).Draw(t, "failover"), noDefect)
		for range rapid.IntRange(1, 40).Draw(t, "moves") {
			n.something(t)
			if slices.ContainsFunc(n.machines, func(m *machine) bool { return m.unsettled() > 0 }) {
				continue
			}
			for _, key := range []string{"x", "y", "z"} {
				for i, m := range n.machines {
					if a, b := n.machines[0].state.read(key, nil), m.state.read(key, nil); !a.Equal(b) {
						t.Fatalf("all say they are at rest, but %s has %s=%v, n1 %v", n.cfg.nodes[i], key, b, a)
					}
				}
			}
		}
	})
}

// The same net shows an election that does not ask who has what, so it can show something.
func TestAnElectionThatDoesNotCompareLogsLosesWhatCounted(t *testing.T) {
	lost := 0
	for seed := range 200 {
		rapid.Custom(func(t *rapid.T) bool {
			n := newElecting(t, failoverMajority, homeBehind)
			for range 60 {
				n.something(t)
				if n.wrong() != "" {
					lost++
					return true
				}
			}
			return false
		}).Example(seed)
	}
	if lost == 0 {
		t.Error("none of 200 nets lost an entry that had counted")
	}
}

func TestAHomeThatIsAloneAnswersNobody(t *testing.T) {
	cfg := config{nodes: []string{"n1", "n2", "n3"}, topology: "all-to-all", policy: lookupPolicy("home"), delivery: fifo, reads: readsDecided, failover: failoverMajority}
	cfg.links, _ = targets.Wire(cfg.topology, cfg.nodes)
	n := newNet(cfg)
	home := n.machines[0].homeOf("x")
	if reply := n.step(home, write("x", 1), 0, false); reply != nil {
		t.Errorf("a home acknowledges a write that nobody else has: %q", reply)
	}
	read := targets.In{Kind: targets.Request, From: "client", Body: request([]history.Step{{F: history.Read, Key: "x"}})}
	if reply := n.step(home, read, 0, false); reply != nil {
		t.Errorf("a home reads without asking whether it still is: %q", reply)
	}
}

func TestFailoverIsRefusedWhereItHasNoMeaning(t *testing.T) {
	for _, c := range []struct {
		options map[string]string
		says    string
	}{
		{map[string]string{"policy": "lww-hlc"}, "under lww-hlc no key has a home"},
		{map[string]string{"reads": "local"}, "needs -o reads=decided"},
		{map[string]string{"token": "on"}, "needs no -o token=on"},
		{map[string]string{"defect": splitBrain}, "is a mistake of -o failover=none"},
		{map[string]string{"failover": "async", "defect": leaseReads}, "is a mistake of -o failover=majority"},
	} {
		options := map[string]string{}
		for _, o := range (Target{}).Options() {
			options[o.Name] = o.Default
		}
		options["policy"], options["failover"] = "home", "majority"
		for name, value := range c.options {
			options[name] = value
		}
		_, err := Target{}.Configure(targets.Config{Nodes: []string{"n1", "n2", "n3"}, Topology: "all-to-all", Options: options})
		if err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%v: %v, want %s", c.options, err, c.says)
		}
	}
}
