package checker

import (
	"context"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/mlcheck/mlcheck/checker/naive"
	"github.com/mlcheck/mlcheck/history"
)

// Two deciders that share no code agree, on histories of every kind: each finding
// is found by the naive one too, with the same label and operation, and where the
// fast one finds nothing there is nothing.
func TestTheNaiveCheckerAgrees(t *testing.T) {
	found := map[string]int{}
	rapid.Check(t, func(t *rapid.T) {
		hd := history.Header{
			Nodes:        []string{"n1", "n2"},
			Policy:       rapid.SampledFrom([]string{"", "lww-wall", "siblings", "none", "first", "max", "min", "crdt", "merge-max", "merge", "home", "home-majority"}).Draw(t, "policy"),
			SessionScope: rapid.SampledFrom([]string{"", "client"}).Draw(t, "scope"),
			Granularity:  rapid.SampledFrom([]string{"", "transaction"}).Draw(t, "granularity"),
			Workload:     rapid.SampledFrom([]string{"", "rmw-blind"}).Draw(t, "workload"),
			NodeOrder:    rapid.Bool().Draw(t, "node order"),
			Rules:        rapid.SampledFrom([][]string{nil, {history.RuleUnique, history.RuleNonNegative}}).Draw(t, "rules"),
		}
		h := anything(t, hd)
		ix := newIndex(h)
		ctx := withIndex(context.Background(), ix)
		// Of a cycle the fast one leaves a reading out, so it knows of less.
		cyclic := len(ix.co().cycles) > 0
		for _, p := range All() {
			confirmer, ok := naive.For(p.Name)
			if !ok || p.Applies != nil && p.Applies(h) != "" {
				continue
			}
			r, vs := decide(ctx, ix, p), confirmer.Find(h)
			for _, f := range r.Findings {
				found[p.Name]++
				if cyclic && f.Label != "CyclicCO" || !naive.Knows(p.Name, f.Label) {
					continue
				}
				if !slices.ContainsFunc(vs, func(v naive.Violation) bool { return (v.Label == f.Label || v.Label == "") && meet(v.Ops, f.Ops) }) {
					tell(t, h)
					t.Fatalf("%s: %s %v is not confirmed by %v: %s", p.Name, f.Label, f.Ops, vs, f.Story)
				}
			}
			if !cyclic && r.Violations == 0 && len(vs) > 0 && r.Verdict != Unknown && r.Verdict != NotDecided {
				tell(t, h)
				t.Fatalf("%s %s: nothing found but %v", p.Name, r.Verdict, vs)
			}
		}
	})
	t.Log(found)
}

func meet(a, b []int) bool {
	return slices.ContainsFunc(a, func(x int) bool { return slices.Contains(b, x) })
}

func tell(t *rapid.T, h *history.History) {
	t.Logf("%+v", h.Header)
	for k := range h.Len() {
		t.Logf("%+v", h.Op(k))
	}
	for _, ev := range h.Events {
		t.Logf("%+v", ev)
	}
}

// Whatever a history says, each finding is confirmed and found again in its own
// history. Where causes go round in a circle that is not promised.
func TestFindingsOfAnyHistoryStandAlone(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h := anything(t, history.Header{
			Nodes:        []string{"n1", "n2"},
			Policy:       rapid.SampledFrom([]string{"", "lww-wall", "siblings", "first", "max", "min", "crdt", "merge-max", "merge", "home", "home-majority"}).Draw(t, "policy"),
			SessionScope: rapid.SampledFrom([]string{"", "client"}).Draw(t, "scope"),
			Granularity:  rapid.SampledFrom([]string{"", "transaction"}).Draw(t, "granularity"),
		})
		if len(newIndex(h).co().cycles) > 0 {
			return
		}
		res := Check(context.Background(), h, Options{})
		if res.Exit == ExitInternal {
			tell(t, h)
			t.Fatal(res.Why)
		}
		for _, name := range sortedNames(res.Properties) {
			for _, f := range res.Properties[name].Findings {
				if !confirmable(name, f) {
					continue
				}
				if f.Confirmed && f.File == "" && (name == "linearizable" || res.Properties[name].Violations > maxFindings) {
					continue // what only a search can judge, or so many at once that the checker does not name this one
				}
				again := Check(context.Background(), Witness(h, name, f), Options{})
				if !f.Confirmed || f.File == "" || !slices.ContainsFunc(again.Properties[name].Findings, func(g Finding) bool { return g.Label == f.Label && meet(g.Ops, f.Ops) }) {
					tell(t, h)
					t.Fatalf("%s %s %v beside %v: confirmed %v, file %q: %s", name, f.Label, f.Ops, f.Beside, f.Confirmed, f.File, again.Why)
				}
			}
		}
	})
}
