package history

import (
	"fmt"
	"maps"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestAnOperationThatNeverCompletesStaysUnknown(t *testing.T) {
	b := NewBuilder(Header{})
	if err := b.Invoke(3, 7, 0, "n1", []Step{{F: Write, Key: "x", Value: Int(1)}}, true); err != nil {
		t.Fatal(err)
	}
	want := Op{Index: 3, Session: 0, Node: "n1", Start: 7, Outcome: Info, Final: true, Steps: []Step{{Write, "x", Int(1)}}}
	if d := cmp.Diff(want, b.History().Op(0)); d != "" {
		t.Error(d)
	}
}

func TestPosFindsInvocationsOnly(t *testing.T) {
	b := NewBuilder(Header{})
	for n := range 3 {
		if err := b.Invoke(10*n+1, 0, n, "n1", nil, false); err != nil {
			t.Fatal(err)
		}
		if err := b.Complete(10*n+5, 0, n, OK, nil, Meta{}); err != nil {
			t.Fatal(err)
		}
	}
	h := b.History()
	for i, want := range map[int]int{1: 0, 11: 1, 21: 2, 5: -1, 0: -1, 22: -1, 2: -1} {
		k, ok := h.Pos(i)
		if ok != (want >= 0) || ok && k != want {
			t.Errorf("Pos(%d) is %d, %v", i, k, ok)
		}
	}
}

func TestAnEmptyListIsNotNothing(t *testing.T) {
	b := NewBuilder(Header{})
	steps := []Step{{F: Read, Key: "s"}, {F: Read, Key: "t"}, {F: Read, Key: "x"}}
	if err := b.Invoke(1, 0, 0, "n1", steps, false); err != nil {
		t.Fatal(err)
	}
	steps[0].Value, steps[2].Value = List(), Int(0)
	if err := b.Complete(2, 0, 0, OK, steps, Meta{}); err != nil {
		t.Fatal(err)
	}
	h := b.History()
	if h.StepList(0) == nil || h.StepList(1) != nil || h.StepList(2) != nil {
		t.Error("lists are mixed up with nothing")
	}
	for s, want := range steps {
		if got := h.StepValue(s); !got.Equal(want.Value) {
			t.Errorf("step %d has %v, want %v", s, got, want.Value)
		}
	}
	if _, ok := h.StepInt(1); ok {
		t.Error("nothing is a number")
	}
}

func TestMoreNodesThanFitAreRefused(t *testing.T) {
	b := NewBuilder(Header{})
	for n := range math.MaxUint16 + 1 {
		err := b.Invoke(n+1, 0, n, fmt.Sprint("n", n), nil, false)
		if n < math.MaxUint16 && err != nil {
			t.Fatal(err)
		}
		if n == math.MaxUint16 && (err == nil || !strings.Contains(err.Error(), "different nodes")) {
			t.Errorf("got %v", err)
		}
	}
}

func TestNoSuchFunctionIsRefused(t *testing.T) {
	for _, f := range []F{0, Cas + 1} {
		if err := NewBuilder(Header{}).Invoke(1, 0, 0, "n1", []Step{{F: f, Key: "x"}}, false); err == nil || !strings.Contains(err.Error(), "there is no function") {
			t.Errorf("got %v", err)
		}
		if f.String() != "?" {
			t.Errorf("%d is %q", f, f)
		}
	}
	for f := Read; f <= Cas; f++ {
		if got, ok := ParseF(f.String()); !ok || got != f {
			t.Errorf("%q is parsed as %v", f, got)
		}
	}
}

func TestNumbersThatMeetAreToldApartByTheirKey(t *testing.T) {
	b := NewBuilder(Header{})
	for i, c := range []struct {
		key   string
		n     int64
		first bool
	}{
		{"x", 5, true},
		{"x", 6, true},
		{"y", 1 << 40, true},
		{"y", 5, true},
		{"x", 5, false},
		{"y", 5, false},
		{"y", 1 << 40, false},
		{"x", -3, true},
		{"x", -3, false},
		{"z", 6, true},
		{"x", 6, false},
	} {
		f := Write
		if i%2 == 0 {
			f = Append
		}
		if err := b.Invoke(2*i+1, 0, i, "n", []Step{{F: f, Key: c.key, Value: Int(c.n)}}, false); (err == nil) != c.first {
			t.Errorf("%d to %s: got %v", c.n, c.key, err)
		}
	}
}

// The first number of each key that is written again is found, whatever the
// numbers are: small, huge, the same for every key.
func TestOfManyNumbersEachRepetitionIsFound(t *testing.T) {
	for name, number := range map[string]func(i int) int64{
		"counted per key": func(i int) int64 { return int64(i/10 + 1) },
		"huge":            func(i int) int64 { return int64(i) << 40 },
		"negative":        func(i int) int64 { return -2 - int64(i) },
	} {
		const n = 10_000
		b := NewBuilder(Header{})
		write := func(i, event int) error {
			return b.Invoke(event, 0, event, "n", []Step{{F: Write, Key: fmt.Sprint(i % 10), Value: Int(number(i) + 1)}}, false)
		}
		for i := range n {
			if err := write(i, i+1); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
		}
		for i := range n {
			if err := write(i, n+i+1); err == nil || !strings.Contains(err.Error(), "a second time") {
				t.Fatalf("%s: number %d was taken again (%v)", name, i, err)
			}
		}
	}
}

func TestSessionsOfAnyNumberAreKept(t *testing.T) {
	var s sessions
	for _, n := range []int{0, 3, smallSessions - 1, smallSessions, 1 << 40, -1} {
		if s.get(n) != 0 {
			t.Errorf("%d is there already", n)
		}
		s.set(n, 7)
		if s.get(n) != 7 {
			t.Errorf("%d was not kept", n)
		}
		s.set(n, 0)
		if s.get(n) != 0 {
			t.Errorf("%d was not forgotten", n)
		}
	}
}

func TestARefusedOperationLeavesNoSteps(t *testing.T) {
	b := NewBuilder(Header{Nodes: []string{"n1"}})
	bad := []Step{{F: Write, Key: "x", Value: Int(1)}, {F: Write, Key: "y"}} // the second writes nothing
	if err := b.Invoke(1, 0, 1, "n1", bad, false); err == nil {
		t.Fatal("an operation that writes nothing was taken")
	}
	if err := b.Invoke(2, 0, 1, "n1", []Step{{F: Read, Key: "z"}}, false); err != nil {
		t.Fatal(err)
	}
	h := b.History()
	if from, to := h.Steps(0); h.Len() != 1 || h.NSteps() != 1 || from != 0 || to != 1 {
		t.Errorf("%d operations, %d steps, the first has %d to %d", h.Len(), h.NSteps(), from, to)
	}
}

func TestARefusedOperationWritesNothing(t *testing.T) {
	b := NewBuilder(Header{})
	write := func(i int, steps ...Step) error { return b.Invoke(i, 0, i, "n1", steps, false) }
	seven := Step{F: Write, Key: "z", Value: Int(7)}
	for i, key := range []string{"x", "y"} { // numbers meet
		if err := write(i+1, Step{F: Write, Key: key, Value: Int(5)}); err != nil {
			t.Fatal(err)
		}
	}
	if err := write(3, seven, Step{F: Write, Key: "z"}); err == nil {
		t.Fatal("an operation that writes nothing was taken")
	}
	if err := write(4, seven); err != nil {
		t.Error(err)
	}
	if err := write(5, seven); err == nil {
		t.Error("7 was written twice")
	}
}

func TestEachMetaGivesWhatMetaGives(t *testing.T) {
	b := NewBuilder(Header{})
	want := map[int]Meta{1: {Stamp: "7.n1.1"}, 3: {By: "n2", Error: "late"}}
	for k := range 5 {
		if err := b.Invoke(2*k+1, 0, k, "n1", nil, false); err != nil {
			t.Fatal(err)
		}
		if k == 4 && b.History().Timed() {
			t.Error("a history without times is timed")
		}
		if err := b.Complete(2*k+2, time.Duration(k/4), k, OK, nil, want[k]); err != nil {
			t.Fatal(err)
		}
	}
	h := b.History()
	if got := maps.Collect(h.EachMeta()); !cmp.Equal(got, want) || !h.HasMeta() {
		t.Error(cmp.Diff(want, got))
	}
	for k := range h.Len() {
		if h.Meta(k) != want[k] {
			t.Errorf("operation %d: %v", k, h.Meta(k))
		}
	}
	if !h.Timed() {
		t.Error("a history with one time is not timed")
	}
	if h := NewBuilder(Header{}).History(); h.HasMeta() {
		t.Error("an empty history has an entry")
	}
}
