package reports

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"github.com/mlcheck/mlcheck/checker"
)

// property is one entry of the results with its name.
type property struct {
	Name string
	*checker.Decided
}

// verdict is what to show: an entry that was not decided has no other, and one
// that was decided without saying how is no pass.
func (p property) verdict() checker.Verdict {
	switch {
	case !p.Decided.Decided:
		return checker.NotDecided
	case p.Verdict == "":
		return checker.Unknown
	}
	return p.Verdict
}

// broken says whether this entry makes the run fail.
func (p property) broken() bool {
	return p.Claimed && p.Excused == "" && p.verdict() == checker.Violated
}

// observed says whether this entry is a violation that breaks no claim.
func (p property) observed() bool { return p.verdict() == checker.Violated && !p.broken() }

// figures says what the check had to work with: "3 violations in 120 chances";
// nothing where the reason says it.
func (p property) figures() string {
	switch {
	case p.verdict() == checker.NotDecided || p.Violations == 0 && strings.HasPrefix(p.Reason, chances(p.Chances)):
		return ""
	case p.Violations > 0 && p.Chances > 0:
		return plural(p.Violations, "violation") + " in " + chances(p.Chances)
	case p.Violations > 0:
		return plural(p.Violations, "violation")
	default:
		return chances(p.Chances)
	}
}

func chances(n int) string { return plural(n, "chance") }

// standing says who wants the property, and what becomes of a violation.
func (p property) standing() string {
	switch {
	case !p.Claimed:
		return "not claimed"
	case p.Excused != "":
		return "claimed, but " + visible(p.Excused)
	default:
		return "claimed"
	}
}

// rank puts first what a reader must see first.
func (p property) rank() int {
	order := map[checker.Verdict]int{checker.Violated: 0, checker.Unknown: 2, checker.Holds: 4, checker.NotDecided: 6}
	n, known := order[p.verdict()]
	if !known {
		n = 2 // a verdict of a later version: no pass
	}
	if !p.Claimed || p.observed() {
		n++
	}
	return n
}

// properties gives the results' entries, the gravest first, each rank by name.
func properties(res *checker.Results) []property {
	if res == nil {
		return nil
	}
	var ps []property
	for _, name := range slices.Sorted(maps.Keys(res.Properties)) {
		if d := res.Properties[name]; d != nil {
			ps = append(ps, property{name, d})
		}
	}
	slices.SortStableFunc(ps, func(a, b property) int { return cmp.Compare(a.rank(), b.rank()) })
	return ps
}

// countsWords writes named subtotals in order: "lost 2, superseded 40".
func countsWords(counts map[string]int) string {
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(counts)) {
		parts = append(parts, visible(name)+" "+count(counts[name]))
	}
	return strings.Join(parts, ", ")
}

// exitWords says what an exit status of mlcheck means.
func exitWords(exit int) string {
	switch exit {
	case 0:
		return "every claim holds"
	case 1:
		return "a claim is violated"
	case 2:
		return "the run could not decide every claim: unknown, which is not a pass"
	default:
		return "mlcheck could not do what was asked"
	}
}
