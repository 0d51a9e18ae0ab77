package checker

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mlcheck/mlcheck/checker/naive"
	"github.com/mlcheck/mlcheck/history"
)

// Each property has a naive checker, but for those named here. Findings of these
// are shown as not confirmed.
func TestPropertiesWithoutANaiveChecker(t *testing.T) {
	var none []string
	for _, p := range All() {
		if _, ok := naive.For(p.Name); !ok {
			none = append(none, p.Name)
		}
	}
	if diff := cmp.Diff([]string(nil), none); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

// lying puts a property that finds what is not there in the place of the real one.
func lying(t *testing.T, name string, lie func(h *history.History) Finding) {
	t.Helper()
	real := all
	t.Cleanup(func() { all = real })
	p, ok := Lookup(name)
	if !ok {
		t.Fatalf("no property %q", name)
	}
	honest := p.Check
	p.Check = func(ctx context.Context, h *history.History) Result {
		r := honest(ctx, h)
		r.Verdict, r.Violations = Violated, r.Violations+1
		r.Findings = append(r.Findings, lie(h))
		return r
	}
	all = slices.Clone(real)
	for i, make := range real {
		if make().Name == name {
			all[i] = func() Property { return p }
		}
	}
}

// A finding that is not true is an error in mlcheck, with exit status 4, and is
// not among the findings.
func TestAFalseFindingIsAnInternalError(t *testing.T) {
	const atRest = "end quiet\nfinal n1 r x 2\nfinal n2 r x 2\nfinal n3 r x 2\n"
	const fine = "s1@n1 w x 1\ns2@n2 r x 1\ns2@n2 r x 1, w x 2\ns2@n2 r x 2\ns3@n3 r y -\ns3@n3 add s 3\ns3@n3 r s [3]\ns3@n3 inc c 4\ns1@n1 r x 1, w x 5 info\ns1@n1 d t\ns1@n1 r t -\ns1@n1 r t -\n" + atRest
	for _, lie := range []struct {
		property, label string
		ops             []int
	}{
		{"convergence", "different at rest", []int{23, 25, 27}},
		{"durability", "lost", []int{5, 23}},
		{"durability", "lost", []int{11, 13}},
		{"no-stale-wins", "stale win", []int{1, 5, 23}},
		{"no-lost-updates", "across leaders", []int{5, 23}},
		{"cc", "WriteCORead", []int{1, 5, 7}},
		{"cc", "CyclicCO", []int{1, 3}},
		{"ccv", "CyclicCF", []int{1, 5, 7}},
		{"cm", "CyclicHB", []int{1, 5, 7}},
		{"read-your-writes", "own write not read", []int{5, 7}},
		{"monotonic-reads", "went back", []int{3, 7}},
		{"monotonic-writes", "earlier write not read", []int{1, 5, 7}},
		{"writes-follow-reads", "write read earlier not read", []int{1, 5, 7}},
		{"no-duplicates", "repeated element", []int{11, 13}},
		{"no-thin-air", "phantom", []int{5, 7}},
		{"deletes-stay-deleted", "came back", []int{17, 19, 21}},
		{"non-negative", "below zero", []int{15}},
		{"conflict-policy", "wrong stamp won", []int{1, 5, 29}},
		{"conflict-policy", "nobody's", []int{1, 29}},
		{"unique", "taken twice", []int{5, 17}},
	} {
		t.Run(fmt.Sprint(lie.property, " ", lie.label), func(t *testing.T) {
			hd := claims(lie.property)
			hd.Policy = "lww-hlc"
			hd.Rules, hd.Granularity = []string{history.RuleNonNegative, history.RuleUnique}, "transaction"
			h := parse(t, hd, fine)
			if res := Check(context.Background(), h, Options{}); res.Exit >= ExitViolated && res.Properties[lie.property].Verdict == Violated {
				t.Fatalf("the history is not fine: %s", res.Why)
			}
			lying(t, lie.property, func(*history.History) Finding {
				return Finding{ID: "0123456789ab", Label: lie.label, Story: "It is not so.", Ops: lie.ops}
			})
			res := Check(context.Background(), h, Options{})
			if res.Exit != ExitInternal || res.Verdict != Unknown || !strings.Contains(res.Why, lie.property+": the naive checker does not find the "+lie.label) {
				t.Errorf("exit %d, %s: %s", res.Exit, res.Verdict, res.Why)
			}
			if fs := res.Properties[lie.property].Findings; len(fs) != 0 {
				t.Errorf("still shown: %v", fs)
			}
		})
	}
}

// What excuses a read, an absence or a lost write is never left out: a checker
// that overlooks it is found out.
func TestAnOverlookedExcuseIsFoundOut(t *testing.T) {
	const three = "end quiet\nfinal n1 r %[1]s %[2]s\nfinal n2 r %[1]s %[2]s\nfinal n3 r %[1]s %[2]s\n"
	finals := func(key, v string) string { return fmt.Sprintf(three, key, v) }
	for _, tc := range []struct {
		name, property, label, text string
		ops                         []int
	}{
		{"a delete that may have happened", "cc", "WriteCOInitRead", "s1@n1 w x 1\ns3@n3 d x info\ns1@n1 r x -\n", []int{1, 5}},
		{"a delete that may have happened", "read-your-writes", "own write not read", "s1@n1 w x 1\ns3@n3 d x info\ns1@n1 r x -\n", []int{1, 5}},
		{"a concurrent delete", "monotonic-reads", "went back", "s2@n2 w x 1\ns1@n1 r x 1\ns3@n3 d x\ns1@n1 r x -\n", []int{1, 3, 7}},
		{"a delete", "monotonic-writes", "earlier write not read", "s1@n1 w x 1\ns1@n1 w y 2\ns3@n3 d x\ns2@n2 r y 2\ns2@n2 r x -\n", []int{1, 3, 7, 9}},
		{"a delete", "writes-follow-reads", "write read earlier not read", "s1@n1 w x 1\ns2@n2 r x 1\ns2@n2 w y 2\ns4@n1 d x\ns3@n3 r y 2\ns3@n3 r x -\n", []int{1, 3, 5, 9, 11}},
		{"a restart", "monotonic-writes", "earlier write not read", "s1@n1 w x 1\ns1@n1 w y 2\ns2@n2 r y 2\nfault 1 kill effective n2\ns2@n2 r x -\n", []int{1, 3, 5, 8}},
		{"a remove", "cc", "WriteCOInitRead", "s1@n1 add s 1\ns3@n3 rem s 1\ns1@n1 r s []\n", []int{1, 5}},
		{"a remove that may have happened", "durability", "lost", "s1@n1 add s 1\ns2@n2 rem s 1 info\n" + finals("s", "[]"), []int{1, 9}},
		{"a second add", "cc", "WriteCORead", "s1@n1 add s 1\ns1@n1 rem s 1\ns3@n3 add s 1\ns1@n1 r s [1]\n", []int{1, 3, 7}},
		{"a second add", "no-duplicates", "repeated element", "s1@n1 add s 1\ns3@n3 add s 1\ns2@n2 r s [1 1]\n", []int{1, 5}},
		{"a second add that did not fail", "no-thin-air", "phantom", "s1@n1 add s 1 fail\ns3@n3 add s 1\ns2@n2 r s [1]\n", []int{1, 5}},
		{"a later write", "no-stale-wins", "stale win", "s1@n1 w x 1\ns2@n2 r x 1\ns2@n2 w x 2\ns3@n3 r x 2\ns3@n3 w x 3\n" + finals("x", "1"), []int{1, 5, 15}},
		{"a later write over other keys", "no-stale-wins", "stale win", "s1@n1 w x 1\ns1@n1 w x 2\ns1@n1 w y 3\ns2@n2 r y 3\ns2@n2 w x 4\n" + finals("x", "1"), []int{1, 3, 15}},
		{"a later write that may have happened", "no-stale-wins", "stale win", "s1@n1 w x 1\ns2@n2 r x 1\ns2@n2 w x 2\ns2@n2 w x 3 info\n" + finals("x", "1"), []int{1, 5, 13}},
		{"a leader that has it", "durability", "lost", "s1@n1 w x 1\nend quiet\nfinal n1 r x 1\nfinal n2 r x -\nfinal n3 r x -\n", []int{1, 9}},
		{"a leader that had shown it and chose the older one", "durability", "lost", "s1@n1 w x 1\ns1@n1 w x 2\ns2@n2 r x 2\nfault 1 kill effective n1\n" + finals("x", "1"), []int{1, 3, 16}},
		{"a token that brought something else", "read-your-writes", "own write not read", "s1@n1 w x 1\ns1@n2 w y 2\ns1@n3 w x 3 token=t\ns1@n3 r x 1\n", []int{1, 5, 7}},
		{"a decrement that may have happened", "durability", "below its interval", "s1@n1 inc c 2\ns2@n2 inc c 3\ns2@n2 inc c -2 info\n" + finals("c", "3"), []int{11}},
		{"an increment that may have happened", "no-duplicates", "above its interval", "s1@n1 inc c 2\ns1@n1 inc c 2 info\n" + finals("c", "4"), []int{9}},
		{"an update that was built upon", "no-lost-updates", "across leaders", "s1@n1 w x 1\ns1@n1 r x 1, w x 2\ns2@n2 r x 1, w x 3\ns3@n3 r x 2, w x 4\nend quiet\nfinal n1 r x 4\nfinal n2 r x 3\nfinal n3 r x 3\n", []int{1, 3, 5, 13}},
		{"an add elsewhere", "deletes-stay-deleted", "came back", "s1@n1 add s 5\ns1@n1 rem s 5\ns1@n1 r s []\ns2@n2 add s 5 info\ns1@n1 r s [5]\n", []int{1, 3, 5, 9}},
		{"a removal that may have happened", "deletes-stay-deleted", "came back", "s1@n1 add s 5\ns1@n1 rem s 5\ns3@n3 rem s 5 info\ns2@n2 r s [5]\ns2@n2 r s []\ns2@n2 r s [5]\n", []int{1, 3, 7, 9, 11}},
		{"a delete", "deletes-stay-deleted", "came back", "s1@n1 w x 1\ns1@n1 d x\ns3@n3 d x\ns2@n2 r x 1\ns2@n2 r x -\ns2@n2 r x 1\n", []int{1, 3, 7, 9, 11}},
		{"a restart", "deletes-stay-deleted", "came back", "s1@n1 w x 1\ns1@n1 d x\ns2@n2 r x 1\nfault 1 kill effective n2\ns2@n2 r x -\ns2@n2 r x 1\n", []int{1, 3, 5, 8, 10}},
		{"a delete", "unique", "taken twice", "s1@n1 r x -, w x 1\ns1@n1 d x\ns2@n2 r x -, w x 2\n", []int{1, 5}},
		{"the last sweep", "convergence", "different at rest", "s1@n1 w x 1\nend quiet\nfinal n3 r x -\n" + "final n1 r x 1\nfinal n2 r x 1\nfinal n3 r x 1\n", []int{9, 7, 1}},
	} {
		t.Run(strings.ReplaceAll(tc.property+": "+tc.name, " ", "_"), func(t *testing.T) {
			h := parse(t, claims(tc.property), tc.text)
			p, _ := Lookup(tc.property)
			ix := newIndex(h)
			d := &Decided{Result: Result{Verdict: Violated, Violations: 1, Findings: []Finding{{ID: "0123456789ab", Label: tc.label, Ops: tc.ops}}}}
			err := prove(withIndex(context.Background(), ix), ix, []Property{p}, []*Decided{d})
			if err == nil {
				t.Errorf("%s %v was confirmed, with %+v", tc.label, tc.ops, d.Findings)
			}
		})
	}
}

func TestTheSameViolationHasTheSameIdentifier(t *testing.T) {
	h := randomStore(simOptions{seed: 3, sessions: 6, keys: 5, ops: 900, skew: true, unordered: true, deletes: true}).history
	first, again := Check(context.Background(), h, Options{}), Check(context.Background(), h, Options{})
	if diff := cmp.Diff(first, again); diff != "" {
		t.Errorf("(-first +again)\n%s", diff)
	}
	for name, d := range first.Properties {
		p, _ := Lookup(name)
		if d.Verdict != Violated {
			continue
		}
		known := map[string]bool{} // as the property's own check names them
		for _, f := range p.Check(context.Background(), h).Findings {
			known[f.ID] = true
		}
		for _, f := range d.Findings {
			if !known[f.ID] {
				t.Errorf("%s: %s has got another identifier", name, f.ID)
			}
		}
	}
}

func TestExamplesAreSmallestFirst(t *testing.T) {
	h := randomStore(simOptions{seed: 5, sessions: 6, keys: 5, ops: 900, unordered: true, rmw: true}).history
	res := Check(context.Background(), h, Options{})
	compared := 0
	for name, d := range res.Properties {
		if name == "no-stale-wins" {
			continue // those between two leaders come first
		}
		for i := 1; i < len(d.Findings); i++ {
			compared++
			if len(d.Findings[i].Ops) < len(d.Findings[i-1].Ops) {
				t.Errorf("%s: %v comes after %v", name, d.Findings[i].Ops, d.Findings[i-1].Ops)
			}
		}
	}
	if compared == 0 {
		t.Error("nothing was compared")
	}
}

func TestAContextThatEndsLeavesFindingsUnconfirmed(t *testing.T) {
	ix := newIndex(parse(t, claims("cc"), "s1@n1 w x 1\ns1@n1 r x -\n"))
	p, _ := Lookup("cc")
	d := &Decided{Result: p.Check(context.Background(), ix.h)}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := prove(ctx, ix, []Property{p}, []*Decided{d}); err != nil {
		t.Fatal(err)
	}
	if f := d.Findings[0]; f.Confirmed || f.Unconfirmed != cutShort || f.File != "" {
		t.Errorf("%+v", f)
	}
}

func TestAPropertyWithoutANaiveCheckerIsShownAsSuch(t *testing.T) {
	h := parse(t, claims("cc"), "s1@n1 w x 1\ns1@n1 r x -\n")
	p, _ := Lookup("cc")
	p.Name = "new"
	ix := newIndex(h)
	d := &Decided{Result: p.Check(context.Background(), h)}
	if err := prove(context.Background(), ix, []Property{p}, []*Decided{d}); err != nil {
		t.Fatal(err)
	}
	if f := d.Findings[0]; f.Confirmed || f.Unconfirmed != noConfirmer || f.File == "" {
		t.Errorf("%+v", f)
	}
}

// In a long history an excuse is refuted by a short path, without the rest of the past.
func TestAnExcuseIsRefutedByAShortPath(t *testing.T) {
	var b strings.Builder
	fmt.Fprintln(&b, "s1@n1 d x\ns1@n1 w y 1\ns2@n2 r y 1\ns2@n2 w x 2\ns3@n3 r x 2")
	for i := range 2 * naive.Largest {
		fmt.Fprintf(&b, "s3@n3 w z %d\n", 3+i)
	}
	fmt.Fprintln(&b, "s3@n3 r x -")
	h := parse(t, claims("monotonic-reads"), b.String())
	res := Check(context.Background(), h, Options{Only: []string{"monotonic-reads"}})
	fs := res.Properties["monotonic-reads"].Findings
	if len(fs) != 1 {
		t.Fatalf("%d findings: %s", len(fs), res.Why)
	}
	standsAlone(t, h, "monotonic-reads", fs[0])
	if n := len(fs[0].Ops) + len(fs[0].Beside); n > 6 {
		t.Errorf("%d operations: %v beside %v", n, fs[0].Ops, fs[0].Beside)
	}
}

// Where what could excuse a finding is too much for the naive checker, it says so.
func TestAWitnessThatIsTooLargeIsSaidToBe(t *testing.T) {
	var b strings.Builder
	fmt.Fprintln(&b, "s1@n1 w x 1")
	for i := range naive.Largest + 10 {
		fmt.Fprintf(&b, "s%d@n2 d x fail\n", 10+i)
		fmt.Fprintf(&b, "s%d@n1 d x info\n", 10+i)
	}
	fmt.Fprintln(&b, "s1@n1 r x 1")
	h := parse(t, claims("cc"), b.String())
	p, _ := Lookup("cc")
	ix := newIndex(h)
	d := &Decided{Result: Result{Verdict: Violated, Violations: 1, Findings: []Finding{{ID: "0123456789ab", Label: "WriteCORead", Ops: []int{1, h.Index(h.Len() - 1)}}}}}
	if err := prove(context.Background(), ix, []Property{p}, []*Decided{d}); err != nil {
		t.Fatal(err)
	}
	if f := d.Findings[0]; f.Confirmed || f.Unconfirmed != tooLarge {
		t.Errorf("%+v", f)
	}
}

func TestTotalsOfAccountsAreConfirmed(t *testing.T) {
	hd := history.Header{Values: history.ValuesBalances, Granularity: "transaction", Claims: claims("conserved").Claims}
	const wrong = "s2@n2 r a 4, r b 7\ns2@n2 r a 5, r b 5\ns1@n1 inc a -1, inc b 1\ns2@n2 r a 4, r b 6\n"
	h := parse(t, hd, wrong)
	if r := check(t, "conserved", h); r.Violations != 1 {
		t.Fatalf("%d violations", r.Violations)
	}
	allStandAlone(t, h, "conserved")
	lying(t, "conserved", func(*history.History) Finding {
		return Finding{ID: "0123456789ab", Label: "another total", Ops: []int{3, 7}}
	})
	if res := Check(context.Background(), parse(t, hd, strings.TrimPrefix(wrong, "s2@n2 r a 4, r b 7\n")+"s1@n1 inc a -1, inc b 1\n"), Options{}); res.Exit != ExitInternal {
		t.Errorf("a total that is right was confirmed to be wrong: exit %d, %s", res.Exit, res.Why)
	}
}
