package mlcheck

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/mlcheck/mlcheck/checker"
	"github.com/mlcheck/mlcheck/history"
	"github.com/mlcheck/mlcheck/nemesis"
)

// numbered gives faults their numbers.
func numbered(fs ...nemesis.Fault) []nemesis.Fault {
	for i := range fs {
		fs[i].ID = i + 1
	}
	return fs
}

func strobeFault(from, until, offset, period time.Duration) nemesis.Fault {
	f := clockFault(from, until, offset, 0)
	f.Clocks[0].Period = period
	return f
}

func processFault(kind string, from, until time.Duration, nodes ...string) nemesis.Fault {
	return nemesis.Fault{Kind: kind, From: from, Until: until, Nodes: nodes}
}

// A node that is paused or down shows no clock. What is wrong with it is proved when
// it is up again, and where it never is, nobody was misled.
func TestAClockFaultIsProvedWhileItsNodeIsUp(t *testing.T) {
	const s, ms = time.Second, time.Millisecond
	scrambled := clockFault(s, 2*s, 2*s, 0)
	scrambled.Clocks = append(scrambled.Clocks, nemesis.Skew{Node: "n2", Offset: -s}, nemesis.Skew{Node: "n3", Offset: s})
	proved := []string{history.Planned, history.Effective, history.Healing, history.Healed}
	idle := []string{history.Planned, history.Covered, history.Healing, history.Healed}
	for name, c := range map[string]struct {
		clock  nemesis.Fault
		others []nemesis.Fault
		phases []string
		at     [2]time.Duration // when it was seen to be there, and to be gone
		note   string
	}{
		"a bump on a node that is up":          {clockFault(s, 2*s, s, 0), nil, proved, [2]time.Duration{s, 2 * s}, ""},
		"it is paused at first":                {clockFault(s, 2*s, s, 0), []nemesis.Fault{processFault("pause", 900*ms, 1500*ms, "n1")}, proved, [2]time.Duration{1500 * ms, 2 * s}, ""},
		"it is down at first":                  {clockFault(s, 2*s, s, 0), []nemesis.Fault{processFault("kill", s, 1500*ms, "n1")}, proved, [2]time.Duration{1500 * ms, 2 * s}, ""},
		"it is paused at last":                 {clockFault(s, 2*s, s, 0), []nemesis.Fault{processFault("pause", 1500*ms, 2500*ms, "n1")}, proved, [2]time.Duration{s, 2500 * ms}, ""},
		"it is down all the time":              {clockFault(s, 2*s, s, 0), []nemesis.Fault{processFault("crash", 900*ms, 2500*ms, "n1")}, idle, [2]time.Duration{-1, 2500 * ms}, "n1 was not up while it lasted"},
		"a drift until it is down":             {clockFault(s, 2*s, 0, 900_000), []nemesis.Fault{processFault("kill", 1500*ms, 2500*ms, "n1")}, proved, [2]time.Duration{1500 * ms, 2500 * ms}, "once it has grown"},
		"a drift that is never seen":           {clockFault(s, 2*s, 0, 900_000), []nemesis.Fault{processFault("kill", 1050*ms, 2500*ms, "n1")}, idle, [2]time.Duration{-1, 2500 * ms}, "not up any more when"},
		"a strobe":                             {strobeFault(s, 2*s, s, 200*ms), nil, proved, [2]time.Duration{1300 * ms, 2 * s}, ""},
		"a strobe, paused on every other side": {strobeFault(s, 2*s, s, 400*ms), []nemesis.Fault{processFault("pause", 1300*ms, 2*s, "n1")}, proved, [2]time.Duration{2 * s, 2 * s}, "on one side of its jumps only"},
		"a strobe, paused while it is off":     {strobeFault(s, 2*s, s, 500*ms), []nemesis.Fault{processFault("pause", 900*ms, 1600*ms, "n1")}, idle, [2]time.Duration{-1, 2 * s}, "on one side of its jumps only"},
		"a scramble, one node down":            {scrambled, []nemesis.Fault{processFault("kill", 900*ms, 2500*ms, "n2")}, proved, [2]time.Duration{2 * s, 2500 * ms}, "n2 was not up while it lasted"},
	} {
		t.Run(name, func(t *testing.T) {
			r, st := staged(t, with(func(t *Test) { t.Faults = numbered(append([]nemesis.Fault{c.clock}, c.others...)...) }))
			o := finish(t, r, st)
			if diff := cmp.Diff(c.phases, phases(recorded(t, r), 1)); diff != "" {
				t.Errorf("phases: %s", diff)
			}
			f := o.Results.Faults[0]
			near := func(is int64, want time.Duration) bool {
				return is == int64(want) || want >= 0 && time.Duration(is) >= want && time.Duration(is) < want+100*ms
			}
			if !near(f.Effective, c.at[0]) || !near(f.Healed, c.at[1]) {
				t.Errorf("seen from %s until %s, want %v", time.Duration(f.Effective), time.Duration(f.Healed), c.at)
			}
			state := "effective"
			if c.phases[1] == history.Covered {
				state = "idle"
			}
			if f.State != state || !strings.Contains(f.Note, c.note) {
				t.Errorf("%s: %s", f.State, f.Note)
			}
			if o.Results.Verdict != checker.Holds {
				t.Errorf("%s: %s", o.Results.Verdict, o.Results.Why)
			}
		})
	}
}

// A clock that only jumps once, or jumps at other times, is no strobe.
func TestAStrobeThatDoesNotJumpBackIsAbsent(t *testing.T) {
	const s = time.Second
	for name, wrong := range map[string]func(nemesis.Strobe) nemesis.ClockState{
		"it stays off":   func(p nemesis.Strobe) nemesis.ClockState { return nemesis.ClockState{Node: "n1", Offset: p.Offset} },
		"it stays right": func(nemesis.Strobe) nemesis.ClockState { return nemesis.ClockState{Node: "n1"} },
		"it jumps half as far": func(p nemesis.Strobe) nemesis.ClockState {
			p.Offset /= 2
			return nemesis.ClockState{Node: "n1", Strobe: p}
		},
		"it is right when it is to be off": func(p nemesis.Strobe) nemesis.ClockState {
			return nemesis.ClockState{Node: "n1", Offset: p.Offset, Strobe: nemesis.Strobe{Offset: -p.Offset, Period: p.Period, From: p.From}}
		},
	} {
		r, st := staged(t, with(func(t *Test) { t.Faults = numbered(strobeFault(s, 2*s, s, 200*time.Millisecond)) }))
		own := st.Cluster.Fabric()
		st.apply = func(ctx context.Context, state nemesis.State) error {
			if len(state.Clocks) > 0 {
				state.Clocks = []nemesis.ClockState{wrong(state.Clocks[0].Strobe)}
			}
			return own.Apply(ctx, state)
		}
		o := finish(t, r, st)
		if got := phases(recorded(t, r), 1); got[1] != history.Absent || o.Results.Verdict != checker.Unknown {
			t.Errorf("%s: %v, %s", name, got, o.Results.Why)
		}
	}
}

// Only where the kernel's own waits are wrong does a report warn of that.
func TestAReportWarnsOfDistortedWaitsWhereThereAreSome(t *testing.T) {
	ahead := []nemesis.Fault{numbered(clockFault(time.Second, 2*time.Second, time.Second, 0))[0]}
	for name, c := range map[string]struct {
		test Test
		want string
	}{
		"Go programs":           {Test{Target: "reference", World: "docker", Faults: ahead}, ""},
		"libfaketime":           {Test{Target: "mariadb", Faults: ahead}, ""},
		"no clock fault":        {Test{Target: "mariadb", Options: opts("image", "mariadb:10.11")}, ""},
		"somebody else's image": {Test{Target: "mariadb", Options: opts("image", "mariadb:10.11"), Faults: ahead}, "the clocks of n1 were skewed"},
		"the simulated world":   {Test{Target: "reference", World: "sim", Faults: ahead}, ""},
	} {
		p, err := c.test.plan()
		if err != nil {
			t.Fatal(err)
		}
		if got := (&runner{plan: p}).distorts(); (got == "") != (c.want == "") || !strings.Contains(got, c.want) {
			t.Errorf("%s: %q", name, got)
		}
	}
}
