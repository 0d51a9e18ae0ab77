package mlcheck

import (
	"context"
	"fmt"
	"slices"
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
	sessions  string // stay, move, or token: they move with one
	workloads string
	keeps     string
	breaks    string
}

// The short names of properties in this table, as its columns have them.
var columns = map[string]string{
	"conv": "convergence", "dur": "durability", "upd": "no-lost-updates", "stale": "no-stale-wins", "cc": "cc", "cm": "cm", "ccv": "ccv",
	"ryw": "read-your-writes", "mr": "monotonic-reads", "mw": "monotonic-writes", "wfr": "writes-follow-reads", "lin": "linearizable",
	"del": "deletes-stay-deleted", "dup": "no-duplicates", "fold": "conflict-policy",
}

const (
	stay, move, token = "stay", "move", "token"
	registers         = "register rmw causal removals"
)

var promises = []promise{
	{"none, unordered", opts("policy", "none", "delivery", "unordered"), "all-to-all", stay, registers, "dup", "conv upd cc cm ccv ryw mr mw wfr lin"},
	{"none, FIFO", opts("policy", "none"), "all-to-all", stay, registers, "dup", "conv upd cc cm ccv ryw mr wfr lin"},
	{"none, causal", opts("policy", "none", "delivery", "causal"), "all-to-all", stay, registers, "dur stale cc cm ryw mr mw wfr del dup", "conv upd ccv lin"},
	{"none, causal", opts("policy", "none", "delivery", "causal", "token", "on"), "all-to-all", token, registers, "dur stale cc ryw mr mw wfr del dup", "conv upd cm ccv lin"},
	{"lww-wall, unordered", opts("policy", "lww-wall", "delivery", "unordered"), "all-to-all", stay, registers, "conv fold dup", "upd stale cc cm ccv ryw mr mw wfr lin"},
	{"lww-wall, FIFO", opts("policy", "lww-wall"), "all-to-all", stay, registers, "conv fold dup", "upd stale cc cm ccv ryw mw wfr lin"},
	{"lww-wall, causal", opts("policy", "lww-wall", "delivery", "causal"), "all-to-all", stay, registers, "conv fold mr wfr dup", "upd stale cc cm ccv ryw mw lin"},
	{"lww-lamport, unordered", opts("policy", "lww-lamport", "delivery", "unordered"), "all-to-all", stay, registers, "conv dur stale fold ryw mr del dup", "upd cc cm ccv mw wfr lin"},
	{"lww-hlc, anti-entropy", opts("policy", "lww-hlc", "delivery", "anti-entropy"), "all-to-all", stay, registers, "conv dur stale fold ryw mr del dup", "upd cm lin"},
	{"lww-hlc, FIFO", opts("policy", "lww-hlc"), "all-to-all", stay, registers, "conv dur stale fold ryw mr mw del dup", "upd cc cm ccv wfr lin"},
	{"lww-hlc, causal", opts("policy", "lww-hlc", "delivery", "causal"), "all-to-all", stay, registers, "conv dur stale fold cc ccv ryw mr mw wfr del dup", "upd cm lin"},
	{"lww-hlc, causal", opts("policy", "lww-hlc", "delivery", "causal", "token", "on"), "all-to-all", token, registers, "conv dur stale fold cc ccv ryw mr mw wfr del dup", "upd cm lin"},
	{"lww-lamport, FIFO ring", opts("policy", "lww-lamport"), "ring", stay, registers, "conv dur stale fold cc ccv ryw mr mw wfr del dup", "upd cm lin"},
	{"lww-hlc, FIFO star", opts("policy", "lww-hlc", "token", "on"), "star", token, registers, "conv dur stale fold cc ccv ryw mr mw wfr del dup", "upd cm lin"},
	{"lww-hlc, causal, judged on all of session order", opts("policy", "lww-hlc", "delivery", "causal"), "all-to-all", move, registers, "conv fold dup", "upd stale cc cm ccv ryw mr mw wfr lin"},
	{"first, causal", opts("policy", "first", "delivery", "causal"), "all-to-all", stay, "register rmw", "conv fold", "upd"},
	{"max, causal", opts("policy", "max", "delivery", "causal"), "all-to-all", stay, "register rmw", "conv fold", "upd"},
	{"siblings, unordered", opts("policy", "siblings", "delivery", "unordered"), "all-to-all", stay, "register rmw", "conv dur upd stale fold", ""},
	{"siblings, causal", opts("policy", "siblings", "delivery", "causal", "token", "on"), "all-to-all", token, "register rmw", "conv dur upd stale fold", ""},
	{"siblings without context", opts("policy", "siblings", "context", "off"), "all-to-all", stay, "register", "conv dur fold", ""},
	{"counters", opts("policy", "counter"), "all-to-all", stay, "counter-exact", "conv dur ryw mr dup", ""},
	{"add-wins set, unordered", opts("policy", "add-wins", "delivery", "unordered"), "all-to-all", stay, "set", "conv dur ryw mr dup", ""},
	{"remove-wins set, causal", opts("policy", "remove-wins", "delivery", "causal"), "all-to-all", stay, "set", "conv dur ryw mr dup", ""},
	{"home, reads at home", opts("policy", "home"), "all-to-all", stay, "register rmw removals", "conv dur upd stale cc cm ccv ryw mr mw wfr lin del dup", ""},
	{"home, local reads, FIFO", opts("policy", "home", "reads", "local"), "all-to-all", stay, registers, "conv dur upd stale mr del dup", "cc cm ccv wfr lin"},
	{"certify, local reads", opts("policy", "certify", "reads", "local"), "all-to-all", stay, registers, "conv dur upd stale cc cm ccv ryw mr mw wfr del dup", "lin"},
	{"certify, local reads, judged on all of session order", opts("policy", "certify", "reads", "local"), "all-to-all", move, registers, "conv dur upd stale mw wfr del dup", "cc cm ccv ryw mr lin"},
	{"certify, reads through the order", opts("policy", "certify"), "all-to-all", stay, registers, "conv dur upd stale cc cm ccv ryw mr mw wfr lin del dup", ""},
	{"lww-hlc, causal, acknowledged or visible before it is on disk", opts("policy", "lww-hlc", "delivery", "causal", "durability", "never"), "all-to-all", stay, registers, "conv dup", "dur cc ccv ryw mr lin"},
}

func (p promise) test(workload string, seed uint64) Test {
	test := Test{
		Topology: p.topology, Workload: workload, Nemesis: []string{"partition", "clock", "pause", "kill", "crash"}, Time: 4 * time.Second, Rate: 40,
		Leaders: 3, Keys: 3, Quiet: 5 * time.Second, Seed: seed, Options: p.options, Moves: Share(0),
	}
	switch {
	case workload == "causal":
		test.Moves, test.Rate = nil, 80
	case p.sessions != stay:
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

// kept is how a row was kept: by property, and by workload.
type kept struct {
	runs, chances, broken map[string]map[string]int
	seeds                 uint64
}

func (k *kept) count(m map[string]map[string]int, property, workload string) {
	if m[property] == nil {
		m[property] = map[string]int{}
	}
	m[property][workload]++
}

// best is the workload with the greatest share of one count in the runs.
func (k *kept) best(m map[string]map[string]int, property string) (share float64, workload string) {
	for w, n := range k.runs[property] {
		if s := float64(m[property][w]) / float64(n); s > share || s == share && w < workload {
			share, workload = s, w
		}
	}
	return share, workload
}

func (p promise) try(t *testing.T, seeds uint64) *kept {
	k := &kept{runs: map[string]map[string]int{}, chances: map[string]map[string]int{}, broken: map[string]map[string]int{}, seeds: seeds}
	for _, workload := range strings.Fields(p.workloads) {
		for seed := uint64(1); seed <= seeds; seed++ {
			for name, d := range p.judge(t, p.test(workload, seed)).Properties {
				if !d.Decided || d.Verdict == checker.Unknown && d.Chances > 0 {
					continue
				}
				k.count(k.runs, name, workload)
				if d.Chances > 0 {
					k.count(k.chances, name, workload)
				}
				if d.Verdict != checker.Violated {
					continue
				}
				k.count(k.broken, name, workload)
				if slices.ContainsFunc(strings.Fields(p.keeps), func(c string) bool { return columns[c] == name }) {
					t.Errorf("%s, %s, seed %d: %s must hold: %s\n%s", p.name, workload, seed, name, d.Reason, d.Findings[0].Story)
				}
			}
		}
	}
	return k
}

// enough says whether so many seeds say something of a share.
func (k *kept) enough() bool { return k.seeds >= 50 }

func (p promise) check(t *testing.T, k *kept) {
	for c := range strings.FieldsSeq(p.keeps) {
		if share, w := k.best(k.chances, columns[c]); share < 0.95 && (k.enough() || share == 0) {
			t.Errorf("%s: %s had chances in %.0f %% of the runs of %q, its best workload", p.name, columns[c], 100*share, w)
		}
	}
	for c := range strings.FieldsSeq(p.breaks) {
		if share, _ := k.best(k.broken, columns[c]); share == 0 && k.enough() {
			t.Errorf("%s: %s is said to break, and broke with none of %d seeds", p.name, columns[c], k.seeds)
		}
	}
}

// promisePage are the rows with what came of them.
func promisePage(all []*kept) string {
	var b strings.Builder
	fmt.Fprintf(&b, "| configuration | sessions | holds | breaks, in how many of 100 runs |\n| --- | --- | --- | --- |\n")
	for i, p := range promises {
		var holds, breaks []string
		for c := range strings.FieldsSeq(p.keeps) {
			holds = append(holds, "`"+columns[c]+"`")
		}
		for c := range strings.FieldsSeq(p.breaks) {
			share, w := all[i].best(all[i].broken, columns[c])
			breaks = append(breaks, fmt.Sprintf("`%s` %.0f (%s)", columns[c], 100*share, w))
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", p.name, p.sessions, strings.Join(holds, ", "), strings.Join(breaks, ", "))
	}
	return b.String()
}
