package checker

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/mlcheck/mlcheck/checker/naive"
	"github.com/mlcheck/mlcheck/history"
)

// keptVersion is a version in a small store of siblings: what it replaces is a
// bit for each version, by its number.
type keptVersion struct {
	key      int
	value    int64 // 0: a delete
	stamp    string
	replaces uint64
}

// keptStore is three leaders that keep every version that none replaces.
type keptStore struct {
	versions []keptVersion
	held     [3]uint64    // by leader: the versions that have arrived
	past     []uint64     // by version: what its leader held, for causal delivery
	known    []stringBits // by session: what its client has read, by key
	faulty   int          // percent of reads that show something else
	causal   bool
	rand     *rand.Rand
}

type stringBits map[int]uint64

func (st *keptStore) live(node, key int) uint64 {
	var all, gone uint64
	for i, v := range st.versions {
		if st.held[node]>>i&1 == 1 && v.key == key {
			all |= 1 << i
			gone |= v.replaces
		}
	}
	return all &^ gone
}

func (st *keptStore) values(bits uint64) []int64 {
	vs := []int64{}
	for i, v := range st.versions {
		if bits>>i&1 == 1 && v.value != 0 {
			vs = append(vs, v.value)
		}
	}
	return vs
}

func (st *keptStore) stamps(bits uint64) string {
	var names []string
	for i, v := range st.versions {
		if bits>>i&1 == 1 {
			names = append(names, v.stamp)
		}
	}
	return strings.Join(names, ",")
}

// gossip carries one version to one leader, in causal order where that is promised.
func (st *keptStore) gossip() {
	if len(st.versions) == 0 {
		return
	}
	i, node := st.rand.IntN(len(st.versions)), st.rand.IntN(3)
	if !st.causal || st.past[i]&^st.held[node] == 0 {
		st.held[node] |= 1 << i
	}
}

// randomSiblings runs such a store with some sessions, and records it.
func randomSiblings(r *rand.Rand, faulty int, causal bool, hd history.Header) *history.History {
	st := &keptStore{rand: r, faulty: faulty, causal: causal}
	sessions, keys := 2+r.IntN(3), 1+r.IntN(3)
	doubt, move, blind := r.IntN(3)*8, r.IntN(2)*20, r.IntN(3)*15
	byValue, direct := r.IntN(6) == 0, r.IntN(2) == 0
	hd.Nodes = []string{"n1", "n2", "n3"}
	b := history.NewBuilder(hd)
	at := make([]int, sessions)
	for s := range at {
		at[s] = r.IntN(3)
		st.known = append(st.known, stringBits{})
	}
	must := func(err error) {
		if err != nil {
			panic(err)
		}
	}
	for i := range 12 + r.IntN(36) {
		for range r.IntN(3) {
			st.gossip()
		}
		s, key, meta := r.IntN(sessions), r.IntN(keys), history.Meta{}
		if r.IntN(100) < move {
			if to := r.IntN(3); to != at[s] {
				at[s], st.known[s] = to, stringBits{}
				if r.IntN(2) == 0 {
					meta.Token = "t"
					st.held[to] |= st.held[0] | st.held[1] | st.held[2] // it waits for all
				}
			}
		}
		out := history.OK
		if r.IntN(100) < doubt {
			out = history.Info
		}
		name := keyName(key)
		var asked, done []history.Step
		read := func() {
			bits := st.live(at[s], key)
			st.known[s][key] = bits
			vs := st.values(bits)
			if r.IntN(100) < st.faulty && len(st.versions) > 0 {
				if v := st.versions[r.IntN(len(st.versions))]; v.key == key && v.value != 0 && !slices.Contains(vs, v.value) {
					vs = append(vs, v.value)
				} else if len(vs) > 0 {
					vs = vs[1:]
				}
			}
			got := history.Value{Set: true, List: vs}
			if len(vs) == 1 && r.IntN(4) == 0 {
				got = history.Int(vs[0])
			} else if len(vs) == 0 && r.IntN(2) == 0 {
				got = history.Value{}
			}
			asked, done = append(asked, history.Step{F: history.Read, Key: name}), append(done, history.Step{F: history.Read, Key: name, Value: got})
		}
		write := func() {
			step := history.Step{F: history.Write, Key: name, Value: history.Int(int64(i + 1))}
			v := keptVersion{key: key, value: int64(i + 1), stamp: fmt.Sprintf("%d.n%d.%d", i+1, at[s]+1, i)}
			if r.IntN(6) == 0 {
				step, v.value = history.Step{F: history.Delete, Key: name}, 0
			}
			bits := st.known[s][key]
			if r.IntN(100) < blind {
				bits = 0
			}
			under := bits
			for j := range st.versions {
				if bits>>j&1 == 1 {
					under |= st.versions[j].replaces
				}
			}
			v.replaces = under
			named := bits
			if !direct {
				named = under
			}
			meta.Ctx, meta.Stamp = st.stamps(named), v.stamp
			if byValue {
				meta.Ctx, meta.Stamp = strings.Trim(strings.ReplaceAll(fmt.Sprint(st.values(named)), " ", ","), "[]"), ""
			}
			asked, done = append(asked, step), append(done, step)
			if hd.Policy == withoutContext {
				v.replaces, meta.Ctx = 0, ""
			}
			if out == history.Info {
				meta.Ctx, meta.Stamp = "", ""
				if r.IntN(2) == 0 {
					return // it never took effect
				}
			}
			st.past = append(st.past, st.held[at[s]])
			st.held[at[s]] |= 1 << len(st.versions)
			st.known[s][key] = 1 << len(st.versions)
			st.versions = append(st.versions, v)
		}
		switch r.IntN(5) {
		case 0, 1:
			read()
		case 2:
			read()
			write()
		default:
			write()
		}
		t := time.Duration(i) * time.Millisecond
		must(b.Invoke(2*i+1, t, s, fmt.Sprintf("n%d", at[s]+1), asked, false))
		if out == history.Info {
			done, meta.Token = asked, ""
		}
		must(b.Complete(2*i+2, t, s, out, done, meta))
		if out != history.OK {
			st.known[s] = stringBits{} // it connects anew
		}
	}
	return b.History()
}

// TestSiblingsAreJudgedByTheirDefinition compares the checkers with a second,
// slow one on stores of siblings, and finds nothing where the store is right.
func TestSiblingsAreJudgedByTheirDefinition(t *testing.T) {
	runs := 120
	if raceEnabled {
		runs = 60
	}
	if n, err := strconv.Atoi(os.Getenv("MLCHECK_RANDOM")); err == nil {
		runs = n
	}
	names := []string{"cc", "ccv", "read-your-writes", "monotonic-reads", "monotonic-writes", "writes-follow-reads"}
	broken := map[string]int{}
	for seed := range runs {
		r := rand.New(rand.NewPCG(uint64(seed), 31))
		hd := history.Header{Policy: "siblings", Granularity: []string{"", "transaction"}[r.IntN(2)]}
		if r.IntN(6) == 0 {
			hd.Policy = withoutContext
		}
		faulty := []int{0, 10, 30}[r.IntN(3)]
		causal := r.IntN(2) == 0
		h := randomSiblings(r, faulty, causal, hd)
		res := Check(context.Background(), h, Options{})
		if res.Exit > 3 {
			t.Fatalf("seed %d: %s", seed, res.Why)
		}
		if res.Properties["cc"].Counts["CyclicCO"] > 0 {
			continue // what else is wrong depends on where it is cut
		}
		for _, name := range names {
			d := res.Properties[name]
			if d.Verdict == NotDecided {
				continue
			}
			wrong := map[string]bool{}
			confirmer, _ := naive.For(name)
			for _, v := range confirmer.Find(h) {
				wrong[fmt.Sprint(v.Ops)] = true
			}
			if len(wrong) != d.Violations {
				t.Fatalf("seed %d: %s: %d by definition %v, %d found: %v\n%s", seed, name, len(wrong), wrong, d.Violations, d.Findings, recordOf(h))
			}
			if d.Violations > 0 {
				broken[name]++
				for _, f := range d.Findings {
					if !f.Confirmed {
						t.Fatalf("seed %d: %s not confirmed: %s", seed, name, f.Story)
					}
				}
			}
			if faulty == 0 && d.Violations > 0 && (causal || name == "read-your-writes" || name == "monotonic-reads") {
				t.Fatalf("seed %d: %s of a store that keeps it: %v\n%s", seed, name, d.Findings, recordOf(h))
			}
		}
	}
	t.Log(broken)
	for _, name := range names {
		if broken[name] < runs/100 {
			t.Errorf("%s was broken in %d of %d", name, broken[name], runs)
		}
	}
}

// recordOf is a history to be read in a failed test.
func recordOf(h *history.History) string {
	var b strings.Builder
	for k := range h.Len() {
		op := h.Op(k)
		fmt.Fprintf(&b, "#%d s%d@%s %v %v %+v\n", op.Index, op.Session, op.Node, op.Outcome, op.Steps, op.Meta)
	}
	return b.String()
}

// The patterns one by one.
func TestSiblingPatterns(t *testing.T) {
	const two = "s1@n1 w x 1 stamp=1.n1.1\ns1@n1 r x [1]\ns1@n1 w x 2 stamp=2.n1.2 ctx=1.n1.1\n"
	for _, tc := range []struct{ name, property, want, text string }{
		{"a replaced version beside its successor", "cc", "violated ReplacedVersion", two + "s2@n2 r x [1 2]\n"},
		{"the successor alone", "cc", "holds", two + "s2@n2 r x [2]\ns2@n2 r x [2]\n"},
		{"an own write that is not there", "read-your-writes", "violated own write not read", two + "s1@n1 r x [1]\n"},
		{"an own write as one value", "read-your-writes", "holds", two + "s1@n1 r x 2\n"},
		{"a concurrent version instead of the own one", "read-your-writes", "violated own write not read", two + "s3@n3 w x 3 stamp=3.n3.1\ns1@n1 r x [3]\n"},
		{"both", "read-your-writes", "holds", two + "s3@n3 w x 3 stamp=3.n3.1\ns1@n1 r x [2 3]\n"},
		{"a version that was shown is gone", "monotonic-reads", "violated went back", two + "s2@n2 r x [2]\ns2@n2 r x []\n"},
		{"a delete took it away", "monotonic-reads", "holds", two + "s2@n2 r x [2]\ns3@n3 d x stamp=4.n3.1 ctx=2.n1.2\ns2@n2 r x []\n"},
		{"a delete of another version did not", "monotonic-reads", "violated went back", two + "s2@n2 r x [2]\ns3@n3 d x stamp=4.n3.1 ctx=1.n1.1\ns2@n2 r x []\n"},
		{"the delete would have taken what is shown", "cc", "violated MissingVersion", two + "s3@n3 w x 3 stamp=3.n3.1\ns2@n2 r x [2 3]\ns3@n3 d x stamp=4.n3.2 ctx=2.n1.2,3.n3.1\ns2@n2 r x [3]\n"},
		{"a delete that may have happened", "monotonic-reads", "holds", two + "s2@n2 r x [2]\ns3@n3 d x info\ns2@n2 r x []\n"},
		{"a write with an unknown context is there", "monotonic-reads", "holds", two + "s2@n2 r x [2]\ns3@n3 w x 5 info\ns2@n2 r x [5]\n"},
		{"a write without a context replaces nothing", "monotonic-reads", "violated went back", two + "s2@n2 r x [2]\ns3@n3 w x 5 stamp=5.n3.1\ns2@n2 r x [5]\n"},
		{"what its author had written before is missing", "monotonic-writes", "violated earlier write not read", "s1@n1 w x 1 stamp=1.n1.1\ns1@n1 w y 2 stamp=2.n1.2\ns3@n3 w z 9 stamp=9.n3.1 ctx=1.n1.1\ns2@n2 r y [2]\ns2@n2 r x []\n"},
		{"what its author had read before is missing", "writes-follow-reads", "violated write read earlier not read", "s1@n1 w x 1 stamp=1.n1.1\ns3@n3 r x [1]\ns3@n3 w y 2 stamp=2.n3.1\ns3@n3 w x 7 stamp=7.n3.1 ctx=1.n1.1\ns2@n2 r y [2]\ns2@n2 r x []\n"},
		{"concurrent versions circle no conflict order", "ccv", "holds", "s1@n1 w x 1 stamp=1.n1.1\ns2@n2 w x 2 stamp=2.n2.1\ns1@n1 r x [1 2]\ns2@n2 r x [1 2]\ns1@n1 w x 3 stamp=3.n1.2 ctx=1.n1.1,2.n2.1\ns1@n1 r x 3\n"},
		{"nothing says what it replaces", "cc", "not decided", "s1@n1 w x 1\ns2@n2 r x [1]\n"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			d := Check(context.Background(), parse(t, history.Header{Policy: "siblings"}, tc.text), Options{}).Properties[tc.property]
			got := string(d.Verdict)
			if d.Verdict == Violated {
				got += " " + d.Findings[0].Label
				if !d.Findings[0].Confirmed || d.Findings[0].File == "" {
					t.Errorf("not confirmed: %+v", d.Findings[0])
				}
			}
			if got != tc.want {
				t.Errorf("%s (%s), want %s: %+v", got, d.Reason, tc.want, d.Findings)
			}
		})
	}
}

// TestSiblingsAreWhatIsLeftOfThePastAndSomeDeletes is the definition: a read is
// right if some deletes, that are not after it, explain together with its past
// exactly what it shows. Sessions stay, and everybody is answered.
func TestSiblingsAreWhatIsLeftOfThePastAndSomeDeletes(t *testing.T) {
	broken := 0
	for seed := range 400 {
		r := rand.New(rand.NewPCG(uint64(seed), 41))
		n := 6 + r.IntN(8)
		type action struct {
			session, f int // 0 read, 1 write, 2 delete
			shown, ctx []int
		}
		var text strings.Builder
		var ops []action
		var writes []int
		for i := range n {
			a := action{session: r.IntN(3), f: r.IntN(3)}
			if a.f == 2 && r.IntN(2) == 0 {
				a.f = 1
			}
			for _, w := range writes {
				if a.f == 0 && ops[w].f == 1 && r.IntN(3) == 0 {
					a.shown = append(a.shown, w)
				} else if a.f != 0 && r.IntN(3) == 0 {
					a.ctx = append(a.ctx, w)
				}
			}
			if a.f == 2 && len(a.ctx) == 0 {
				a.f = 1
			}
			ops = append(ops, a)
			names := ""
			for _, w := range a.ctx {
				names += fmt.Sprintf("%d.n1.0,", w+1)
			}
			switch a.f {
			case 0:
				values := []string{}
				for _, w := range a.shown {
					values = append(values, strconv.Itoa(w+1))
				}
				fmt.Fprintf(&text, "s%d@n%d r x [%s]\n", a.session, a.session+1, strings.Join(values, " "))
				continue
			case 1:
				fmt.Fprintf(&text, "s%d@n%d w x %d stamp=%d.n1.0", a.session, a.session+1, i+1, i+1)
			case 2:
				fmt.Fprintf(&text, "s%d@n%d d x stamp=%d.n1.0", a.session, a.session+1, i+1)
			}
			writes = append(writes, i)
			if names != "" {
				text.WriteString(" ctx=" + names)
			}
			text.WriteString("\n")
		}
		before := make([][]bool, n)
		over := make([][]bool, n) // over[a][b]: b replaces a
		for i := range n {
			before[i], over[i] = make([]bool, n), make([]bool, n)
		}
		for j, b := range ops {
			for i := range j {
				before[i][j] = ops[i].session == b.session || slices.Contains(b.shown, i)
				over[i][j] = slices.Contains(b.ctx, i)
			}
		}
		for k := range n {
			for i := range n {
				for j := range n {
					before[i][j] = before[i][j] || before[i][k] && before[k][j]
					over[i][j] = over[i][j] || over[i][k] && over[k][j]
				}
			}
		}
		want := 0
		for e, op := range ops {
			if op.f != 0 {
				continue
			}
			var past, maybe []int
			for _, w := range writes {
				if before[w][e] {
					past = append(past, w)
				} else if ops[w].f == 2 && !before[e][w] {
					maybe = append(maybe, w)
				}
			}
			explained := false
			for some := range 1 << len(maybe) {
				there := slices.Clone(past)
				for i, d := range maybe {
					if some>>i&1 == 1 {
						there = append(there, d)
					}
				}
				var left []int
				for _, w := range there {
					if ops[w].f == 1 && !slices.ContainsFunc(there, func(v int) bool { return over[w][v] }) {
						left = append(left, w)
					}
				}
				slices.Sort(left)
				explained = explained || slices.Equal(left, op.shown)
			}
			if !explained {
				want++
			}
		}
		h := parse(t, history.Header{Policy: "siblings"}, text.String())
		if causalApplies(h) != "" {
			continue
		}
		d := checkCC(context.Background(), newIndex(h))
		if d.Violations != want {
			t.Fatalf("seed %d: %d by definition, %d found: %+v\n%s", seed, want, d.Violations, d.Findings, text.String())
		}
		broken += min(want, 1)
	}
	if broken < 100 || broken > 390 {
		t.Errorf("%d of 400 broken", broken)
	}
}
