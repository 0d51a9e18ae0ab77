package checker

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/mlcheck/mlcheck/history"
)

// A crash falls on its node at some time between being planned and being
// measured, so nothing that was answered in between is evidence together with
// anything else.
func TestNobodyKnowsWhenACrashFell(t *testing.T) {
	const shown, gone = "s2@n2 r y 2\n", "s2@n2 r x -\n"
	const planned, effective, healing, healed = "fault 1 crash planned n2\n", "fault 1 crash effective n2\n", "fault 1 crash healing n2\n", "fault 1 crash healed n2\n"
	for _, tc := range []struct {
		name, text, want string
	}{
		{"no crash", shown + gone, "violated"},
		{"before it was planned", shown + gone + planned + effective + healing + healed, "violated"},
		{"after it was measured", planned + effective + shown + gone + healing + healed, "violated"},
		{"after it was healed", planned + effective + healing + healed + shown + gone, "violated"},
		{"around it", shown + planned + effective + healing + healed + gone, "unknown"},
		{"while it fell", planned + shown + gone + effective, "unknown"},
		{"one of them while it fell", planned + shown + effective + gone, "unknown"},
		{"never measured", planned + shown + gone, "unknown"},
		{"it did not come", planned + shown + gone + "fault 1 crash absent n2\n", "unknown"},
		{"after it had not come", planned + "fault 1 crash absent n2\n" + shown + gone, "violated"},
		{"another node's", "fault 1 crash planned n1\n" + shown + gone + "fault 1 crash effective n1\n", "violated"},
		{"while its disk was full", "fault 1 disk planned n2\nfault 1 disk effective n2\n" + shown + gone + "fault 1 disk healing n2\nfault 1 disk healed n2\n", "unknown"},
		{"before its disk was full", shown + gone + "fault 1 disk planned n2\nfault 1 disk effective n2\nfault 1 disk healed n2\n", "violated"},
		{"after its disk was full", "fault 1 disk planned n2\nfault 1 disk effective n2\nfault 1 disk healed n2\n" + shown + gone, "violated"},
		{"no crash but a pause", "fault 1 pause planned n2\n" + shown + gone + "fault 1 pause effective n2\n", "violated"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			for property, before := range map[string]string{
				"monotonic-writes":    "s1@n1 w x 1\ns1@n1 w y 2\n",
				"writes-follow-reads": "s1@n1 w x 1\ns3@n3 r x 1\ns3@n3 w y 2\n",
			} {
				d := Check(context.Background(), parse(t, history.Header{}, before+tc.text), Options{}).Properties[property]
				if string(d.Verdict) != tc.want || d.Verdict == Violated && !d.Findings[0].Confirmed {
					t.Errorf("%s is %s (%s), want %s", property, d.Verdict, d.Reason, tc.want)
				}
			}
		})
	}
}

func TestACrashDuringAReadIsNoEvidenceOfARemoval(t *testing.T) {
	const crash = "fault 1 crash planned n2\nfault 1 crash effective n2\nfault 1 crash healing n2\nfault 1 crash healed n2\n"
	for _, tc := range []struct{ name, text, want string }{
		{"a set", "s1@n1 add s 5\ns1@n1 rem s 5\ns2@n2 r s [5]\n( s3@n2 r s []\n" + crash + ") s3\ns2@n2 r s [5]\n", "unknown"},
		{"a register", "s1@n1 w x 1\ns1@n1 d x\ns2@n2 r x 1\n( s3@n2 r x -\n" + crash + ") s3\ns2@n2 r x 1\n", "unknown"},
		{"a set without a crash", "s1@n1 add s 5\ns1@n1 rem s 5\ns2@n2 r s [5]\n( s3@n2 r s []\n) s3\ns2@n2 r s [5]\n", "violated"},
		{"a register without a crash", "s1@n1 w x 1\ns1@n1 d x\ns2@n2 r x 1\n( s3@n2 r x -\n) s3\ns2@n2 r x 1\n", "violated"},
		{"it had made the removal itself", "s1@n1 add s 5\ns3@n2 r s [5]\ns3@n2 rem s 5\n( s3@n2 r s []\n" + crash + ") s3\ns2@n2 r s [5]\n", "violated"},
		{"it was shown while the crash fell", "s1@n1 w x 1\ns1@n1 d x\nfault 1 crash planned n2\ns2@n2 r x 1\ns2@n2 r x -\nfault 1 crash effective n2\ns2@n2 r x 1\n", "unknown"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			d := Check(context.Background(), parse(t, history.Header{}, tc.text), Options{}).Properties["deletes-stay-deleted"]
			if string(d.Verdict) != tc.want || d.Verdict == Violated && !d.Findings[0].Confirmed {
				t.Errorf("%s (%s), want %s", d.Verdict, d.Reason, tc.want)
			}
		})
	}
}

// Node order has no edge over anything within which a crash may have fallen.
func TestNodeOrderEndsWhereACrashMayHaveFallen(t *testing.T) {
	for text, want := range map[string]string{
		"s1@n1 w x 1\ns2@n1 w y 2\n": "violated",
		"fault 1 crash planned n1\ns1@n1 w x 1\ns2@n1 w y 2\nfault 1 crash effective n1\n":         "unknown",
		"fault 1 crash planned n1\nfault 1 crash effective n1\ns1@n1 w x 1\ns2@n1 w y 2\n":         "violated",
		"s1@n1 w x 1\nfault 1 crash planned n1\ns2@n1 w y 2\nfault 1 crash effective n1\n":         "unknown",
		"( s1@n1 w x 1\nfault 1 crash planned n1\nfault 1 crash effective n1\n) s1\ns2@n1 w y 2\n": "unknown",
	} {
		d := Check(context.Background(), parse(t, history.Header{NodeOrder: true}, text+"s3@n2 r y 2\ns3@n2 r x -\n"), Options{}).Properties["cc"]
		if string(d.Verdict) != want {
			t.Errorf("%s: %s (%s), want %s", text, d.Verdict, d.Reason, want)
		}
	}
}

// TestRestartsAreCountedByDefinition compares the numbers with a look at every event.
func TestRestartsAreCountedByDefinition(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		var text strings.Builder
		for i := range rapid.IntRange(1, 12).Draw(rt, "events") {
			fault := rapid.IntRange(1, 3).Draw(rt, "fault")
			phase := rapid.SampledFrom([]string{"planned", "effective", "healing", "healed", "absent"}).Draw(rt, "phase")
			if rapid.Bool().Draw(rt, "operation") {
				fmt.Fprintf(&text, "s1@n1 w x %d\n", i+1)
			}
			fmt.Fprintf(&text, "fault %d %s %s n1\n", fault, rapid.SampledFrom([]string{"kill", "crash", "pause", "disk"}).Draw(rt, "kind"), phase)
		}
		h := parse(t, history.Header{}, text.String())
		down := restartsOf(h)["n1"]
		may := func(i int) bool { // the node may have restarted at event i
			for at, ev := range h.Events {
				if ev.Kind == "pause" || ev.Phase == history.Absent || ev.Index > i {
					continue
				}
				end := measured
				if ev.Kind == "disk" {
					end = healed
				}
				if ev.Index == i || ev.Phase == history.Planned && i <= end(h.Events[at+1:], ev.Fault) {
					return true
				}
			}
			return false
		}
		for a := 1; a < 40; a++ {
			between := false
			for b := a; b < 40; b++ {
				if same := down.before(a) == down.before(b); same == between {
					rt.Fatalf("%s: %d and %d: %d %d", text.String(), a, b, down.before(a), down.before(b))
				}
				between = between || may(b)
			}
		}
	})
}
