package checker

import (
	"context"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/mlcheck/mlcheck/history"
)

// anyStore is what clients saw of a store of any kind, with a defect or without.
func anyStore(t *rapid.T) *history.History {
	seed := rapid.Uint64().Draw(t, "seed")
	use := drawnUse(t, "")
	switch rapid.IntRange(0, 2).Draw(t, "kind") {
	case 0:
		c := newCounters(seed, rapid.SampledFrom([]string{"", "twice", "overwrite", "unseen"}).Draw(t, "defect"))
		c.exact = rapid.Bool().Draw(t, "exact")
		c.signed = !c.exact && rapid.Bool().Draw(t, "signed")
		use.policy = "crdt"
		return drive(use, c)
	case 1:
		g := newGossip(seed)
		g.sets, g.collects, g.stamps, g.least = rapid.Bool().Draw(t, "sets"), rapid.Bool().Draw(t, "collects"), rapid.Bool().Draw(t, "stamps"), rapid.Bool().Draw(t, "least")
		use.policy = "lww-hlc"
		return drive(use, g)
	}
	s := newSiblings(seed, rapid.SampledFrom([]string{"stamp", "value"}).Draw(t, "names"), rapid.SampledFrom([]string{"", "cut", "union", "deaf"}).Draw(t, "defect"))
	use.policy = "siblings"
	return drive(use, s)
}

// Renaming sessions and keys changes no count, whatever kind the keys are of.
func TestNamesDoNotMatterToAnyKind(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h := anyStore(t)
		other := renamed(h, rapid.IntRange(1, 1000).Draw(t, "sessions+"), rapid.StringMatching(`[a-z]{1,3}`).Draw(t, "prefix"))
		for _, p := range All() {
			a, b := check(t, p.Name, h), check(t, p.Name, other)
			if diff := cmp.Diff([]any{a.Verdict, a.Chances, a.Violations, a.Counts}, []any{b.Verdict, b.Chances, b.Violations, b.Counts}); diff != "" {
				t.Fatalf("%s (-before +after)\n%s", p.Name, diff)
			}
		}
	})
}

// Every finding about any kind of key names operations and edges that are there,
// and no two verdicts contradict each other.
func TestFindingsOfAnyKindAreChainsOfOperations(t *testing.T) {
	violated := map[string]int{}
	rapid.Check(t, func(t *rapid.T) {
		h := anyStore(t)
		res := Check(context.Background(), h, Options{})
		if res.Exit >= ExitInternal {
			t.Fatal(res.Why)
		}
		for _, name := range sortedNames(res.Properties) {
			d := res.Properties[name]
			if d.Violations > 0 {
				violated[name]++
			}
			if len(d.Findings) > d.Violations || d.Violations > 0 && len(d.Findings) == 0 {
				t.Fatalf("%s: %d violations, %d findings", name, d.Violations, len(d.Findings))
			}
			for _, f := range d.Findings {
				if err := wellFormed(h, f); err != nil {
					t.Fatalf("%s: %v\n%s", name, err, f.Story)
				}
			}
		}
	})
	if len(violated) < 5 { // each run draws others: which ones is chance
		t.Errorf("only %v were violated", violated)
	}
}
