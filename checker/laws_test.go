package checker

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/google/go-cmp/cmp"

	"github.com/mlcheck/mlcheck/history"
)

// drawn is a simulated store of any size and kind.
func drawn(t *rapid.T) simOptions {
	return simOptions{
		seed:     rapid.Uint64().Draw(t, "seed"),
		sessions: rapid.IntRange(1, 9).Draw(t, "sessions"),
		keys:     rapid.IntRange(1, 6).Draw(t, "keys"),
		ops:      rapid.IntRange(1, 300).Draw(t, "ops"),
		moves:    rapid.Bool().Draw(t, "moves"),
		info:     rapid.Bool().Draw(t, "info"),
		deletes:  rapid.Bool().Draw(t, "deletes"),
		stamps:   rapid.Bool().Draw(t, "stamps"),
		rmw:      rapid.Bool().Draw(t, "rmw"),
	}
}

// A store whose stamps extend causality and whose delivery is causal keeps every
// promise of its row but no-lost-updates, whatever its clients do.
func TestAFlawlessStoreIsNeverAccused(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h := randomStore(drawn(t)).history
		for _, name := range []string{"convergence", "durability", "no-stale-wins", "cc", "ccv", "read-your-writes", "monotonic-reads", "monotonic-writes", "writes-follow-reads", "no-thin-air"} {
			if r := check(t, name, h); r.Verdict == Violated {
				t.Fatalf("%s: %s\n%s", name, r.Reason, r.Findings[0].Story)
			}
		}
	})
}

// Without a conflict rule leaders do not agree in the end, but what each of them
// shows is one causal order.
func TestAStoreThatShowsWhatArrivedLastKeepsCausalMemory(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		opt := drawn(t)
		opt.arrival = true
		h := randomStore(opt).history
		for _, name := range []string{"cc", "cm", "read-your-writes", "monotonic-reads", "monotonic-writes", "writes-follow-reads", "no-thin-air"} {
			if r := check(t, name, h); r.Verdict == Violated {
				t.Fatalf("%s: %s\n%s", name, r.Reason, r.Findings[0].Story)
			}
		}
	})
}

// Stores that show what arrived last keep cm and not ccv; stores that show the
// greatest of what arrived keep ccv and not cm.
func TestEachConflictRuleBreaksTheOtherKindOfCausality(t *testing.T) {
	found := map[string]int{}
	for sessions := 3; sessions <= 12; sessions++ {
		arrival, greatest := gossiped(2000, sessions, 10, 20, false), gossiped(2000, sessions, 10, 20, true)
		for _, name := range []string{"cm", "ccv"} {
			keeps, may := arrival, greatest
			if name == "ccv" {
				keeps, may = greatest, arrival
			}
			if r := check(t, name, keeps); r.Verdict != Holds {
				t.Errorf("%d sessions: %s: %s", sessions, name, r.Reason)
			}
			if check(t, name, may).Violations > 0 {
				found[name]++
			}
		}
	}
	if found["cm"] < 8 || found["ccv"] < 8 {
		t.Errorf("of 10 stores each, last write wins broke cm in %d, no rule broke ccv in %d", found["cm"], found["ccv"])
	}
}

// Delivered in any order it still converges, keeps its writes and lets no stale
// write win.
func TestAStoreWithoutCausalDeliveryKeepsWhatItsRowSays(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		opt := drawn(t)
		opt.unordered = true
		h := randomStore(opt).history
		for _, name := range []string{"convergence", "durability", "no-stale-wins", "read-your-writes", "monotonic-reads", "no-thin-air"} {
			if r := check(t, name, h); r.Verdict == Violated {
				t.Fatalf("%s: %s\n%s", name, r.Reason, r.Findings[0].Story)
			}
		}
	})
}

func TestWallClocksThatAreOffLetStaleWritesWin(t *testing.T) {
	found := 0
	for seed := range uint64(50) {
		sim := randomStore(simOptions{seed: seed, sessions: 6, keys: 3, ops: 400, skew: true, stamps: seed%2 == 0})
		r := check(t, "no-stale-wins", sim.history)
		if r.Violations > 0 {
			found++
			if sim.beaten == 0 {
				t.Errorf("seed %d: the store knows of no write that lost to an older one: %s", seed, r.Findings[0].Story)
			}
		}
		if d := check(t, "durability", sim.history); d.Verdict == Violated {
			t.Errorf("seed %d: a stale win was counted as a loss: %s", seed, d.Findings[0].Story)
		}
	}
	if found < 30 {
		t.Errorf("stale wins found with %d of 50 seeds", found)
	}
}

// What the findings say of a stale win is what happened inside the store: the
// leader that acknowledged the write had applied the one that beat it, and its
// clock had given that one the later stamp.
func TestEveryStaleWinHappenedInTheStore(t *testing.T) {
	told := 0
	for seed := range uint64(60) {
		sim := randomStore(simOptions{seed: seed, sessions: 6, keys: 3, ops: 400, skew: true, stamps: seed%2 == 0, info: seed%3 == 0})
		ix := newIndex(sim.history)
		for _, l := range ix.fates().lost {
			if l.cause != staleWin || l.beaten < 0 {
				t.Errorf("seed %d: a store that loses nothing lost a write: %+v", seed, l)
				continue
			}
			w, u := valueOf(ix, l.w, l.key), valueOf(ix, l.beaten, l.key)
			stamp, knew := sim.knew[w][u]
			told++
			if !knew || !sim.stamps[w].less(stamp) {
				t.Errorf("seed %d: %d lost to %d. Known to its leader: %v; stamped %v and %v", seed, w, u, knew, sim.stamps[w], stamp)
			}
		}
	}
	if told < 200 {
		t.Errorf("%d lost writes were compared", told)
	}
}

func valueOf(ix *index, e, key int32) int64 {
	v, _ := ix.h.StepInt(int(ix.writeOf(e, key)))
	return v
}

func TestOutOfOrderDeliveryBreaksCausality(t *testing.T) {
	found := 0
	for seed := range uint64(10) {
		r := check(t, "cc", randomStore(simOptions{seed: seed, sessions: 6, keys: 3, ops: 5000, unordered: true}).history)
		if r.Violations > 0 {
			found++
		}
	}
	if found < 3 {
		t.Errorf("causality broken with %d of 10 seeds", found)
	}
}

func TestLastWriteWinsLosesUpdates(t *testing.T) {
	r := check(t, "no-lost-updates", randomStore(simOptions{seed: 1, sessions: 6, keys: 2, ops: 200, rmw: true}).history)
	if r.Verdict != Violated || r.Counts["across leaders"] == 0 {
		t.Errorf("%+v", r)
	}
}

// Every edge of every finding is one that the history shows.
func TestEveryFindingIsAChainOfOperationsThatAreThere(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		opt := drawn(t)
		opt.skew, opt.unordered = rapid.Bool().Draw(t, "skew"), rapid.Bool().Draw(t, "unordered")
		h := randomStore(opt).history
		res := Check(context.Background(), h, Options{})
		if res.Exit >= ExitInternal {
			t.Fatal(res.Why)
		}
		for _, name := range sortedNames(res.Properties) {
			d := res.Properties[name]
			if len(d.Findings) > d.Violations || d.Violations > 0 && len(d.Findings) == 0 {
				t.Fatalf("%s: %d violations, %d findings", name, d.Violations, len(d.Findings))
			}
			for _, f := range d.Findings {
				if err := wellFormed(h, f); err != nil {
					t.Fatalf("%s: %v\n%s", name, err, f.Story)
				}
			}
		}
	})
}

func wellFormed(h *history.History, f Finding) error {
	at := map[int]history.Op{}
	for _, i := range f.Ops {
		k, ok := h.Pos(i)
		if !ok {
			return fmt.Errorf("operation #%d is not there", i)
		}
		at[i] = h.Op(k)
	}
	for _, e := range f.Edges {
		a, okA := at[e.From]
		b, okB := at[e.To]
		switch {
		case !okA || !okB:
			return fmt.Errorf("edge #%d to #%d is not between operations of the finding", e.From, e.To)
		case e.Because == "":
			return fmt.Errorf("edge #%d to #%d has no reason", e.From, e.To)
		case e.Kind == "so" && (a.Session != b.Session || a.Node != b.Node || a.Index >= b.Index):
			return fmt.Errorf("edge #%d to #%d is no session order", e.From, e.To)
		case e.Kind == "wr" && !shares(a, b):
			return fmt.Errorf("edge #%d to #%d is not reads-from", e.From, e.To)
		}
	}
	return nil
}

func shares(a, b history.Op) bool {
	for _, w := range a.Steps {
		for _, r := range b.Steps {
			if w.Key == r.Key && r.F == history.Read && w.F.IsWrite() && (w.F == history.Delete || w.Value.Equal(r.Value) || slices.Contains(r.Value.List, w.Value.N)) {
				return true
			}
		}
	}
	return false
}

// Renaming sessions and keys, and adding a session of its own that is
// consistent, changes no count.
func TestNamesDoNotMatter(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		opt := drawn(t)
		opt.skew = rapid.Bool().Draw(t, "skew")
		h := randomStore(opt).history
		other := renamed(h, rapid.IntRange(1, 1000).Draw(t, "sessions+"), rapid.StringMatching(`[a-z]{1,3}`).Draw(t, "prefix"))
		for _, p := range All() {
			a, b := check(t, p.Name, h), check(t, p.Name, other)
			if diff := cmp.Diff([]any{a.Verdict, a.Chances, a.Violations, a.Counts}, []any{b.Verdict, b.Chances, b.Violations, b.Counts}); diff != "" {
				t.Fatalf("%s (-before +after)\n%s", p.Name, diff)
			}
		}
	})
}

// renamed is the history with other session numbers and key names, built anew.
func renamed(h *history.History, more int, prefix string) *history.History {
	b := history.NewBuilder(h.Header)
	lines := map[int]func() error{}
	last := 0
	for k := range h.Len() {
		op := h.Op(k)
		asked := make([]history.Step, len(op.Steps))
		for i := range op.Steps {
			op.Steps[i].Key = prefix + op.Steps[i].Key
			asked[i] = op.Steps[i]
			if asked[i].F == history.Read {
				asked[i].Value = history.Value{}
			}
		}
		lines[op.Index] = func() error { return b.Invoke(op.Index, op.Start, op.Session+more, op.Node, asked, op.Final) }
		if op.Return > 0 {
			lines[op.Return] = func() error { return b.Complete(op.Return, op.End, op.Session+more, op.Outcome, op.Steps, op.Meta) }
		}
		last = max(last, op.Index, op.Return)
	}
	for _, ev := range h.Events {
		lines[ev.Index] = func() error { return b.Event(ev) }
		last = max(last, ev.Index)
	}
	for i := 1; i <= last; i++ {
		if do, ok := lines[i]; ok {
			if err := do(); err != nil {
				panic(err)
			}
		}
	}
	return b.History()
}
