package mlcheck

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mlcheck/mlcheck/checker"
	"github.com/mlcheck/mlcheck/history"
	"github.com/mlcheck/mlcheck/nemesis"
	"github.com/mlcheck/mlcheck/targets"
)

// leavable are configurations whose leaders may leave, in company of other faults.
func leavable() []Test {
	var all []Test
	for _, c := range []struct {
		policy, workload, durability string
		nemesis                      []string
	}{
		{"lww-hlc", "register", "visible", []string{"partition", "clock"}},
		{"lww-hlc", "churn", "visible", []string{"kill", "crash", "pause"}},
		{"siblings", "rmw", "visible", []string{"link", "crash"}},
		{"counter", "counter-exact", "visible", []string{"partition", "kill", "disk"}},
		{"add-wins", "set", "acknowledged", []string{"partition", "crash", "stop"}},
		{"lww-lamport", "causal", "visible", []string{"link", "pause", "kill"}},
		{"lww-wall", "register", "never", []string{"partition", "crash", "disk"}},
	} {
		all = append(all, Test{
			Workload: c.workload, Nemesis: append([]string{nemesis.Member}, c.nemesis...), Time: 8 * time.Second, Moves: moving(c.workload), Timeout: time.Second,
			Options: opts("policy", c.policy, "delivery", "anti-entropy", "durability", c.durability, "members", "on"),
		})
	}
	wiped := all[3]
	wiped.Options = opts("policy", "counter", "delivery", "anti-entropy", "rejoin", "on", "members", "on")
	wiped.Nemesis = []string{nemesis.Member, nemesis.Wipe, nemesis.Kill, nemesis.Partition}
	return append(all, wiped)
}

// Leaders leave and join while others are cut off, dead and without disks, and all that
// is claimed holds: what was acknowledged is not lost with a disk that was handed over.
func TestLeadersLeaveAndJoin(t *testing.T) {
	for i, test := range leavable() {
		o := test.Options
		t.Run(fmt.Sprint(i, " ", o["policy"], " ", test.Workload, " ", o["durability"]), func(t *testing.T) {
			t.Parallel()
			left := 0
			for seed := range seeds(t) {
				test.Seed, test.Leaders = seed, 3+int(seed%3)
				res := judged(t, test)
				claimsHold(t, fmt.Sprint("seed ", seed), res)
				leadersCompared(t, seed, res)
				for _, f := range res.Faults {
					if f.State != "effective" && f.State != "idle" {
						t.Errorf("seed %d: %+v", seed, f)
					}
					if f.Kind == nemesis.Member && f.State == "effective" {
						left++
					}
				}
			}
			if left == 0 {
				t.Error("nobody ever left")
			}
		})
	}
}

func member(from, until time.Duration, nodes ...string) nemesis.Fault {
	return befalls(nemesis.Member, from, until, nodes...)
}

func leavingAt(faults ...nemesis.Fault) Test {
	for i := range faults {
		faults[i].ID = i + 1
	}
	return with(func(t *Test) {
		t.Leaders, t.Time = 3, 6*time.Second
		t.Options = opts("policy", "counter", "delivery", "anti-entropy", "members", "on")
		t.Workload, t.Faults = "counter-exact", faults
	})
}

// What is asked of who has left fails, for certain, but for what was on its way; and who
// has joined again serves.
func TestWhoHasLeftServesNobody(t *testing.T) {
	r, s := staged(t, leavingAt(member(2*time.Second, 4*time.Second, "n3")))
	f := finish(t, r, s).Results.Faults[0]
	if f.State != "effective" || !strings.Contains(f.Note, "by the word of every other leader") || !strings.Contains(f.Note, "n3: a member again") {
		t.Fatalf("%+v", f)
	}
	h := recorded(t, r)
	got := map[string]int{}
	for k := range h.Len() {
		switch at := h.Start(k); {
		case h.Final(k) || h.Nodes()[h.Node(k)] != "n3":
		case at < 1900*time.Millisecond:
			got[fmt.Sprint("before ", h.Outcome(k))]++
		case int64(at) > f.Effective && at < 3990*time.Millisecond:
			got[fmt.Sprint("out ", h.Outcome(k))]++
		case int64(at) > f.Healed:
			got[fmt.Sprint("after ", h.Outcome(k))]++
		}
	}
	if got["before ok"] == 0 || got["out fail"] == 0 || got["out ok"]+got["out info"] > 0 || got["after ok"] == 0 {
		t.Errorf("operations at n3: %v", got)
	}
}

// Behind a cut nobody can hand over what it has: it stays, serves when that is over, and
// nothing is lost.
func TestALeaveThatCannotFinishIsCalledOff(t *testing.T) {
	cut := cutFault(time.Second, 4*time.Second)
	cut.Links = []history.Link{{From: "n1", To: "n3"}, {From: "n3", To: "n1"}}
	r, s := staged(t, leavingAt(cut, member(1500*time.Millisecond, 3*time.Second, "n3")))
	res := finish(t, r, s).Results
	if f := res.Faults[1]; f.State != "idle" || !strings.Contains(f.Note, "what it has is not on the disks of n1") || f.Effective >= 0 {
		t.Errorf("%+v", f)
	}
	if d := res.Properties["durability"]; d.Verdict != checker.Holds {
		t.Errorf("durability %s: %s", d.Verdict, d.Reason)
	}
	h := recorded(t, r)
	during, after := 0, 0
	for k := range h.Len() {
		switch at := h.Start(k); {
		case h.Final(k) || h.Nodes()[h.Node(k)] != "n3" || h.Outcome(k) != history.OK:
		case at > 1600*time.Millisecond && at < 2990*time.Millisecond:
			during++
		case at > 3100*time.Millisecond && at < 4*time.Second:
			after++
		}
	}
	if during > 0 || after == 0 {
		t.Errorf("n3 acknowledged %d operations while it was to leave, and %d when that was called off and the cut still there", during, after)
	}
}

// When the cut ends in time, the leave comes to its end.
func TestALeaveWaitsForTheEndOfACut(t *testing.T) {
	cut := cutFault(time.Second, 3*time.Second)
	cut.Links = []history.Link{{From: "n1", To: "n3"}, {From: "n3", To: "n1"}}
	r, s := staged(t, leavingAt(cut, member(1500*time.Millisecond, 5*time.Second, "n3")))
	if f := finish(t, r, s).Results.Faults[1]; f.State != "effective" || f.Effective < int64(3*time.Second) {
		t.Errorf("%+v", f)
	}
}

// liar is a target whose leaders say of their membership what they are told to say.
type liar struct {
	targets.System
	targets.Members
	leave   func() (bool, string, error)
	join    func() (bool, string, error)
	members func(by string, is []string) []string
}

func (l *liar) Leave(ctx context.Context, n targets.Node, others []targets.Node) (bool, string, error) {
	if l.leave == nil {
		return l.Members.Leave(ctx, n, others)
	}
	return l.leave()
}

func (l *liar) Join(ctx context.Context, n targets.Node, others []targets.Node) (bool, string, error) {
	if l.join == nil {
		return l.Members.Join(ctx, n, others)
	}
	return l.join()
}

func (l *liar) whom(ctx context.Context, n targets.Node) ([]string, error) {
	is, err := l.Members.Members(ctx, n)
	if l.members != nil && err == nil {
		is = l.members(n.Name(), is)
	}
	return is, err
}

// believing is a liar as a [targets.Members].
type believing struct{ *liar }

func (a believing) Members(ctx context.Context, n targets.Node) ([]string, error) {
	return a.whom(ctx, n)
}

func lied(t *testing.T, l liar, faults ...nemesis.Fault) (*checker.Results, error) {
	t.Helper()
	r, s := staged(t, leavingAt(faults...))
	l.System, l.Members = r.conf.System, r.conf.System.(targets.Members)
	r.conf.System = believing{&l}
	r.cluster = s
	o, err := r.run(t.Context())
	if o == nil {
		t.Fatal(err)
	}
	return o.Results, err
}

func TestALeaveIsProvedByWhatTheOthersBelieve(t *testing.T) {
	left := func() (bool, string, error) { return true, "", nil }
	never := func() (bool, string, error) { return false, "it does not want to", nil }
	all := func(string, []string) []string { return []string{"n1", "n2", "n3"} }
	for name, c := range map[string]struct {
		liar
		state, note string
	}{
		"nobody was told of it":           {liar{leave: left}, "absent", "n1 takes n3 for a member"},
		"it does not leave":               {liar{leave: never}, "absent", "it does not want to"},
		"it cannot be asked":              {liar{leave: func() (bool, string, error) { return false, "", errors.New("no such command") }}, "absent", "no such command"},
		"the others go on counting on it": {liar{members: all}, "absent", "n1 takes n3 for a member"},
		"nobody has a say":                {liar{members: func(string, []string) []string { return nil }}, "absent", "n1 does not take n3 for a member"},
		"one had forgotten it before": {liar{members: func(by string, is []string) []string {
			return slices.DeleteFunc(is, func(n string) bool { return by == "n1" && n == "n3" })
		}}, "absent", "n1 does not take n3 for a member"},
		"and in truth": {liar{}, "effective", "n3 is out by the word of every other leader"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			res, err := lied(t, c.liar, member(2*time.Second, 4*time.Second, "n3"))
			if f := res.Faults[0]; f.State != c.state && f.State != "stuck" && err == nil || !strings.Contains(f.Note, c.note) {
				t.Errorf("%+v; %v", f, err)
			}
			if res.Verdict == checker.Holds && c.state == "absent" {
				t.Error("the run holds though its fault was absent")
			}
		})
	}
}

func TestWhoDoesNotJoinAgainIsNotHealed(t *testing.T) {
	for name, l := range map[string]liar{
		"it does not join": {join: func() (bool, string, error) { return false, "it has no key to the house", nil }},
		"the others do not know": {members: func(by string, is []string) []string {
			return slices.DeleteFunc(is, func(n string) bool { return by == "n2" && n == "n3" })
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			res, err := lied(t, l, member(2*time.Second, 4*time.Second, "n3"))
			if err == nil || !strings.Contains(err.Error(), "the cluster does not heal") {
				t.Errorf("%+v; %v", res.Faults, err)
			}
		})
	}
}

func TestATargetWhoseLeadersStayRefusesToLetThemLeave(t *testing.T) {
	can := opts("policy", "lww-hlc", "delivery", "anti-entropy", "members", "on")
	f := member(time.Second, 2*time.Second, "n1", "n2")
	other := member(1500*time.Millisecond, 3*time.Second, "n3")
	other.ID = 2
	first := member(time.Second, 2*time.Second, "n2")
	for want, test := range map[string]Test{
		"-o members=on":             {Nemesis: []string{nemesis.Member}},
		"target mariadb cannot":     {Target: "mariadb", Nemesis: []string{nemesis.Member}},
		"needs the delivery anti":   {Options: opts("members", "on")},
		"needs the topology all-to": {Topology: "ring", Options: can},
		"leave needs 3 leaders":     {Leaders: 2, Options: can, Nemesis: []string{nemesis.Member}},
		"n1, n2 are to be out at":   {Options: can, Faults: []nemesis.Fault{f}},
		"n2, n3 are to be out at":   {Options: can, Faults: []nemesis.Fault{first, other}},
		"leaders alone":             {Options: can, Followers: 1},
	} {
		if _, err := test.Complete(); !errors.As(err, new(*UsageError)) || !strings.Contains(err.Error(), want) {
			t.Errorf("want a refusal with %q, got %v", want, err)
		}
	}
}
