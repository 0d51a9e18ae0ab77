package checker

import (
	"context"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mlcheck/mlcheck/history"
)

// Each history is of transactions, and each breaks causal consistency in another
// way, which its finding is named after.
func TestEachTornTransactionIsNamed(t *testing.T) {
	for name, want := range map[string]string{
		"tap-a": "ThinAirRead",
		"tap-b": "AbortedRead",
		"tap-d": "NotMyOwnWrite",
		"tap-f": "IntermediateRead",
		"tap-h": "FracturedRead",
		"tap-k": "FracturedRead",
		"tap-m": "WriteCORead",
	} {
		h, err := history.Open(filepath.Join("..", "..", "shared", "data", "plume", "taps", name+".txt"))
		if err != nil {
			t.Fatal(err)
		}
		res := Check(context.Background(), h, Options{Claims: []history.Claim{{Property: "cc"}, {Property: "ccv"}}})
		for _, property := range []string{"cc", "ccv"} {
			d := res.Properties[property]
			if d.Verdict != Violated || d.Counts[want] == 0 {
				t.Errorf("%s: %s is %s (%s) %v, want %s", name, property, d.Verdict, d.Reason, d.Counts, want)
			}
		}
	}
}

// transactions makes a history of whole transactions, each by a session of its own
// unless two lines give the same.
func transactions(t *testing.T, ops ...transaction) *history.History {
	t.Helper()
	b := history.NewBuilder(history.Header{Nodes: []string{"n1"}, Granularity: "transaction"})
	for i, op := range ops {
		if err := b.Invoke(2*i+1, 0, op.session, "n1", op.steps, false); err != nil {
			t.Fatal(err)
		}
		if err := b.Complete(2*i+2, 0, op.session, op.outcome, op.steps, history.Meta{}); err != nil {
			t.Fatal(err)
		}
	}
	return b.History()
}

type transaction struct {
	session int
	outcome history.Outcome
	steps   []history.Step
}

func rd(key string, v int64) history.Step {
	return history.Step{F: history.Read, Key: key, Value: history.Int(v)}
}

func wr(key string, v int64) history.Step {
	return history.Step{F: history.Write, Key: key, Value: history.Int(v)}
}

// What looks like a torn read and is none.
func TestWholeTransactionsAreNotTorn(t *testing.T) {
	for name, ops := range map[string][]transaction{
		"the last of several writes is read": {
			{0, history.OK, []history.Step{wr("x", 1), wr("x", 2)}}, {1, history.OK, []history.Step{rd("x", 2)}},
		},
		"own writes are read, each while it is the last": {
			{0, history.OK, []history.Step{wr("x", 1), rd("x", 1), wr("x", 2), rd("x", 2)}},
		},
		"the same value is read twice": {
			{0, history.OK, []history.Step{wr("x", 1)}}, {1, history.OK, []history.Step{rd("x", 1), rd("x", 1)}},
		},
		"a read before the own write and one after it": {
			{0, history.OK, []history.Step{wr("x", 1)}}, {1, history.OK, []history.Step{rd("x", 1), wr("x", 2), rd("x", 2)}},
		},
		"both halves of a transaction are read": {
			{0, history.OK, []history.Step{wr("x", 1), wr("y", 2)}}, {1, history.OK, []history.Step{rd("x", 1), rd("y", 2)}},
		},
		"what may have happened, and was read": {
			{0, history.Info, []history.Step{wr("x", 1), wr("y", 2)}}, {1, history.OK, []history.Step{rd("x", 1), rd("y", 2)}},
		},
	} {
		r := checkCC(context.Background(), newIndex(transactions(t, ops...)))
		if r.Verdict == Violated {
			t.Errorf("%s: %s %v", name, r.Reason, r.Counts)
		}
	}
}

func TestATransactionThatReadsTwoValuesIsNotRepeatable(t *testing.T) {
	h := transactions(t,
		transaction{0, history.OK, []history.Step{wr("x", 1)}}, transaction{1, history.OK, []history.Step{wr("x", 2)}},
		transaction{2, history.OK, []history.Step{rd("x", 1), rd("x", 2)}})
	r := checkCC(context.Background(), newIndex(h))
	if r.Counts["NonRepeatableRead"] != 1 || r.Violations != 1 {
		t.Errorf("%s: %v", r.Reason, r.Counts)
	}
}

// The story of each kind of torn read says what was torn.
func TestTornReadsAreToldInWords(t *testing.T) {
	for _, c := range []struct {
		says string
		ops  []transaction
	}{
		{"which was aborted", []transaction{{0, history.Fail, []history.Step{wr("x", 1)}}, {1, history.OK, []history.Step{rd("x", 1)}}}},
		{"had replaced by x=2", []transaction{{0, history.OK, []history.Step{wr("x", 1), wr("x", 2)}}, {1, history.OK, []history.Step{rd("x", 1)}}}},
		{"first x=1 and then x=2", []transaction{
			{0, history.OK, []history.Step{wr("x", 1)}},
			{1, history.OK, []history.Step{wr("x", 2)}},
			{2, history.OK, []history.Step{rd("x", 1), rd("x", 2)}},
		}},
		{"after it had written x=2 itself", []transaction{{0, history.OK, []history.Step{wr("x", 1)}}, {1, history.OK, []history.Step{wr("x", 2), rd("x", 1)}}}},
		{"after it had written x=2 itself", []transaction{{0, history.OK, []history.Step{wr("x", 1), wr("x", 2), rd("x", 1)}}}},
	} {
		r := checkCC(context.Background(), newIndex(transactions(t, c.ops...)))
		if len(r.Findings) != 1 || !strings.Contains(r.Findings[0].Story, c.says) {
			t.Errorf("want one story that says %q: %+v", c.says, r.Findings)
		}
	}
}
