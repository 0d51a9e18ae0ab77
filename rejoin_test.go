package mlcheck

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/mlcheck/mlcheck/checker"
	"github.com/mlcheck/mlcheck/history"
	"github.com/mlcheck/mlcheck/nemesis"
)

// rejoining are configurations whose leaders may lose their disks.
func rejoining() []Test {
	var all []Test
	for _, c := range []struct{ topology, policy, workload, durability string }{
		{"all-to-all", "lww-hlc", "register", "visible"},
		{"all-to-all", "siblings", "rmw", "visible"},
		{"all-to-all", "counter", "counter-exact", "visible"},
		{"all-to-all", "add-wins", "churn", "never"},
		{"ring", "lww-wall", "register", "visible"},
		{"ring", "remove-wins", "set", "acknowledged"},
		{"ring", "max", "register", "never"},
	} {
		all = append(all, Test{
			Topology: c.topology, Workload: c.workload, Nemesis: []string{"partition", "clock", "kill", "crash", "wipe"}, Time: 8 * time.Second, Moves: moving(c.workload),
			Options: opts("policy", c.policy, "delivery", "anti-entropy", "durability", c.durability, "rejoin", "on"),
		})
	}
	return all
}

// Leaders that lose their disks come back, with other leaders dead or behind cuts, and
// what is claimed then holds: what was on one disk alone is lost with it and nothing else.
func TestLeadersRejoinWithAnEmptyDisk(t *testing.T) {
	for _, test := range rejoining() {
		o := test.Options
		t.Run(fmt.Sprint(test.Topology, " ", o["policy"], " ", o["durability"]), func(t *testing.T) {
			t.Parallel()
			wiped := 0
			for seed := range seeds(t) {
				test.Seed, test.Leaders = seed, 2+int(seed%3)
				res := judged(t, test)
				claimsHold(t, fmt.Sprint("seed ", seed), res)
				leadersCompared(t, seed, res)
				for _, f := range res.Faults {
					if f.Kind == nemesis.Wipe && f.State == "effective" {
						wiped++
					}
				}
			}
			if wiped == 0 {
				t.Error("no disk was ever lost")
			}
		})
	}
}

func wipe(from, until time.Duration, nodes ...string) nemesis.Fault {
	return befalls(nemesis.Wipe, from, until, nodes...)
}

// A disk that is not empty after it was wiped is no wipe.
func TestAWipeIsProvedByAnEmptyDisk(t *testing.T) {
	test := with(func(t *Test) {
		t.Options = opts("policy", "lww-hlc", "delivery", "anti-entropy", "rejoin", "on")
		t.Faults = []nemesis.Fault{wipe(time.Second, 2*time.Second, "n2")}
	})
	r, s := staged(t, test)
	if f := finish(t, r, s).Results.Faults[0]; f.State != "effective" || !strings.Contains(f.Note, "n2 lost its disk, with ") {
		t.Errorf("%+v", f)
	}
	r, s = staged(t, test)
	own := s.Cluster.Fabric()
	s.apply = func(ctx context.Context, st nemesis.State) error {
		for i := range st.Down {
			st.Down[i].By = nemesis.Kill
		}
		return own.Apply(ctx, st)
	}
	if f := finish(t, r, s).Results.Faults[0]; f.State != "absent" || !strings.Contains(f.Note, "records on its disk") {
		t.Errorf("a kill passed for a wipe: %+v", f)
	}
}

// While it has nobody to ask, a leader without a log serves nobody.
func TestALeaderWithoutALogWaitsForAllOfItsPeers(t *testing.T) {
	cut := cutFault(time.Second, 5*time.Second)
	lost := wipe(1500*time.Millisecond, 2*time.Second, "n2")
	lost.ID = 2
	test := with(func(t *Test) {
		t.Time, t.Rate, t.Reads, t.Moves = 8*time.Second, 100, Share(0), Share(0)
		t.Options = opts("policy", "lww-hlc", "delivery", "anti-entropy", "rejoin", "on")
		t.Faults = []nemesis.Fault{cut, lost}
	})
	r, s := staged(t, test)
	finish(t, r, s)
	h := recorded(t, r)
	during, after := 0, 0
	for k := range h.Len() {
		switch at := h.Start(k); {
		case h.Final(k) || h.Nodes()[h.Node(k)] != "n2" || h.Outcome(k) != history.OK:
		case at > 2*time.Second && at < 4900*time.Millisecond:
			during++
		case at > 6*time.Second:
			after++
		}
	}
	if during > 0 || after == 0 {
		t.Errorf("n2 acknowledged %d operations while n1 could not tell it what it had, and %d after", during, after)
	}
}

func TestATargetThatDoesNotRejoinRefusesToLoseADisk(t *testing.T) {
	for want, test := range map[string]Test{
		"-o rejoin=on":            {},
		"mariadb-backup":          {Target: "mariadb"},
		"needs the delivery anti": {Options: opts("rejoin", "on")},
	} {
		test.Nemesis = []string{nemesis.Wipe}
		if _, err := test.Complete(); !errors.As(err, new(*UsageError)) || !strings.Contains(err.Error(), want) {
			t.Errorf("want a refusal with %q, got %v", want, err)
		}
	}
}

// A peer that loses its power may come back without what it has said that it had: nobody
// waits for that for ever.
func TestNobodyWaitsForWhatAPeerHasForgotten(t *testing.T) {
	test := rejoining()[3]
	test.Seed, test.Leaders, test.Time = 42, 2, 10*time.Second
	if test.Options["durability"] != "never" {
		t.Fatal("it is about leaders that forget")
	}
	if d := judged(t, test).Properties["convergence"]; d.Verdict != checker.Holds {
		t.Errorf("%s: %s", d.Verdict, d.Reason)
	}
}

// All disks are lost, one after the other, and each leader has rejoined before the next one
// loses its own, from leaders that have rejoined themselves.
func TestEveryLeaderMayLoseItsDiskInTurn(t *testing.T) {
	for _, test := range rejoining() {
		test.Nemesis, test.Time, test.Leaders = nil, 10*time.Second, 3
		for i, node := range []string{"n1", "n2", "n3", "n1"} {
			from := time.Duration(1+2*i) * time.Second
			f := wipe(from, from+500*time.Millisecond, node)
			f.ID = i + 1
			test.Faults = append(test.Faults, f)
		}
		for test.Seed = range seeds(t) {
			res := judged(t, test)
			claimsHold(t, fmt.Sprintf("%s %v, seed %d", test.Topology, test.Options, test.Seed), res)
		}
	}
}
