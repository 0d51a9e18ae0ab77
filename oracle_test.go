package mlcheck

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"testing"

	"github.com/mlcheck/mlcheck/checker"
	oracle "github.com/mlcheck/mlcheck/internal/truth"
)

// known runs a Test, and returns what the checkers found and what really happened.
func known(t *testing.T, test Test) (*checker.Results, *oracle.Truth) {
	t.Helper()
	h, all := traced(t, test)
	var entries []oracle.Told
	for _, e := range all {
		entries = append(entries, oracle.Told{At: e.at, Node: e.node, TraceEntry: e.TraceEntry})
	}
	really, err := oracle.New(h, entries)
	if err != nil {
		t.Fatalf("seed %d of %v: %v", test.Seed, test.Options, err)
	}
	return checker.Check(context.Background(), h, checker.Options{Bare: test.Seed > 2}), really
}

func findings(d *checker.Decided) []oracle.Finding {
	var fs []oracle.Finding
	for _, f := range d.Findings {
		fs = append(fs, oracle.Finding{Label: f.Label, Ops: f.Ops})
	}
	return fs
}

// holdAgainst compares every property of a run with the truth: no finding may be
// denied by it, and nothing that clients could have told may be missed.
func holdAgainst(t *testing.T, test Test, sum map[string]oracle.Case) (*checker.Results, *oracle.Truth) {
	t.Helper()
	res, really := known(t, test)
	for _, name := range slices.Sorted(maps.Keys(res.Properties)) {
		d := res.Properties[name]
		if !d.Decided || d.Verdict == checker.Unknown {
			continue
		}
		c, ok := really.Compare(name, findings(d))
		if !ok {
			continue
		}
		where := fmt.Sprintf("seed %d of %s %s %v", test.Seed, test.Topology, test.Workload, test.Options)
		if len(c.Denied) > 0 {
			t.Errorf("%s: %s: the truth denies %d of %d findings: %v: %+v", where, name, len(c.Denied), len(d.Findings), c.Denied[0], d.Findings[0].Story)
		}
		missed := c.Told > 0 && d.Verdict == checker.Holds
		switch name {
		case "durability", "no-stale-wins":
			missed = lostUnseen(res, c.Told)
		case "linearizable": // another order may explain what the order of execution does not
			missed = false
		}
		if missed {
			t.Errorf("%s: %s: clients could have told of %d breaches, and none was found", where, name, c.Told)
		}
		addCase(sum, name, c)
	}
	return res, really
}

// addCase adds up how a property of many runs compares.
func addCase(sum map[string]oracle.Case, name string, c oracle.Case) {
	s := sum[name]
	if s.Unseen == nil {
		s.Unseen = map[string]int{}
	}
	s.Real, s.Told = s.Real+c.Real, s.Told+c.Told
	for why, n := range c.Unseen {
		s.Unseen[why] += n
	}
	sum[name] = s
}

// lostUnseen says that clients could have told of a lost write, and neither of the
// properties that may name it does. Where a write is there instead that was never
// answered, and so has no stamp, the checkers know that one of the two is broken, but
// not which: they count it as undecided.
func lostUnseen(res *checker.Results, told int) bool {
	for _, name := range []string{"durability", "no-stale-wins"} {
		if d := res.Properties[name]; d == nil || !d.Decided || d.Verdict != checker.Holds {
			return false
		}
	}
	return told > res.Properties["durability"].Counts["undecided"]
}
