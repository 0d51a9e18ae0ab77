package mlcheck

import (
	"context"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/mlcheck/mlcheck/checker"
)

// promise is one row of the table of what a configuration may claim, written down
// from the table and not from what the store claims: what must hold, what must
// break now and then, and on which order of sessions that is judged.
type promise struct {
	name      string
	options   map[string]string
	topology  string
	sessions  string // see stay
	workloads string
	keeps     string
	breaks    string
	faults    string
	followers int
}

// under is the row under other faults than the usual ones.
func (p promise) under(faults string) promise {
	p.faults = faults
	return p
}

// below is the row with followers that serve reads.
func (p promise) below(followers int) promise {
	p.followers = followers
	return p
}

// The short names of properties in this table, as its columns have them.
var columns = map[string]string{
	"conv": "convergence", "dur": "durability", "upd": "no-lost-updates", "stale": "no-stale-wins", "cc": "cc", "cm": "cm", "ccv": "ccv",
	"ryw": "read-your-writes", "mr": "monotonic-reads", "mw": "monotonic-writes", "wfr": "writes-follow-reads", "lin": "linearizable",
	"del": "deletes-stay-deleted", "dup": "no-duplicates", "fold": "conflict-policy",
}

// How sessions go: they stay at a node; they move and are judged as if all that one
// does were in order; with a token, by which it is; or they move and are judged by
// what is promised, the order at each node.
const (
	stay, move, token, each = "stay", "move", "token", "move, judged at each node"

	registers = "register rmw causal removals"
)

func row(name string, options map[string]string, topology, sessions, workloads, keeps, breaks string) promise {
	return promise{name: name, options: options, topology: topology, sessions: sessions, workloads: workloads, keeps: keeps, breaks: breaks, faults: "partition clock pause kill crash"}
}

var promises = append([]promise{
	row("none, unordered", opts("policy", "none", "delivery", "unordered"), "all-to-all", stay, registers, "dup", "conv upd cc cm ccv ryw mr mw wfr lin"),
	row("none, FIFO", opts("policy", "none"), "all-to-all", stay, registers, "dup", "conv upd cc cm ccv ryw mr wfr lin"),
	row("none, causal", opts("policy", "none", "delivery", "causal"), "all-to-all", stay, registers, "dur stale cc cm ryw mr mw wfr del dup", "conv upd ccv lin"),
	row("none, causal", opts("policy", "none", "delivery", "causal", "token", "on"), "all-to-all", token, registers, "dur stale cc ryw mr mw wfr del dup", "conv upd cm ccv lin"),
	row("lww-wall, unordered", opts("policy", "lww-wall", "delivery", "unordered"), "all-to-all", stay, registers, "conv dur fold dup", "upd stale cc cm ccv ryw mr mw wfr lin"),
	row("lww-wall, FIFO", opts("policy", "lww-wall"), "all-to-all", stay, registers, "conv dur fold dup", "upd stale cc cm ccv ryw mw wfr lin"),
	row("lww-wall, causal", opts("policy", "lww-wall", "delivery", "causal"), "all-to-all", stay, registers, "conv dur fold mr wfr dup", "upd stale cc cm ccv ryw mw lin"),
	row("lww-lamport, unordered", opts("policy", "lww-lamport", "delivery", "unordered"), "all-to-all", stay, registers, "conv dur stale fold ryw mr del dup", "upd cc cm ccv mw wfr lin"),
	row("lww-hlc, anti-entropy", opts("policy", "lww-hlc", "delivery", "anti-entropy"), "all-to-all", stay, registers, "conv dur stale fold ryw mr del dup", "upd cm lin"),
	row("lww-hlc, FIFO", opts("policy", "lww-hlc"), "all-to-all", stay, registers, "conv dur stale fold ryw mr mw del dup", "upd cc cm ccv wfr lin"),
	row("lww-hlc, causal", opts("policy", "lww-hlc", "delivery", "causal"), "all-to-all", stay, registers, "conv dur stale fold cc ccv ryw mr mw wfr del dup", "upd cm lin"),
	row("lww-hlc, causal", opts("policy", "lww-hlc", "delivery", "causal", "token", "on"), "all-to-all", token, registers, "conv dur stale fold cc ccv ryw mr mw wfr del dup", "upd cm lin"),
	row("lww-lamport, FIFO ring", opts("policy", "lww-lamport"), "ring", stay, registers, "conv dur stale fold cc ccv ryw mr mw wfr del dup", "upd cm lin"),
	row("lww-hlc, FIFO star", opts("policy", "lww-hlc", "token", "on"), "star", token, registers, "conv dur stale fold cc ccv ryw mr mw wfr del dup", "upd cm lin"),
	row("lww-hlc, causal, judged on all of session order", opts("policy", "lww-hlc", "delivery", "causal"), "all-to-all", move, registers, "conv dur fold dup", "upd stale cc cm ccv ryw mr mw wfr lin del"),
	row("first, causal", opts("policy", "first", "delivery", "causal"), "all-to-all", stay, "register rmw", "conv fold", "upd"),
	row("max, causal", opts("policy", "max", "delivery", "causal"), "all-to-all", stay, "register rmw", "conv fold", "upd"),
	row("siblings, unordered", opts("policy", "siblings", "delivery", "unordered"), "all-to-all", stay, "register rmw causal", "conv dur upd stale fold ryw mr", "cc ccv mw wfr"),
	row("siblings, causal", opts("policy", "siblings", "delivery", "causal", "token", "on"), "all-to-all", token, "register rmw causal", "conv dur upd stale fold cc ccv ryw mr mw wfr", ""),
	row("siblings without context", opts("policy", "siblings", "context", "off"), "all-to-all", stay, "register", "conv dur fold ryw mr", "cc wfr"),
	row("counters", opts("policy", "counter"), "all-to-all", stay, "counter-exact", "conv dur ryw mr dup", ""),
	row("sets that only grow, unordered", opts("policy", "add-wins", "delivery", "unordered"), "all-to-all", stay, "set", "conv dur ryw mr dup", ""),
	row("add-wins set, unordered", opts("policy", "add-wins", "delivery", "unordered"), "all-to-all", stay, "churn", "conv dup", "dur fold"),
	row("remove-wins set, causal", opts("policy", "remove-wins", "delivery", "causal"), "all-to-all", stay, "set churn", "conv dur ryw mr del dup fold", ""),
	row("home, reads at home", opts("policy", "home"), "all-to-all", stay, registers, "conv dur upd stale cc cm ccv ryw mr mw wfr lin del dup", ""),
	row("home, local reads, FIFO", opts("policy", "home", "reads", "local"), "all-to-all", stay, registers, "conv dur upd stale mr del dup", "cc cm ccv wfr lin"),
	row("certify, local reads", opts("policy", "certify", "reads", "local"), "all-to-all", stay, registers, "conv dur upd stale cc cm ccv ryw mr mw wfr del dup", "lin"),
	row("certify, local reads, judged on all of session order", opts("policy", "certify", "reads", "local"), "all-to-all", move, registers, "conv dur upd stale mw wfr del dup", "cc cm ccv ryw mr lin"),
	row("certify, reads through the order", opts("policy", "certify"), "all-to-all", stay, registers, "conv dur upd stale cc cm ccv ryw mr mw wfr lin del dup", ""),
	row("lww-hlc, causal, acknowledged or visible before it is on disk", opts("policy", "lww-hlc", "delivery", "causal", "durability", "never"), "all-to-all", stay, registers, "conv dup", "dur cc ccv ryw mr lin"),
}, morePromises...)

func (p promise) test(workload string, seed uint64) Test {
	test := Test{
		Topology: p.topology, Workload: workload, Nemesis: strings.Fields(p.faults), Time: 4 * time.Second, Rate: 40,
		Leaders: 3, Followers: p.followers, Keys: 3, Quiet: 5 * time.Second, Seed: seed, Options: p.options, Moves: Share(0),
	}
	switch {
	case workload == "causal" && strings.HasPrefix(p.name, "siblings"): // which grow, and take the longer
		test.Moves = nil
	case workload == "causal":
		test.Moves, test.Rate = nil, 80
	case strings.HasPrefix(p.name, "home, failover by majority"): // where much is refused while a home is elected
		test.Rate = 90
	case workload == "rmw": // so that updates meet each other in nearly every run
		test.Rate = 60
	}
	if p.sessions != stay && workload != "causal" {
		test.Moves = Share(0.2)
	}
	return test
}

func (p promise) judge(t *testing.T, test Test) *checker.Results {
	h := historyOf(t, test)
	if p.sessions == move {
		h.Header.SessionScope = "client" // judged on all of session order
	}
	return checker.Check(context.Background(), h, checker.Options{Bare: true})
}

// tally counts runs by property, and by workload.
type tally map[string]map[string]int

func (c tally) add(property, workload string) {
	if c[property] == nil {
		c[property] = map[string]int{}
	}
	c[property][workload]++
}

// most is the workload with the greatest share of one count in the runs.
func (c tally) most(runs tally, property string) (best share) {
	// The order does not show: of equal shares the workload that comes first is taken.
	for w, of := range runs[property] {
		s := share{w, c[property][w], of}
		if best.Of == 0 || s.N*best.Of > best.N*s.Of || s.N*best.Of == best.N*s.Of && w < best.Workload {
			best = s
		}
	}
	return best
}

// seeds is how many seeds each of the row's workloads gets.
func (p promise) seeds(t *testing.T) uint64 {
	t.Helper()
	workloads := uint64(len(strings.Fields(p.workloads)))
	if n, err := strconv.ParseUint(os.Getenv("MLCHECK_RUNS"), 10, 64); err == nil {
		return (n + workloads - 1) / workloads
	}
	if raceEnabled {
		return 1
	}
	return max(3, seeds(t)/4) // in one alone there may be no chance
}

// title is the row's name, which says how its sessions go.
func (p promise) title() string { return p.name + "; " + p.sessions }

// mark is what the row is, for its figures.
func (p promise) mark() string {
	return mark(p.test("", 0), p.sessions, p.workloads)
}

func (p promise) try(t *testing.T, seeds uint64) rowFigures {
	runs, chances, broken := tally{}, tally{}, tally{}
	for workload := range strings.FieldsSeq(p.workloads) {
		for seed := uint64(1); seed <= seeds; seed++ {
			for name, d := range p.judge(t, p.test(workload, seed)).Properties {
				if !d.Decided || d.Verdict == checker.Unknown && d.Chances > 0 {
					continue
				}
				runs.add(name, workload)
				if d.Chances > 0 {
					chances.add(name, workload)
				}
				if d.Verdict != checker.Violated {
					continue
				}
				broken.add(name, workload)
				if slices.ContainsFunc(strings.Fields(p.keeps), func(c string) bool { return columns[c] == name }) {
					t.Errorf("%s, %s, seed %d: %s must hold: %s\n%s", p.name, workload, seed, name, d.Reason, d.Findings[0].Story)
				}
			}
		}
	}
	f := rowFigures{Row: p.mark(), Commit: commit(), Seeds: seeds, Holds: map[string]share{}, Breaks: map[string]share{}}
	for name := range runs {
		f.Holds[name] = chances.most(runs, name)
	}
	for name := range broken {
		f.Breaks[name] = broken.most(runs, name)
	}
	return f
}

// enough says whether so many seeds say something of a share.
func (f rowFigures) enough() bool { return f.Seeds >= 50 }

func (p promise) check(t *testing.T, f rowFigures) {
	for c := range strings.FieldsSeq(p.keeps) {
		if s := f.Holds[columns[c]]; 100*s.N < 95*s.Of && f.enough() || s.N == 0 && !raceEnabled {
			t.Errorf("%s: %s had chances in %d of %d runs of %q, its best workload", p.name, columns[c], s.N, s.Of, s.Workload)
		}
		if s := f.Breaks[columns[c]]; s.N > 0 {
			t.Errorf("%s: %s must hold, and broke in %d of %d runs of %q", p.name, columns[c], s.N, s.Of, s.Workload)
		}
	}
	for c := range strings.FieldsSeq(p.breaks) {
		if f.Breaks[columns[c]].N == 0 && f.Seeds >= 500 {
			t.Errorf("%s: %s is said to break, and broke with none of %d seeds", p.name, columns[c], f.Seeds)
		}
	}
}
