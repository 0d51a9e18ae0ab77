package reference

import (
	"fmt"
	"slices"
	"strconv"
	"time"

	"pgregory.net/rapid"

	"github.com/mlcheck/mlcheck/history"
	"github.com/mlcheck/mlcheck/targets"
)

// memory is a disk that a test can look into.
type memory struct{ records [][]byte }

func (d *memory) Read() [][]byte { return d.records }

// letter is a message between leaders that is on its way.
type letter struct {
	from, to string
	body     []byte
}

// leaders is a few machines under an adversary that a test draws: it loses,
// repeats and reorders letters, tells any time, and crashes machines in the
// middle of a step.
type leaders struct {
	cfg      config
	machines []*machine
	disks    []*memory
	letters  []letter
	acked    []update // what clients were told, or could have been: every update that reached its leader's disk
	value    int64
}

func newNet(cfg config) *leaders {
	n := &leaders{cfg: cfg}
	for _, name := range cfg.nodes {
		d := &memory{}
		n.disks = append(n.disks, d)
		n.machines = append(n.machines, newMachine(cfg, name, d))
	}
	return n
}

func drawConfig(t *rapid.T) config {
	c := config{
		topology: rapid.SampledFrom([]string{"all-to-all", "ring"}).Draw(t, "topology"),
		policy:   rapid.SampledFrom([]string{"lww-wall", "lww-hlc"}).Draw(t, "policy"),
		causal:   rapid.Bool().Draw(t, "causal"),
	}
	for i := range rapid.IntRange(2, 4).Draw(t, "leaders") {
		c.nodes = append(c.nodes, "n"+strconv.Itoa(i+1))
	}
	c.links, _ = targets.Wire(c.topology, c.nodes)
	return c
}

// step hands in to machine i and does the first outs of what it says; with
// crash, the machine dies there and comes back from its disk.
func (n *leaders) step(i int, in targets.In, outs int, crash bool) (reply []byte) {
	all := n.machines[i].Step(in)
	if crash {
		all = all[:min(outs, len(all))]
	}
	for _, o := range all {
		switch o.Kind {
		case targets.Log:
			n.disks[i].records = append(n.disks[i].records, o.Body)
			if u := record(n.cfg, o.Body); u.origin == i {
				n.acked = append(n.acked, u)
			}
		case targets.Message:
			n.letters = append(n.letters, letter{n.cfg.nodes[i], o.To, o.Body})
		case targets.Reply:
			reply = o.Body
		}
	}
	if crash {
		n.machines[i] = newMachine(n.cfg, n.cfg.nodes[i], n.disks[i])
	}
	return reply
}

func record(cfg config, body []byte) update {
	d := dec{b: body}
	d.uint()
	return d.update(len(cfg.nodes))
}

func (n *leaders) deliver(l letter, outs int, crash bool) {
	in := targets.In{Kind: targets.Message, From: l.from, Body: l.body, Wall: time.Unix(0, 0)}
	n.step(slices.Index(n.cfg.nodes, l.to), in, outs, crash)
}

// adversary does one thing.
func (n *leaders) adversary(t *rapid.T) {
	i := rapid.IntRange(0, len(n.machines)-1).Draw(t, "machine")
	crash := rapid.IntRange(0, 9).Draw(t, "crash") == 0
	outs := 0
	if crash {
		outs = rapid.IntRange(0, 4).Draw(t, "outs before the crash")
	}
	what := rapid.SampledFrom([]string{"write", "write", "write", "deliver", "deliver", "deliver", "repeat", "lose", "timer"}).Draw(t, "what")
	if len(n.letters) == 0 && what != "write" {
		what = "timer"
	}
	pick := func() int { return rapid.IntRange(0, len(n.letters)-1).Draw(t, "letter") }
	switch what {
	case "write":
		wall := time.Unix(0, rapid.Int64Range(-50, 50).Draw(t, "wall"))
		n.step(i, targets.In{Kind: targets.Request, From: "client", Body: n.drawSteps(t), Wall: wall}, outs, crash)
	case "deliver":
		k := pick()
		l := n.letters[k]
		n.letters = slices.Delete(n.letters, k, k+1)
		n.deliver(l, outs, crash)
	case "repeat":
		n.deliver(n.letters[pick()], outs, crash)
	case "lose":
		k := pick()
		n.letters = slices.Delete(n.letters, k, k+1)
	case "timer":
		n.step(i, targets.In{Kind: targets.Timer}, outs, crash)
	}
}

func (n *leaders) drawSteps(t *rapid.T) []byte {
	var ss []history.Step
	for range rapid.IntRange(1, 3).Draw(t, "steps") {
		n.value++
		s := history.Step{Key: rapid.SampledFrom([]string{"x", "y"}).Draw(t, "key"), Value: history.Int(n.value)}
		s.F = rapid.SampledFrom([]history.F{history.Write, history.Delete, history.Read, history.Add, history.Remove, history.Inc}).Draw(t, "f")
		switch s.F {
		case history.Add, history.Remove:
			s.Key, s.Value = "s", history.Int(rapid.Int64Range(1, 3).Draw(t, "element"))
		case history.Inc:
			s.Key = "c"
		case history.Read, history.Delete:
			s.Value = history.Value{}
		}
		ss = append(ss, s)
	}
	e := enc{}
	e.byte(askSteps)
	e.steps(ss)
	return e.b
}

// settle lets a fair network carry everything to everyone, and says how many
// rounds that took, at most rounds.
func (n *leaders) settle(rounds int) int {
	for round := range rounds {
		for i := range n.machines {
			n.step(i, targets.In{Kind: targets.Timer}, 0, false)
		}
		if len(n.letters) == 0 {
			return round
		}
		for len(n.letters) > 0 {
			l := n.letters[0]
			n.letters = n.letters[1:]
			n.deliver(l, 0, false)
		}
	}
	return rounds
}

// winners are the cells that last writer wins leaves of all updates, by the
// definition: for each cell the write with the greatest stamp, and of one
// update the last write.
func winners(us []update) map[string]map[int64]entry {
	cells := map[string]map[int64]entry{}
	for _, u := range us {
		for _, c := range u.cells {
			if c.inc {
				continue
			}
			if cells[c.key] == nil {
				cells[c.key] = map[int64]entry{}
			}
			if old, there := cells[c.key][c.element]; !there || !u.stamp.less(old.stamp) {
				cells[c.key][c.element] = entry{u.stamp, c.value, c.dead}
			}
		}
	}
	return cells
}

// sums are the counters that every increment makes when it is added once.
func sums(us []update) map[string]int64 {
	counts := map[string]int64{}
	for _, u := range us {
		for _, c := range u.cells {
			if c.inc {
				counts[c.key] += c.value
			}
		}
	}
	return counts
}

func (n *leaders) String() string {
	s := ""
	for i, m := range n.machines {
		s += fmt.Sprintf("%s applied %v, %d records\n", n.cfg.nodes[i], m.applied, len(n.disks[i].records))
	}
	return s
}
