package reference

import (
	"bytes"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/mlcheck/mlcheck/history"
	"github.com/mlcheck/mlcheck/targets"
)

func drawToken(t *rapid.T) token {
	return token{rapid.SliceOfN(rapid.Uint64(), 1, 9).Draw(t, "seen"), rapid.Int64().Draw(t, "time")}
}

func TestTokensSurviveTheirWords(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		was := drawToken(t)
		got, err := parseToken(was.String())
		if diff := cmp.Diff(was, got, cmp.AllowUnexported(token{})); diff != "" || err != nil {
			t.Fatal(diff, err)
		}
	})
	for _, word := range []string{"", "@", "1,2", "1,@5", "a@5", "-1@5", "1@"} {
		if got, err := parseToken(word); err == nil {
			t.Errorf("%q is a token: %v", word, got)
		}
	}
}

func TestWhoHasSeenBothHasSeenEach(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 9).Draw(t, "leaders")
		same := func(name string) token {
			return token{rapid.SliceOfN(rapid.Uint64(), n, n).Draw(t, name), rapid.Int64().Draw(t, name+" time")}
		}
		a, b := same("a"), same("b")
		both := a.and(b)
		if !covers(both.seen, a.seen) || !covers(both.seen, b.seen) || both.time != max(a.time, b.time) {
			t.Fatalf("%s and %s: %s", a, b, both)
		}
		if diff := cmp.Diff(a, a.and(token{}), cmp.AllowUnexported(token{})); diff != "" && a.time >= 0 {
			t.Fatal(diff)
		}
	})
}

// asking is the request of a session that has seen something elsewhere.
func asking(seen token, ss ...history.Step) targets.In {
	e := enc{}
	e.byte(askSteps)
	e.order(order{steps: ss, token: seen})
	return targets.In{Kind: targets.Request, From: "client", Body: e.b}
}

func TestALeaderServesASessionOnceItHasWhatThatHasSeen(t *testing.T) {
	cfg := config{nodes: []string{"n1", "n2", "n3"}, topology: "all-to-all", policy: lookupPolicy("lww-lamport"), delivery: fifo, tokens: true}
	cfg.links, _ = targets.Wire(cfg.topology, cfg.nodes)
	n := newNet(cfg)
	n.step(0, write("x", 7), 0, false)
	seen := n.machines[0].token(&pending{})
	if reply := n.step(1, asking(seen, history.Step{F: history.Read, Key: "x"}), 0, false); reply != nil {
		t.Fatalf("n2 answers %q before it has what the session has seen", reply)
	}
	if n.machines[1].unconfirmed() == 0 {
		t.Error("an order waits, and n2 is at rest")
	}
	var reply []byte
	for _, l := range n.letters {
		if l.to == "n2" {
			reply = n.step(1, targets.In{Kind: targets.Message, From: l.from, Body: l.body}, 0, false)
		}
	}
	if len(reply) == 0 || reply[0] != tellOK {
		t.Fatalf("with n1's write there, n2 answers %q", reply)
	}
	d := dec{b: reply[1:]}
	if got := d.steps()[0].Value; !got.Equal(history.Int(7)) {
		t.Errorf("it shows %v", got)
	}
	if n.machines[1].last < seen.time {
		t.Errorf("n2's clock is at %d, behind the token's %d", n.machines[1].last, seen.time)
	}
}

func TestAnOrderThatWaitsInVainIsRefused(t *testing.T) {
	cfg := config{nodes: []string{"n1", "n2"}, topology: "all-to-all", policy: lookupPolicy("lww-lamport"), delivery: fifo, tokens: true}
	cfg.links, _ = targets.Wire("all-to-all", cfg.nodes)
	n := newNet(cfg)
	n.step(1, asking(token{[]uint64{1, 0}, 1}, history.Step{F: history.Write, Key: "x", Value: history.Int(3)}), 0, false)
	var reply []byte
	for ticks := 0; reply == nil && ticks <= tokenPatience; ticks++ {
		reply = n.step(1, targets.In{Kind: targets.Timer}, 0, false)
	}
	if !bytes.HasPrefix(reply, []byte{tellNo}) || len(n.disks[1].updates(cfg)) > 0 || n.machines[1].unconfirmed() > 0 {
		t.Errorf("the answer is %q, the log %q", reply, n.disks[1].records)
	}
	if reply := n.step(1, asking(token{[]uint64{1, 0, 0}, 1}, history.Step{F: history.Read, Key: "x"}), 0, false); !bytes.HasPrefix(reply, []byte{tellNo}) {
		t.Errorf("a token of three leaders is answered with %q by one of two", reply)
	}
}
