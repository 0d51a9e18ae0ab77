package checker

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/mlcheck/mlcheck/history"
)

// bank makes a history of accounts a and b: "r 5 5" is a read of both, "t 3" a
// transfer from a to b, and ? behind it says that it may not have happened.
func bank(t *testing.T, granularity string, lines ...string) *history.History {
	b := history.NewBuilder(history.Header{Values: history.ValuesBalances, Granularity: granularity})
	for i, line := range lines {
		var x, y int64
		asked := []history.Step{{F: history.Read, Key: "a"}, {F: history.Read, Key: "b"}}
		var done []history.Step
		outcome := history.OK
		switch n, _ := fmt.Sscanf(line, "r %d %d", &x, &y); n {
		case 2:
			done = []history.Step{{F: history.Read, Key: "a", Value: history.Int(x)}, {F: history.Read, Key: "b", Value: history.Int(y)}}
		case 1:
			asked = asked[:1]
			done = []history.Step{{F: history.Read, Key: "a", Value: history.Int(x)}}
		default:
			if _, err := fmt.Sscanf(line, "t %d", &x); err != nil {
				t.Fatal(err)
			}
			asked = []history.Step{{F: history.Inc, Key: "a", Value: history.Int(-x)}, {F: history.Inc, Key: "b", Value: history.Int(x)}}
			done = asked
		}
		if line[len(line)-1] == '?' {
			done, outcome = nil, history.Info
		}
		if err := errors.Join(b.Invoke(2*i+1, 0, i, "n1", asked, false), b.Complete(2*i+2, 0, i, outcome, done, history.Meta{})); err != nil {
			t.Fatal(err)
		}
	}
	return b.History()
}

func TestTotalsAreConserved(t *testing.T) {
	for _, c := range []struct {
		name       string
		lines      []string
		want       Verdict
		violations int
	}{
		{"half of a transfer", []string{"r 10 0", "t 3", "r 7 0", "r 7 3"}, Violated, 1},
		{"the first read is the odd one", []string{"r 10 1", "t 3", "r 7 3", "r 7 3"}, Violated, 1},
		{"a whole transfer", []string{"r 10 0", "t 3", "r 7 3"}, Holds, 0},
		{"a transfer that may have happened", []string{"r 10 0", "t 3?", "r 7 3", "r 10 0"}, Holds, 0},
		{"a debt", []string{"r 1 0", "t 3", "r -2 3"}, Holds, 0},
		{"half of what may have happened", []string{"r 10 0", "t 3?", "r 7 0"}, Violated, 1},
		{"a read that was not answered", []string{"r 10 0", "t 3", "r 7 0?", "r 7 3"}, Holds, 0},
		{"a read of one account", []string{"r 10 0", "t 3", "r 7", "r 7 3"}, Holds, 0},
		{"nothing is moved", []string{"r 10 0", "r 10 0"}, Unknown, 0},
		{"one read", []string{"r 10 0", "t 3"}, Unknown, 0},
	} {
		d := Check(t.Context(), bank(t, "transaction", c.lines...), Options{}).Properties["conserved"]
		if d.Verdict != c.want || d.Violations != c.violations || len(d.Findings) != c.violations {
			t.Errorf("%s: %s (%s), %d violations", c.name, d.Verdict, d.Reason, d.Violations)
		}
	}
}

func TestTotalsTellNothingWhereReadsAreNoSnapshots(t *testing.T) {
	if d := Check(t.Context(), bank(t, "", "r 10 0", "t 3", "r 7 0"), Options{}).Properties["conserved"]; d.Verdict != NotDecided {
		t.Errorf("%s (%s)", d.Verdict, d.Reason)
	}
	h := history.NewBuilder(history.Header{Granularity: "transaction"}).History()
	if d := Check(t.Context(), h, Options{}).Properties["conserved"]; d.Verdict != NotDecided {
		t.Errorf("%s (%s)", d.Verdict, d.Reason)
	}
}

// Where numbers name no writes, only what needs no names is decided.
func TestWhereNumbersNameNoWritesOnlyStatesAreJudged(t *testing.T) {
	for values, may := range map[string][]string{
		"": {"cc", "ccv", "no-thin-air", "convergence", "durability"}, history.ValuesRepeat: {"convergence"}, history.ValuesBalances: {"convergence", "conserved"},
	} {
		for _, p := range []string{"cc", "ccv", "no-thin-air", "durability", "convergence", "conserved"} {
			why := nameless(&history.History{Header: history.Header{Values: values}}, p)
			if want := slices.Contains(may, p) || values == ""; want != (why == "") {
				t.Errorf("%q, %s: %q", values, p, why)
			}
		}
	}
}
