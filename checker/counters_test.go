package checker

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/mlcheck/mlcheck/history"
)

// counted are the properties that a counter without defects keeps.
var counted = []string{"convergence", "durability", "no-duplicates", "read-your-writes", "monotonic-reads"}

func TestACounterThatAppliesEveryIncrementOnceIsNeverAccused(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := newCounters(rapid.Uint64().Draw(t, "seed"), "")
		c.exact = rapid.Bool().Draw(t, "exact")
		c.signed = !c.exact && rapid.Bool().Draw(t, "signed")
		h := drive(driven{
			seed: rapid.Uint64().Draw(t, "clients"), sessions: rapid.IntRange(1, 8).Draw(t, "sessions"), ops: rapid.IntRange(1, 300).Draw(t, "ops"),
			moves: rapid.Bool().Draw(t, "moves"), info: rapid.Bool().Draw(t, "info"), fails: rapid.Bool().Draw(t, "fails"), policy: "crdt",
		}, c)
		for _, name := range counted {
			if r := check(t, name, h); r.Verdict == Violated {
				t.Fatalf("%s: %s\n%s", name, r.Reason, r.Findings[0].Story)
			}
		}
	})
}

// TestEachDefectOfACounterIsFound runs stores with planted defects: the property
// that names the defect is violated with most seeds, and the exact kind names an
// increment that really was hit.
func TestEachDefectOfACounterIsFound(t *testing.T) {
	for _, tc := range []struct {
		defect, property string
		exact, signed    bool
		atLeast          int
	}{
		{"twice", "no-duplicates", true, false, 190},
		{"twice", "no-duplicates", false, false, 150},
		{"overwrite", "durability", true, false, 5},
		{"unseen", "durability", true, false, 190},
		{"unseen", "durability", false, false, 190},
		{"unseen", "durability", false, true, 60},
		{"unseen", "read-your-writes", true, false, 150},
	} {
		found := 0
		for seed := range uint64(200) {
			c := newCounters(seed, tc.defect)
			c.exact, c.signed = tc.exact, tc.signed
			h := drive(driven{seed: seed, sessions: 6, ops: 300, info: seed%2 == 0, policy: "crdt"}, c)
			r := check(t, tc.property, h)
			if r.Violations > 0 {
				found++
			}
			for _, f := range r.Findings {
				k, _ := h.Pos(f.Ops[0])
				st := h.Op(k).Steps[0]
				if hit := c.hit[fmt.Sprint(st.Key, " by ", st.Value.N)]; tc.exact && tc.defect != "overwrite" && !hit {
					t.Errorf("%+v, seed %d: nothing happened to what is named: %s", tc, seed, f.Story)
				}
			}
			if r := check(t, "no-duplicates", h); tc.defect != "twice" && !tc.signed && r.Violations > 0 {
				t.Errorf("%s, seed %d: nothing was applied twice: %s", tc.defect, seed, r.Findings[0].Story)
			}
			if r := check(t, "durability", h); tc.defect == "twice" && tc.exact && r.Violations > 0 {
				t.Errorf("%s, seed %d: nothing was lost: %s", tc.defect, seed, r.Findings[0].Story)
			}
		}
		if found < tc.atLeast {
			t.Errorf("%+v: found with %d of 200 seeds", tc, found)
		}
	}
}

func TestWhatACounterMayShow(t *testing.T) {
	const atRest = "end quiet\n"
	finals := func(v string) string {
		return atRest + "final n1 r c " + v + "\nfinal n2 r c " + v + "\nfinal n3 r c " + v + "\n"
	}
	for _, tc := range []struct{ name, property, want, text string }{
		{"more than was ever added", "no-duplicates", "violated 1 above its interval by then", "s1@n1 inc c 2\ns2@n2 r c 4\n"},
		{"what is added later cannot be there", "no-duplicates", "violated 1 above its interval by then", "s1@n1 inc c 2\ns2@n2 r c 4\ns1@n1 inc c 2\n"},
		{"what is being added can", "no-duplicates", "holds", "s1@n1 inc c 2\n( s1@n1 inc c 2\ns2@n2 r c 4\n) s1\n"},
		{"less is no duplicate", "no-duplicates", "holds", "s1@n1 inc c 2\ns2@n2 r c -\n"},
		{"what may have happened can be there", "no-duplicates", "holds", "s1@n1 inc c 2 info\ns2@n2 r c 2\n"},
		{"what was refused cannot", "no-duplicates", "violated 1 above its interval by then", "s1@n1 inc c 2 fail\ns2@n2 r c 2\n"},
		{"less than all decrements", "no-duplicates", "violated 1 below its interval by then", "s1@n1 inc c 4\ns1@n1 inc c -2\ns2@n2 r c -4\n"},
		{"nothing was added before the read", "no-duplicates", "unknown", "s2@n2 r c -\ns1@n1 inc c 2\n"},
		{"a digit of 2 in the middle of the run", "no-duplicates", "violated 1 counted twice", "s1@n1 inc c 1\ns1@n1 inc c 3\ns2@n2 r c 6\ns2@n2 r c 6\n"},
		{"a digit that nobody added", "no-duplicates", "violated 1 not a sum of increments", "s1@n1 inc c 1\ns2@n2 r c 3\n"},
		{"a digit that was refused", "no-duplicates", "violated 1 not a sum of increments", "s1@n1 inc c 1\ns1@n1 inc c 3 fail\ns2@n2 r c 4\n"},
		{"digits that were added", "no-duplicates", "holds", "s1@n1 inc c 1\ns1@n1 inc c 3\ns2@n2 r c 4\n"},
		{"both signs cannot tell: doubled", "no-duplicates", "violated 1 lost or doubled", "s1@n1 inc c 5\ns2@n2 inc c -2\n" + finals("5")},
		{"both signs cannot tell: lost", "durability", "violated 1 lost or doubled", "s1@n1 inc c 5\ns2@n2 inc c -2\n" + finals("5")},
		{"a leader that has not heard of it", "durability", "holds", "s1@n1 inc c 5\ns2@n2 inc c -2\n" + atRest + "final n1 r c 5\nfinal n2 r c 3\nfinal n3 r c 3\n"},
		{"decrements that were lost", "durability", "violated 1 above its interval", "s1@n1 inc c -5\ns2@n2 inc c -2\n" + finals("-5")},
		{"one leader that cannot be read", "durability", "unknown", "s1@n1 inc c 5\n" + atRest + "final n1 r c 0\nfinal n2 r c 0\n"},
		{"on a disk that was wiped", "durability", "holds", "s1@n1 inc c 5\ns2@n2 inc c 2\nfault 1 wipe effective n1\n" + finals("2")},
		{"on a disk that was not", "durability", "violated 1 below its interval", "s1@n1 inc c 5\ns2@n2 inc c 2\nfault 1 wipe effective n2\n" + finals("2")},
		{"exactly that on a disk that was wiped", "durability", "holds", "s1@n1 inc c 1\ns2@n2 inc c 3\nfault 1 wipe effective n1\n" + finals("3")},
		{"which another leader had shown", "durability", "violated 1 increment lost", "s1@n1 inc c 1\ns3@n3 r c 1\ns2@n2 inc c 3\nfault 1 wipe effective n1\n" + finals("3")},
		{"an own increment", "read-your-writes", "violated 1 own increment not counted", "s2@n2 inc c 5\ns1@n1 inc c 4\ns1@n1 r c 3\n"},
		{"an own increment among others", "read-your-writes", "holds", "s2@n2 inc c 5\ns1@n1 inc c 4\ns1@n1 r c 4\n"},
		{"exactly the own one", "read-your-writes", "violated 1 own increment not counted", "s2@n2 inc c 3\ns1@n1 inc c 1\ns1@n1 r c 3\n"},
		{"at another node", "read-your-writes", "unknown", "s1@n1 inc c 4\ns1@n2 r c 0\n"},
		{"one that may have happened", "read-your-writes", "unknown", "s1@n1 inc c 4 info\ns1@n1 r c 0\n"},
		{"decrements of others", "read-your-writes", "holds", "s2@n2 inc c -4\ns1@n1 inc c 4\ns1@n1 r c 0\n"},
		{"too much is another matter", "read-your-writes", "holds", "s1@n1 inc c 4\ns1@n1 r c 8\n"},
		{"a counter that shrinks", "monotonic-reads", "violated 1 counter went back", "s2@n2 inc c 5\ns1@n1 r c 5\ns1@n1 r c 0\n"},
		{"as it may", "monotonic-reads", "holds", "s2@n2 inc c 5\ns3@n3 inc c -1 info\ns1@n1 r c 5\ns1@n1 r c 4\n"},
		{"a digit that goes while another comes", "monotonic-reads", "violated 1 counter went back", "s2@n2 inc c 1\ns3@n3 inc c 3\ns1@n1 r c 1\ns1@n1 r c 3\n"},
		{"elsewhere", "monotonic-reads", "unknown", "s2@n2 inc c 5\ns1@n1 r c 5\ns1@n2 r c 0\n"},
	} {
		t.Run(strings.ReplaceAll(tc.name, " ", "_"), func(t *testing.T) {
			r := check(t, tc.property, parse(t, history.Header{}, tc.text))
			if diff := cmp.Diff(tc.want, verdict(r)); diff != "" {
				t.Errorf("(-want +got)\n%s%s\n%+v", diff, r.Reason, r.Findings)
			}
		})
	}
}

func TestAnExactCounterNamesTheIncrementThatCameTwice(t *testing.T) {
	h := parse(t, history.Header{}, `
		s1@n1 inc c 1
		s2@n2 inc c 3
		s1@n1 inc c 9
		s3@n3 r c 16    // 1 + 2·3 + 9
		end quiet
		final n1 r c 13
		final n2 r c 13
		final n3 r c 13`)
	r := check(t, "no-duplicates", h)
	if r.Violations != 1 || r.Findings[0].Label != "counted twice" || len(r.Findings[0].Ops) != 2 || r.Findings[0].Ops[0] != 3 {
		t.Errorf("%+v", r)
	}
}

func TestAnExactCounterNamesTheIncrementThatWasLost(t *testing.T) {
	h := parse(t, history.Header{}, `
		s1@n1 inc c 1
		s2@n2 inc c 3
		s2@n2 inc c 9 info
		end quiet
		final n1 r c 1
		final n2 r c 1
		final n3 r c 1`)
	r := check(t, "durability", h)
	if r.Violations != 1 || r.Findings[0].Label != "increment lost" || r.Findings[0].Ops[0] != 3 || r.Counts["survived"] != 1 {
		t.Errorf("%+v", r)
	}
}

// An increment by 1 that took effect three times leaves no 1 in the value: that it
// was lost, or not shown to its own session, is not what happened.
func TestAnIncrementThatCameThreeTimesIsNotCalledLost(t *testing.T) {
	h := parse(t, history.Header{Policy: "crdt-counter"}, `
		s1@n1 inc c 1
		s1@n1 r c 1
		s2@n2 inc c 9
		s1@n1 r c 12
		end quiet
		final n1 r c 12
		final n2 r c 12
		final n3 r c 12`)
	for name, want := range map[string]Verdict{"no-duplicates": Violated, "read-your-writes": Holds, "monotonic-reads": Holds, "durability": Holds} {
		if r := check(t, name, h); r.Verdict != want {
			t.Errorf("%s: %s, not %s: %s", name, r.Verdict, want, r.Reason)
		}
	}
}

func TestThirtyNineIncrementsFitAndAreDecoded(t *testing.T) {
	v, all := int64(0), &ternary{}
	for i := range digits {
		if !all.add(power3(i), int32(i)) {
			t.Fatalf("3^%d does not fit", i)
		}
		v += 2 * power3(i)
	}
	if v < 0 {
		t.Fatal("twice all of them does not fit into 64 bits")
	}
	for i := range digits {
		if times(v, i) != 2 || times(v-power3(i), i) != 1 || times(v-2*power3(i), i) != 0 {
			t.Errorf("3^%d is decoded as %d, %d and %d", i, times(v, i), times(v-power3(i), i), times(v-2*power3(i), i))
		}
	}
	if all.add(2, 99) || all.add(27, 99) {
		t.Error("a counter with another amount, or the same amount twice, counts as exact")
	}
}

func TestCountersDoNotContradictCC(t *testing.T) {
	h := parse(t, history.Header{}, "s1@n1 w x 1\ns1@n1 r x 1\ns1@n1 inc c 2\ns1@n1 r c 0\n")
	res := Check(context.Background(), h, Options{})
	if d := res.Properties["read-your-writes"]; res.Exit >= ExitInternal || d.Verdict != Violated || d.Counts[ofCounters] != 1 {
		t.Errorf("%s, %+v", res.Why, d)
	}
}
