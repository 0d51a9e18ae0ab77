package mlcheck

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mlcheck/mlcheck/checker"
	"github.com/mlcheck/mlcheck/history"
)

// Whatever the reference store does wrong under faults is confirmed, shows in a
// few operations, and is found again in the file of these alone.
func TestEveryFindingStandsAlone(t *testing.T) {
	most := map[string]int{} // operations of a finding, by property
	for _, workload := range []string{"register", "rmw", "set", "causal"} {
		for _, policy := range []string{"lww-wall", "lww-hlc"} {
			for seed := range max(2, seeds(t)/4) {
				h := historyOf(t, Test{
					Workload: workload, Options: map[string]string{"policy": policy, "delivery": "fifo"},
					Nemesis: []string{"partition", "clock"}, Time: 8 * time.Second, Leaders: 3, Moves: moving(workload), Seed: seed,
				})
				dir := t.TempDir()
				res := checker.Check(context.Background(), h, checker.Options{})
				if res.Exit == checker.ExitInternal {
					t.Fatalf("%s %s %d: %s", workload, policy, seed, res.Why)
				}
				for name, d := range res.Properties {
					for _, f := range d.Findings {
						if strings.HasPrefix(f.Unconfirmed, "there is no naive checker") {
							continue // which ones those are, a test of package checker lists
						}
						if !f.Confirmed || f.File == "" {
							t.Errorf("%s %s %d: %s %s is not confirmed: %s", workload, policy, seed, name, f.Label, f.Unconfirmed)
							continue
						}
						onItsOwn(t, h, dir, name, f)
						most[name] = max(most[name], len(f.Ops))
						t.Logf("%s: %d operations and %d beside", name, len(f.Ops), len(f.Beside))
					}
				}
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(most)) {
		if most[name] > 30 {
			t.Errorf("a finding of %s has %d operations", name, most[name])
		}
	}
	if len(most) < 5 {
		t.Errorf("only %v were violated", most)
	}
}

// onItsOwn checks the file of a finding as a person would.
func onItsOwn(t *testing.T, h *history.History, dir, property string, f checker.Finding) {
	t.Helper()
	own := filepath.Join(dir, f.File)
	out, err := os.Create(own)
	if err != nil {
		t.Fatal(err)
	}
	if err := checker.Witness(h, property, f).WriteJSONL(out); err != nil {
		t.Fatal(err)
	}
	if err := out.Close(); err != nil {
		t.Fatal(err)
	}
	res, err := Check(context.Background(), own)
	if err != nil {
		t.Fatal(err)
	}
	labels := map[string]bool{}
	for _, g := range res.Properties[property].Findings {
		labels[g.Label] = true
	}
	if res.Exit != checker.ExitViolated || !labels[f.Label] {
		t.Errorf("%s: exit %d, %s; labels %v, not %s", own, res.Exit, res.Why, fmt.Sprint(labels), f.Label)
	}
}
