package checker

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/mlcheck/mlcheck/checker/naive"
	"github.com/mlcheck/mlcheck/history"
)

func spreadOf(t *testing.T, hd history.Header, text string) *Replication {
	t.Helper()
	return Check(context.Background(), parse(t, hd, text), Options{}).Replication
}

// ms are times of the small language: every line takes one, an operation two.
func ms(n int64) int64 { return n * int64(time.Millisecond) }

func exactly(n int64) Spread { return Spread{ms(n), ms(n), ms(n), ms(n)} }

func TestADivergenceSaysWhoDiffersFromWhomSinceWhenAndHowLongAfterHealing(t *testing.T) {
	r := spreadOf(t, history.Header{}, `
		s1@n1 w x 1     // 1 to 2 ms
		s1@n1 r x 1     // 3 to 4
		s2@n2 r x 1     // 5 to 6
		s3@n3 r x 1     // 7 to 8
		s1@n1 w x 2     // 9 to 10
		s2@n2 r x 2     // 11 to 12: from here on n2 differs
		s1@n1 r x 2     // 13 to 14
		s3@n3 r x 1     // 15 to 16
		s1@n1 w y 3     // 17 to 18
		end quiet       // healed at 19
		final n1 r x 2
		final n2 r x 2
		final n3 r x 1  // 24 to 25
		final n1 r y 3
		final n2 r y 3
		final n3 r y 3`)
	want := []KeyDivergence{{
		Key: "x", Since: ms(12), Seen: ms(25), AfterHealing: ms(6),
		Holds: []Holding{{"2", []string{"n1", "n2"}, ms(14)}, {"1", []string{"n3"}, ms(8)}},
	}}
	if d := cmp.Diff(want, r.Keys); d != "" || r.Differing != 1 || r.Late != 0 {
		t.Errorf("%d differ, %d late (-want +got)\n%s", r.Differing, r.Late, d)
	}
}

func TestKeysThatAreReadTogetherDivergeEachForItself(t *testing.T) {
	r := spreadOf(t, history.Header{}, "s1@n1 w x 1, w y 2\nend quiet\nfinal n1 r x 1, r y 2\nfinal n2 r x -, r y -\n")
	var got []string
	for _, k := range r.Keys {
		got = append(got, k.Key+" "+k.Holds[0].Value+" "+k.Holds[1].Value)
	}
	if d := cmp.Diff([]string{"x 1 nothing", "y 2 nothing"}, got); d != "" || r.Differing != 2 {
		t.Errorf("%d differ (-want +got)\n%s", r.Differing, d)
	}
}

func TestADivergenceIsToldInWords(t *testing.T) {
	r := check(t, "convergence", parse(t, history.Header{}, `
		s1@n1 w x 1
		s2@n2 r x 1
		s1@n1 r x 1
		s1@n1 w x 2
		s1@n1 r x 2   // 9 to 10 ms
		end stopped n2 from n1: duplicate key
		final n1 r x 2
		final n2 r x 1
		final n3 r x 2`))
	want := "Leaders disagree about x for good: n1 and n3 have x=2 (acknowledged to session 1 at n1 at 0.008 s (#7)), shown there since 0.010 s; " +
		"n2 has x=1 (acknowledged to session 1 at n1 at 0.002 s (#1)), shown there since 0.004 s. The cluster was whole again at 0.011 s, every client was closed at 0.011 s, " +
		"and replication has stopped: n2 from n1: duplicate key; the last read that showed the difference was 0.006 s after healing. What they showed has differed since 0.010 s."
	if len(r.Findings) != 1 || r.Findings[0].Label != "stopped" {
		t.Fatalf("%+v", r)
	}
	if d := cmp.Diff(want, r.Findings[0].Story); d != "" {
		t.Errorf("(-want +got)\n%s", d)
	}
}

// A read between two equal ones of another leader shows a difference for
// certain; one before the other's value changed does not.
func TestKeysThatAgreedLateAreCountedOnlyWhereReadsProveIt(t *testing.T) {
	for _, tc := range []struct {
		name, sweeps string
		late         int
	}{
		{"n2 lags between two equal reads of n1", "final n1 r x 1\nfinal n2 r x -\nfinal n1 r x 1\nfinal n2 r x 1\nfinal n3 r x 1\n", 1},
		{"the value came between the two reads", "final n1 r x -\nfinal n2 r x 1\nfinal n1 r x 1\nfinal n2 r x 1\nfinal n3 r x 1\n", 0},
		{"n2 was read before both", "final n2 r x -\nfinal n1 r x 1\nfinal n1 r x 1\nfinal n2 r x 1\nfinal n3 r x 1\n", 0},
	} {
		text := "s1@n3 w x 1\nclosed\n" + tc.sweeps + "rest quiet\nfinal n1 r x 1\nfinal n2 r x 1\nfinal n3 r x 1\n"
		if r := check(t, "convergence", parse(t, history.Header{}, text)); r.Counts["keys that agreed late"] != tc.late || r.Verdict != Holds {
			t.Errorf("%s: %+v", tc.name, r)
		}
		if r := spreadOf(t, history.Header{}, text); r.Late != tc.late || r.Differing != 0 || len(r.Keys) != tc.late {
			t.Errorf("%s: %d late, want %d; %d differ; %+v", tc.name, r.Late, tc.late, r.Differing, r.Keys)
		}
	}
}

func TestReadsFromBeforeReplicationCameToRestAreNotTheEnd(t *testing.T) {
	h := parse(t, history.Header{}, "s1@n1 w x 1\nclosed\nfinal n1 r x 1\nfinal n2 r x -\nfinal n3 r x 1\nrest quiet\nfinal n1 r x 1\nfinal n3 r x 1\n")
	if r := check(t, "convergence", h); r.Verdict != Unknown || !strings.Contains(r.Reason, "n2 could not be read") {
		t.Errorf("%+v", r)
	}
}

const apart = "s1@n1 w x 1\ns2@n2 w x 2\nclosed\n"

// sweeps are final reads of x at n1 that return these values one after the other.
func sweeps(values string) string {
	var b strings.Builder
	for _, v := range strings.Fields(values) {
		b.WriteString("final n1 r x " + v + "\n")
	}
	return b.String()
}

func TestValuesThatGoRoundAreALoop(t *testing.T) {
	for _, tc := range []struct{ name, text, want string }{
		{"two values, three times each", apart + sweeps("1 2 1 2 1 2") + "rest moving", "violated 1 loop"},
		{"read more often than they change", apart + sweeps("1 1 2 2 2 1 2 1 1 2") + "rest moving", "violated 1 loop"},
		{"three values", "s1@n1 w x 1\ns2@n2 w x 2\ns3@n3 w x 3\nclosed\n" + sweeps("1 2 3 1 2 3 1 2") + "rest moving", "violated 1 loop"},
		{"the deadline came first", apart + "rest moving\n" + sweeps("1 2 1 2 1 2"), "violated 1 loop"},
		// What follows a correct store can do, or nobody can tell.
		{"two rounds: what was sent again came again", apart + sweeps("1 2 1 2 1") + "rest moving", "unknown"},
		{"one value returns behind others", "s1@n1 w x 1\ns2@n2 w x 2\ns2@n2 w x 3\ns2@n2 w x 4\ns2@n2 w x 5\nclosed\n" + sweeps("1 2 1 3 1 4 1 5 1") + "rest moving", "unknown"},
		{"many values, each once", "s1@n1 w x 1\ns1@n1 w x 2\ns1@n1 w x 3\ns1@n1 w x 4\ns1@n1 w x 5\ns1@n1 w x 6\nclosed\n" + sweeps("1 2 3 4 5 6") + "rest moving", "unknown"},
		{"nothing is no written value", "s1@n1 w x 1\ns2@n2 d x\nclosed\n" + sweeps("1 - 1 - 1 -") + "rest moving", "unknown"},
		{"somebody still writes", "s1@n1 w x 1\ns2@n2 w x 2\nclosed\n" + sweeps("1 2 1") + "s3@n3 w x 9\n" + sweeps("2 1 2") + "rest moving", "unknown"},
		{"at two leaders, each its own", apart + "final n1 r x 1\nfinal n2 r x 2\nfinal n1 r x 1\nfinal n2 r x 2\nfinal n1 r x 1\nfinal n2 r x 2\nrest moving", "unknown"},
		{"clients are not closed", "s1@n1 w x 1\ns2@n2 w x 2\n" + sweeps("1 2 1 2 1 2"), "unknown"},
		{"the leader restarted", apart + sweeps("1 2 1") + "fault 1 kill effective n1\n" + sweeps("2 1 2") + "rest moving", "unknown"},
		{"another leader restarted", apart + sweeps("1 2 1") + "fault 1 kill effective n2\n" + sweeps("2 1 2") + "rest moving", "violated 1 loop"},
		{"it came to rest", apart + sweeps("1 2 1 2 1 2") + "rest quiet\nfinal n1 r x 2\nfinal n2 r x 2\nfinal n3 r x 2", "holds"},
		{"elements of a set come and go", "s1@n1 add x 1\ns2@n2 add x 2\nclosed\n" + sweeps("1 2 1 2 1 2") + "rest moving", "unknown"},
	} {
		t.Run(strings.ReplaceAll(tc.name, " ", "_"), func(t *testing.T) {
			r := check(t, "convergence", parse(t, history.Header{}, tc.text))
			if got := verdict(r); got != tc.want {
				t.Errorf("%s, want %s: %s", got, tc.want, r.Reason)
			}
		})
	}
}

func TestALoopIsToldSoThatAPersonCanFollow(t *testing.T) {
	r := check(t, "convergence", parse(t, history.Header{}, apart+sweeps("1 2 1 2 1 2")+"rest moving"))
	want := "Two values of x go round at n1: between 0.006 s and 0.017 s it returned x=1, x=2, x=1, x=2, x=1, x=2. Every client was closed at 0.005 s, and nobody wrote since. " +
		"x=1 was acknowledged to session 1 at n1 at 0.002 s (#1), x=2 was acknowledged to session 2 at n2 at 0.004 s (#3). " +
		"A store that applies each write once cannot return to both of them again and again: a leader takes back in what it had passed on before."
	if d := cmp.Diff(want, r.Findings[0].Story); d != "" {
		t.Errorf("(-want +got)\n%s", d)
	}
	first := Edge{1, 8, "wr", "the final read at n1 returned x=1"}
	if es := r.Findings[0].Edges; len(es) != 6 || es[0] != first {
		t.Errorf("edges %+v, want six, the first one %+v", es, first)
	}
}

// The naive checker agrees about what goes round and what does not, and a loop
// shows in its own history.
func TestLoopsAreConfirmed(t *testing.T) {
	h := parse(t, claims("convergence"), "s1@n1 w x 1\ns2@n2 w x 2\ns3@n3 w y 3\nclosed\nfinal n1 r y 3\n"+sweeps("1 2 2 1 - 2 1 2 1 1 2")+"rest moving\nfinal n2 r x 2\n")
	res := Check(context.Background(), h, Options{})
	fs := res.Properties["convergence"].Findings
	if res.Exit != ExitViolated || len(fs) != 1 || !fs[0].Confirmed || fs[0].File == "" {
		t.Fatalf("exit %d, %s: %+v", res.Exit, res.Why, fs)
	}
	again := Check(context.Background(), Witness(h, "convergence", fs[0]), Options{})
	if fs := again.Properties["convergence"].Findings; len(fs) != 1 || fs[0].Label != "loop" {
		t.Errorf("in its own history: %s: %+v", again.Why, fs)
	}
}

func TestTheNaiveCheckerAgreesAboutLoops(t *testing.T) {
	loops := 0
	rapid.Check(t, func(rt *rapid.T) {
		var b strings.Builder
		b.WriteString("s1@n1 w x 1\ns2@n2 w x 2\ns2@n2 w x 3\nclosed\n")
		for range rapid.IntRange(0, 14).Draw(rt, "reads") {
			b.WriteString(rapid.SampledFrom([]string{
				"final n1 r x 1\n", "final n1 r x 2\n", "final n1 r x 1\n", "final n1 r x 2\n", "final n1 r x 3\n", "final n1 r x -\n", "final n2 r x 1\n",
				"final n1 r x 1, r x 2\n", "( s9@n1 r x 1\nfinal n1 r x 2\n) s9\n", "final n1 r x 2 fail\n",
			}).Draw(rt, "read"))
		}
		if rapid.IntRange(0, 5).Draw(rt, "writes") == 0 {
			b.WriteString("s3@n3 w x 4\nfinal n1 r x 1\nfinal n1 r x 2\n")
		}
		if rapid.IntRange(0, 5).Draw(rt, "restarts") == 0 {
			b.WriteString("fault 1 kill effective n1\n")
		}
		h := parse(t, history.Header{}, b.String()+"rest moving")
		fast := check(t, "convergence", h).Violations
		confirmer, _ := naive.For("convergence")
		if slow := confirmer.Find(h); len(slow) != fast {
			rt.Fatalf("%d, but by the naive checker %v:\n%s", fast, slow, b.String())
		}
		loops += fast
	})
	if loops < 5 {
		t.Errorf("only %d loops: nothing was shown", loops)
	}
}

func TestMovingAtTheDeadlineIsUnknownWithTheRate(t *testing.T) {
	for _, tc := range []struct{ text, want string }{
		{"s1@n1 w x 1\ns2@n2 w x 2\nclosed\n" + sweeps("- 1 2 2") + "rest moving n1 → n2: 3 behind", "replication was still moving at the deadline: n1 → n2: 3 behind; values of 1 key were seen to change 2 times within 0.007 s, at least 286 a second, and none of them goes round"},
		{"s1@n1 w x 1\nclosed\n" + sweeps("1 1 1") + "rest moving", "replication was still moving at the deadline; none of 2 repeated reads within 0.005 s returned another value than the one before"},
		{"s1@n1 w x 1\nclosed\nrest moving", "replication was still moving at the deadline"},
	} {
		r := check(t, "convergence", parse(t, history.Header{}, tc.text))
		if d := cmp.Diff(tc.want, r.Reason); d != "" || r.Verdict != Unknown {
			t.Errorf("%s (-want +got)\n%s", r.Verdict, d)
		}
	}
	s := spreadOf(t, history.Header{}, "s1@n1 w x 1\ns2@n2 w x 2\nclosed\n"+sweeps("- 1 2 2")+"rest moving").Settling
	if d := cmp.Diff(&Settling{From: ms(6), Until: ms(13), Compared: 3, Changes: 2, Keys: 1}, s); d != "" {
		t.Errorf("(-want +got)\n%s", d)
	}
}

func lagOf(t *testing.T, r *Replication, origin, observer string) Lag {
	t.Helper()
	for _, l := range r.Lag {
		if l.Origin == origin && l.Observer == observer {
			return l
		}
	}
	t.Fatalf("no lag from %s to %s in %+v", origin, observer, r.Lag)
	return Lag{}
}

func TestLagIsBoundedByTheReadsAroundIt(t *testing.T) {
	for _, tc := range []struct {
		name, text string
		want       Lag
	}{
		{"read in vain, then shown", "s1@n1 w x 1\ns2@n2 r x -\ns2@n2 r x -\ns2@n2 r x 1\n", Lag{Seen: 1, AtLeast: exactly(3), AtMost: exactly(6)}},
		{"the first read shows it", "s1@n1 w x 1\ns2@n2 r x 1\n", Lag{Seen: 1, AtMost: exactly(2)}},
		{"only the first read that shows it counts", "s1@n1 w x 1\ns2@n2 r x 1\ns2@n2 r x 1\ns2@n2 r x 1\n", Lag{Seen: 1, AtMost: exactly(2)}},
		{"seen before it was acknowledged", "( s1@n1 w x 1\ns2@n2 r x 1\n) s1\n", Lag{Seen: 1}},
		{"a vain read from before the acknowledgement bounds nothing", "s2@n2 r x -\ns1@n1 w x 1\ns2@n2 r x 1\n", Lag{Seen: 1, AtMost: exactly(2)}},
		{"what the origin accepted later is newer", "s1@n1 w x 1\ns3@n1 w x 2\ns2@n2 r x 2\n", Lag{Seen: 2, AtMost: Spread{ms(4), ms(4), ms(4), ms(4)}}},
		{"what the origin was asked for at the same time is not", "( s1@n1 w x 1\ns3@n1 w x 2\n) s1\ns2@n2 r x 2\n", Lag{Seen: 1, Hidden: 1, AtMost: exactly(3)}},
		{"what is causally after it is newer", "s1@n1 w x 1\ns3@n3 r x 1\ns3@n3 w x 2\ns2@n2 r x 2\n", Lag{Seen: 1, AtMost: exactly(6)}},
		{"an older value is none", "s3@n3 w x 1\ns1@n1 w x 2\ns2@n2 r x 1\ns2@n2 r x 2\n", Lag{Seen: 1, AtLeast: exactly(1), AtMost: exactly(4)}},
		{"behind one that is neither before nor after it may lie", "s1@n1 w x 1\ns3@n3 w x 2\ns2@n2 r x 2\ns2@n2 r x 1\n", Lag{Hidden: 1}},
		{"never shown", "s1@n1 w x 1\ns2@n2 r x -\n", Lag{Missed: 1, InVain: ms(1)}},
		{"nobody read it there", "s1@n1 w x 1\ns1@n1 r x 1\ns2@n2 r y -\ns2@n2 w y 2\n", Lag{Unread: 1}},
		{"only final reads show it", "s1@n1 w x 1\ns2@n2 r x -\ns2@n2 r x -\nend quiet\nfinal n2 r x 1\n", Lag{AtEnd: 1, InVain: ms(3)}},
		{"no session looked", "s1@n1 w x 1\nend quiet\nfinal n2 r x 1\n", Lag{Unread: 1}},
		{"nothing may be a removal", "s1@n1 w x 1\ns3@n3 d x\ns2@n2 r x -\ns2@n2 r x 1\n", Lag{Seen: 1, AtMost: exactly(6)}},
		{"a write that was not acknowledged is not measured", "s1@n1 w x 1\ns1@n1 w x 2 info\ns2@n2 r x 2\n", Lag{Seen: 1, AtMost: exactly(4)}},
		{"another node answered", "s1@n1 w x 1\ns2@n3 r x 1 by=n2\n", Lag{Seen: 1, AtMost: exactly(2)}},
	} {
		t.Run(strings.ReplaceAll(tc.name, " ", "_"), func(t *testing.T) {
			tc.want.Origin, tc.want.Observer = "n1", "n2"
			if d := cmp.Diff(tc.want, lagOf(t, spreadOf(t, history.Header{}, tc.text), "n1", "n2")); d != "" {
				t.Errorf("(-want +got)\n%s", d)
			}
		})
	}
}

func TestDivergenceOverTimeFollowsACut(t *testing.T) {
	// Every sample is a millisecond: the run is made 200 ms long by its last read.
	text := `
		s1@n1 w x 1     // 1 to 2 ms
		s1@n1 r x 1     // 3 to 4
		s2@n2 r x 1     // 5 to 6: both have shown x
		s1@n1 w x 2     // 7 to 8
		s1@n1 r x 2     // 9 to 10: what they showed last differs, and nobody knows of n2
		s2@n2 r x 1     // 11 to 12: n2 is behind
		s2@n2 r x 2     // 13 to 14: no more
		s1@n1 r x 2     // 15 to 16: the last use of x
		` + strings.Repeat("s1@n1 r y -\n", 91) + "s1@n1 w y 3\n"
	o := spreadOf(t, history.Header{}, text).OverTime
	if o.Step != ms(1) {
		t.Fatalf("a sample every %d ns", o.Step)
	}
	want := "000001111111111000" // at 1 ms and so on
	differing := "000000000111100000"
	behind := "000000000001100000"
	got := [3]strings.Builder{}
	for i := range len(want) {
		for j, n := range []int{o.Shown[i], o.Differing[i], o.Behind[i]} {
			got[j].WriteByte(byte('0' + n))
		}
	}
	if d := cmp.Diff([]string{want, differing, behind}, []string{got[0].String(), got[1].String(), got[2].String()}); d != "" {
		t.Errorf("shown, differing, behind (-want +got)\n%s", d)
	}
}
