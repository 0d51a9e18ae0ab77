package checker

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mlcheck/mlcheck/history"
)

const gone3 = "end quiet\nfinal n1 r x -\nfinal n2 r x -\nfinal n3 r x -\n"

func TestALostWriteIsToldByHowFarItCame(t *testing.T) {
	ring := history.Header{Links: [][2]string{{"n1", "n2"}, {"n2", "n3"}, {"n3", "n1"}}}
	const cut = "fault 1 partition planned n1>n2\nfault 1 partition effective n1>n2\n"
	for _, tc := range []struct{ name, label, story, text string }{
		{"seen elsewhere", "rolled back", "n2 had shown it.", "s1@n1 w x 1\ns2@n2 r x 1\n" + gone3},
		{"seen nowhere else", "never left its origin", "No other leader ever showed it before n1 lost it: it did not get over n1 → n2.", "s1@n1 w x 1\ns1@n1 r x 1\n" + gone3},
		{"behind a cut", "never left its origin", "n1 → n2 (cut when it was acknowledged: n1 → n2).", cut + "s1@n1 w x 1\nfault 1 partition healing\nfault 1 partition healed\n" + gone3},
		{"after the cut", "never left its origin", "it did not get over n1 → n2.", cut + "fault 1 partition healing\nfault 1 partition healed\ns1@n1 w x 1\n" + gone3},
		{"an element seen elsewhere", "rolled back", "n3 had shown it.", "s1@n1 add x 1\ns2@n3 r x [1]\n" + gone3},
		{"an element seen nowhere else", "never left its origin", "it did not get over n1 → n2.", "s1@n1 add x 1\ns2@n1 r x [1]\n" + gone3},
	} {
		t.Run(strings.ReplaceAll(tc.name, " ", "_"), func(t *testing.T) {
			r := check(t, "durability", parse(t, ring, tc.text))
			if len(r.Findings) != 1 || r.Findings[0].Label != "lost" || !strings.HasSuffix(r.Findings[0].Story, tc.story) || r.Counts["lost"] != 1 || r.Counts[tc.label] != 1 {
				t.Errorf("%+v", r)
			}
		})
	}
}

func TestTheOnlyCopyOnAWipedDiskBreaksNoClaim(t *testing.T) {
	for _, tc := range []struct{ name, want, text string }{
		{"a register", "holds", "s1@n1 w x 1\nfault 1 wipe effective n1\n" + gone3},
		{"an element", "holds", "s1@n1 add x 1\nfault 1 wipe effective n1\n" + gone3},
		{"an element that another leader had shown", "violated 1 lost", "s1@n1 add x 1\ns2@n2 r x [1]\nfault 1 wipe effective n1\n" + gone3},
		{"a disk that was wiped before", "violated 1 lost", "fault 1 wipe effective n1\ns1@n1 add x 1\n" + gone3},
		{"another leader's disk", "violated 1 lost", "s1@n1 add x 1\nfault 1 wipe effective n2\n" + gone3},
	} {
		t.Run(strings.ReplaceAll(tc.name, " ", "_"), func(t *testing.T) {
			r := check(t, "durability", parse(t, history.Header{}, tc.text))
			if diff := cmp.Diff(tc.want, verdict(r)); diff != "" || (tc.want == "holds") != (r.Counts["lost with its disk"] == 1) {
				t.Errorf("%s %+v", diff, r)
			}
		})
	}
}

func TestPartialSaysWhichLeadersHaveIt(t *testing.T) {
	for text, want := range map[string]string{
		"s1@n1 w x 1\nend quiet\nfinal n1 r x 1\nfinal n2 r x -\nfinal n3 r x -\n":                           "partial: at n1, not at n2 and n3",
		"s1@n1 add x 1\nend quiet\nfinal n1 r x [1]\nfinal n2 r x [1]\nfinal n3 r x []\n":                    "partial: at n1 and n2, not at n3",
		"s1@n1 app x 1\nend quiet\nfinal n1 r x -\nfinal n2 r x [1]\nfinal n3 r x []\n":                      "partial: at n2, not at n1 and n3",
		"s1@n1 inc x 1\nend quiet\nfinal n1 r x 1\nfinal n2 r x 0\nfinal n3 r x 0\n":                         "partial: at n1, not at n2 and n3",
		"s1@n1 w x 1\ns1@n1 w x 2\ns2@n2 w x 3\nend quiet\nfinal n1 r x 1\nfinal n2 r x 1\nfinal n3 r x 3\n": "partial: replaced by different writes at n1, n2 and n3",
	} {
		r := check(t, "durability", parse(t, history.Header{}, text))
		if r.Counts["partial"] == 0 || r.Counts[want] != 1 {
			t.Errorf("want %q: %+v", want, r)
		}
	}
}

// Elements of lists are taken out of them too, and put in again.
func TestListsLoseWhatNobodyTookOut(t *testing.T) {
	end := func(v string) string { return strings.ReplaceAll(gone3, "-", v) }
	for _, tc := range []struct{ name, want, text string }{
		{"an element", "violated 1 lost", "s1@n1 app x 1\ns1@n1 app x 2\n" + end("[2]")},
		{"an inserted one", "violated 1 lost", "s1@n1 app x 1\ns1@n1 ins x [2 1]\n" + end("[1]")},
		{"one that was taken out", "holds", "s1@n1 app x 1\ns2@n2 rem x 1\ns1@n1 app x 2\n" + end("[2]")},
		{"while another was", "violated 1 lost", "s1@n1 app x 1\ns1@n1 app x 2\ns2@n2 rem x 1\n" + end("[]")},
		{"one that was taken out and is there", "violated 1 remove undone", "s1@n1 app x 1\ns1@n1 rem x 1\n" + end("[1]")},
		{"one that was appended meanwhile", "holds", "s1@n1 app x 1\ns2@n2 rem x 1\n" + end("[1]")},
		{"one that may have been appended", "unknown", "s1@n1 app x 1 info\n" + end("[]")},
	} {
		t.Run(strings.ReplaceAll(tc.name, " ", "_"), func(t *testing.T) {
			r := check(t, "durability", parse(t, history.Header{}, tc.text))
			if diff := cmp.Diff(tc.want, verdict(r)); diff != "" {
				t.Errorf("(-want +got)\n%s%s\n%+v", diff, r.Reason, r.Findings)
			}
		})
	}
}

func TestAnOlderAddThatWinsByItsStampIsAStaleWin(t *testing.T) {
	end := func(v string) string { return strings.ReplaceAll(gone3, "-", v) }
	for _, tc := range []struct{ name, policy, stale, durable, text string }{
		{"over a removal", "lww-wall", "violated 1 stale win of an element", "holds", "s1@n1 add x 1 stamp=9.n1.1\ns2@n2 r x [1]\ns2@n2 rem x 1 stamp=5.n2.1\n" + end("[1]")},
		{"over an add", "lww-wall", "violated 1 stale win of an element", "holds", "s1@n1 add x 1 stamp=1.n1.1\ns1@n1 rem x 1 stamp=9.n1.2\ns1@n1 add x 1 stamp=5.n1.3\n" + end("[]")},
		{"the stamps say otherwise", "lww-wall", "holds", "violated 1 remove undone", "s1@n1 add x 1 stamp=5.n1.1\ns2@n2 r x [1]\ns2@n2 rem x 1 stamp=9.n2.1\n" + end("[1]")},
		{"there are no stamps", "lww-wall", "holds", "violated 1 remove undone", "s1@n1 add x 1\ns2@n2 r x [1]\ns2@n2 rem x 1\n" + end("[1]")},
		{"stamps do not choose", "crdt", "not decided", "violated 1 remove undone", "s1@n1 add x 1 stamp=9.n1.1\ns2@n2 r x [1]\ns2@n2 rem x 1 stamp=5.n2.1\n" + end("[1]")},
		{"a concurrent add", "lww-wall", "unknown", "holds", "s1@n1 add x 1 stamp=9.n1.1\ns2@n2 rem x 1 stamp=5.n2.1\n" + end("[1]")},
		{"gone at one leader", "lww-wall", "holds", "holds", "s1@n1 add x 1 stamp=9.n1.1\ns2@n2 r x [1]\ns2@n2 rem x 1 stamp=5.n2.1\nend quiet\nfinal n1 r x [1]\nfinal n2 r x []\nfinal n3 r x [1]\n"},
	} {
		t.Run(strings.ReplaceAll(tc.name, " ", "_"), func(t *testing.T) {
			h := parse(t, history.Header{Policy: tc.policy}, tc.text)
			got := []string{verdict(check(t, "no-stale-wins", h)), verdict(check(t, "durability", h))}
			if diff := cmp.Diff([]string{tc.stale, tc.durable}, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}
