package mlcheck

import (
	"maps"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/mlcheck/mlcheck/checker"
	oracle "github.com/mlcheck/mlcheck/internal/truth"
	"github.com/mlcheck/mlcheck/targets/reference"
)

// truth is one row: a defect, what exposes it, and what must follow. Every other
// property that the store claims must not be found broken.
type truth struct {
	defect   string
	options  map[string]string
	topology string
	workload string
	must     string   // the property that says what is wrong
	may      []string // what it drags along
}

func opts(kv ...string) map[string]string {
	m := map[string]string{}
	for i := 0; i < len(kv); i += 2 {
		m[kv[i]] = kv[i+1]
	}
	return m
}

// truths are all defects. What a lost update drags along depends on who reads what
// when; what never follows is what a row leaves out.
var truths = slices.Concat([]truth{
	{"drop-forwarded", opts("policy", "lww-hlc"), "ring", "register", "convergence", []string{"cc", "ccv", "conflict-policy", "writes-follow-reads"}},
	{"skip-on-error", opts("policy", "lww-hlc"), "all-to-all", "register", "convergence", []string{"conflict-policy", "monotonic-writes"}},
	{"fire-and-forget", opts("policy", "lww-hlc"), "all-to-all", "register", "convergence", []string{"conflict-policy", "monotonic-writes"}},
	{"high-water-mark", opts("policy", "lww-hlc", "delivery", "unordered"), "all-to-all", "register", "convergence", []string{"conflict-policy"}},
	{"no-origin-tags", opts("policy", "none"), "ring", "register", "cc", []string{"cm", "monotonic-reads", "monotonic-writes", "read-your-writes", "writes-follow-reads"}},
	{"relay-own-first", opts("policy", "none"), "ring", "causal", "writes-follow-reads", []string{"cc", "cm", "monotonic-reads", "monotonic-writes", "read-your-writes"}},
	{"parallel-apply", opts("policy", "lww-hlc"), "all-to-all", "causal", "monotonic-writes", nil},
	{"causal-per-link", opts("policy", "none", "delivery", "causal"), "all-to-all", "causal", "writes-follow-reads", []string{"cc", "cm", "monotonic-reads", "monotonic-writes", "read-your-writes"}},
	{"wall-for-hybrid", opts("policy", "lww-hlc"), "all-to-all", "register", "no-stale-wins", []string{"monotonic-reads", "monotonic-writes", "read-your-writes"}},
	{"deaf-clock", opts("policy", "lww-lamport"), "all-to-all", "register", "no-stale-wins", []string{"monotonic-writes", "read-your-writes"}},
	{"ties-by-arrival", opts("policy", "lww-lamport"), "all-to-all", "rmw", "convergence", []string{"conflict-policy"}},
	{"first-by-arrival", opts("policy", "first"), "all-to-all", "register", "convergence", []string{"conflict-policy"}},
	{"max-within-tolerance", opts("policy", "max"), "all-to-all", "register", "convergence", []string{"conflict-policy"}},
	{"pairwise-guard", opts("policy", "replica-priority", "delivery", "causal"), "all-to-all", "register", "convergence", nil},
	{"siblings-cut-to-one", opts("policy", "siblings"), "all-to-all", "register", "durability", []string{"conflict-policy", "monotonic-reads", "read-your-writes"}},
	{"snapshot-rolls-back", opts("policy", "lww-wall"), "all-to-all", "register", "convergence", []string{"conflict-policy", "durability"}},
	{"acknowledged-before-visible", opts("policy", "lww-hlc"), "all-to-all", "register", "read-your-writes", nil},
	{"increment-twice", opts("policy", "counter"), "all-to-all", "counter-exact", "no-duplicates", []string{"convergence"}},
	{"home-serves-on", opts("policy", "home"), "all-to-all", "rmw", "no-lost-updates", []string{"cc", "ccv", "cm", "convergence", "durability", "linearizable", "monotonic-reads", "monotonic-writes", "no-stale-wins", "read-your-writes", "writes-follow-reads"}},
	{"leaders-disagree-on-home", opts("policy", "home"), "all-to-all", "rmw", "no-lost-updates", []string{"ccv", "convergence", "linearizable"}},
	{"home-reads-locally", opts("policy", "home"), "all-to-all", "register", "linearizable", []string{"ccv"}},
	{"certify-nothing", opts("policy", "certify"), "all-to-all", "rmw", "no-lost-updates", []string{"cm", "linearizable"}},
	{"certify-before-reading", opts("policy", "certify"), "all-to-all", "rmw", "no-lost-updates", []string{"cm", "linearizable"}},
	{"follower-parallel-apply", opts("policy", "lww-hlc", "delivery", "causal"), "all-to-all", "register", "monotonic-writes", []string{"writes-follow-reads"}},
	{"fenced-home-serves-on", opts("policy", "home", "failover", "majority"), "all-to-all", "register", "linearizable", []string{"durability"}},
	{"elected-before-caught-up", opts("policy", "home", "failover", "majority"), "all-to-all", "register", "linearizable", []string{"durability"}},
	{"vote-forgotten", opts("policy", "home", "failover", "majority"), "all-to-all", "register", "linearizable", []string{"convergence", "durability"}},
	{"lease-by-skewed-clock", opts("policy", "home", "failover", "majority"), "all-to-all", "register", "linearizable", nil},
	{"token-ignored", opts("policy", "lww-hlc", "delivery", "causal", "token", "on"), "all-to-all", "register", "read-your-writes", []string{"cc", "ccv", "monotonic-reads", "monotonic-writes", "writes-follow-reads"}},
	{"token-of-own-writes", opts("policy", "lww-hlc", "delivery", "causal", "token", "on"), "all-to-all", "rmw", "cc", []string{"ccv", "monotonic-reads", "writes-follow-reads"}},
}, diskTruths)

func (tr truth) test(seed uint64) Test {
	options := maps.Clone(tr.options)
	options["defect"] = tr.defect
	length, quiet := 4*time.Second, 5*time.Second
	if tr.long() {
		length, quiet = 10*time.Second, 0
	}
	nemesis := exposedBy[tr.defect]
	if nemesis == nil {
		nemesis = []string{"partition", "clock"}
	}
	test := Test{
		Topology: tr.topology, Workload: tr.workload, Nemesis: nemesis, Time: length,
		Leaders: 3, Quiet: quiet, Moves: moving(tr.workload), Seed: seed, Options: options,
	}
	if tune := tuned[tr.defect]; tune != nil {
		tune(&test)
	}
	return test
}

// long says whether a defect needs more than a few seconds: restarts, tombstones,
// elections.
func (tr truth) long() bool {
	return tr.options["failover"] == "majority" || slices.ContainsFunc(diskTruths, func(d truth) bool { return d.defect == tr.defect })
}

// hits says in which way each defect hits operations, so that findings can be
// asked whether they name those that were hit.
var hits = map[string]string{
	"drop-forwarded": oracle.Missing, "skip-on-error": oracle.Missing, "fire-and-forget": oracle.Missing, "high-water-mark": oracle.Missing,
	"no-origin-tags": oracle.Behind, "relay-own-first": oracle.Early, "parallel-apply": oracle.Early, "follower-parallel-apply": oracle.Early, "causal-per-link": oracle.Early,
	"wall-for-hybrid": oracle.Backward, "deaf-clock": oracle.Backward, "ties-by-arrival": oracle.Tied,
	"first-by-arrival": oracle.Chosen, "max-within-tolerance": oracle.Chosen, "pairwise-guard": oracle.Chosen, "snapshot-rolls-back": oracle.Chosen,
	"siblings-cut-to-one": oracle.Dropped, "acknowledged-before-visible": oracle.Late, "increment-twice": oracle.Doubled,
	"home-serves-on": oracle.Shared, "leaders-disagree-on-home": oracle.Shared, "certify-nothing": oracle.Shared, "certify-before-reading": oracle.Shared,
	"home-reads-locally": oracle.Stale, "token-ignored": oracle.Behind, "token-of-own-writes": oracle.Behind,
	"fenced-home-serves-on": oracle.Stale, "elected-before-caught-up": oracle.Stale, "vote-forgotten": oracle.Stale, "lease-by-skewed-clock": oracle.Stale,
	"acknowledged-before-written": oracle.Undone, "visible-before-written": oracle.Undone, "log-in-memory": oracle.Undone, "log-cut-short": oracle.Undone, "position-before-update": oracle.Undone,
	"actor-reuse": oracle.Missing, "redo-twice": oracle.Doubled, "positions-lost": oracle.Doubled, "stamp-restarts": oracle.Backward,
	"tombstones-early": oracle.Revived, "no-tombstones": oracle.Revived, "set-by-arrival": oracle.Revived, "leaves-early": oracle.Missing,
}

// mark is what the row is, for its figures.
func (tr truth) mark() string {
	return mark(tr.test(0), tr.must, hits[tr.defect])
}

func (tr truth) try(t *testing.T) defectFigures {
	f := defectFigures{Row: tr.mark(), Commit: commit(), Broken: map[string]int{}, Compared: map[string]oracle.Case{}}
	claimed := map[string]bool{}
	// What one seed in six shows, none of the first ten does once in six times.
	for seed := uint64(1); seed <= max(3, seeds(t)) || f.Hits*10 < f.Seeds && seed <= 30; seed++ {
		f.Seeds++
		res, hit := tr.judge(t, seed, f.Compared)
		for name, d := range res.Properties {
			claimed[name] = claimed[name] || d.Claimed && d.Decided
			if !d.Claimed || d.Verdict != checker.Violated {
				continue
			}
			f.Broken[name]++
			if name == tr.must {
				f.Hits++
				if names(d, hit) {
					f.Named++
				}
			} else if !slices.Contains(tr.may, name) {
				t.Errorf("seed %d: %s breaks %s, which it must not: %s\n%+v", seed, tr.defect, name, d.Reason, d.Findings[0])
			}
		}
	}
	maps.DeleteFunc(claimed, func(_ string, is bool) bool { return !is })
	f.Claimed = slices.Sorted(maps.Keys(claimed))
	return f
}

// check says where what was found is not what the row says.
func (tr truth) check(t *testing.T, f defectFigures) {
	t.Helper()
	if f.Hits*10 < f.Seeds || f.Hits == 0 {
		t.Errorf("%s is found by %s with %d of %d seeds: %v", tr.defect, tr.must, f.Hits, f.Seeds, f.Broken)
	}
	// What is wrong with a value need not be told by who made it.
	if hits[tr.defect] != "" && 2*f.Named < f.Hits {
		t.Errorf("%s: the findings of %d runs of %d name none of the operations that were hit", tr.defect, f.Hits-f.Named, f.Hits)
	}
	for _, name := range slices.Sorted(maps.Keys(f.Broken)) {
		if name != tr.must && !slices.Contains(tr.may, name) {
			t.Errorf("%s breaks %s with %d of %d seeds, which it must not", tr.defect, name, f.Broken[name], f.Seeds)
		}
	}
	for _, name := range tr.may {
		if f.Seeds >= 200 && f.Broken[name] == 0 {
			t.Errorf("%s is said to break %s, and does with none of %d seeds", tr.defect, name, f.Seeds)
		}
	}
}

// judge holds a run against the truth, where that knows what the defect hits.
func (tr truth) judge(t *testing.T, seed uint64, compared map[string]oracle.Case) (*checker.Results, map[int]bool) {
	if hits[tr.defect] == "" {
		return judged(t, tr.test(seed)), nil
	}
	res, really := holdAgainst(t, tr.test(seed), compared)
	return res, really.Hit(hits[tr.defect])
}

// names says whether a finding names an operation that was hit.
func names(d *checker.Decided, hit map[int]bool) bool {
	return slices.ContainsFunc(d.Findings, func(f checker.Finding) bool {
		return slices.ContainsFunc(f.Ops, func(i int) bool { return hit[i] })
	})
}

// TestTheTruthTable: each defect is found by the property that says what is wrong,
// with at least a tenth of the seeds, names what was hit, and breaks nothing that it
// cannot break; each row of promises is kept; and the truth agrees with all of it.
// MLCHECK_SEEDS is how many seeds a defect gets, MLCHECK_RUNS how many runs a row of
// promises. With -truth what was found is kept, and docs/truth-table.md written.
func TestTheTruthTable(t *testing.T) {
	t.Run("defects", func(t *testing.T) {
		for i, tr := range truths {
			if raceEnabled && i%5 > 0 {
				continue // they are all the same code: the plain run of the tests has all of them
			}
			t.Run(tr.defect, func(t *testing.T) {
				t.Parallel()
				f := tr.try(t)
				tr.check(t, f)
				keptDefects.keep(t, tr.defect, f)
			})
		}
	})
	t.Run("promises", func(t *testing.T) {
		for i, p := range promises {
			if raceEnabled && i%5 > 0 {
				continue
			}
			t.Run(p.name+" "+p.sessions, func(t *testing.T) {
				t.Parallel()
				f := p.try(t, p.seeds(t))
				p.check(t, f)
				keptPromises.keep(t, p.title(), f)
			})
		}
	})
	if *keepFigures {
		if err := os.WriteFile("docs/truth-table.md", []byte(truthPage(t)), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// TestTheTruthTableIsOfItsRows: the page is what the figures that are kept make of
// it, and these are of the rows as they are.
func TestTheTruthTableIsOfItsRows(t *testing.T) {
	defects, rows := keptDefects.read(t), keptPromises.read(t)
	for _, tr := range truths {
		tr.check(t, defects[tr.defect])
		if defects[tr.defect].Row != tr.mark() {
			t.Errorf("%s: its figures are of another row; MLCHECK_SEEDS=200 go test . -run 'TheTruthTable$/defects/%s$' -truth", tr.defect, tr.defect)
		}
	}
	for _, p := range promises {
		p.check(t, rows[p.title()])
		if rows[p.title()].Row != p.mark() {
			t.Errorf("%s: its figures are of another row; MLCHECK_RUNS=10000 go test . -run 'TheTruthTable$/promises' -truth", p.title())
		}
	}
	page, err := os.ReadFile("docs/truth-table.md")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(truthPage(t), string(page)); diff != "" {
		t.Errorf("docs/truth-table.md is not of the figures that are kept; go test . -run 'TheTruthTable$/page' -truth writes it:\n%s", diff)
	}
}

func TestEveryDefectHasItsRow(t *testing.T) {
	for _, d := range reference.Defects() {
		if !slices.ContainsFunc(truths, func(tr truth) bool { return tr.defect == d.Name }) {
			t.Errorf("%s is in no row of the truth table", d.Name)
		}
	}
}
