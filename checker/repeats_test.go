package checker

import (
	"errors"
	"slices"
	"testing"

	"github.com/mlcheck/mlcheck/history"
)

// Leaders that differ are named, but not a write: several wrote that number.
func TestWhereNumbersRepeatNoWriteIsNamed(t *testing.T) {
	b, i := history.NewBuilder(history.Header{Nodes: []string{"n1", "n2"}, Values: history.ValuesRepeat}), 0
	do := func(node string, s history.Step, final bool) {
		i += 2
		asked := s
		if s.F == history.Read {
			asked.Value = history.Value{}
		}
		if err := errors.Join(b.Invoke(i-1, 0, i, node, []history.Step{asked}, final), b.Complete(i, 0, i, history.OK, []history.Step{s}, history.Meta{})); err != nil {
			t.Fatal(err)
		}
	}
	three := history.Step{F: history.Write, Key: "x", Value: history.Int(3)}
	do("n1", three, false)
	do("n2", three, false)
	do("n2", history.Step{F: history.Cas, Key: "x", Value: history.List(3, 4)}, false)
	for _, stage := range []string{history.StageHealed, history.StageClosed, history.StageQuiet} {
		i++
		if err := b.Event(history.Event{Index: i, Type: history.StageEvent, Stage: stage, State: history.QuietYes}); err != nil {
			t.Fatal(err)
		}
	}
	from := i
	do("n1", history.Step{F: history.Read, Key: "x", Value: history.Int(3)}, true)
	do("n2", history.Step{F: history.Read, Key: "x", Value: history.Int(4)}, true)
	d := Check(t.Context(), b.History(), Options{}).Properties["convergence"]
	if d.Verdict != Violated || len(d.Findings) != 1 {
		t.Fatalf("%s (%s)", d.Verdict, d.Reason)
	}
	if ops := d.Findings[0].Ops; slices.ContainsFunc(ops, func(op int) bool { return op <= from }) {
		t.Errorf("%v: %s", ops, d.Findings[0].Story)
	}
}
