package checker

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/mlcheck/mlcheck/history"
)

// setOp is one operation on one set: an add, a removal, or a read.
type setOp struct {
	session int
	f       history.F
	v       int64
	shown   []int64
	info    bool
}

// setTruth judges such operations by the definitions, with a matrix: it shares
// nothing with the checkers.
type setTruth struct {
	ops    []setOp
	before [][]bool
}

func newSetTruth(ops []setOp) *setTruth {
	t := &setTruth{ops: ops, before: make([][]bool, len(ops))}
	for i := range ops {
		t.before[i] = make([]bool, len(ops))
		for j := range ops {
			inSession := i < j && ops[i].session == ops[j].session && !ops[i].info
			read := ops[i].f == history.Add && len(t.steps(history.Add, ops[i].v)) == 1 && slices.Contains(ops[j].shown, ops[i].v)
			t.before[i][j] = inSession || read
		}
	}
	for k := range ops {
		for i := range ops {
			for j := range ops {
				t.before[i][j] = t.before[i][j] || t.before[i][k] && t.before[k][j]
			}
		}
	}
	return t
}

func (t *setTruth) steps(f history.F, v int64) (at []int) {
	for i, o := range t.ops {
		if o.f == f && o.v == v {
			at = append(at, i)
		}
	}
	return at
}

// all says whether f holds of every add, or removal, of an element.
func (t *setTruth) all(f history.F, v int64, holds func(i int) bool) bool {
	return !slices.ContainsFunc(t.steps(f, v), func(i int) bool { return !holds(i) })
}

func (t *setTruth) cyclic() bool {
	for i := range t.ops {
		if t.before[i][i] {
			return true
		}
	}
	return false
}

// addBetween says whether an add undid removal q in the past of read r.
func (t *setTruth) addBetween(q, r int) bool {
	for _, a := range t.steps(history.Add, t.ops[q].v) {
		if t.before[q][a] && t.before[a][r] {
			return true
		}
	}
	return false
}

func (t *setTruth) badRead(r int) bool {
	for v := int64(1); v <= 6; v++ {
		shown, adds := slices.Contains(t.ops[r].shown, v), t.steps(history.Add, v)
		if shown && len(adds) == 0 {
			return true
		}
		for _, a := range adds {
			if !shown && t.before[a][r] && t.all(history.Remove, v, func(q int) bool { return t.before[r][q] || t.addBetween(q, r) }) {
				return true
			}
		}
		for _, q := range t.steps(history.Remove, v) {
			if shown && t.before[q][r] && t.all(history.Add, v, func(a int) bool { return t.before[a][q] }) {
				return true
			}
		}
	}
	return false
}

// guarantees counts the reads that break read-your-writes and monotonic-reads.
func (t *setTruth) guarantees() (own, seen int) {
	type watch struct {
		v         int64
		by        int
		own, gone bool
	}
	for s := range 3 {
		var watched []watch
		ever := map[int64]bool{}
		for r, o := range t.ops {
			switch {
			case o.session != s || o.info:
				continue
			case o.f == history.Add:
				watched = append(watched, watch{o.v, r, true, false})
				continue
			case o.f == history.Remove:
				watched = append(watched, watch{o.v, r, true, true})
				continue
			}
			var left []watch
			ownBroken, seenBroken := false, false
			for _, w := range watched {
				shown := slices.Contains(o.shown, w.v)
				broken := false
				switch {
				case w.gone:
					broken = shown && len(t.steps(history.Add, w.v)) > 0 && t.all(history.Add, w.v, func(a int) bool { return t.before[a][w.by] })
				case !shown:
					broken = t.all(history.Remove, w.v, func(q int) bool { return t.before[q][w.by] || t.before[r][q] })
				}
				ownBroken, seenBroken = ownBroken || broken && w.own, seenBroken || broken && !w.own
				if broken || w.gone || shown { // an absence that a remove explains stays explained
					left = append(left, w)
				}
			}
			if ownBroken {
				own++
			}
			if seenBroken {
				seen++
			}
			watched = left
			for _, v := range o.shown {
				if adds := t.steps(history.Add, v); !ever[v] && len(adds) == 1 && t.before[adds[0]][r] {
					watched = append(watched, watch{v, adds[0], false, false})
				}
				ever[v] = true
			}
		}
	}
	return own, seen
}

// randomSet is a few operations on six elements, with reads that show what they like.
func randomSet(r *rand.Rand) []setOp {
	ops := make([]setOp, 4+r.IntN(14))
	for i := range ops {
		o := setOp{session: r.IntN(3), f: history.Read, v: int64(1 + r.IntN(6)), info: r.IntN(9) == 0}
		switch r.IntN(5) {
		case 0, 1:
			o.f = history.Add
		case 2:
			o.f = history.Remove
		default:
			o.v, o.info = 0, false
			for _, p := range ops[:i] {
				if p.f == history.Add && !slices.Contains(o.shown, p.v) && r.IntN(3) > 0 {
					o.shown = append(o.shown, p.v)
				}
			}
			if r.IntN(40) == 0 {
				o.shown = append(o.shown, 6)
			}
			slices.Sort(o.shown)
			o.shown = slices.Compact(o.shown)
		}
		ops[i] = o
	}
	return ops
}

func buildSet(ops []setOp) *history.History {
	b := history.NewBuilder(history.Header{Nodes: []string{"n1"}})
	for i, o := range ops {
		step, outcome := history.Step{F: o.f, Key: "s"}, history.OK
		if o.f != history.Read {
			step.Value = history.Int(o.v)
		}
		must(b.Invoke(2*i+1, time.Duration(i), o.session, "n1", []history.Step{step}, false))
		if o.f == history.Read {
			step.Value = history.List(o.shown...)
		}
		if o.info {
			outcome = history.Info
		}
		must(b.Complete(2*i+2, time.Duration(i), o.session, outcome, []history.Step{step}, history.Meta{}))
	}
	return b.History()
}

func TestSetsWithRemovalsAgreeWithTheDefinition(t *testing.T) {
	wrong := [3]int{}
	runs := uint64(4000)
	if raceEnabled {
		runs = 800
	}
	for seed := range runs {
		ops := randomSet(rand.New(rand.NewPCG(seed, 23)))
		truth := newSetTruth(ops)
		if truth.cyclic() {
			continue // a read of what is added only later: another test's matter
		}
		bad := 0
		for r, o := range ops {
			if o.f == history.Read && truth.badRead(r) {
				bad++
			}
		}
		own, seen := truth.guarantees()
		h := buildSet(ops)
		var got [3]int
		for i, name := range []string{"cc", "read-your-writes", "monotonic-reads"} {
			got[i] = check(t, name, h).Violations
		}
		want := [3]int{bad, own, seen}
		if got != want {
			t.Fatalf("seed %d: %+v: cc, read-your-writes and monotonic-reads are broken %v times, %v were found", seed, ops, want, got)
		}
		for i, n := range want {
			if n > 0 {
				wrong[i]++
			}
		}
	}
	if n := int(runs); wrong[0] < n/8 || wrong[1] < n/20 || wrong[2] < n/20 {
		t.Errorf("only %v histories were wrong", wrong)
	}
}

// What came and went since the read before adds up to what each read showed.
func TestDifferencesAddUpToWhatIsShown(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var ops []setOp
		n := rapid.IntRange(0, 900).Draw(t, "elements")
		for range rapid.IntRange(1, 12).Draw(t, "reads") {
			o := setOp{session: rapid.IntRange(0, 1).Draw(t, "session"), f: history.Read}
			step := rapid.IntRange(1, 3).Draw(t, "step")
			for v := 1; v <= n; v += step {
				o.shown = append(o.shown, int64(v))
				if v%7 == 0 && rapid.IntRange(0, 200).Draw(t, "again") == 0 {
					o.shown = append(o.shown, int64(v))
				}
			}
			ops = append(ops, o)
			n += rapid.IntRange(-50, 50).Draw(t, "more")
		}
		h := buildSet(append([]setOp{{session: 2, f: history.Add, v: 1}}, ops...))
		ix := newIndex(h)
		for _, chain := range ix.chains {
			shown := map[int64]int{}
			for _, s := range chain {
				for _, v := range ix.reads[s].came {
					shown[v]++
				}
				for _, v := range ix.reads[s].went {
					shown[v]--
				}
				want, twice := map[int64]int{}, 0
				for _, v := range h.StepList(int(s)) {
					if want[v]++; want[v] == 2 {
						twice++
					}
				}
				for v := range want {
					want[v] = 1
				}
				for v, c := range shown {
					if c == 0 {
						delete(shown, v)
					}
				}
				if diff := cmp.Diff(want, shown); diff != "" || twice != ix.reads[s].repeats || len(h.StepList(int(s))) != ix.reads[s].size {
					t.Fatalf("%d twice, %+v\n%s", twice, ix.reads[s], diff)
				}
			}
		}
	})
}
