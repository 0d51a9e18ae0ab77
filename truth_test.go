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
	oracle "github.com/mlcheck/mlcheck/internal/truth"
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
	length, quiet := 4*time.Second, 5*time.Second
	if hits[tr.defect] == "" {
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

// hits says in which way each defect hits operations, so that findings can be
// asked whether they name those that were hit. Those that need a restart are not in
// it yet: what a restart hits is not in what leaders tell.
var hits = map[string]string{
	"drop-forwarded": oracle.Missing, "skip-on-error": oracle.Missing, "fire-and-forget": oracle.Missing, "high-water-mark": oracle.Missing,
	"no-origin-tags": oracle.Behind, "relay-own-first": oracle.Early, "parallel-apply": oracle.Early, "follower-parallel-apply": oracle.Early, "causal-per-link": oracle.Early,
	"wall-for-hybrid": oracle.Backward, "deaf-clock": oracle.Backward, "ties-by-arrival": oracle.Tied,
	"first-by-arrival": oracle.Chosen, "max-within-tolerance": oracle.Chosen, "pairwise-guard": oracle.Chosen, "snapshot-rolls-back": oracle.Chosen,
	"siblings-cut-to-one": oracle.Dropped, "acknowledged-before-visible": oracle.Late, "increment-twice": oracle.Doubled,
	"home-serves-on": oracle.Shared, "leaders-disagree-on-home": oracle.Shared, "certify-nothing": oracle.Shared, "certify-before-reading": oracle.Shared,
	"home-reads-locally": oracle.Stale, "token-ignored": oracle.Behind, "token-of-own-writes": oracle.Behind,
}

// found is what the seeds of one row have found.
type found struct {
	seeds, hits int
	named       int            // of hits, those whose findings name operations that the defect hit
	broken      map[string]int // property → seeds
	claimed     map[string]bool
	compared    map[string]*oracle.Case
}

func (tr truth) try(t *testing.T) found {
	f := found{broken: map[string]int{}, claimed: map[string]bool{}, compared: map[string]*oracle.Case{}}
	// What one seed in six shows, none of the first ten does once in six times.
	for seed := uint64(1); seed <= max(3, seeds(t)) || f.hits*10 < f.seeds && seed <= 30; seed++ {
		f.seeds++
		res, hit := tr.judge(t, seed, f.compared)
		for name, d := range res.Properties {
			f.claimed[name] = f.claimed[name] || d.Claimed && d.Decided
			if !d.Claimed || d.Verdict != checker.Violated {
				continue
			}
			f.broken[name]++
			if name == tr.must {
				f.hits++
				if names(d, hit) {
					f.named++
				}
			} else if !slices.Contains(tr.may, name) {
				t.Errorf("seed %d: %s breaks %s, which it must not: %s\n%+v", seed, tr.defect, name, d.Reason, d.Findings[0])
			}
		}
	}
	return f
}

// judge holds a run against the truth, where that knows what the defect hits.
func (tr truth) judge(t *testing.T, seed uint64, compared map[string]*oracle.Case) (*checker.Results, map[int]bool) {
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
// MLCHECK_SEEDS=200 go test -run TruthTable . -truth -timeout 9h writes the page;
// configurations get a quarter of the seeds for each of their workloads.
func TestTheTruthTable(t *testing.T) {
	results, rows := make([]found, len(truths)), make([]*kept, len(promises))
	t.Run("defects", func(t *testing.T) {
		for i, tr := range truths {
			t.Run(tr.defect, func(t *testing.T) {
				t.Parallel()
				f := tr.try(t)
				if results[i] = f; f.hits*10 < f.seeds {
					t.Errorf("%s is found by %s with %d of %d seeds: %v", tr.defect, tr.must, f.hits, f.seeds, f.broken)
				}
				// An increment that came three times is told by a value that nobody could
				// have made, and not by its name; so are others once in a while.
				if hits[tr.defect] != "" && 2*f.named < f.hits {
					t.Errorf("%s: the findings of %d runs of %d name none of the operations that were hit", tr.defect, f.hits-f.named, f.hits)
				}
			})
		}
	})
	t.Run("promises", func(t *testing.T) {
		for i, p := range promises {
			t.Run(p.name+" "+p.sessions, func(t *testing.T) {
				t.Parallel()
				rows[i] = p.try(t, max(3, seeds(t)/4))
				p.check(t, rows[i])
			})
		}
	})
	if *updateTruth && !t.Failed() {
		if err := os.WriteFile("docs/truth-table.md", []byte(truthPage(results, rows)), 0o644); err != nil {
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

const aboutDefects = `# The truth table

What ` + "`-o defect=…`" + ` of the reference store does, what finds it, and what each configuration without a defect keeps. Written by
` + "`MLCHECK_SEEDS=%d go test -run TruthTable . -truth -timeout 9h`" + `, which fails where a row is not as it says.

## Defects

%s of virtual time, three leaders, partitions and skewed clocks (where it takes a restart also these, and 10 s), seeds 1 to %d. **Must fire**: the property that says what is wrong, with how many seeds, and with how many of these a finding
names operations that the defect hit, by what the leaders told of themselves. **May fire**: what it drags along, with how many seeds. **Must not fire**: what else the store promises there and this workload decides;
a single finding of these fails the test.

| defect | what is wrong | shown with | must fire | may fire | must not fire |
| --- | --- | --- | --- | --- | --- |
`

const aboutPromises = `
## What configurations keep

%d seeds of each workload (of register, rmw, causal, removals, set and counter-exact those that it can perform), four seconds of virtual time, with cut links, skewed clocks, pauses, kills and losses of power. What is said to hold held with every seed, and had
chances in at least 95 %% of the runs of one workload. What is said to break is there to show that it would have been seen: the share of runs of the workload that shows it most often.
Left out is what the table calls broken and these runs do not show: under anti-entropy an exchange brings all that is missing, in one message up to 64 updates, so that what it leaves out of order is rarely seen; where the home of
a key executes and others answer reads, a write and a later read of one session are not served by the same node, so that nothing is promised of their order; and where leaders that differ show an older write, it is ` + "`convergence`" + ` that says so.

`

const aboutTruth = `
## What really happened

In the runs of the defects every leader tells what it executed, applied and kept, and ` + "`internal/truth`" + ` works out from that what was broken, by what leaders had applied before and not by what clients had read. Every finding
was confirmed by it; none was denied. What was broken so that clients could tell was found. The rest no client could tell from what it saw, since causality passed through a leader and through no session:

| property | broken | of it clients could tell | why the rest could not be told |
| --- | --- | --- | --- |
`

// backquoted are names as the page has them, with counts where there are any.
func backquoted(names []string, n map[string]int) string {
	var words []string
	for _, name := range names {
		w := "`" + name + "`"
		if n != nil {
			w = fmt.Sprintf("%s %d", w, n[name])
		}
		words = append(words, w)
	}
	return strings.Join(words, ", ")
}

func truthPage(results []found, rows []*kept) string {
	var b strings.Builder
	n := results[0].seeds
	fmt.Fprintf(&b, aboutDefects, n, truths[0].test(1).Time, n)
	help := map[string]string{}
	for _, d := range reference.Defects() {
		help[d.Name] = d.Help
	}
	sum := map[string]*oracle.Case{}
	for i, tr := range truths {
		f := results[i]
		var words, never []string
		for _, k := range slices.Sorted(maps.Keys(tr.options)) {
			words = append(words, tr.options[k])
		}
		may := slices.SortedFunc(slices.Values(tr.may), func(a, b string) int { return cmp.Or(f.broken[b]-f.broken[a], strings.Compare(a, b)) })
		may = slices.DeleteFunc(may, func(name string) bool { return !f.claimed[name] || name == tr.must })
		for _, name := range slices.Sorted(maps.Keys(f.claimed)) {
			if f.claimed[name] && name != tr.must && !slices.Contains(tr.may, name) {
				never = append(never, name)
			}
		}
		named := ""
		if hits[tr.defect] != "" {
			named = fmt.Sprintf(", named in %d", f.named)
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s, %s, %s | `%s` %d%s | %s | %s |\n",
			tr.defect, help[tr.defect], strings.Join(words, ", "), tr.topology, tr.workload, tr.must, f.hits, named, backquoted(may, f.broken), backquoted(never, nil))
		for name, c := range f.compared {
			addCase(sum, name, *c)
		}
	}
	fmt.Fprintf(&b, aboutPromises, rows[0].seeds)
	b.WriteString(promisePage(rows))
	b.WriteString(aboutTruth)
	for _, name := range slices.Sorted(maps.Keys(sum)) {
		var whys []string
		for _, why := range slices.Sorted(maps.Keys(sum[name].Unseen)) {
			whys = append(whys, fmt.Sprintf("%s: %d", why, sum[name].Unseen[why]))
		}
		fmt.Fprintf(&b, "| `%s` | %d | %d | %s |\n", name, sum[name].Real, sum[name].Told, strings.Join(whys, "; "))
	}
	return b.String()
}
