package reference

import (
	"errors"
	"net"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

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

func TestClaimsFollowTheOptions(t *testing.T) {
	always := []string{"convergence", "durability", "conflict-policy", "no-thin-air", "no-duplicates"}
	everything := []string{"no-stale-wins", "deletes-stay-deleted", "cc", "ccv", "read-your-writes", "monotonic-reads", "monotonic-writes", "writes-follow-reads"}
	for _, c := range []struct {
		topology, policy, delivery string
		more                       []string
	}{
		{"all-to-all", "lww-wall", "fifo", nil},
		{"all-to-all", "lww-wall", "causal", []string{"monotonic-reads", "writes-follow-reads"}},
		{"ring", "lww-wall", "fifo", []string{"monotonic-reads", "writes-follow-reads"}},
		{"all-to-all", "lww-hlc", "fifo", []string{"no-stale-wins", "deletes-stay-deleted", "read-your-writes", "monotonic-reads", "monotonic-writes"}},
		{"all-to-all", "lww-hlc", "causal", everything},
		{"ring", "lww-hlc", "fifo", everything},
	} {
		plan, err := Target{}.Configure(targets.Config{
			Nodes: []string{"n1", "n2", "n3"}, Topology: c.topology, Options: map[string]string{"policy": c.policy, "delivery": c.delivery},
		})
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, cl := range plan.Claims {
			got = append(got, cl.Property)
		}
		if diff := cmp.Diff(slices.Concat(always, c.more), got); diff != "" {
			t.Errorf("%v: %s", c, diff)
		}
	}
}
