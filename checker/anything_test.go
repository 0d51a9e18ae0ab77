package checker

import (
	"context"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/mlcheck/mlcheck/history"
)

// Whatever a history says, no check fails and no two verdicts contradict each
// other: kinds mixed on one key, values of the wrong shape, reads from the
// future, stages and faults in any order.
func TestAnyHistoryGetsResults(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		hd := history.Header{
			Policy:       rapid.SampledFrom([]string{"", "lww-wall", "siblings", "max", "none", "first", "min", "crdt", "merge-max", "merge", "home", "home-majority"}).Draw(t, "policy"),
			SessionScope: rapid.SampledFrom([]string{"", "client"}).Draw(t, "scope"),
			Granularity:  rapid.SampledFrom([]string{"", "transaction"}).Draw(t, "granularity"),
			Workload:     rapid.SampledFrom([]string{"", "rmw-blind"}).Draw(t, "workload"),
			Rules:        rapid.SampledFrom([][]string{nil, {history.RuleUnique, history.RuleNonNegative}}).Draw(t, "rules"),
			NodeOrder:    rapid.Bool().Draw(t, "node order"),
		}
		if rapid.Bool().Draw(t, "names its nodes") {
			hd.Nodes = []string{"n1", "n2"}
		}
		h := anything(t, hd)
		for _, c := range All() {
			h.Header.Claims = append(h.Header.Claims, history.Claim{Property: c.Name})
		}
		if err := guard(func() { ix := newIndex(h); power(context.Background(), ix, faultReports(ix)); measures(ix) }); err != nil {
			t.Fatal(err)
		}
		res := Check(context.Background(), h, Options{})
		if res.Exit >= ExitInternal {
			for k := range h.Len() {
				t.Logf("%+v", h.Op(k))
			}
			t.Fatalf("%+v %s", h.Header, res.Why)
		}
		for _, name := range sortedNames(res.Properties) {
			d := res.Properties[name]
			if strings.Contains(d.Reason, "the checker failed") {
				p, _ := Lookup(name)
				t.Fatal(guard(func() { p.Check(context.Background(), h) }))
			}
			if d.Verdict == Violated && len(d.Findings) == 0 || d.Verdict == Holds && d.Chances == 0 {
				t.Fatalf("%s: %s with %d findings and %d chances", name, d.Verdict, len(d.Findings), d.Chances)
			}
		}
	})
}

func anything(t *rapid.T, hd history.Header) *history.History {
	b := history.NewBuilder(hd)
	node := rapid.SampledFrom([]string{"n1", "n2", "n3"})
	session := rapid.IntRange(1, 4)
	open := map[int][]history.Step{}
	i := 0
	for range rapid.IntRange(0, 60).Draw(t, "lines") {
		i++
		at := time.Duration(i) * time.Millisecond
		s := session.Draw(t, "session")
		switch asked, busy := open[s]; {
		case rapid.IntRange(0, 9).Draw(t, "what") == 0:
			_ = b.Event(anyEvent(t, i, at))
		case busy:
			o := rapid.SampledFrom([]history.Outcome{history.OK, history.OK, history.OK, history.Info, history.Fail}).Draw(t, "outcome")
			done := make([]history.Step, len(asked))
			for j, st := range asked {
				if done[j] = st; st.F == history.Read {
					done[j].Value = anyValue(t)
				}
			}
			m := history.Meta{
				By:    rapid.SampledFrom([]string{"", "", "n2"}).Draw(t, "by"),
				Stamp: rapid.SampledFrom([]string{"", "5.n1.0", "7.n2.1", "nonsense", "."}).Draw(t, "stamp"),
				Ctx:   rapid.SampledFrom([]string{"", "", "n1:1", "5.n1.0", "3,4", "n2:x ;,", "nonsense"}).Draw(t, "ctx"),
				Token: rapid.SampledFrom([]string{"", "", "t"}).Draw(t, "token"),
			}
			if b.Complete(i, at, s, o, done, m) == nil {
				delete(open, s)
			}
		default:
			steps := make([]history.Step, rapid.IntRange(1, 3).Draw(t, "steps"))
			for j := range steps {
				steps[j] = anyStep(t)
			}
			if b.Invoke(i, at, s, node.Draw(t, "node"), steps, rapid.IntRange(0, 4).Draw(t, "final") == 0) == nil {
				open[s] = steps
			}
		}
	}
	return b.History()
}

func anyStep(t *rapid.T) history.Step {
	// Mostly one kind a key, as in real runs; the last key has them all.
	key := rapid.SampledFrom([]string{"x", "y", "s", "l", "c", "mixed"}).Draw(t, "key")
	fs := map[string][]history.F{
		"x": {history.Write, history.Delete}, "y": {history.Write}, "s": {history.Add, history.Remove},
		"l": {history.Append, history.Insert}, "c": {history.Inc},
		"mixed": {history.Write, history.Delete, history.Add, history.Remove, history.Append, history.Inc, history.Insert},
	}[key]
	st := history.Step{F: rapid.SampledFrom(append(fs, history.Read, history.Read)).Draw(t, "f"), Key: key}
	n := rapid.Int64Range(1, 12).Draw(t, "n")
	switch st.F {
	case history.Read, history.Delete:
	case history.Insert:
		st.Value = history.List(n, rapid.Int64Range(0, 12).Draw(t, "after"))
	default:
		st.Value = history.Int(n)
	}
	return st
}

func anyValue(t *rapid.T) history.Value {
	switch rapid.IntRange(0, 3).Draw(t, "shape") {
	case 0:
		return history.Value{}
	case 1:
		return history.List(rapid.SliceOfN(rapid.Int64Range(0, 13), 0, 4).Draw(t, "list")...)
	}
	return history.Int(rapid.Int64Range(0, 13).Draw(t, "value"))
}

func anyEvent(t *rapid.T, i int, at time.Duration) history.Event {
	ev := history.Event{Index: i, T: at, Type: rapid.SampledFrom([]history.EventType{history.StageEvent, history.StageEvent, history.FaultEvent, history.ClockEvent}).Draw(t, "type")}
	switch ev.Type {
	case history.StageEvent:
		ev.Stage = rapid.SampledFrom([]string{history.StageHealed, history.StageClosed, history.StageQuiet, history.StageEnd}).Draw(t, "stage")
		ev.State = rapid.SampledFrom([]string{history.QuietYes, history.QuietStopped, history.QuietMoving}).Draw(t, "state")
	case history.FaultEvent:
		ev.Fault, ev.Dropped = rapid.IntRange(1, 3).Draw(t, "fault"), -1
		ev.Kind = rapid.SampledFrom([]string{"partition", "clock", "kill", "wipe"}).Draw(t, "kind")
		ev.Phase = rapid.SampledFrom([]string{history.Planned, history.Effective, history.Absent, history.Healing, history.Healed, history.Stuck}).Draw(t, "phase")
		ev.Nodes = []string{"n1"}
	default:
		ev.Offsets = map[string]int64{"n1": 5e9}
	}
	return ev
}
