package checker

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/mlcheck/mlcheck/history"
)

// The store knows when each write came to each leader: the bounds must hold it.
func TestTheTrueLagLiesBetweenItsBounds(t *testing.T) {
	measured := 0
	rapid.Check(t, func(t *rapid.T) {
		sim := randomStore(drawn(t))
		ix := newIndex(sim.history)
		l := ix.newLagging()
		l.seen = func(w int32, observer int, least, most int64) {
			k, v := ix.opOfStep(w), ix.h.StepValue(int(w)).N
			lag := int64(sim.arrived[v][observer] - ix.h.End(k))
			if lag < least || lag > most {
				t.Fatalf("%d came to n%d %d ns after it was acknowledged, which is not between %d and %d", v, observer+1, lag, least, most)
			}
			measured++
		}
		for _, k := range completions(ix.h) {
			from, to := ix.h.Steps(int(k))
			for s := from; s < to; s++ {
				if ix.h.StepF(s) == history.Read && ix.kind[ix.h.StepKey(s)] == register {
					l.read(int(k), int32(s))
				}
			}
		}
	})
	if measured < 500 {
		t.Errorf("only %d lags were measured: nothing was shown", measured)
	}
}

// Every acknowledged write of an origin is in one of the counts of each pair.
func TestEveryWriteIsCountedOnceForEachObserver(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		opt := drawn(t)
		opt.unordered, opt.skew = rapid.Bool().Draw(t, "unordered"), rapid.Bool().Draw(t, "skew")
		h := randomStore(opt).history
		acked := map[string]int{}
		for k := range h.Len() {
			op := h.Op(k)
			for _, s := range op.Steps {
				if s.F == history.Write && op.Outcome == history.OK {
					acked[op.Node]++
				}
			}
		}
		r := replication(newIndex(h))
		for _, l := range r.Lag {
			if n := l.Seen + l.Hidden + l.AtEnd + l.Missed + l.Unread; n != acked[l.Origin] {
				t.Fatalf("%d of %d writes of %s are accounted for at %s: %+v", n, acked[l.Origin], l.Origin, l.Observer, l)
			}
			if l.AtLeast.Median > l.AtMost.Median || l.AtLeast.P95 > l.AtMost.P95 || l.AtLeast.P99 > l.AtMost.P99 || l.AtLeast.Max > l.AtMost.Max {
				t.Fatalf("bounds cross: %+v", l)
			}
		}
		for i, n := range r.OverTime.Shown {
			if r.OverTime.Differing[i] > n || r.OverTime.Behind != nil && r.OverTime.Behind[i] > n {
				t.Fatalf("sample %d: %d and %d of %d keys", i, r.OverTime.Differing[i], r.OverTime.Behind[i], n)
			}
		}
	})
}

// Other names for keys and sessions change nothing but the names.
func TestReplicationDoesNotDependOnNames(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		opt := drawn(t)
		opt.skew, opt.unordered = rapid.Bool().Draw(t, "skew"), true
		h := randomStore(opt).history
		want, got := replication(newIndex(h)), replication(newIndex(otherNames(t, h)))
		for i := range got.Keys {
			got.Keys[i].Key = got.Keys[i].Key[len("other "):]
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Fatalf("(-want +got)\n%s", d)
		}
	})
}

// otherNames is the history with other names for keys, nodes left as they are, and
// other numbers for sessions.
func otherNames(t failer, h *history.History) *history.History {
	b := history.NewBuilder(h.Header)
	type line struct {
		i  int
		do func() error
	}
	var lines []line
	for k := range h.Len() {
		op := h.Op(k)
		asked := slices.Clone(op.Steps)
		for i := range asked {
			op.Steps[i].Key = "other " + op.Steps[i].Key
			asked[i] = op.Steps[i]
			if asked[i].F == history.Read {
				asked[i].Value = history.Value{}
			}
		}
		session := 7000 - op.Session
		lines = append(lines, line{op.Index, func() error { return b.Invoke(op.Index, op.Start, session, op.Node, asked, op.Final) }})
		if op.Return > 0 {
			lines = append(lines, line{op.Return, func() error { return b.Complete(op.Return, op.End, session, op.Outcome, op.Steps, op.Meta) }})
		}
	}
	for _, ev := range h.Events {
		lines = append(lines, line{ev.Index, func() error { return b.Event(ev) }})
	}
	slices.SortFunc(lines, func(a, b line) int { return a.i - b.i })
	for _, l := range lines {
		if err := l.do(); err != nil {
			t.Fatalf("event %d: %v", l.i, err)
		}
	}
	return b.History()
}

// What follows are stores that apply each write once at each leader, in any
// order, and are read while they do. However slow, none of them goes round.
func TestASlowStoreIsNotSaidToGoRound(t *testing.T) {
	changes := map[string]int{}
	rapid.Check(t, func(t *rapid.T) {
		rule := rapid.SampledFrom([]string{"last arrived", "greatest stamp", "greatest stamp of those that none replaces", "first arrived"}).Draw(t, "rule")
		h := slowlySettling(rule, rapid.Uint64().Draw(t, "seed"))
		r := Check(context.Background(), h, Options{})
		if c := r.Properties["convergence"]; c.Verdict != Unknown {
			t.Fatalf("%s: %s, %s", rule, c.Verdict, c.Reason)
		}
		changes[rule] += r.Replication.Settling.Changes
	})
	for rule, n := range changes {
		if n < 10 && rule != "first arrived" {
			t.Errorf("%s: only %d changes were seen: nothing was shown", rule, n)
		}
	}
}

// put is a write on its way to a leader.
type put struct {
	value, stamp int64
	replaces     map[int64]bool // what its leader held, and what that had replaced
}

// slowlySettling is a history of three leaders that take in the writes of one
// key one by one while they are read again and again.
func slowlySettling(rule string, seed uint64) *history.History {
	r := rand.New(rand.NewPCG(seed, 5))
	nodes := []string{"n1", "n2", "n3"}
	b := history.NewBuilder(history.Header{Nodes: nodes})
	i, now := 0, time.Duration(0)
	next := func() (int, time.Duration) { i++; now += time.Millisecond; return i, now }
	must := func(err error) {
		if err != nil {
			panic(err)
		}
	}
	perform := func(session, node int, step, done history.Step, final bool) {
		n, at := next()
		must(b.Invoke(n, at, session, nodes[node], []history.Step{step}, final))
		n, at = next()
		must(b.Complete(n, at, session, history.OK, []history.Step{done}, history.Meta{}))
	}
	var held, flying [3][]put
	for v := int64(1); v <= 12; v++ {
		node := r.IntN(3)
		w := put{v, r.Int64N(1000), map[int64]bool{}} // clocks that are far off
		for _, u := range held[node] {
			w.replaces[u.value] = true
			for x := range u.replaces {
				w.replaces[x] = true
			}
		}
		held[node] = append(held[node], w)
		for to := range 3 {
			if to != node {
				flying[to] = append(flying[to], w)
			}
		}
		step := history.Step{F: history.Write, Key: "x", Value: history.Int(v)}
		perform(node, node, step, step, false)
	}
	for _, stage := range []string{history.StageHealed, history.StageClosed} {
		n, at := next()
		must(b.Event(history.Event{Index: n, T: at, Type: history.StageEvent, Stage: stage}))
	}
	for range 60 {
		node := r.IntN(3)
		if n := len(flying[node]); n > 0 && r.IntN(3) == 0 {
			at := r.IntN(n)
			held[node] = append(held[node], flying[node][at])
			flying[node] = slices.Delete(flying[node], at, at+1)
		}
		step := history.Step{F: history.Read, Key: "x"}
		done := step
		if len(held[node]) > 0 {
			done.Value = history.Int(shownOf(rule, held[node]))
		}
		perform(1000+node, node, step, done, true)
	}
	n, at := next()
	must(b.Event(history.Event{Index: n, T: at, Type: history.StageEvent, Stage: history.StageQuiet, State: history.QuietMoving, Why: fmt.Sprint(rule)}))
	return b.History()
}

// shownOf is what a leader returns that holds these writes, in the order in
// which they came.
func shownOf(rule string, held []put) int64 {
	switch rule {
	case "last arrived":
		return held[len(held)-1].value
	case "first arrived":
		return held[0].value
	}
	best := put{stamp: -1}
	for _, w := range held {
		replaced := rule == "greatest stamp of those that none replaces" && slices.ContainsFunc(held, func(u put) bool { return u.replaces[w.value] })
		if !replaced && w.stamp > best.stamp {
			best = w
		}
	}
	return best.value
}
