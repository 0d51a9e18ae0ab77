package checker

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/mlcheck/mlcheck/history"
)

func TestWhatAPolicyAllows(t *testing.T) {
	finals := func(key, v string) string {
		return "end quiet\nfinal n1 r " + key + " " + v + "\nfinal n2 r " + key + " " + v + "\nfinal n3 r " + key + " " + v + "\n"
	}
	const two = "s1@n1 w x 1 stamp=5.n1.1\ns2@n2 w x 2 stamp=9.n2.1\n"
	const differ = "final n1 r x 1\nfinal n2 r x 2\nfinal n3 r x 2\n"
	for _, tc := range []struct{ name, policy, want, text string }{
		{"the greatest stamp wins", "lww-hlc", "holds", two + finals("x", "2")},
		{"a lesser one wins", "lww-hlc", "violated 1 wrong stamp won", two + finals("x", "1")},
		{"ties go by the node", "lww-wall", "violated 1 wrong stamp won", "s1@n1 w x 1 stamp=9.n1.1\ns2@n2 w x 2 stamp=9.n2.1\n" + finals("x", "1")},
		{"and then by the sequence", "lww-wall", "violated 1 wrong stamp won", "s1@n1 w x 1 stamp=9.n1.1\ns1@n1 w x 2 stamp=9.n1.2\n" + finals("x", "1")},
		{"n10 comes after n9", "lww-wall", "violated 1 wrong stamp won", "s1@n1 w x 1 stamp=9.n10.1\ns2@n2 w x 2 stamp=9.n9.1\n" + finals("x", "2")},
		{"one that may have happened did not, for all we know", "lww-hlc", "unknown", "s1@n1 w x 1 stamp=5.n1.1\ns2@n2 w x 2 info stamp=9.n2.1\n" + finals("x", "1")},
		{"but if it was read it did", "lww-hlc", "violated 1 wrong stamp won", "s1@n1 w x 1 stamp=5.n1.1\ns2@n2 w x 2 info stamp=9.n2.1\ns3@n3 r x 2\n" + finals("x", "1")},
		{"a refused one did not", "lww-hlc", "unknown", "s1@n1 w x 1 stamp=5.n1.1\ns2@n2 w x 2 fail stamp=9.n2.1\n" + finals("x", "1")},
		{"a winner that nobody was told of has no stamp", "lww-hlc", "holds", two + "s3@n3 w x 3 info\n" + finals("x", "3")},
		{"a removal with the greatest stamp", "lww-hlc", "holds", two + "s3@n3 d x stamp=10.n3.1\n" + finals("x", "-")},
		{"a removal with a lesser one", "lww-hlc", "violated 1 wrong stamp won", two + "s3@n3 d x stamp=8.n3.1\n" + finals("x", "-")},
		{"a removal that may have happened", "lww-hlc", "holds", two + "s3@n3 d x stamp=8.n3.1\ns3@n3 d x info\n" + finals("x", "-")},
		{"nothing won", "lww-hlc", "violated 1 nobody's", two + finals("x", "-")},
		{"a value that nobody wrote", "lww-hlc", "violated 1 nobody's", two + finals("x", "7")},
		{"without stamps any of them", "lww", "holds", "s1@n1 w x 1\ns2@n2 w x 2\n" + finals("x", "1")},
		{"leaders that chose differently", "lww", "violated 1 chose differently", "s1@n1 w x 1\ns2@n2 w x 2\nend quiet\n" + differ},
		{"or to whom it did not come", "lww", "holds", "s1@n1 w x 1\ns2@n2 w x 2\nend stopped n1 to n2\n" + differ},
		{"nothing to choose from", "lww", "unknown", "s1@n1 w x 1\n" + finals("x", "1")},
		{"on a disk that was wiped", "lww-hlc", "holds", two + "fault 1 wipe effective n2\n" + finals("x", "1")},
		{"first", "first", "holds", two + finals("x", "1")},
		{"not the first", "first", "violated 1 wrong stamp won", two + finals("x", "2")},
		{"max", "max", "holds", two + finals("x", "2")},
		{"not the max", "max", "violated 1 wrong value won", two + finals("x", "1")},
		{"a greater one that may have happened", "max", "holds", two + "s3@n3 w x 3 info\n" + finals("x", "2")},
		{"min", "min", "holds", two + finals("x", "1")},
		{"not the min", "min", "violated 1 wrong value won", two + finals("x", "2")},
		{"max and a removal", "max", "holds", two + "s3@n3 d x\n" + finals("x", "-")},
		{"none lays nothing down", "none", "not decided", two + finals("x", "1")},
		{"no policy", "", "not decided", two + finals("x", "1")},

		{"siblings nobody replaces", "siblings", "holds", "s1@n1 w x 1\ns2@n2 w x 2\ns3@n3 r x [1 2] ctx=1\n" + finals("x", "[2 1]")},
		{"one is missing", "siblings", "violated 1 version missing", "s1@n1 w x 1\ns2@n2 w x 2\ns3@n3 w x 3 ctx=1\n" + finals("x", "3")},
		{"one was replaced", "siblings", "violated 1 replaced version kept", "s1@n1 w x 1\ns2@n2 w x 2 ctx=1\n" + finals("x", "[1 2]")},
		{"in a row", "siblings", "holds", "s1@n1 w x 1\ns2@n2 w x 2 ctx=1\ns3@n3 w x 3 ctx=2\n" + finals("x", "3")},
		{"by stamps", "siblings", "violated 1 replaced version kept", "s1@n1 w x 1 stamp=1-aa\ns2@n2 w x 2 ctx=1-aa stamp=2-bb\n" + finals("x", "[1 2]")},
		{"by a vector", "siblings", "violated 1 replaced version kept", "s1@n1 w x 1 stamp=0.n1.1\ns1@n1 w x 2 stamp=0.n1.2\ns2@n2 w x 3 ctx=n1:1 stamp=0.n2.1\n" + finals("x", "[1 2 3]")},
		{"which does not reach so far", "siblings", "holds", "s1@n1 w x 1 stamp=0.n1.1\ns1@n1 w x 2 stamp=0.n1.2\ns2@n2 w x 3 ctx=n1:1 stamp=0.n2.1\n" + finals("x", "[2 3]")},
		{"one that may have happened is there", "siblings", "holds", "s1@n1 w x 1\ns2@n2 w x 2 info ctx=1\ns3@n3 w x 3\n" + finals("x", "[2 3]")},
		{"or is not", "siblings", "holds", "s1@n1 w x 1\ns2@n2 w x 2 info ctx=1\ns3@n3 w x 3\n" + finals("x", "[1 3]")},
		{"it may have replaced what it names", "siblings", "holds", "s1@n1 w x 1\ns2@n2 w x 2 info ctx=1\ns3@n3 w x 3\n" + finals("x", "[3]")},
		{"a refused one replaced nothing", "siblings", "violated 1 version missing", "s1@n1 w x 1\ns2@n2 w x 2 fail ctx=1\ns3@n3 w x 3\n" + finals("x", "[3]")},
		{"a removal of one of two", "siblings", "holds", "s1@n1 w x 1\ns2@n2 w x 2\ns3@n3 d x ctx=1\n" + finals("x", "2")},
		{"a removal that names nothing", "siblings", "holds", "s1@n1 w x 1\ns2@n2 w x 2\ns3@n3 d x\ns3@n3 r x [1 2] ctx=1\n" + finals("x", "-")},
		{"a name that is nobody's", "siblings", "holds", "s1@n1 w x 1 stamp=1-aa\ns2@n2 w x 2 ctx=7-zz stamp=2-bb\n" + finals("x", "-")},
		{"no context anywhere", "siblings", "not decided", "s1@n1 w x 1\ns2@n2 w x 2\n" + finals("x", "1")},
		{"a value that nobody wrote among them", "siblings", "violated 1 nobody's", "s1@n1 w x 1\ns2@n2 w x 2 ctx=1\n" + finals("x", "[2 8]")},

		{"merge leaves the one version", "merge", "violated 1 version missing", "s1@n1 w x 1\ns2@n2 w x 2 ctx=1\n" + finals("x", "1")},
		{"merge makes what it likes of two", "merge", "holds", "s1@n1 w x 1\ns2@n2 w x 2\ns3@n3 r x [1 2] ctx=1\n" + finals("x", "1")},
		{"merge-max of two", "merge-max", "violated 1 wrong value won", "s1@n1 w x 1\ns2@n2 w x 2\ns3@n3 r x [1 2] ctx=1\n" + finals("x", "1")},
		{"merge-max of what is left", "merge-max", "holds", "s1@n1 w x 4\ns2@n2 w x 2 ctx=4\ns3@n3 w x 1\n" + finals("x", "2")},

		{"an element that was added", "crdt", "violated 1 element missing", "s1@n1 add s 1\ns2@n2 add s 2\n" + finals("s", "[2]")},
		{"an element that was removed", "crdt", "violated 1 removed element kept", "s1@n1 add s 1\ns1@n1 rem s 1\ns2@n2 add s 2\n" + finals("s", "[1 2]")},
		{"an element that was added and removed at once", "crdt", "holds", "s1@n1 add s 1\ns2@n2 rem s 1\n" + finals("s", "[1]")},
		{"a counter", "crdt", "violated 1 beyond its interval", "s1@n1 inc c 1\ns2@n2 inc c 2\n" + finals("c", "2")},

		{"two homes", "home", "violated 1 two homes", "s1@n1 w x 1\ns2@n2 w x 2\ns2@n2 r y - by=n1\n" + finals("x", "2")},
		{"stamps are no epochs under plain home", "home", "violated 1 two homes", "s1@n1 w x 1 stamp=5.n1.1\ns2@n2 w x 2 stamp=9.n2.1\ns2@n2 r y - by=n1\n" + finals("x", "2")},
		{"one home", "home", "holds", "s1@n1 w x 1\ns2@n2 w x 2 by=n1\n" + finals("x", "2")},
		{"nobody says who is home", "home", "not decided", "s1@n1 w x 1\ns2@n2 w x 2\n" + finals("x", "2")},
		{"a home that moved on", "home-majority", "holds", "s1@n1 w x 1 stamp=1.n1.1\ns2@n2 w x 2 by=n1 stamp=1.n1.2\ns2@n2 w x 3 by=n3 stamp=2.n3.1\n" + finals("x", "3")},
		{"two in one epoch", "home-majority", "violated 1 two homes", "s1@n1 w x 1 stamp=1.n1.1\ns2@n2 w x 2 by=n1 stamp=1.n1.2\ns2@n2 w x 3 by=n3 stamp=1.n3.1\n" + finals("x", "3")},
		{"epochs that are not told", "home-majority", "not decided", "s1@n1 w x 1\ns2@n2 w x 2 by=n1\n" + finals("x", "2")},
		{"a write that may have happened has no home", "home", "holds", "s1@n1 w x 1\ns2@n2 w x 2 by=n1\ns3@n3 w x 3 info\n" + finals("x", "2")},
	} {
		t.Run(strings.ReplaceAll(tc.policy+": "+tc.name, " ", "_"), func(t *testing.T) {
			h := parse(t, history.Header{Policy: tc.policy}, tc.text)
			r := check(t, "conflict-policy", h)
			allStandAlone(t, h, "conflict-policy")
			if diff := cmp.Diff(tc.want, verdict(r)); diff != "" {
				t.Errorf("(-want +got)\n%s%s\n%+v", diff, r.Reason, r.Findings)
			}
		})
	}
}

func drawnUse(t *rapid.T, policy string) driven {
	return driven{
		seed: rapid.Uint64().Draw(t, "clients"), sessions: rapid.IntRange(1, 9).Draw(t, "sessions"), ops: rapid.IntRange(1, 300).Draw(t, "ops"),
		moves: rapid.Bool().Draw(t, "moves"), info: rapid.Bool().Draw(t, "info"), fails: rapid.Bool().Draw(t, "fails"), policy: policy,
	}
}

// A store that goes by its stamps keeps its policy however wrong its clocks are.
func TestAStoreThatGoesByItsStampsIsNeverAccused(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		opt := drawn(t)
		opt.skew, opt.unordered = rapid.Bool().Draw(t, "skew"), rapid.Bool().Draw(t, "unordered")
		if r := check(t, "conflict-policy", randomStore(opt).history); r.Verdict == Violated {
			t.Fatalf("%s\n%s", r.Reason, r.Findings[0].Story)
		}
	})
}

func TestASiblingStoreThatFollowsItsContextsIsNeverAccused(t *testing.T) {
	chances := 0
	rapid.Check(t, func(t *rapid.T) {
		s := newSiblings(rapid.Uint64().Draw(t, "seed"), rapid.SampledFrom([]string{"stamp", "value"}).Draw(t, "names"), "")
		s.blind = rapid.Bool().Draw(t, "blind")
		h := drive(drawnUse(t, "siblings"), s)
		for _, name := range []string{"conflict-policy", "deletes-stay-deleted", "no-thin-air", "convergence"} {
			r := check(t, name, h)
			if r.Verdict == Violated {
				t.Fatalf("%s: %s\n%s", name, r.Reason, r.Findings[0].Story)
			}
			if name == "conflict-policy" {
				chances += r.Chances
			}
		}
	})
	if chances < 50 {
		t.Errorf("only %d chances", chances)
	}
}

func TestEachDefectOfAConflictPolicyIsFound(t *testing.T) {
	for _, tc := range []struct {
		defect, label string
		atLeast       int
	}{{"cut", "version missing", 150}, {"union", "replaced version kept", 150}, {"deaf", "replaced version kept", 150}} {
		found := 0
		for seed := range uint64(200) {
			names := []string{"stamp", "value"}[seed%2]
			h := drive(driven{seed: seed, sessions: 6, ops: 300, policy: "siblings", info: seed%3 == 0}, newSiblings(seed, names, tc.defect))
			if check(t, "conflict-policy", h).Counts[tc.label] == 0 {
				continue
			}
			if found++; found <= 3 {
				allStandAlone(t, h, "conflict-policy")
			}
		}
		if found < tc.atLeast {
			t.Errorf("%s: found with %d of 200 seeds", tc.defect, found)
		}
	}
	for policy, want := range map[string]bool{"first": false, "lww-hlc": true} {
		found := 0
		for seed := range uint64(100) {
			g := newGossip(seed)
			g.stamps, g.least, g.keep = true, true, true
			if check(t, "conflict-policy", drive(driven{seed: seed, sessions: 6, ops: 100, policy: policy}, g)).Violations > 0 {
				found++
			}
		}
		if found > 0 != want || want && found < 90 {
			t.Errorf("a store in which the least stamp wins breaks %s with %d of 100 seeds", policy, found)
		}
	}
}
