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

// memory is a disk that a test can look into. What was not synced goes with the power.
type memory struct {
	records [][]byte
	synced  int
	waits   []func() // what leaves once all records are synced
}

func (d *memory) Read() [][]byte { return d.records }

// sync brings all records to the disk, and lets go what has waited for that.
func (d *memory) sync() {
	d.synced = len(d.records)
	waits := d.waits
	d.waits = nil
	for _, do := range waits {
		do()
	}
}

// end is what becomes of the disk of a machine that ends.
func (d *memory) end(power bool) {
	d.waits = nil
	if power {
		d.records = d.records[:d.synced]
	}
}

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
	value    int64
	replies  map[string][]byte // by client
	full     []bool            // disks that take no more
	slow     bool              // disks sync only when the adversary says so
}

func newNet(cfg config) *leaders {
	n := &leaders{cfg: cfg, replies: map[string][]byte{}, full: make([]bool, len(cfg.nodes))}
	for _, name := range cfg.nodes {
		d := &memory{}
		n.disks = append(n.disks, d)
		n.machines = append(n.machines, newMachine(cfg, name, d))
	}
	return n
}

// leaderless are the policies under which every leader accepts every change.
func leaderless() []string {
	var all []string
	for _, p := range policies {
		if !p.home && !p.certify {
			all = append(all, p.name)
		}
	}
	return all
}

func drawConfig(t *rapid.T) config {
	c := config{
		topology: rapid.SampledFrom([]string{"all-to-all", "ring", "star"}).Draw(t, "topology"),
		policy:   lookupPolicy(rapid.SampledFrom(leaderless()).Draw(t, "policy")),
		delivery: rapid.SampledFrom([]string{fifo, causal, unordered, antiEntropy}).Draw(t, "delivery"),
		defect:   noDefect,
	}
	if c.topology == "all-to-all" || c.delivery == antiEntropy {
		c.durability = rapid.SampledFrom([]string{visible, acknowledged, never}).Draw(t, "durability")
	}
	if c.tombstones = tombstonesCollected; c.checkTombstones() != nil || rapid.Bool().Draw(t, "tombstones kept") {
		c.tombstones = tombstonesKept
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
	in.Full = n.full[i]
	all, d := n.machines[i].Step(in), n.disks[i]
	wait := len(d.waits) > 0
	if crash {
		all = all[:min(outs, len(all))]
	}
	for _, o := range all {
		leave := func() {}
		switch o.Kind {
		case targets.Log:
			d.records = append(d.records, o.Body)
			wait = wait || o.Sync
		case targets.Message:
			leave = func() { n.letters = append(n.letters, letter{n.cfg.nodes[i], o.To, o.Body}) }
		case targets.Reply:
			leave = func() { reply, n.replies[o.To] = o.Body, o.Body }
		}
		if wait && !o.Eager {
			d.waits = append(d.waits, leave)
		} else {
			leave()
		}
	}
	if wait && !n.slow {
		d.sync()
	}
	if crash {
		d.end(true)
		n.restart(i)
	}
	return reply
}

func (n *leaders) restart(i int) {
	n.machines[i] = newMachine(n.cfg, n.cfg.nodes[i], n.disks[i])
}

// updates are all that are on any disk.
func (n *leaders) updates() []update {
	seen := map[[2]uint64]bool{}
	var all []update
	for _, d := range n.disks {
		for _, u := range d.updates(n.cfg) {
			if k := [2]uint64{uint64(u.origin), u.seq}; !seen[k] {
				seen[k] = true
				all = append(all, u)
			}
		}
	}
	return all
}

// record is the update in a record of the log, if there is one.
func record(cfg config, body []byte) (update, bool) {
	d := dec{b: body}
	if d.byte() != recUpdate {
		return update{}, false
	}
	d.uint()
	d.uint()
	return d.update(len(cfg.nodes)), true
}

// updates are all that a disk has.
func (d *memory) updates(cfg config) []update {
	var us []update
	for _, body := range d.records {
		if u, ok := record(cfg, body); ok {
			us = append(us, u)
		}
	}
	return us
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
	what := rapid.SampledFrom([]string{"write", "write", "write", "deliver", "deliver", "deliver", "repeat", "lose", "timer", "disk", "sync", "kill"}).Draw(t, "what")
	if needs := []string{"deliver", "repeat", "lose"}; len(n.letters) == 0 && slices.Contains(needs, what) {
		what = "timer"
	}
	pick := func() int { return rapid.IntRange(0, len(n.letters)-1).Draw(t, "letter") }
	switch what {
	case "write":
		wall := time.Unix(0, rapid.Int64Range(-50, 50).Draw(t, "wall"))
		n.step(i, targets.In{Kind: targets.Request, From: n.client(), Body: n.drawSteps(t), Wall: wall}, outs, crash)
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
	case "disk":
		n.full[i] = !n.full[i]
	case "sync":
		n.disks[i].sync()
	case "kill":
		n.disks[i].end(false)
		n.restart(i)
	}
}

// client is one that asks for the next value first.
func (n *leaders) client() string { return clientOf(n.value + 1) }

func clientOf(value int64) string { return "c" + strconv.FormatInt(value, 10) }

func (n *leaders) drawSteps(t *rapid.T) []byte {
	var ss []history.Step
	for range rapid.IntRange(1, 3).Draw(t, "steps") {
		n.value++
		s := history.Step{Key: rapid.SampledFrom([]string{"x", "y"}).Draw(t, "key"), Value: history.Int(n.value)}
		s.F = rapid.SampledFrom(n.cfg.policy.steps).Draw(t, "f")
		switch s.F {
		case history.Add, history.Remove:
			s.Key, s.Value = "s", history.Int(rapid.Int64Range(1, 3).Draw(t, "element"))
		case history.Read, history.Delete:
			s.Value = history.Value{}
		}
		ss = append(ss, s)
	}
	return request(ss)
}

func request(ss []history.Step) []byte {
	e := enc{}
	e.byte(askSteps)
	e.order(order{steps: ss})
	return e.b
}

// settle lets a fair network carry everything to everyone, and says how many
// rounds that took, at most rounds.
func (n *leaders) settle(rounds int) int {
	clear(n.full)
	n.slow = false
	for _, d := range n.disks {
		d.sync()
	}
	for round := range rounds {
		for i := range n.machines {
			n.step(i, targets.In{Kind: targets.Timer}, 0, false)
		}
		if len(n.letters) == 0 || n.cfg.delivery == antiEntropy && n.alike() && n.acquainted() {
			n.letters = nil // leaders never stop asking
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

// alike says whether all have applied the same.
func (n *leaders) alike() bool {
	for _, m := range n.machines {
		if !slices.Equal(m.applied.exact(), n.machines[0].applied.exact()) {
			return false
		}
	}
	return true
}

// acquainted says whether all have met all that they must have met.
func (n *leaders) acquainted() bool {
	return !slices.ContainsFunc(n.machines, func(m *machine) bool { return m.strangers() > 0 })
}

// winners are the registers and elements that last writer wins leaves of all
// updates, by the definition: of each the change with the greatest stamp, and of
// one update the last change. Removed ones are left out.
func winners(us []update) map[string]map[int64]int64 {
	type best struct {
		stamp stamp
		c     change
	}
	all := map[string]map[int64]best{}
	for _, u := range us {
		for _, c := range u.changes {
			if all[c.key] == nil {
				all[c.key] = map[int64]best{}
			}
			if old, there := all[c.key][c.element()]; !there || !u.stamp.less(old.stamp) {
				all[c.key][c.element()] = best{u.stamp, c}
			}
		}
	}
	won := map[string]map[int64]int64{}
	for key, cells := range all {
		won[key] = map[int64]int64{}
		for el, b := range cells {
			if b.c.f == history.Write || b.c.f == history.Add {
				won[key][el] = b.c.value
			}
		}
	}
	return won
}

// shown is what a leader shows of registers and elements.
func shown(m *machine) map[string]map[int64]int64 {
	all := map[string]map[int64]int64{}
	for key, r := range m.state.keys {
		all[key] = map[int64]int64{}
		for el, vs := range r.cells {
			for _, v := range m.cfg.policy.show(vs) {
				all[key][el] = v.value
			}
		}
	}
	return all
}

func (n *leaders) String() string {
	s := ""
	for i, m := range n.machines {
		s += fmt.Sprintf("%s applied %v, %d records\n", n.cfg.nodes[i], m.applied.upTo, len(n.disks[i].records))
	}
	return s
}
