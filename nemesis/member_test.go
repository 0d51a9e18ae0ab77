package nemesis

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/mlcheck/mlcheck/history"
)

func leaderNames(n int) (names []string, links []history.Link) {
	for i := range n {
		names = append(names, fmt.Sprint("n", i+1))
	}
	for _, a := range names {
		for _, b := range names {
			if a != b {
				links = append(links, history.Link{From: a, To: b})
			}
		}
	}
	return names, links
}

// However many sources there are, only leaders leave, and one at a time.
func TestOneLeaderIsOutAtATime(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		nodes, links := leaderNames(rapid.IntRange(3, 9).Draw(t, "leaders"))
		d := Draw{
			Kinds: []string{Member, "member:leave:every=2s:for=500ms", Partition}, Nodes: append(nodes, "f1"), Followers: []string{"f1"},
			Links: links, Time: 20 * time.Second, Seed: rapid.Uint64().Draw(t, "seed"),
		}
		faults, err := d.Schedule()
		if err != nil {
			t.Fatal(err)
		}
		if err := Check(faults, d.Nodes, links); err != nil {
			t.Fatal(err)
		}
		left := 0
		for _, at := range Edges(faults) {
			out := At(faults, at).Out
			left = max(left, len(out))
			if len(out) > 1 || slices.Contains(out, "f1") {
				t.Fatalf("at %s these are out: %v", at, out)
			}
		}
		if left == 0 {
			t.Fatal("nobody ever left")
		}
	})
}

func TestALeaderDoesNotLeaveOneAlone(t *testing.T) {
	nodes, links := leaderNames(2)
	_, err := Draw{Kinds: []string{Member}, Nodes: nodes, Links: links, Time: 20 * time.Second}.Schedule()
	if err == nil || !strings.Contains(err.Error(), "leave needs 3 leaders or more") {
		t.Error(err)
	}
}

// Who has left is down with an empty disk, whatever else befalls it; who has not is a
// member, and suffers the rest.
func TestAStateWithThoseThatHaveLeft(t *testing.T) {
	s := time.Second
	faults := []Fault{
		{ID: 1, Kind: Member, From: 0, Until: 9 * s, Nodes: []string{"n3", "n2"}},
		{ID: 2, Kind: Wipe, From: s, Until: 9 * s, Nodes: []string{"n1", "n2", "n3"}},
		{ID: 3, Kind: Pause, From: 0, Until: s, Nodes: []string{"n2"}},
	}
	for _, c := range []struct {
		at   time.Duration
		left []string
		want State
	}{
		{0, nil, State{Paused: []string{"n2"}}},
		{0, []string{"n1"}, State{Paused: []string{"n2"}}},
		{0, []string{"n2"}, State{Down: []DownState{{"n2", Member}}}},
		{s, []string{"n2"}, State{Down: []DownState{{"n1", Wipe}, {"n2", Member}, {"n3", Wipe}}}},
	} {
		if d := cmp.Diff(c.want, At(faults, c.at).With(c.left)); d != "" {
			t.Errorf("at %s with %v: %s", c.at, c.left, d)
		}
	}
	if out := At(faults, 0).Out; !slices.Equal(out, []string{"n2", "n3"}) || At(faults, 0).Healthy() || !At(faults, 9*s).Healthy() {
		t.Errorf("to be out are %v", out)
	}
}
