package reference

import (
	"slices"
	"strconv"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/mlcheck/mlcheck/history"
	"github.com/mlcheck/mlcheck/targets"
)

// coming are leaders that leave and join under an adversary.
type coming struct {
	*leaders
	out    []bool
	starts int64
	acked  []int64
}

func newComing(t *rapid.T) *coming {
	cfg := config{
		topology: "all-to-all", policy: lookupPolicy("counter"), delivery: antiEntropy, defect: noDefect, members: true, tombstones: tombstonesKept,
		durability: rapid.SampledFrom([]string{visible, acknowledged}).Draw(t, "durability"),
	}
	for i := range rapid.IntRange(3, 5).Draw(t, "leaders") {
		cfg.nodes = append(cfg.nodes, "n"+strconv.Itoa(i+1))
	}
	cfg.links, _ = targets.Wire(cfg.topology, cfg.nodes)
	n := &coming{leaders: newNet(cfg), out: make([]bool, len(cfg.nodes))}
	for i := range n.machines {
		n.up(i)
	}
	n.rounds(12)
	n.slow = rapid.Bool().Draw(t, "disks are slow")
	return n
}

// up starts machine i with what its disk has.
func (n *coming) up(i int) {
	n.restart(i)
	n.starts++
	n.step(i, targets.In{Kind: targets.Start, Wall: time.Unix(0, n.starts)}, 0, false)
}

func (n *coming) write(i int) {
	client := n.client()
	n.value++
	n.step(i, targets.In{Kind: targets.Request, From: client, Body: request([]history.Step{{F: history.Inc, Key: "x", Value: history.Int(n.value)}})}, 0, false)
}

// acknowledged are the increments whose clients were told that they were made.
func (n *coming) acknowledged() {
	for v := int64(1); v <= n.value; v++ {
		if r := n.replies[clientOf(v)]; len(r) > 0 && r[0] == tellOK && !slices.Contains(n.acked, v) {
			n.acked = append(n.acked, v)
		}
	}
}

// member says whether a leader and all others that are not out take each other for
// members.
func (n *coming) member(i int) bool {
	for j, m := range n.machines {
		if !n.out[j] && (!slices.Contains(m.members(), n.cfg.nodes[i]) || !slices.Contains(n.machines[i].members(), n.cfg.nodes[j])) {
			return false
		}
	}
	return !n.out[i]
}

// mayLeave says whether a leader may be told to leave: two others are to stay. What it was
// told already it may be told again.
func (n *coming) mayLeave(i int) bool {
	stay := 0
	for j := range n.machines {
		if j != i && n.member(j) {
			stay++
		}
	}
	return n.machines[i].leaving != nil || n.member(i) && stay >= 2
}

func (n *coming) outs() (count int) {
	for _, out := range n.out {
		if out {
			count++
		}
	}
	return count
}

// rounds lets a fair network carry everything for a while.
func (n *coming) rounds(count int) {
	clear(n.full)
	n.slow = false
	for i := range n.disks {
		n.disks[i].sync()
	}
	for range count {
		for i := range n.machines {
			if !n.out[i] {
				n.step(i, targets.In{Kind: targets.Timer}, 0, false)
			}
		}
		for len(n.letters) > 0 {
			n.carry(0)
		}
	}
}

// flow lets all ask once, and carries what is on its way then, but for what one of them
// sends and is sent if that is cut off.
func (n *coming) flow(cut string, off bool) {
	for i := range n.machines {
		if !n.out[i] {
			n.step(i, targets.In{Kind: targets.Timer}, 0, false)
		}
	}
	for range n.letters {
		if l := n.letters[0]; off && (l.from == cut || l.to == cut) {
			n.letters = append(n.letters[1:], l)
		} else {
			n.carry(0)
		}
	}
}

// carry delivers a letter; to who is out nobody does.
func (n *coming) carry(k int) {
	l := n.letters[k]
	n.letters = slices.Delete(n.letters, k, k+1)
	if !n.out[slices.Index(n.cfg.nodes, l.to)] {
		n.deliver(l, 0, false)
	}
}

func (n *coming) adversary(t *rapid.T) {
	i := rapid.IntRange(0, len(n.machines)-1).Draw(t, "machine")
	what := rapid.SampledFrom([]string{"write", "write", "carry", "carry", "carry", "carry", "carry", "lose", "timer", "flow", "flow", "disk", "sync", "sync", "kill", "power", "leave", "leave", "stay", "go", "go", "join"}).Draw(t, "what")
	ask := func(kind byte) { n.step(i, targets.In{Kind: targets.Request, From: "m", Body: []byte{kind}}, 0, false) }
	switch {
	case what == "carry" || what == "lose":
		if len(n.letters) == 0 {
			return
		}
		if k := rapid.IntRange(0, len(n.letters)-1).Draw(t, "letter"); what == "carry" {
			n.carry(k)
		} else {
			n.letters = slices.Delete(n.letters, k, k+1)
		}
	case what == "flow":
		n.flow(n.cfg.nodes[i], rapid.Bool().Draw(t, "it is cut off"))
	case what == "join" && n.out[i]:
		n.out[i] = false
		n.up(i)
	case n.out[i]:
	case what == "write":
		n.write(i)
	case what == "timer":
		n.step(i, targets.In{Kind: targets.Timer}, 0, false)
	case what == "disk":
		n.full[i] = !n.full[i]
	case what == "sync":
		n.disks[i].sync()
	case what == "kill" || what == "power":
		n.disks[i].end(what == "power")
		n.up(i)
	case what == "leave" && n.mayLeave(i):
		ask(askLeave)
	case what == "stay":
		ask(askStay)
	case what == "go" && n.machines[i].hasLeft():
		n.out[i], n.disks[i] = true, &memory{}
	}
	n.acknowledged()
}

// Whoever leaves when, cut off from whom, and comes back: what was acknowledged is in the
// end at all leaders, once, all are members, and nobody waits for anybody.
func TestWhoLeavesTakesNothingWithIt(t *testing.T) {
	left := 0
	rapid.Check(t, func(t *rapid.T) {
		n := newComing(t)
		for range rapid.IntRange(1, 150).Draw(t, "steps") {
			n.adversary(t)
			left = max(left, n.outs())
		}
		for i := range n.machines {
			n.full[i] = false
			if n.out[i] {
				n.out[i] = false
				n.up(i)
			}
		}
		n.rounds(10)
		for i := range n.machines {
			n.step(i, targets.In{Kind: targets.Request, From: "m", Body: []byte{askStay}}, 0, false)
		}
		n.rounds(30)
		n.acknowledged()
		if !n.alike() {
			t.Fatalf("leaders differ:\n%s", n)
		}
		for i, m := range n.machines {
			if ms := m.members(); !slices.Equal(ms, n.cfg.nodes) || m.unconfirmed() > 0 {
				t.Fatalf("%s takes %v for members, and waits for %d\n%s", n.cfg.nodes[i], ms, m.unconfirmed(), n)
			}
			seen := map[int64]int{}
			for _, u := range m.updates {
				seen[u.changes[0].value]++
			}
			for _, v := range n.acked {
				if seen[v] != 1 {
					t.Fatalf("%s has the increment by %d %d times\n%s", n.cfg.nodes[i], v, seen[v], n)
				}
			}
		}
	})
	if left == 0 {
		t.Error("nobody ever left")
	}
}

// Of leaders that are all told to leave nobody goes: what each has would be handed over to
// others whose disks are emptied as well.
func TestNotAllLeaveAtOnce(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := newComing(t)
		n.write(0)
		for i := range n.machines {
			n.step(i, targets.In{Kind: targets.Request, From: "m", Body: []byte{askLeave}}, 0, false)
		}
		n.rounds(10)
		for i, m := range n.machines {
			if m.hasLeft() {
				t.Fatalf("%s has left", n.cfg.nodes[i])
			}
			n.step(i, targets.In{Kind: targets.Request, From: "m", Body: []byte{askStay}}, 0, false)
		}
		n.rounds(10)
		for i := range n.machines {
			if !n.member(i) {
				t.Fatalf("%s is no member, though all stay", n.cfg.nodes[i])
			}
		}
	})
}

// A peer that lost its disk has lost what it said goodbye for: where no other has said so,
// it is asked anew.
func TestAGoodbyeIsGoneWithTheDiskOfWhoSaidIt(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := newComing(t)
		n.write(0)
		n.rounds(5)
		leaver, peer := n.machines[0], rapid.IntRange(1, len(n.machines)-1).Draw(t, "peer")
		n.step(0, targets.In{Kind: targets.Request, From: "m", Body: []byte{askLeave}}, 0, false)
		n.letters = slices.DeleteFunc(n.letters, func(l letter) bool { return l.to != n.cfg.nodes[peer] })
		for len(n.letters) > 0 {
			n.carry(0)
		}
		if _, said := leaver.leaving.byes[peer]; !said || len(leaver.leaving.byes) != 1 {
			t.Fatalf("goodbyes of %v", leaver.leaving.byes)
		}
		n.disks[peer] = &memory{}
		n.up(peer)
		for range 5 { // the leaver's timer does not ring, so that it does not ask again
			n.step(peer, targets.In{Kind: targets.Timer}, 0, false)
			for len(n.letters) > 0 {
				n.carry(0)
			}
		}
		if len(leaver.leaving.byes) > 0 {
			t.Fatal("its goodbye still counts")
		}
	})
}

// While one is out, the others neither send to it nor wait for it.
func TestNobodyWaitsForWhoHasLeft(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := newComing(t)
		n.rounds(5)
		last := len(n.machines) - 1
		n.step(last, targets.In{Kind: targets.Request, From: "m", Body: []byte{askLeave}}, 0, false)
		n.rounds(5)
		if !n.machines[last].hasLeft() {
			t.Fatal("it has not left")
		}
		n.out[last] = true
		n.letters = nil
		if i := rapid.IntRange(0, last-1).Draw(t, "which starts again"); rapid.Bool().Draw(t, "any") {
			if n.disks[i].end(false); rapid.Bool().Draw(t, "with an empty disk") {
				n.disks[i] = &memory{}
			}
			n.up(i)
		}
		told := map[int]bool{} // one without a log has to hear it from the others
		for range 12 {
			for i := range last {
				n.step(i, targets.In{Kind: targets.Timer}, 0, false)
			}
			for len(n.letters) > 0 {
				from := slices.Index(n.cfg.nodes, n.letters[0].from)
				if n.letters[0].to == n.cfg.nodes[last] && told[from] {
					t.Fatalf("%s has sent it %q", n.letters[0].from, n.letters[0].body[0])
				}
				n.carry(0)
			}
			for i := range last {
				told[i] = told[i] || !slices.Contains(n.machines[i].members(), n.cfg.nodes[last])
			}
		}
		for i := range last {
			if m := n.machines[i]; m.unconfirmed() > 0 || !slices.Contains(m.members(), n.cfg.nodes[i]) || slices.Contains(m.members(), n.cfg.nodes[last]) {
				t.Fatalf("%s waits for %d, and takes %v for members", n.cfg.nodes[i], m.unconfirmed(), m.members())
			}
		}
	})
}
