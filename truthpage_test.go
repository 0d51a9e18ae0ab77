package mlcheck

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	oracle "github.com/mlcheck/mlcheck/internal/truth"
	"github.com/mlcheck/mlcheck/targets/reference"
)

const aboutDefects = `# The truth table

What ` + "`-o defect=…`" + ` of the reference store does, what finds it, and what each configuration without a defect keeps. Written by

` + "```" + `
MLCHECK_SEEDS=200 go test . -run 'TheTruthTable$/defects' -truth -timeout 3h
MLCHECK_RUNS=10000 go test . -run 'TheTruthTable$/promises' -truth -timeout 9h
` + "```" + `

which fail where a row is not as it says. What each row has found is kept in ` + "`testdata/truth`" + `, with the commit that it was found at, so that rows can be run alone (` + "`-run 'TheTruthTable$/defects/drop-forwarded'`" + `). A run is a function of its
seed: the same commands give the same figures. A row with fewer seeds or runs than the commands ask for has not had all of them yet.

## Defects

Four seconds of virtual time, three leaders, partitions and skewed clocks (where it takes a restart also these, and 10 s), seeds 1 to %d, at %s. **Must fire**: the property that says what is wrong, with how many seeds, and with how many of these a finding
names operations that the defect hit, by what the leaders told of themselves. **May fire**: what it drags along, with how many seeds. **Must not fire**: what else the store promises there and this workload decides;
a single finding of these fails the test.

| defect | what is wrong | shown with | must fire | may fire | must not fire |
| --- | --- | --- | --- | --- | --- |
`

const aboutPromises = `
## What configurations keep

Rows of the table of promises, each with its number of runs, at %s: seeds from 1 for each of its workloads, the runs split evenly. Four seconds of virtual time, with cut links, skewed clocks, pauses, kills and losses of power. What is said to hold held in
every run, and had chances in at least 95 %% of the runs of one workload. What is said to break is there to show that it would have been seen: in how many of 100 runs of the workload that shows it most often.

What the table of promises leaves open, and these runs do not show:

* **` + "`no-stale-wins`" + ` under ` + "`none`" + `.** A stale win is told by stamps, and stamps extend causality there, so that what is lost is never lost to a lesser stamp: it counts for ` + "`durability`" + `. Leaders mostly differ then, which is ` + "`convergence`" + `'s to say.
* **` + "`cc`, `ccv`, `monotonic-writes`, `writes-follow-reads`" + ` under anti-entropy.** An exchange brings all that is missing, key by key, in messages of 64 updates, and each message is applied at once. So it takes more than 64, and a read between two messages:
  ` + "`mlcheck run -o policy=lww-hlc -o delivery=anti-entropy --sessions 12 --rate 200 --moves 0 --nemesis partition,link --time 4s --quiet 5s --claim cc,monotonic-writes,writes-follow-reads --seed 6`" + ` breaks ` + "`cc` and `writes-follow-reads`, with `--seed 7` `cc` and `monotonic-writes`" + `.
* **` + "`read-your-writes`" + ` and ` + "`monotonic-writes`" + ` where the home executes and others answer reads.** A write is served by the home and a later read by another node, and nothing is promised of their order. Judged on all of session order, in the row below, both break.
* **` + "`linearizable`" + ` under ` + "`first`" + ` and ` + "`max`" + `.** Registers in which the later write need not win are no registers, and the property is not decided.
* **Homes that fail over asynchronously or by lease** promise next to nothing. What a session loses there it loses at a change of homes, of which a run of four seconds has few: ` + "`durability`, `no-lost-updates`" + ` and ` + "`linearizable`" + ` break, the guarantees of sessions were not seen to.

| configuration | sessions | runs | holds | breaks, in how many of 100 runs |
| --- | --- | --- | --- | --- |
`

const aboutTruth = `
## What really happened

In the runs of the defects every leader tells what it executed, applied and kept, and ` + "`internal/truth`" + ` works out from that what was broken, by what leaders had applied before and not by what clients had read. Every finding
was confirmed by it; none was denied. What was broken so that clients could tell was found, or counted as undecided where a write that was never answered, and so has no stamp, stands in the place of the lost one: then either ` + "`durability`" + ` or ` + "`no-stale-wins`" + ` is broken, and nobody can say which. The rest no client could tell from what it saw, since causality passed through a leader and through no session:

| property | broken | of it clients could tell | why the rest could not be told |
| --- | --- | --- | --- |
`

// truthPage is the page, made of the figures that are kept.
func truthPage(t *testing.T) string {
	t.Helper()
	defects, rows := keptDefects.read(t), keptPromises.read(t)
	var b strings.Builder
	most, commits := 0, map[string]bool{}
	for _, tr := range truths {
		f := defects[tr.defect]
		most, commits[f.Commit] = max(most, f.Seeds), true
	}
	fmt.Fprintf(&b, aboutDefects, most, commitWords(commits))
	help := map[string]string{}
	for _, d := range reference.Defects() {
		help[d.Name] = d.Help
	}
	sum := map[string]oracle.Case{}
	for _, tr := range truths {
		f := defects[tr.defect]
		b.WriteString(tr.line(f, help[tr.defect], most))
		for name, c := range f.Compared {
			addCase(sum, name, c)
		}
	}
	clear(commits)
	for _, p := range promises {
		commits[rows[p.title()].Commit] = true
	}
	fmt.Fprintf(&b, aboutPromises, commitWords(commits))
	for _, p := range promises {
		b.WriteString(p.line(rows[p.title()]))
	}
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

// commitWords are the commits at which rows were measured.
func commitWords(commits map[string]bool) string {
	if len(commits) == 1 {
		return "commit " + slices.Sorted(maps.Keys(commits))[0]
	}
	return "commits " + strings.Join(slices.Sorted(maps.Keys(commits)), ", ")
}

func (tr truth) line(f defectFigures, help string, most int) string {
	var words []string
	for _, k := range slices.Sorted(maps.Keys(tr.options)) {
		words = append(words, tr.options[k])
	}
	claimed := func(name string) bool { return slices.Contains(f.Claimed, name) && name != tr.must }
	may := slices.SortedFunc(slices.Values(tr.may), func(a, b string) int { return cmp.Or(f.Broken[b]-f.Broken[a], strings.Compare(a, b)) })
	may = slices.DeleteFunc(may, func(name string) bool { return !claimed(name) })
	never := slices.DeleteFunc(slices.Clone(f.Claimed), func(name string) bool { return !claimed(name) || slices.Contains(tr.may, name) })
	must := fmt.Sprintf("`%s` %d", tr.must, f.Hits)
	if f.Seeds != most {
		must += fmt.Sprintf(" of %d", f.Seeds)
	}
	if hits[tr.defect] != "" {
		must += fmt.Sprintf(", named in %d", f.Named)
	}
	return fmt.Sprintf("| `%s` | %s | %s, %s, %s | %s | %s | %s |\n",
		tr.defect, help, strings.Join(words, ", "), tr.topology, tr.workload, must, backquoted(may, f.Broken), backquoted(never, nil))
}

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

func (p promise) line(f rowFigures) string {
	var holds, breaks []string
	for c := range strings.FieldsSeq(p.keeps) {
		holds = append(holds, "`"+columns[c]+"`")
	}
	for c := range strings.FieldsSeq(p.breaks) {
		s := f.Breaks[columns[c]]
		if s.N == 0 {
			breaks = append(breaks, "`"+columns[c]+"` not in these")
			continue
		}
		breaks = append(breaks, fmt.Sprintf("`%s` %.3g (%s)", columns[c], s.of100(), s.Workload))
	}
	n := int(f.Seeds) * len(strings.Fields(p.workloads))
	return fmt.Sprintf("| %s | %s | %d: %s | %s | %s |\n", p.name, p.sessions, n, strings.ReplaceAll(p.workloads, " ", ", "), strings.Join(holds, ", "), strings.Join(breaks, ", "))
}
