package agent

import (
	"errors"
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var compareAddr = cmp.Comparer(func(a, b netip.Addr) bool { return a == b })

func addr(s string) netip.Addr { return netip.MustParseAddr(s) }

func TestCutDropsProbesUncountedAndTheRestCounted(t *testing.T) {
	got, err := rules(State{In: []string{"10.0.0.2"}, Out: []string{"10.0.0.3"}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	want := []rule{
		{peer: addr("10.0.0.2"), probes: true},
		{peer: addr("10.0.0.2")},
		{out: true, peer: addr("10.0.0.3"), probes: true},
		{out: true, peer: addr("10.0.0.3")},
	}
	if diff := cmp.Diff(want, got, compareAddr, cmp.AllowUnexported(rule{})); diff != "" {
		t.Error(diff)
	}
}

func TestHealthyStateHasNoRules(t *testing.T) {
	if got, err := rules(State{Generation: 4}, nil); err != nil || len(got) != 0 {
		t.Errorf("rules %v, error %v", got, err)
	}
}

func TestWhatIsNoAddressIsRefused(t *testing.T) {
	for _, bad := range []string{"", "n1", "10.0.0", "fe80::1"} {
		if _, err := rules(State{In: []string{bad}}, nil); err == nil {
			t.Errorf("%q was taken for an address", bad)
		}
	}
}

// fakePackets counts three packets into every rule between any two looks.
type fakePackets struct {
	rules []rule
	fail  error
}

func (f *fakePackets) replace(r []rule) error { f.rules = r; return f.fail }
func (f *fakePackets) remove() error          { f.rules = nil; return nil }

func (f *fakePackets) counts() (map[cut]int64, error) {
	all := map[cut]int64{}
	for i, r := range f.rules {
		if !r.probes && !r.queued && !r.own {
			f.rules[i].counted += 3
			all[cut{r.out, r.peer}] = f.rules[i].counted
		}
	}
	return all, nil
}

func swallowedIn(t *testing.T, f *firewall) map[string]int64 {
	t.Helper()
	in, _, err := f.swallowed()
	if err != nil {
		t.Fatal(err)
	}
	return in
}

func TestCountsOfACutSurviveOtherChangesAndItsHealingButNotTheNextCut(t *testing.T) {
	f := newFirewall(&fakePackets{})
	for _, s := range []struct {
		name  string
		state State
		want  map[string]int64
	}{
		{"cut", State{In: []string{"10.0.0.2"}}, map[string]int64{"10.0.0.2": 3}},
		{"another cut beside it", State{In: []string{"10.0.0.2", "10.0.0.3"}}, map[string]int64{"10.0.0.2": 9, "10.0.0.3": 3}},
		{"healed", State{}, map[string]int64{"10.0.0.2": 12, "10.0.0.3": 6}},
		{"cut again", State{In: []string{"10.0.0.2"}}, map[string]int64{"10.0.0.2": 3, "10.0.0.3": 6}},
	} {
		if err := f.apply(s.state); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(s.want, swallowedIn(t, f)); diff != "" {
			t.Errorf("%s: %s", s.name, diff)
		}
	}
}

func TestRulesThatTheKernelRefusesAreAnError(t *testing.T) {
	f := newFirewall(&fakePackets{fail: errors.New("refused")})
	if err := f.apply(State{In: []string{"10.0.0.2"}}); err == nil {
		t.Error("a cut that was refused was confirmed")
	}
}
