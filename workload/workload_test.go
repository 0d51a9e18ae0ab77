package workload

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/mlcheck/mlcheck/history"
	"github.com/mlcheck/mlcheck/internal/stream"
)

// asked is a request as it was performed.
type asked struct {
	session int
	at      time.Duration
	req     Request
	born    time.Duration // of a read: when what it returned was written; -1: never
}

// play runs all sessions (or only those named) on one perfect store, each
// operation taking a millisecond, and returns what was asked, in its order.
func play(w Workload, p Params, only ...int) []asked {
	type client struct {
		gen  Generator
		r    *rand.Rand
		req  Request
		at   time.Duration // of req
		done bool
	}
	next := func(c *client, now time.Duration) {
		var ok bool
		c.req, c.at, ok = c.gen.Next(now, c.r)
		c.at, c.done = max(c.at, now), !ok
	}
	clients := map[int]*client{}
	for id := range p.Sessions {
		if len(only) == 0 || slices.Contains(only, id) {
			clients[id] = &client{gen: w.Session(p, id), r: stream.New(p.Seed, fmt.Sprintf("session %d", id))}
			next(clients[id], 0)
		}
	}
	s := perfect{values: map[string]history.Value{}, born: map[string]time.Duration{}}
	var all []asked
	for {
		id := -1
		for i := range p.Sessions {
			if c := clients[i]; c != nil && !c.done && (id < 0 || c.at < clients[id].at) {
				id = i
			}
		}
		if id < 0 {
			return all
		}
		c := clients[id]
		steps, born := s.do(c.at, c.req.Steps)
		all = append(all, asked{id, c.at, c.req, born})
		end := c.at + time.Millisecond
		c.gen.Seen(history.Op{Session: id, Node: c.req.Node, Outcome: history.OK, Start: c.at, End: end, Steps: steps})
		next(c, end)
	}
}

// perfect is a store of registers with one copy.
type perfect struct {
	values map[string]history.Value
	born   map[string]time.Duration
	last   int64
}

func (p *perfect) do(at time.Duration, steps []history.Step) (done []history.Step, born time.Duration) {
	done, born = slices.Clone(steps), -1
	for i := range done {
		switch s := &done[i]; s.F {
		case history.Read:
			if s.Value = p.values[s.Key]; s.Value.Set {
				born = p.born[s.Key]
			}
		case history.Write:
			p.last++
			s.Value = history.Int(p.last)
			p.values[s.Key], p.born[s.Key] = s.Value, at
		}
	}
	return done, born
}

func params(leaders int) Params {
	p := Params{Sessions: 2 * leaders, KeyCount: 8, Rate: 20, Reads: 0.5, Moves: 0.05, Time: 20 * time.Second, Seed: 7}
	for i := range leaders {
		p.Nodes = append(p.Nodes, fmt.Sprint("n", i+1))
	}
	return p
}

func sessionsOf(w Workload, p Params) Params {
	if w.Sessions > 0 {
		p.Sessions = w.Sessions
	}
	return p
}

func isProbe(key string) bool { return strings.HasPrefix(key, "p") }

func drawParams(t *rapid.T) (Workload, Params) {
	w := rapid.SampledFrom(All()).Draw(t, "workload")
	p := params(rapid.IntRange(2, 9).Draw(t, "leaders"))
	p.Sessions = rapid.IntRange(1, 20).Draw(t, "sessions")
	p.KeyCount = rapid.IntRange(1, 20).Draw(t, "keys")
	p.Rate = rapid.Float64Range(0.01, 200).Draw(t, "rate")
	p.Reads = rapid.SampledFrom([]float64{0, 0.3, 1}).Draw(t, "reads")
	p.Moves = rapid.SampledFrom([]float64{0, 0.3, 1}).Draw(t, "moves")
	p.Time = time.Duration(rapid.Int64Range(int64(time.Millisecond), int64(5*time.Second)).Draw(t, "time"))
	p.Seed, p.Blind = rapid.Uint64().Draw(t, "seed"), rapid.Bool().Draw(t, "blind")
	return w, sessionsOf(w, p)
}

func TestEveryRequestKeepsToTheContract(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w, p := drawParams(t)
		keys := map[string]bool{}
		for _, k := range w.Keys(p) {
			if keys[k] {
				t.Fatalf("Keys names %s twice", k)
			}
			keys[k] = true
		}
		for _, a := range play(w, p) {
			if a.at >= p.Time {
				t.Fatalf("session %d asks at %s, after the end at %s", a.session, a.at, p.Time)
			}
			if !slices.Contains(p.Nodes, a.req.Node) || len(a.req.Steps) == 0 {
				t.Fatalf("no request: %+v", a.req)
			}
			if a.session < len(p.Nodes) && a.req.Node != p.Nodes[a.session] {
				t.Fatalf("session %d stays at %s, and asks %s", a.session, p.Nodes[a.session], a.req.Node)
			}
			for _, s := range a.req.Steps {
				if !keys[s.Key] {
					t.Fatalf("%s is not among Keys", s.Key)
				}
				if !slices.Contains(w.Needs, s.F) {
					t.Fatalf("step %s is not among Needs", s.F)
				}
				again := w.Name == "churn" && s.F == history.Add && s.Value.N != 0
				if s.Value.Set != (s.F == history.Inc || s.F == history.Remove || again) {
					t.Fatalf("%+v: only increments, removals, and what is added once more bring their own value", s)
				}
			}
		}
	})
}

func TestNoTwoIncrementsOfAnExactCounterAreAlikeAndTheyFitInto64Bits(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w, _ := Lookup("counter-exact")
		_, p := drawParams(t)
		p.Sessions = rapid.IntRange(1, 90).Draw(t, "many sessions")
		used := map[string]map[int64]bool{}
		for _, a := range play(w, p) {
			s := a.req.Steps[0]
			if s.F != history.Inc {
				continue
			}
			if used[s.Key] == nil {
				used[s.Key] = map[int64]bool{}
			}
			if n := s.Value.N; used[s.Key][n] || n < 1 || n > power3(perCounter-1) || power3(perCounter-1)%n != 0 {
				t.Fatalf("%s is incremented by %d, which was used: %v", s.Key, n, used[s.Key][n])
			}
			used[s.Key][s.Value.N] = true
		}
	})
}

func TestACounterIsUsedByAllSessionsAndUsedUp(t *testing.T) {
	w, _ := Lookup("counter-exact")
	p := params(3)
	p.Time, p.KeyCount = 100*time.Second, 1
	full, by := map[string]int{}, map[string]map[int]bool{}
	for _, a := range play(w, p) {
		if s := a.req.Steps[0]; s.F == history.Inc {
			full[s.Key]++
			if by[s.Key] == nil {
				by[s.Key] = map[int]bool{}
			}
			by[s.Key][a.session] = true
		}
	}
	if c := counterName(0, 0, 0); full[c] != perCounter || len(by[c]) != p.Sessions || len(full) < 10 {
		t.Errorf("%d increments of %s by %d sessions; %d counters", full[c], c, len(by[c]), len(full))
	}
}

func TestGeneratorsAreFunctionsOfTheirStream(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w, p := drawParams(t)
		if diff := cmp.Diff(play(w, p), play(w, p), cmp.AllowUnexported(asked{})); diff != "" {
			t.Fatal(diff)
		}
	})
}

func TestLeavingASessionOutDoesNotShiftTheOthers(t *testing.T) {
	// What a session asks may depend on what it reads; so only what it draws counts.
	for _, name := range []string{"rmw", "set"} {
		w, _ := Lookup(name)
		p := params(3)
		all := play(w, p)
		some := play(w, p, 0, 2, 5)
		ask := func(as []asked, id int) []string {
			var ss []string
			for _, a := range as {
				if a.session == id {
					ss = append(ss, fmt.Sprint(a.at, a.req))
				}
			}
			return ss
		}
		for _, id := range []int{0, 2, 5} {
			if diff := cmp.Diff(ask(all, id), ask(some, id)); diff != "" || len(ask(all, id)) < 100 {
				t.Errorf("%s, session %d: %s", name, id, diff)
			}
		}
	}
}

func TestReadsAndMovesHappenAsOftenAsAskedFor(t *testing.T) {
	for _, want := range []float64{0, 0.1, 0.5, 1} {
		for _, w := range All() {
			p := params(3)
			p.Time, p.Reads, p.Moves = 200*time.Second, want, want
			p = sessionsOf(w, p)
			at := map[int]string{}
			var ops, reads, movers, moves float64
			for _, a := range play(w, p) {
				if before, ok := at[a.session]; ok && a.session >= len(p.Nodes) && !isProbe(a.req.Steps[0].Key) {
					movers++
					if before != a.req.Node {
						moves++
					}
				}
				at[a.session] = a.req.Node
				if isProbe(a.req.Steps[0].Key) {
					continue
				}
				ops++
				if len(a.req.Steps) == 1 && a.req.Steps[0].F == history.Read {
					reads++
				}
			}
			if share := reads / ops; math.Abs(share-want) > 0.03 {
				t.Errorf("%s: %.3f of %.0f operations read, want %.2f", w.Name, share, ops, want)
			}
			if share := moves / movers; movers > 0 && math.Abs(share-want) > 0.03 {
				t.Errorf("%s: %.3f of %.0f operations moved, want %.2f", w.Name, share, movers, want)
			}
			if w.Name == "causal" && movers > 0 {
				t.Error("a causal session is no one that stays")
			}
		}
	}
}

func TestTheRateIsWhatWasAskedFor(t *testing.T) {
	w, _ := Lookup("rmw")
	p := params(3)
	p.Time = 100 * time.Second
	got := float64(len(play(w, p))) / p.Time.Seconds() / float64(p.Sessions)
	if got < 0.9*p.Rate || got > 1.1*p.Rate {
		t.Errorf("%.1f operations per second and session, want %.0f", got, p.Rate)
	}
}

func TestAReadModifyWriteIsOneOperationOrTwoInARow(t *testing.T) {
	w, _ := Lookup("rmw")
	p := params(3)
	p.Moves = 1
	for _, a := range play(w, p) {
		if s := a.req.Steps; len(s) > 1 && (len(s) != 2 || s[0].F != history.Read || s[1].F != history.Write || s[0].Key != s[1].Key) {
			t.Fatalf("not a read and a write of one key: %+v", s)
		} else if len(s) == 1 && s[0].F != history.Read {
			t.Fatalf("a write without its read: %+v", s)
		}
	}
	p.Blind = true
	last := map[int]asked{}
	writes := 0
	for _, a := range play(w, p) {
		s := a.req.Steps
		if len(s) != 1 {
			t.Fatalf("two steps where there are no transactions: %+v", s)
		}
		if before := last[a.session].req; s[0].F == history.Write {
			writes++
			if before.Node != a.req.Node || before.Steps[0].F != history.Read || before.Steps[0].Key != s[0].Key {
				t.Fatalf("%+v follows %+v", a.req, before)
			}
		}
		last[a.session] = a
	}
	if writes < 500 {
		t.Errorf("only %d writes", writes)
	}
}

func TestABlindWriteDoesNotFollowAReadThatFailed(t *testing.T) {
	w, _ := Lookup("rmw")
	p := params(2)
	p.Blind, p.Reads = true, 0
	g, r := w.Session(p, 0), stream.New(1, "x")
	for range 100 {
		req, _, ok := g.Next(0, r)
		if !ok || req.Steps[0].F != history.Read {
			t.Fatalf("%+v, %v", req, ok)
		}
		g.Seen(history.Op{Outcome: history.Fail, Steps: req.Steps})
	}
}

func TestGenerationsRetireKeysForGood(t *testing.T) {
	w, _ := Lookup("register")
	p := params(3)
	first, last := map[string]time.Duration{}, map[string]time.Duration{}
	for _, a := range play(w, p) {
		if k := a.req.Steps[0].Key; !isProbe(k) {
			if _, ok := first[k]; !ok {
				first[k] = a.at
			}
			last[k] = a.at
		}
	}
	generation := p.Time / time.Duration(generations(p))
	for k := range first {
		if first[k]/generation != last[k]/generation {
			t.Errorf("%s is used from %s to %s: longer than a generation of %s", k, first[k], last[k], generation)
		}
	}
	if len(first) < generations(p)*p.KeyCount*3/4 {
		t.Errorf("only %d keys in %d generations", len(first), generations(p))
	}
}

func TestTheFirstKeysAreHot(t *testing.T) {
	p := params(3)
	p.Time, p.KeyCount = time.Second, 8
	count := map[string]int{}
	r := stream.New(1, "keys")
	for range 10_000 {
		count[skewed(p, 0, r)]++
	}
	if len(count) != 8 || count["x0"] < 3*count["x7"] {
		t.Errorf("draws of each key: %v", count)
	}
}

func TestEveryShapeIsPlayedByDistinctSessionsInItsOrder(t *testing.T) {
	for _, name := range []string{"register", "causal"} {
		for _, leaders := range []int{2, 3, 9} {
			w, _ := Lookup(name)
			p := params(leaders)
			p = sessionsOf(w, p)
			p.Time = 100 * time.Second
			bySession := map[int][]asked{} // probes only
			for _, a := range play(w, p) {
				if isProbe(a.req.Steps[0].Key) {
					bySession[a.session] = append(bySession[a.session], a)
				}
			}
			every := w.Session(p, 0).(*session).probe.every
			played, late := map[string]int{}, 0
			epochs := int(p.Time/every) - 1
			for epoch := range epochs {
				pl := planFor(p, epoch)
				sorted := slices.Clone(pl.roles)
				slices.Sort(sorted)
				if len(slices.Compact(sorted)) != len(pl.shape.roles) {
					t.Fatalf("epoch %d: %s is played by sessions %v", epoch, pl.shape.name, pl.roles)
				}
				whole := true
				for i, role := range pl.shape.roles {
					bySession[pl.roles[i]] = follow(t, pl, role, bySession[pl.roles[i]], time.Duration(epoch)*every, &whole)
				}
				if whole {
					played[pl.shape.name]++
					late += min(epoch*2/epochs, 1)
				}
			}
			// Also late in a run, when the pairs of keys hold what earlier shapes left.
			if late < epochs*9/20 {
				t.Errorf("%s, %d leaders: of the %d shapes of the second half only %d met their own writes", name, leaders, epochs/2, late)
			}
			for id, rest := range bySession {
				if len(rest) > 24 {
					t.Errorf("%s, %d leaders: session %d asks %d probes that no plan has", name, leaders, id, len(rest))
				}
			}
			for _, s := range shapes {
				if want := len(s.roles) <= p.Sessions; want != (played[s.name] > 0) {
					t.Errorf("%s, %d leaders, %d sessions: %s was played %d times", name, leaders, p.Sessions, s.name, played[s.name])
				}
			}
		}
	}
}

// follow takes a role's acts off the front of what its session asked. An await
// must go on until it meets a write of its own shape, made after since; whole
// becomes false if it never does.
func follow(t *testing.T, pl plan, role []act, as []asked, since time.Duration, whole *bool) []asked {
	t.Helper()
	for _, act := range role {
		if len(as) == 0 || as[0].req.Steps[0].Key != pl.keys[act.key] || as[0].req.Steps[0].F != act.f {
			t.Fatalf("%s: act %+v is not what was asked: %+v", pl.shape.name, act, as[:min(len(as), 2)])
		}
		last := as[0]
		as = as[1:]
		for tries := 0; act.until && tries < maxTries && len(as) > 0 && last.born < since; tries++ {
			last, as = as[0], as[1:]
		}
		if act.until && last.born < since {
			*whole = false
		}
	}
	return as
}
