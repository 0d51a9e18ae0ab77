package checker

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/mlcheck/mlcheck/history"
)

func TestWhatComesBack(t *testing.T) {
	siblings := history.Header{Policy: "siblings"}
	for _, tc := range []struct {
		name, want, text string
		hd               history.Header
	}{
		{name: "an element at the leader that removed it", want: "violated 1 came back", text: "s1@n1 add s 5\ns1@n1 rem s 5\ns1@n1 r s []\ns1@n1 r s [5]\n"},
		{name: "to another session there", want: "violated 1 came back", text: "s1@n1 add s 5\ns1@n1 rem s 5\ns2@n1 r s []\ns3@n1 r s [5]\n"},
		{name: "an element at a leader that had shown it", want: "violated 1 came back", text: "s1@n1 add s 5\ns1@n1 rem s 5\ns2@n2 r s [5]\ns2@n2 r s []\ns2@n2 r s [5]\n"},
		{name: "at the end", want: "violated 1 came back", text: "s1@n1 add s 5\ns1@n1 rem s 5\ns1@n1 r s []\nend quiet\nfinal n1 r s [5]\nfinal n2 r s [5]\nfinal n3 r s [5]\n"},
		{name: "once, however often it is read", want: "violated 1 came back", text: "s1@n1 add s 5\ns1@n1 rem s 5\ns1@n1 r s []\ns1@n1 r s [5]\ns1@n1 r s [5]\n"},
		{name: "an element whose add came late", want: "unknown", text: "s1@n1 add s 5\ns1@n1 rem s 5\ns2@n2 r s []\ns2@n2 r s [5]\n"},
		{name: "shown gone nowhere", want: "unknown", text: "s1@n1 add s 5\ns1@n1 rem s 5\ns1@n1 r s [5]\n"},
		{name: "gone at another leader", want: "unknown", text: "s1@n1 add s 5\ns1@n1 rem s 5\ns1@n1 r s []\ns2@n2 r s [5]\n"},
		{name: "added anew", want: "unknown", text: "s1@n1 add s 5\ns1@n1 rem s 5\ns1@n1 r s []\ns1@n1 add s 5\ns1@n1 r s [5]\n"},
		{name: "added anew elsewhere", want: "unknown", text: "s1@n1 add s 5\ns1@n1 rem s 5\ns1@n1 r s []\ns2@n2 add s 5\ns1@n1 r s [5]\n"},
		{name: "an add that may have happened", want: "unknown", text: "s1@n1 add s 5\ns1@n1 rem s 5\ns1@n1 r s []\ns2@n2 add s 5 info\ns1@n1 r s [5]\n"},
		{name: "an add that was refused", want: "violated 1 came back", text: "s1@n1 add s 5\ns1@n1 rem s 5\ns1@n1 r s []\ns2@n2 add s 5 fail\ns1@n1 r s [5]\n"},
		{name: "a removal that was refused", want: "unknown", text: "s1@n1 add s 5\ns1@n1 rem s 5 fail\ns1@n1 r s []\ns1@n1 r s [5]\n"},
		{name: "a removal that may have happened", want: "unknown", text: "s1@n1 add s 5\ns1@n1 rem s 5 info\ns2@n2 r s [5]\ns2@n2 r s []\ns2@n2 r s [5]\n"},
		{name: "a removal by a session that moved", want: "unknown", text: "s1@n1 add s 5\ns1@n2 rem s 5\ns1@n2 r s []\ns1@n2 r s [5]\n"},
		{name: "which had seen it there", want: "violated 1 came back", text: "s1@n1 add s 5\ns1@n2 r s [5]\ns1@n2 rem s 5\ns1@n2 r s []\ns1@n2 r s [5]\n"},
		{name: "reads that overlap", want: "unknown", text: "s1@n1 add s 5\ns1@n1 rem s 5\n( s2@n1 r s []\ns3@n1 r s [5]\n) s2\n"},
		{name: "a removal that overlaps the read", want: "unknown", text: "s1@n1 add s 5\n( s1@n1 rem s 5\ns2@n1 r s []\n) s1\ns3@n1 r s [5]\n"},
		{name: "a restart in between", want: "unknown", text: "s1@n1 add s 5\ns1@n1 rem s 5\ns2@n2 r s [5]\nfault 1 kill effective n2\ns2@n2 r s []\ns2@n2 r s [5]\n"},
		{name: "a restart after it was gone", want: "violated 1 came back", text: "s1@n1 add s 5\ns1@n1 rem s 5\ns2@n2 r s [5]\ns2@n2 r s []\nfault 1 kill effective n2\ns2@n2 r s [5]\n"},
		{name: "another removal may explain it", want: "unknown", text: "s1@n1 add s 5\ns1@n1 rem s 5\ns3@n3 rem s 5\ns2@n2 r s [5]\ns2@n2 r s []\ns2@n2 r s [5]\n"},
		{name: "an older removal explains nothing", want: "violated 1 came back", text: "s1@n1 rem s 5\ns1@n1 add s 5\ns1@n1 rem s 5\ns2@n2 r s [5]\ns2@n2 r s []\ns2@n2 r s [5]\n"},
		{name: "an older removal had been asked for, the newer one not yet", want: "unknown", text: "s1@n1 rem s 5\ns1@n1 add s 5\ns2@n2 r s [5]\ns2@n2 r s []\ns1@n1 rem s 5\ns2@n2 r s [5]\n"},
		{name: "it stays away", want: "holds", text: "s1@n1 add s 5\ns1@n1 rem s 5\ns1@n1 r s []\ns1@n1 r s []\n"},

		{name: "a register at the leader that removed it", want: "violated 1 came back", text: "s1@n1 w x 1\ns1@n1 d x\ns1@n1 r x -\ns1@n1 r x 1\n"},
		{name: "an older value of it", want: "violated 1 came back", text: "s1@n1 w x 1\ns1@n1 w x 2\ns1@n1 d x\ns1@n1 r x -\ns1@n1 r x 1\n"},
		{name: "a register at a leader that had shown it", want: "violated 1 came back", text: "s1@n1 w x 1\ns1@n1 d x\ns2@n2 r x 1\ns2@n2 r x -\ns2@n2 r x 1\n"},
		{name: "after an older removal", want: "violated 1 came back", text: "s1@n1 d x\ns1@n1 w x 1\ns1@n1 d x\ns2@n2 r x 1\ns2@n2 r x -\ns2@n2 r x 1\n"},
		{name: "a register whose write came late", want: "unknown", text: "s1@n1 w x 1\ns1@n1 d x\ns2@n2 r x -\ns2@n2 r x 1\n"},
		{name: "a newer value", want: "holds", text: "s1@n1 w x 1\ns1@n1 d x\ns1@n1 r x -\ns1@n1 w x 2\ns1@n1 r x 2\n"},
		{name: "a concurrent one", want: "holds", text: "s1@n1 w x 1\ns1@n1 d x\ns1@n1 r x -\ns2@n2 w x 2\ns1@n1 r x 2\n"},
		{name: "a removal that may have happened", want: "unknown", text: "s1@n1 w x 1\ns1@n1 d x info\ns2@n2 r x 1\ns2@n2 r x -\ns2@n2 r x 1\n"},
		{name: "one that may have, and one that did", want: "violated 1 came back", text: "s1@n1 w x 1\ns1@n1 d x info\ns1@n1 d x\ns2@n2 r x 1\ns2@n2 r x -\ns2@n2 r x 1\n"},
		{name: "max does not go by age", want: "not decided", hd: history.Header{Policy: "max"}, text: "s1@n1 w x 1\ns1@n1 d x\ns1@n1 r x -\ns1@n1 r x 1\n"},
		{name: "siblings that no removal names", want: "not decided", hd: siblings, text: "s1@n1 w x 1\ns1@n1 d x\ns1@n1 r x -\ns1@n1 r x 1\n"},
		{name: "siblings that a removal names", want: "violated 1 came back", hd: siblings, text: "s1@n1 w x 1\ns1@n1 d x ctx=1\ns1@n1 r x -\ns1@n1 r x 1\n"},
		{name: "siblings that a removal did not know", want: "holds", hd: siblings, text: "s1@n1 w x 1\ns1@n1 w x 2\ns1@n1 d x ctx=1\ns1@n1 r x -\ns1@n1 r x [2]\n"},
		{name: "siblings that nobody wrote are not nothing", want: "unknown", hd: siblings, text: "s1@n1 w x 1\ns1@n1 d x ctx=1\ns1@n1 r x [9]\ns1@n1 r x 1\n"},
		{name: "nothing is removed", want: "not decided", text: "s1@n1 w x 1\n"},
	} {
		t.Run(strings.ReplaceAll(tc.name, " ", "_"), func(t *testing.T) {
			h := parse(t, tc.hd, tc.text)
			r := check(t, "deletes-stay-deleted", h)
			allStandAlone(t, h, "deletes-stay-deleted")
			if diff := cmp.Diff(tc.want, verdict(r)); diff != "" {
				t.Errorf("(-want +got)\n%s%s\n%+v", diff, r.Reason, r.Findings)
			}
		})
	}
}

// Whatever comes round again, and in whatever order, a store that keeps its
// tombstones and whose stamps extend causality lets nothing come back.
func TestAStoreThatKeepsTombstonesIsNeverAccused(t *testing.T) {
	chances := 0
	rapid.Check(t, func(t *rapid.T) {
		g := newGossip(rapid.Uint64().Draw(t, "seed"))
		g.sets = rapid.Bool().Draw(t, "sets")
		h := drive(driven{
			seed: rapid.Uint64().Draw(t, "clients"), sessions: rapid.IntRange(1, 9).Draw(t, "sessions"), ops: rapid.IntRange(1, 400).Draw(t, "ops"),
			moves: rapid.Bool().Draw(t, "moves"), info: rapid.Bool().Draw(t, "info"), fails: rapid.Bool().Draw(t, "fails"),
		}, g)
		r := check(t, "deletes-stay-deleted", h)
		if chances += r.Chances; r.Verdict == Violated {
			t.Fatalf("%s\n%s", r.Reason, r.Findings[0].Story)
		}
	})
	if chances < 50 {
		t.Errorf("only %d chances", chances)
	}
}

func TestTombstonesThatAreCollectedEarlyLetRemovedThingsComeBack(t *testing.T) {
	for sets, atLeast := range map[bool]int{true: 100, false: 15} {
		found := 0
		for seed := range uint64(200) {
			g := newGossip(seed)
			g.sets, g.collects = sets, true
			h := drive(driven{seed: seed, sessions: 6, ops: 300}, g)
			r := check(t, "deletes-stay-deleted", h)
			if r.Violations == 0 {
				continue
			}
			if found++; found <= 5 {
				allStandAlone(t, h, "deletes-stay-deleted")
			}
			for _, f := range r.Findings {
				if !g.raised(f) {
					t.Errorf("seed %d: the store raised nothing of that kind: %s", seed, f.Story)
				}
			}
		}
		if found < atLeast {
			t.Errorf("sets=%v: found with %d of 200 seeds", sets, found)
		}
	}
}
