package targets

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mlcheck/mlcheck/history"
)

func TestAllToAllLinksEveryPairBothWays(t *testing.T) {
	got, err := Wire("all-to-all", []string{"a", "b", "c"})
	want := []history.Link{{From: "a", To: "b"}, {From: "a", To: "c"}, {From: "b", To: "a"}, {From: "b", To: "c"}, {From: "c", To: "a"}, {From: "c", To: "b"}}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Error(diff, err)
	}
}

func TestRingIsOneCycleThroughEveryLeader(t *testing.T) {
	for n := 2; n <= 9; n++ {
		var nodes []string
		for i := range n {
			nodes = append(nodes, fmt.Sprint("n", i))
		}
		links, err := Wire("ring", nodes)
		if err != nil || len(links) != n {
			t.Fatalf("%d leaders: %v, %v", n, links, err)
		}
		next := map[string]string{}
		for _, l := range links {
			next[l.From] = l.To
		}
		at, seen := nodes[0], map[string]bool{}
		for range n {
			at = next[at]
			seen[at] = true
		}
		if at != nodes[0] || len(seen) != n {
			t.Errorf("%d leaders: %v is no cycle", n, links)
		}
	}
}

func TestOneLeaderHasNobodyToReplicateTo(t *testing.T) {
	for _, topology := range []string{"ring", "all-to-all", "star"} {
		if links, err := Wire(topology, []string{"n1"}); err != nil || len(links) > 0 {
			t.Errorf("%s of one leader: %v, %v", topology, links, err)
		}
	}
}

func TestAnUnknownTopologyIsRefusedWithTheValidOnes(t *testing.T) {
	if _, err := Wire("tree", []string{"n1", "n2"}); err == nil || !strings.Contains(err.Error(), "all-to-all, ring and star") {
		t.Errorf("got %v", err)
	}
}

func TestAStarLinksItsHubWithEveryOther(t *testing.T) {
	got, err := Wire("star", []string{"hub", "a", "b"})
	want := []history.Link{{From: "hub", To: "a"}, {From: "a", To: "hub"}, {From: "hub", To: "b"}, {From: "b", To: "hub"}}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Error(diff, err)
	}
}
