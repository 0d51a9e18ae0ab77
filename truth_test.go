package mlcheck

import (
	"cmp"
	"flag"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mlcheck/mlcheck/checker"
	"github.com/mlcheck/mlcheck/targets/reference"
)

var updateTruth = flag.Bool("truth", false, "write docs/truth-table.md from what the defects were found by")

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

var (
	reads  = []string{"cc", "ccv", "cm", "read-your-writes", "monotonic-reads", "monotonic-writes", "writes-follow-reads"}
	states = []string{"convergence", "durability", "conflict-policy", "no-lost-updates", "no-stale-wins", "deletes-stay-deleted"}
)

// truths are all defects. What a lost update drags along depends on who reads what
// when; what never follows is what a row leaves out.
var truths = slices.Concat([]truth{
	{"drop-forwarded", opts("policy", "lww-hlc"), "ring", "register", "convergence", slices.Concat(reads, states)},
	{"skip-on-error", opts("policy", "lww-hlc"), "all-to-all", "register", "convergence", slices.Concat([]string{"monotonic-writes"}, states)},
	{"fire-and-forget", opts("policy", "lww-hlc"), "all-to-all", "register", "convergence", slices.Concat([]string{"monotonic-writes"}, states)},
	{"high-water-mark", opts("policy", "lww-hlc", "delivery", "unordered"), "all-to-all", "register", "convergence", states},
	{"no-origin-tags", opts("policy", "none"), "ring", "register", "cc", slices.Concat(reads, states)},
	{"relay-own-first", opts("policy", "none"), "ring", "causal", "writes-follow-reads", reads},
	{"parallel-apply", opts("policy", "lww-hlc"), "all-to-all", "causal", "monotonic-writes", nil},
	{"causal-per-link", opts("policy", "none", "delivery", "causal"), "all-to-all", "causal", "writes-follow-reads", reads},
	{"wall-for-hybrid", opts("policy", "lww-hlc"), "all-to-all", "register", "no-stale-wins", []string{"read-your-writes", "monotonic-reads", "monotonic-writes"}},
	{"deaf-clock", opts("policy", "lww-lamport"), "all-to-all", "register", "no-stale-wins", []string{"read-your-writes", "monotonic-reads", "monotonic-writes"}},
	{"ties-by-arrival", opts("policy", "lww-lamport"), "all-to-all", "rmw", "convergence", []string{"conflict-policy"}},
	{"first-by-arrival", opts("policy", "first"), "all-to-all", "register", "convergence", []string{"conflict-policy"}},
	{"max-within-tolerance", opts("policy", "max"), "all-to-all", "register", "convergence", []string{"conflict-policy"}},
	{"pairwise-guard", opts("policy", "replica-priority", "delivery", "causal"), "all-to-all", "register", "convergence", slices.Concat(reads, states)},
	{"siblings-cut-to-one", opts("policy", "siblings"), "all-to-all", "register", "durability", []string{"conflict-policy", "no-lost-updates", "read-your-writes", "monotonic-reads"}},
	{"snapshot-rolls-back", opts("policy", "lww-wall"), "all-to-all", "register", "convergence", []string{"durability", "conflict-policy"}},
	{"acknowledged-before-visible", opts("policy", "lww-hlc"), "all-to-all", "register", "read-your-writes", []string{"monotonic-reads", "monotonic-writes"}},
	{"increment-twice", opts("policy", "counter"), "all-to-all", "counter-exact", "no-duplicates", []string{"convergence", "durability", "read-your-writes", "monotonic-reads"}},
	{"home-serves-on", opts("policy", "home"), "all-to-all", "rmw", "no-lost-updates", slices.Concat(reads, states, []string{"linearizable"})},
	{"leaders-disagree-on-home", opts("policy", "home"), "all-to-all", "rmw", "no-lost-updates", slices.Concat(reads, states, []string{"linearizable"})},
	{"home-reads-locally", opts("policy", "home"), "all-to-all", "register", "linearizable", reads},
	{"certify-nothing", opts("policy", "certify"), "all-to-all", "rmw", "no-lost-updates", []string{"linearizable", "cm"}},
	{"certify-before-reading", opts("policy", "certify"), "all-to-all", "rmw", "no-lost-updates", []string{"linearizable", "cm"}},
	{"follower-parallel-apply", opts("policy", "lww-hlc", "delivery", "causal"), "all-to-all", "register", "monotonic-writes", []string{"writes-follow-reads"}},
	{"fenced-home-serves-on", opts("policy", "home", "failover", "majority"), "all-to-all", "register", "linearizable", slices.Concat(reads, states)},
	{"elected-before-caught-up", opts("policy", "home", "failover", "majority"), "all-to-all", "register", "linearizable", slices.Concat(reads, states)},
	{"vote-forgotten", opts("policy", "home", "failover", "majority"), "all-to-all", "register", "linearizable", slices.Concat(reads, states)},
	{"lease-by-skewed-clock", opts("policy", "home", "failover", "majority"), "all-to-all", "register", "linearizable", reads},
	{"token-ignored", opts("policy", "lww-hlc", "delivery", "causal", "token", "on"), "all-to-all", "register", "read-your-writes", []string{"cc", "ccv", "monotonic-reads", "monotonic-writes", "writes-follow-reads"}},
	{"token-of-own-writes", opts("policy", "lww-hlc", "delivery", "causal", "token", "on"), "all-to-all", "rmw", "cc", []string{"ccv", "monotonic-reads", "monotonic-writes", "writes-follow-reads"}},
}, diskTruths)

func (tr truth) test(seed uint64) Test {
	options := maps.Clone(tr.options)
	options["defect"] = tr.defect
	nemesis := exposedBy[tr.defect]
	if nemesis == nil {
		nemesis = []string{"partition", "clock"}
	}
	test := Test{
		Topology: tr.topology, Workload: tr.workload, Nemesis: nemesis, Time: 10 * time.Second,
		Leaders: 3, Moves: moving(tr.workload), Seed: seed, Options: options,
	}
	if tune := tuned[tr.defect]; tune != nil {
		tune(&test)
	}
	return test
}

// found is what the seeds of one row have found.
type found struct {
	seeds, hits int
	broken      map[string]int // property → seeds
}

func (tr truth) try(t *testing.T) found {
	f := found{broken: map[string]int{}}
	for seed := uint64(1); seed <= max(4, seeds(t)) || f.hits == 0 && seed <= 10; seed++ {
		f.seeds++
		for name, d := range judged(t, tr.test(seed)).Properties {
			if !d.Claimed || d.Verdict != checker.Violated {
				continue
			}
			f.broken[name]++
			if name == tr.must {
				f.hits++
			} else if !slices.Contains(tr.may, name) {
				t.Errorf("seed %d: %s breaks %s, which it must not: %s\n%+v", seed, tr.defect, name, d.Reason, d.Findings[0])
			}
		}
	}
	return f
}

// TestTheTruthTable: each defect is found by the property that says what is wrong,
// with at least a tenth of the seeds, and breaks nothing that it cannot break.
// MLCHECK_SEEDS=200 go test -run TruthTable . -truth writes the page.
func TestTheTruthTable(t *testing.T) {
	results := make([]found, len(truths))
	t.Run("defects", func(t *testing.T) {
		for i, tr := range truths {
			t.Run(tr.defect, func(t *testing.T) {
				t.Parallel()
				f := tr.try(t)
				if results[i] = f; f.hits*10 < f.seeds {
					t.Errorf("%s is found by %s with %d of %d seeds: %v", tr.defect, tr.must, f.hits, f.seeds, f.broken)
				}
			})
		}
	})
	if *updateTruth && !t.Failed() {
		if err := os.WriteFile("docs/truth-table.md", []byte(truthPage(results)), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func TestEveryDefectHasItsRow(t *testing.T) {
	for _, d := range reference.Defects() {
		if !slices.ContainsFunc(truths, func(tr truth) bool { return tr.defect == d.Name }) {
			t.Errorf("%s is in no row of the truth table", d.Name)
		}
	}
}

func truthPage(results []found) string {
	var b strings.Builder
	fmt.Fprintf(&b, "# The truth table\n\nWhat `-o defect=…` of the reference store does, and what finds it. Written by `MLCHECK_SEEDS=%d go test -run TruthTable . -truth`: 10 s of virtual time,\n"+
		"three leaders, partitions and skewed clocks, seeds 1 to %d. Of what the store claims, nothing else was found broken.\n\n"+
		"| defect | what is wrong | shown with | found by | seeds | also broken |\n| --- | --- | --- | --- | --- | --- |\n", results[0].seeds, results[0].seeds)
	help := map[string]string{}
	for _, d := range reference.Defects() {
		help[d.Name] = d.Help
	}
	for i, tr := range truths {
		f := results[i]
		var words, more []string
		for _, k := range slices.Sorted(maps.Keys(tr.options)) {
			words = append(words, tr.options[k])
		}
		for _, name := range slices.SortedFunc(maps.Keys(f.broken), func(a, b string) int {
			return cmp.Or(f.broken[b]-f.broken[a], strings.Compare(a, b))
		}) {
			if name != tr.must {
				more = append(more, fmt.Sprintf("%s %d", name, f.broken[name]))
			}
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s, %s, %s | `%s` | %d | %s |\n",
			tr.defect, help[tr.defect], strings.Join(words, ", "), tr.topology, tr.workload, tr.must, f.hits, strings.Join(more, ", "))
	}
	return b.String()
}
