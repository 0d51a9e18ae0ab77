package reference

import (
	"errors"
	"maps"
	"net"
	"slices"
	"strings"
	"testing"

	"github.com/mlcheck/mlcheck/history"
	"github.com/mlcheck/mlcheck/targets"
)

// answers serves one request on a pipe with the given bytes, then hangs up.
func answers(t *testing.T, frame []byte) targets.Client {
	t.Helper()
	mine, theirs := net.Pipe()
	done := make(chan struct{})
	go func() {
		defer close(done)
		if _, err := targets.ReadFrame(theirs); err == nil && len(frame) > 0 {
			_, _ = theirs.Write(frame)
		}
		_ = theirs.Close()
	}()
	t.Cleanup(func() { _ = mine.Close(); <-done })
	return &client{conn: mine, node: "n1"}
}

func TestOnlyARefusalSaysThatNothingHappened(t *testing.T) {
	no := enc{}
	no.byte(tellNo)
	no.string("not here")
	for name, c := range map[string]struct {
		frame   []byte
		refused bool
	}{
		"a refusal":            {targets.AppendFrame(nil, no.b), true},
		"hanging up":           {nil, false},
		"half an answer":       {targets.AppendFrame(nil, no.b)[:6], false},
		"an answer of nothing": {targets.AppendFrame(nil, []byte{tellOK}), false},
		"an unknown answer":    {targets.AppendFrame(nil, []byte{'?', 1, 'x'}), false},
	} {
		_, err := answers(t, c.frame).Do(t.Context(), []history.Step{{F: history.Write, Key: "x", Value: history.Int(1)}})
		if err == nil || errors.Is(err, targets.ErrRefused) != c.refused {
			t.Errorf("%s: %v, refused %v", name, err, !c.refused)
		}
	}
}

func claimed(t *testing.T, topology string, options map[string]string) []string {
	t.Helper()
	all := map[string]string{}
	for _, o := range (Target{}).Options() {
		all[o.Name] = o.Default
	}
	maps.Copy(all, options)
	plan, err := Target{}.Configure(targets.Config{Nodes: []string{"n1", "n2", "n3"}, Topology: topology, Options: all})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, cl := range plan.Claims {
		got = append(got, cl.Property)
	}
	return got
}

// The rows that differ by one option, from the page that says who may claim what.
func TestClaimsFollowTheOptions(t *testing.T) {
	for _, c := range []struct {
		topology string
		options  map[string]string
		yes, no  []string
	}{
		{"all-to-all", map[string]string{"policy": "lww-wall"}, []string{"convergence", "durability"}, []string{"no-stale-wins", "read-your-writes", "monotonic-reads", "cc"}},
		{"all-to-all", map[string]string{"policy": "lww-wall", "delivery": "causal"}, []string{"monotonic-reads", "writes-follow-reads"}, []string{"no-stale-wins", "cc"}},
		{"ring", map[string]string{"policy": "lww-wall"}, []string{"monotonic-reads", "writes-follow-reads"}, []string{"cc"}},
		{"all-to-all", map[string]string{"policy": "lww-hlc"}, []string{"no-stale-wins", "monotonic-writes"}, []string{"cc", "ccv", "writes-follow-reads"}},
		{"all-to-all", map[string]string{"policy": "lww-hlc", "delivery": "unordered"}, []string{"no-stale-wins", "read-your-writes"}, []string{"monotonic-writes", "cc"}},
		{"star", map[string]string{"policy": "lww-lamport"}, []string{"cc", "ccv", "writes-follow-reads"}, []string{"cm", "linearizable"}},
		{"all-to-all", map[string]string{"policy": "none"}, []string{"no-thin-air"}, []string{"convergence", "durability"}},
		{"all-to-all", map[string]string{"policy": "none", "delivery": "causal"}, []string{"cc", "cm", "durability"}, []string{"convergence", "ccv"}},
		{"all-to-all", map[string]string{"policy": "siblings", "delivery": "causal"}, []string{"no-lost-updates", "durability"}, []string{"linearizable"}},
		{"all-to-all", map[string]string{"policy": "home"}, []string{"linearizable", "no-lost-updates"}, nil},
		{"all-to-all", map[string]string{"policy": "home", "reads": "local"}, []string{"no-lost-updates"}, []string{"linearizable", "cc", "read-your-writes"}},
		{"all-to-all", map[string]string{"policy": "certify", "reads": "local"}, []string{"cc", "cm", "ccv"}, []string{"linearizable"}},
	} {
		got := claimed(t, c.topology, c.options)
		for _, p := range c.yes {
			if !slices.Contains(got, p) {
				t.Errorf("%s %v does not claim %s", c.topology, c.options, p)
			}
		}
		for _, p := range c.no {
			if slices.Contains(got, p) {
				t.Errorf("%s %v claims %s", c.topology, c.options, p)
			}
		}
	}
}

func TestOptionsThatDoNotGoTogetherAreRefused(t *testing.T) {
	for _, c := range []struct{ topology, policy, delivery, says string }{
		{"ring", "home", "fifo", "needs the topology all-to-all"},
		{"all-to-all", "certify", "unordered", "needs the delivery fifo or causal"},
	} {
		_, err := Target{}.Configure(targets.Config{
			Nodes: []string{"n1", "n2"}, Topology: c.topology,
			Options: map[string]string{"policy": c.policy, "delivery": c.delivery, "reads": "local", "defect": noDefect},
		})
		if err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%v: %v", c, err)
		}
	}
}
