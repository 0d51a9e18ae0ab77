package checker

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/mlcheck/mlcheck/checker/naive"
	"github.com/mlcheck/mlcheck/history"
)

// reopened is a finding's own history, written to a file and read again.
func reopened(t testing.TB, h *history.History, property string, f Finding) *history.History {
	t.Helper()
	var b bytes.Buffer
	if err := Witness(h, property, f).WriteJSONL(&b); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), f.File)
	if err := os.WriteFile(path, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	own, err := history.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	return own
}

// standsAlone fails unless a finding was confirmed and its own history is
// rejected for the same reason.
func standsAlone(t testing.TB, h *history.History, property string, f Finding) {
	t.Helper()
	if !confirmable(property, f) {
		if f.Confirmed || f.Unconfirmed == "" {
			t.Fatalf("%s %s %v: confirmed %v by nobody", property, f.Label, f.Ops, f.Confirmed)
		}
		return
	}
	if !f.Confirmed || f.File == "" {
		t.Fatalf("%s %s %v: confirmed %v (%s), file %q: %s", property, f.Label, f.Ops, f.Confirmed, f.Unconfirmed, f.File, f.Story)
	}
	own := reopened(t, h, property, f)
	res := Check(context.Background(), own, Options{})
	d := res.Properties[property]
	if res.Exit != ExitViolated || !slices.ContainsFunc(d.Findings, func(g Finding) bool { return g.Label == f.Label && meet(g.Ops, f.Ops) }) {
		t.Fatalf("%s %s %v beside %v: the file alone: %s %+v", property, f.Label, f.Ops, f.Beside, res.Why, d.Findings)
	}
	for _, e := range f.Edges {
		if !slices.Contains(f.Ops, e.From) || !slices.Contains(f.Ops, e.To) || e.Because == "" {
			t.Fatalf("%s %v: edge %+v", property, f.Ops, e)
		}
	}
}

// confirmable says whether there is a naive checker for findings of this name.
func confirmable(property string, f Finding) bool {
	_, ok := naive.For(property)
	return ok && naive.Knows(property, f.Label)
}

// allStandAlone looks at every finding of one property.
func allStandAlone(t testing.TB, h *history.History, property string) {
	t.Helper()
	res := Check(context.Background(), h, Options{Only: []string{property}})
	if res.Exit == ExitInternal {
		t.Fatal(res.Why)
	}
	for _, f := range res.Properties[property].Findings {
		standsAlone(t, h, property, f)
	}
}

// sizes are how many operations findings have.
type sizes map[string][]int

func (s sizes) add(property string, f Finding) {
	s[property] = append(s[property], len(f.Ops))
	s[property+" with what is beside"] = append(s[property+" with what is beside"], len(f.Ops)+len(f.Beside))
}

func (s sizes) String() string {
	var b strings.Builder
	for _, name := range sortedNames(s) {
		slices.Sort(s[name])
		fmt.Fprintf(&b, "%s: %d findings, median %d, at most %d operations\n", name, len(s[name]), s[name][len(s[name])/2], s[name][len(s[name])-1])
	}
	return b.String()
}

func TestEveryFindingOfABrokenStoreStandsAlone(t *testing.T) {
	runs, ops := uint64(12), 900
	if raceEnabled || testing.Short() {
		runs, ops = 3, 300
	}
	found := sizes{}
	for seed := range runs {
		for _, o := range []simOptions{
			{skew: true, stamps: true},
			{skew: true, info: true, deletes: true, moves: true},
			{unordered: true, deletes: true, moves: true},
			{unordered: true, rmw: true, info: true},
			{skew: true, unordered: true, deletes: true, info: true, rmw: true, stamps: true},
		} {
			o.seed, o.sessions, o.keys, o.ops = seed, 6, 5, ops
			h := randomStore(o).history
			res := Check(context.Background(), h, Options{})
			if res.Exit == ExitInternal {
				t.Fatalf("%+v: %s", o, res.Why)
			}
			for name, d := range res.Properties {
				for _, f := range d.Findings {
					standsAlone(t, h, name, f)
					found.add(name, f)
				}
			}
		}
	}
	t.Logf("\n%s", found)
	for _, name := range []string{"no-stale-wins", "no-lost-updates", "cc", "ccv", "read-your-writes", "monotonic-reads", "monotonic-writes", "writes-follow-reads"} {
		if len(found[name]) == 0 {
			t.Errorf("%s was never violated", name)
		}
	}
}

// So does every finding in the histories that others recorded, whose operations
// are transactions of several steps.
func TestEveryFindingInPublishedHistoriesStandsAlone(t *testing.T) {
	found := sizes{}
	for _, pattern := range []string{"plume/taps/*.txt", "plume/galera/*.txt", "popl17/*.txt", "edn/*.edn"} {
		paths, err := filepath.Glob(filepath.Join("..", "..", "shared", "data", pattern))
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range paths {
			h, err := history.Open(path)
			if err != nil {
				continue // some of them are there to be refused
			}
			res := Check(context.Background(), h, Options{})
			if res.Exit == ExitInternal {
				t.Errorf("%s: %s", path, res.Why)
			}
			for name, d := range res.Properties {
				for _, f := range d.Findings {
					standsAlone(t, h, name, f)
					found.add(name, f)
				}
			}
		}
	}
	t.Logf("\n%s", found)
	if len(found["cc"]) < 10 || len(found["ccv"]) < 10 {
		t.Errorf("only %d and %d findings", len(found["cc"]), len(found["ccv"]))
	}
}
