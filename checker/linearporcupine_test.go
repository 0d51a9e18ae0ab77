package checker

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/mlcheck/mlcheck/checker/linear"
	"github.com/mlcheck/mlcheck/history"
)

// inProcess searches without a child: these histories are small.
func inProcess(ctx context.Context, ps []linear.Problem) []linear.Answer {
	var as []linear.Answer
	for _, p := range ps {
		as = append(as, linear.Solve(ctx, p))
	}
	return as
}

// histories is on how many random histories zones and porcupine are compared: some
// seconds' worth, or as many as MLCHECK_LINEAR_HISTORIES says.
func histories(t *testing.T) uint64 {
	t.Helper()
	text := os.Getenv("MLCHECK_LINEAR_HISTORIES")
	if text == "" && raceEnabled {
		return 10_000
	}
	if text == "" {
		return 100_000
	}
	n, err := strconv.ParseUint(text, 10, 32)
	if err != nil {
		t.Fatalf("MLCHECK_LINEAR_HISTORIES=%s: %v", text, err)
	}
	return n
}

// smallOptions say what a small history on one register has.
type smallOptions struct {
	deletes, info, fail, updates bool
}

// small is a random history of one register. Operations take effect at random
// instants while they are in flight, and then some reads are told something else, so
// that about as many histories are linearizable as are not.
func small(seed uint64, opt smallOptions) *history.History {
	r := rand.New(rand.NewPCG(seed, 7))
	b := history.NewBuilder(history.Header{Nodes: []string{"n1"}, Granularity: "transaction"})
	type open struct {
		steps   []history.Step
		done    bool
		outcome history.Outcome
	}
	sessions := make([]*open, 2+r.IntN(4))
	var value, next int64
	wrong := r.IntN(4) // in quarters: how many reads are told something else
	event := 0
	add := func(err error) {
		if err != nil {
			panic(err)
		}
		event++
	}
	for left := 2 + r.IntN(28); left > 0 || event == 0; {
		s := r.IntN(len(sessions))
		at := time.Duration(event) * time.Millisecond
		switch o := sessions[s]; {
		case o == nil && left > 0:
			left--
			o = &open{outcome: history.OK, steps: []history.Step{{F: history.Read, Key: "x"}}}
			switch r.IntN(5) {
			case 0, 1:
				next++
				o.steps = []history.Step{{F: history.Write, Key: "x", Value: history.Int(next)}}
			case 2:
				if opt.deletes {
					o.steps[0].F = history.Delete
				} else if opt.updates {
					next++
					o.steps = append(o.steps, history.Step{F: history.Write, Key: "x", Value: history.Int(next)})
				}
			}
			if opt.info && r.IntN(4) == 0 {
				o.outcome = history.Info
			}
			if opt.fail && r.IntN(8) == 0 {
				o.outcome = history.Fail
			}
			sessions[s] = o
			add(b.Invoke(event+1, at, s, "n1", o.steps, false))
		case o == nil:
			left = 0
			for _, other := range sessions {
				if other != nil {
					left = -1
				}
			}
			if left == 0 {
				return b.History()
			}
		case !o.done && r.IntN(2) == 0:
			o.done = true
			if o.outcome == history.Info && r.IntN(2) == 0 || o.outcome == history.Fail {
				break
			}
			for i, st := range o.steps {
				switch st.F {
				case history.Read:
					o.steps[i].Value = history.Int(value)
					if r.IntN(4) < wrong && next > 0 {
						o.steps[i].Value = history.Int(max(0, next-r.Int64N(4)))
						if opt.deletes && r.IntN(2) == 0 {
							o.steps[i].Value = history.Value{}
						}
						if r.IntN(50) == 0 {
							o.steps[i].Value = history.Int(1000) // nobody writes so many
						}
					}
				case history.Write:
					value = st.Value.N
				case history.Delete:
					value = 0
				}
			}
		case o.done:
			sessions[s] = nil
			steps := o.steps
			if o.outcome != history.OK {
				steps = nil
			}
			add(b.Complete(event+1, at, s, o.outcome, steps, history.Meta{}))
		}
	}
	return b.History()
}

// oracle asks porcupine about one register, without any code of the checker's.
func oracle(h *history.History) bool {
	type in struct {
		read, write bool
		want, put   int64
	}
	var ops []porcupine.Operation
	for k := range h.Len() {
		op := h.Op(k)
		if op.Outcome == history.Fail {
			continue
		}
		var i in
		for _, s := range op.Steps {
			switch s.F {
			case history.Read:
				i.read, i.want = op.Outcome == history.OK, s.Value.N
			default:
				i.write, i.put = true, s.Value.N
			}
		}
		o := porcupine.Operation{ClientId: k, Input: i, Call: int64(op.Index), Return: int64(op.Return)}
		if op.Outcome == history.Info {
			o.Return = 1 << 40
		}
		if i.read || i.write {
			ops = append(ops, o)
		}
	}
	return porcupine.CheckOperations(porcupine.Model{
		Init: func() any { return int64(0) },
		Step: func(state, input, _ any) (bool, any) {
			i := input.(in)
			if i.read && i.want != state.(int64) {
				return false, state
			}
			if i.write {
				return true, i.put
			}
			return true, state
		},
	}, ops)
}

func TestZonesAgreeWithPorcupine(t *testing.T) {
	for _, tc := range []struct {
		name string
		opt  smallOptions
	}{
		{"reads and writes", smallOptions{}},
		{"with unknown outcomes", smallOptions{info: true}},
		{"with deletes", smallOptions{deletes: true}},
		{"with deletes and unknown outcomes", smallOptions{deletes: true, info: true, fail: true}},
		{"with updates", smallOptions{updates: true}},
		{"with updates and unknown outcomes", smallOptions{updates: true, info: true, fail: true}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			good := 0
			n := histories(t) / 6
			for seed := range n {
				h := small(seed, tc.opt)
				ix := newIndex(h)
				as := ix.accesses()
				if len(as.search) > 0 {
					t.Fatalf("seed %d: only a search decides it: %v", seed, as.search)
				}
				judged, err := as.judge(context.Background())
				if err != nil {
					t.Fatal(err)
				}
				got, want := true, oracle(h)
				for _, kz := range judged {
					got = got && !kz.broken()
				}
				if got != want {
					for k := range h.Len() {
						t.Logf("%+v", h.Op(k))
					}
					t.Fatalf("seed %d: zones say %v, porcupine %v: %s", seed, got, want, stories(judged))
				}
				if want {
					good++
				}
			}
			if uint64(good) < n/5 || uint64(good) > n*9/10 {
				t.Errorf("%d of %d histories are linearizable: the others show nothing, or these do not", good, n)
			}
			t.Logf("%d of %d are linearizable", good, n)
		})
	}
}

func stories(judged []*keyZones) string {
	var r Result
	for _, kz := range judged {
		kz.report(&r)
	}
	return fmt.Sprintf("%+v", r)
}

// What a finding names is enough to see that it is right: porcupine finds no order
// of these operations alone, together with all deletes, which only excuse.
func TestAFindingIsNotLinearizableByItself(t *testing.T) {
	labels := map[string]int{}
	for seed := range histories(t) / 10 {
		opt := smallOptions{info: seed%2 == 0, deletes: seed%3 == 0, updates: seed%3 == 1, fail: seed%5 == 0}
		h := small(seed, opt)
		r := checkLinearizable(context.Background(), newIndex(h))
		for _, f := range r.Findings {
			labels[f.Label]++
			if oracle(only(h, f.Ops)) {
				t.Fatalf("seed %d: these operations have an order: %v\n%s", seed, f.Ops, f.Story)
			}
			for _, e := range f.Edges {
				a, _ := h.Pos(e.From)
				b, _ := h.Pos(e.To)
				if e.Kind == "rt" && (h.Outcome(a) != history.OK || h.Return(a) > h.Index(b)) {
					t.Fatalf("seed %d: #%d was not over before #%d began\n%s", seed, e.From, e.To, f.Story)
				}
			}
		}
	}
	t.Log(labels)
	for _, label := range []string{
		"thin air", "phantom", "read before its write", "stale read", "new-old inversion", "lost update", "made from itself", "nothing without a delete",
	} {
		if labels[label] == 0 {
			t.Errorf("no history had a finding %q", label)
		}
	}
}

// only is the history of some operations and all deletes. An update whose version is not
// among them says no longer what it read.
func only(h *history.History, indexes []int) *history.History {
	b := history.NewBuilder(h.Header)
	in, missing := map[int]bool{}, map[int64]bool{}
	for _, i := range indexes {
		in[i] = true
	}
	lines := map[int]func() error{}
	last := 0
	for k := range h.Len() {
		op := h.Op(k)
		in[op.Index] = in[op.Index] || op.Steps[0].F == history.Delete
		if w := op.Steps[len(op.Steps)-1]; !in[op.Index] && w.F == history.Write {
			missing[w.Value.N] = true
		}
	}
	for k := range h.Len() {
		op := h.Op(k)
		if !in[op.Index] {
			continue
		}
		if len(op.Steps) == 2 && missing[op.Steps[0].Value.N] {
			op.Steps = op.Steps[1:]
		}
		asked := append([]history.Step(nil), op.Steps...)
		if asked[0].F == history.Read {
			asked[0].Value = history.Value{}
		}
		lines[op.Index] = func() error { return b.Invoke(op.Index, op.Start, op.Session, op.Node, asked, false) }
		if op.Return > 0 {
			lines[op.Return] = func() error { return b.Complete(op.Return, op.End, op.Session, op.Outcome, op.Steps, op.Meta) }
		}
		last = max(last, op.Index, op.Return)
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
