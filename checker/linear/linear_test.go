package linear

import (
	"bytes"
	"context"
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/mlcheck/mlcheck/history"
)

// did is an operation from one event to another; 0: it was never answered.
func did(call, ret int64, steps ...history.Step) Operation {
	return Operation{ID: int(call), Call: call, Return: ret, Steps: steps}
}

func step(f history.F, key string, v history.Value) history.Step {
	return history.Step{F: f, Key: key, Value: v}
}

func TestSequentialModels(t *testing.T) {
	n := history.Int
	for _, tc := range []struct {
		name string
		want Verdict
		ops  []Operation
	}{
		{"nothing was done", Yes, nil},
		{"a value that is written twice", Yes, []Operation{
			did(1, 2, step(history.Write, "x", n(1))), did(3, 4, step(history.Write, "x", n(2))), did(5, 6, step(history.Write, "x", n(1))), did(7, 8, step(history.Read, "x", n(1))),
		}},
		{"and then replaced", No, []Operation{
			did(1, 2, step(history.Write, "x", n(1))), did(3, 4, step(history.Write, "x", n(1))), did(5, 6, step(history.Write, "x", n(2))), did(7, 8, step(history.Read, "x", n(1))),
		}},
		{"a delete leaves nothing", Yes, []Operation{
			did(1, 2, step(history.Write, "x", n(1))), did(3, 4, step(history.Delete, "x", history.Value{})), did(5, 6, step(history.Read, "x", history.Value{})),
		}},
		{"a counter that lost one", No, []Operation{
			did(1, 2, step(history.Inc, "c", n(1))), did(3, 4, step(history.Inc, "c", n(2))), did(5, 6, step(history.Read, "c", n(2))),
		}},
		{"a counter with one under way", Yes, []Operation{
			did(1, 0, step(history.Inc, "c", n(1))), did(3, 4, step(history.Inc, "c", n(2))), did(5, 6, step(history.Read, "c", n(2))), did(7, 8, step(history.Read, "c", n(3))),
		}},
		{"one that is taken back", No, []Operation{
			did(1, 0, step(history.Inc, "c", n(1))), did(5, 6, step(history.Read, "c", n(1))), did(7, 8, step(history.Read, "c", n(0))),
		}},
		{"a set, read in any order", Yes, []Operation{
			did(1, 2, step(history.Add, "s", n(2))), did(3, 4, step(history.Add, "s", n(-1))), did(5, 6, step(history.Read, "s", history.List(2, -1))),
			did(7, 8, step(history.Remove, "s", n(2))), did(9, 10, step(history.Read, "s", history.List(-1))), did(11, 12, step(history.Remove, "s", n(2))),
			did(13, 14, step(history.Read, "s", n(-1))),
		}},
		{"a set without an element", No, []Operation{
			did(1, 2, step(history.Add, "s", n(2))), did(3, 4, step(history.Read, "s", history.Value{})),
		}},
		{"a list has an order", No, []Operation{
			did(1, 2, step(history.Append, "l", n(1))), did(3, 4, step(history.Append, "l", n(2))), did(5, 6, step(history.Read, "l", history.List(2, 1))),
		}},
		{"and may have had another", Yes, []Operation{
			did(1, 4, step(history.Append, "l", n(1))), did(2, 3, step(history.Append, "l", n(2))), did(5, 6, step(history.Read, "l", history.List(2, 1))),
		}},
		{"a transaction is one instant", No, []Operation{
			did(1, 2, step(history.Write, "x", n(1)), step(history.Write, "y", n(2))),
			did(3, 6, step(history.Write, "x", n(3)), step(history.Write, "y", n(4))),
			did(4, 5, step(history.Read, "x", n(3)), step(history.Read, "y", n(2))),
		}},
		{"an own write is read", Yes, []Operation{
			did(1, 2, step(history.Write, "x", n(1)), step(history.Read, "x", n(1)), step(history.Write, "x", n(2))), did(3, 4, step(history.Read, "x", n(2))),
		}},
		{"a compare-and-set", Yes, []Operation{
			did(1, 2, step(history.Cas, "x", history.List(0, 1))), did(3, 4, step(history.Cas, "x", history.List(1, 2))), did(5, 6, step(history.Read, "x", n(2))),
		}},
		{"one that cannot have succeeded", No, []Operation{
			did(1, 2, step(history.Cas, "x", history.List(0, 1))), did(3, 4, step(history.Cas, "x", history.List(2, 3))),
		}},
		{"one that may have failed", Yes, []Operation{
			did(1, 2, step(history.Cas, "x", history.List(0, 1))), did(3, 0, step(history.Cas, "x", history.List(2, 3))), did(5, 6, step(history.Read, "x", n(1))),
		}},
		{"an update may not have happened", Yes, []Operation{
			did(1, 0, step(history.Read, "x", n(5)), step(history.Write, "x", n(6))), did(2, 3, step(history.Read, "x", n(0))),
		}},
		{"but only from what it read", No, []Operation{
			did(1, 0, step(history.Read, "x", n(5)), step(history.Write, "x", n(6))), did(2, 3, step(history.Read, "x", n(6))),
		}},
	} {
		t.Run(strings.ReplaceAll(tc.name, " ", "_"), func(t *testing.T) {
			if a := Solve(t.Context(), Problem{tc.ops}); a.Verdict != tc.want {
				t.Errorf("%+v, want %s", a, tc.want)
			}
		})
	}
}

func TestTheFirstAnswerThatLeavesNoOrderIsNamed(t *testing.T) {
	var p Problem
	event := int64(0)
	next := func() int64 { event++; return event }
	sum := int64(0)
	for i := range int64(300) {
		p.Ops = append(p.Ops, did(next(), next(), step(history.Inc, "c", history.Int(1))))
		sum++
		read := sum
		if i >= 200 { // from here on one increment is lost
			read--
		}
		p.Ops = append(p.Ops, did(next(), next(), step(history.Read, "c", history.Int(read))))
	}
	a := Solve(t.Context(), p)
	if a.Verdict != No || a.Last != 803 || len(a.Reads) != 0 {
		t.Errorf("%+v", a)
	}
}

// An element that was put in long ago is missing, among many that are not.
func TestWhatShowsThatThereIsNoOrderIsSmall(t *testing.T) {
	var p Problem
	event := int64(0)
	next := func() int64 { event++; return event }
	var all []int64
	for i := range int64(150) {
		p.Ops = append(p.Ops,
			did(next(), next(), step(history.Add, "s", history.Int(i+1)), step(history.Write, "x", history.Int(i+1))),
			did(next(), next(), step(history.Inc, "c", history.Int(1))))
		all = append(all, i+1)
		if i == 140 {
			all = slices.Delete(all, 20, 21)
		}
		p.Ops = append(p.Ops, did(next(), next(), step(history.Read, "s", history.List(slices.Clone(all)...)), step(history.Read, "x", history.Int(i+1))))
	}
	a := Solve(t.Context(), p)
	if diff := cmp.Diff(Answer{Verdict: No, Last: 845, Ops: []int{121, 845}}, a); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestReadsThatMatterAreNamed(t *testing.T) {
	p := Problem{[]Operation{
		did(1, 2, step(history.Read, "c", history.Int(0))),
		did(3, 0, step(history.Inc, "c", history.Int(1))),
		did(5, 6, step(history.Read, "c", history.Int(1))), // it happened
		did(7, 8, step(history.Read, "c", history.Int(1))),
		did(9, 10, step(history.Read, "c", history.Int(0))),
	}}
	a := Solve(t.Context(), p)
	if a.Verdict != No || a.Last != 9 || len(a.Reads) != 1 || a.Reads[0] != 5 && a.Reads[0] != 7 {
		t.Errorf("%+v", a)
	}
}

func TestWhenTheContextEndsTheAnswerIsUnknown(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	var p Problem
	for i := range int64(40) {
		p.Ops = append(p.Ops, did(i+1, 0, step(history.Inc, "c", history.Int(2<<i))))
	}
	p.Ops = append(p.Ops, did(100, 101, step(history.Read, "c", history.Int(-1))))
	if a := Solve(ctx, p); a.Verdict != Unknown || a.Why == "" {
		t.Errorf("%+v", a)
	}
}

func TestServeAnswersEveryProblemAndRefusesWhatIsNone(t *testing.T) {
	var in, out bytes.Buffer
	p := Problem{[]Operation{did(1, 2, step(history.Read, "s", history.List())), did(3, 4, step(history.Add, "s", history.Int(1)))}}
	for range 2 {
		if err := json.NewEncoder(&in).Encode(p); err != nil {
			t.Fatal(err)
		}
	}
	in.WriteString("nonsense")
	if err := Serve(t.Context(), &in, &out); err == nil || !strings.Contains(err.Error(), "no problem") {
		t.Errorf("error %v", err)
	}
	if got := strings.Count(out.String(), `"Verdict":"yes"`); got != 2 {
		t.Errorf("%d answers: %s", got, out.String())
	}
}
