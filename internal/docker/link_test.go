package docker

import (
	"slices"
	"testing"
	"time"

	"github.com/mlcheck/mlcheck/history"
	"github.com/mlcheck/mlcheck/internal/dockertest"
	"github.com/mlcheck/mlcheck/nemesis"
)

// What probes show is judged by the runner, with bounds of its own; here it is
// enough that each impairment is seen on its link and direction alone.
func TestBadLinksDoToPacketsWhatIsAsked(t *testing.T) {
	c := started(t)
	bad := history.Link{From: "n1", To: "n2"}
	for _, s := range []struct {
		name string
		is   nemesis.Impairment
		ok   func(p nemesis.Probes) bool
	}{
		{"late", nemesis.Impairment{Delay: 200 * time.Millisecond}, func(p nemesis.Probes) bool {
			return p.Came == p.Sent && p.Least >= 200*time.Millisecond
		}},
		{"in jitter", nemesis.Impairment{Jitter: 100 * time.Millisecond}, func(p nemesis.Probes) bool {
			return p.Came == p.Sent && p.Mean-p.Least > 30*time.Millisecond
		}},
		{"in a tail", nemesis.Impairment{Delay: 20 * time.Millisecond, Jitter: 20 * time.Millisecond, Tail: true}, func(p nemesis.Probes) bool {
			return p.Came == p.Sent && p.Least >= 20*time.Millisecond && p.Mean-p.Least > 10*time.Millisecond
		}},
		{"lost", nemesis.Impairment{Loss: 300_000}, func(p nemesis.Probes) bool {
			return p.Sent >= 200 && p.Came > p.Sent/2 && p.Came < p.Sent*9/10
		}},
		{"lost in bursts", nemesis.Impairment{Loss: 300_000, Burst: 8}, func(p nemesis.Probes) bool {
			return p.Came > p.Sent/2 && p.Gaps > 20 && p.Sent-p.Came > 4*p.Gaps
		}},
		{"narrow", nemesis.Impairment{Rate: 10_000}, func(p nemesis.Probes) bool {
			return p.Came > 0 && p.Mean-p.Least > 50*time.Millisecond // those that waited for a second were lost
		}},
		{"doubled and held back", nemesis.Impairment{Duplicate: 300_000, Reorder: 300_000}, func(p nemesis.Probes) bool {
			return p.Came == p.Sent && p.Twice > p.Sent/10 && p.Twice < p.Sent/2 && p.Overtaken > 0
		}},
		{"well", nemesis.Impairment{}, func(p nemesis.Probes) bool {
			return p.Came == p.Sent && p.Sent >= 200 && p.Twice+p.Overtaken == 0
		}},
	} {
		var st nemesis.State
		if s.is != (nemesis.Impairment{}) {
			st.Links = []nemesis.LinkState{{Link: bad, Impairment: s.is}}
		}
		apply(t, c, st)
		m := measure(t, c)
		if p := m.Probes[bad]; !s.ok(p) || !m.Up[bad] {
			t.Errorf("%s: %+v", s.name, p)
		}
		for l, p := range m.Probes {
			if l != bad && (p.Came != p.Sent || p.Twice+p.Overtaken > 0) {
				t.Errorf("%s: %v suffers too: %+v", s.name, l, p)
			}
		}
	}
}

func TestABadLinkCountsWhatTheTargetSends(t *testing.T) {
	c := started(t)
	bad := history.Link{From: "n1", To: "n2"}
	apply(t, c, nemesis.State{Links: []nemesis.LinkState{{Link: bad, Impairment: nemesis.Impairment{Delay: 10 * time.Millisecond}}}})
	if n := measure(t, c).Impaired[bad]; n != 0 {
		t.Errorf("%d packets were counted before there were any but probes", n)
	}
	if !talk(t, c.nodes[0], c.nodes[1]) {
		t.Error("n1 cannot talk to n2 over a slow link")
	}
	if n := measure(t, c).Impaired[bad]; n < 3 { // a connection, a question, and its end
		t.Errorf("%d packets of a conversation were counted", n)
	}
}

func TestALinkHasItsLatencyForTheWholeRun(t *testing.T) {
	slow := history.Link{From: "n1", To: "n3"}
	c := started(t, func(cfg *Config, _ *echo) { cfg.Latency = map[history.Link]time.Duration{slow: 150 * time.Millisecond} })
	bad := nemesis.LinkState{Link: slow, Impairment: nemesis.Impairment{Delay: 100 * time.Millisecond}}
	for _, s := range []struct {
		state nemesis.State
		want  time.Duration
	}{{nemesis.State{}, 150 * time.Millisecond}, {nemesis.State{Links: []nemesis.LinkState{bad}}, 250 * time.Millisecond}, {nemesis.State{}, 150 * time.Millisecond}} {
		apply(t, c, s.state)
		for l, p := range measure(t, c).Probes {
			if slow := l == slow; p.Came != p.Sent || slow != (p.Least >= s.want) {
				t.Errorf("%+v: %v: %+v", s.state, l, p)
			}
		}
	}
}

func TestTheDoctorTriesEveryKindOfFault(t *testing.T) {
	eng := dockertest.Engine(t)
	run := runID(t)
	h, err := Examine(t.Context(), run, t.Logf)
	if err != nil {
		t.Fatal(err)
	}
	nothingLeft(t, eng, run)
	found := map[string]bool{}
	for _, a := range h.Abilities {
		found[a.Kind+" "+a.Shape] = true
		t.Logf("%+v", a)
		if impossible := a.Kind == nemesis.Crash || a.Shape == "slow" && a.Kind == nemesis.Disk; a.Works == impossible || a.How == "" {
			t.Errorf("%+v", a)
		}
	}
	for _, k := range nemesis.Kinds() {
		for _, shape := range slices.Concat(k.Shapes, k.Asked) {
			if !found[k.Name+" "] && !found[k.Name+" "+shape] {
				t.Errorf("%s %s was not tried", k.Name, shape)
			}
		}
	}
}
