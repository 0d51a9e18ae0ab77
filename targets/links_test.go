package targets

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/mlcheck/mlcheck/history"
)

func TestLinksAreReadAsTheyAreWritten(t *testing.T) {
	got, err := Wire("n1-n2, n2-n3,n3-n1", []string{"n1", "n2", "n3"})
	want := []history.Link{{From: "n1", To: "n2"}, {From: "n2", To: "n3"}, {From: "n3", To: "n1"}}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Error(diff, err)
	}
}

func TestLinksThatCannotBeAreRefused(t *testing.T) {
	for list, says := range map[string]string{
		"n1-n2,n2-n4": `"n4" is none of n1, n2, n3`,
		"n1-n2,n2":    `"" is none of`,
		"n1-n1,n1-n2": "leads nowhere",
		"n1-n2,n1-n2": "is there twice",
		"n1-n2,n2-n1": "no change made at n1 can ever reach n3",
		"n1-n2,n2-n3": "no change made at n2 can ever reach n1",
	} {
		if _, err := Wire(list, []string{"n1", "n2", "n3"}); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v, want %s", list, err, says)
		}
	}
}

// Every topology with a name can be written out.
func TestNamedTopologiesAreConnected(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		nodes := []string{"n1", "n2", "n3", "n4", "n5", "n6", "n7", "n8", "n9"}[:rapid.IntRange(2, 9).Draw(t, "leaders")]
		named, err := Wire(rapid.SampledFrom([]string{"all-to-all", "ring", "star"}).Draw(t, "topology"), nodes)
		if err != nil {
			t.Fatal(err)
		}
		var words []string
		for _, l := range named {
			words = append(words, l.From+"-"+l.To)
		}
		got, err := Wire(strings.Join(words, ","), nodes)
		if diff := cmp.Diff(named, got); diff != "" || err != nil {
			t.Fatal(diff, err)
		}
	})
}
