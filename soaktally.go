package mlcheck

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"

	"github.com/mlcheck/mlcheck/checker"
)

// SoakFormat names the format of a campaign's results.
const SoakFormat = "mlcheck.soak/1"

// Soaked is what a campaign has found, or a shard of it. But for Seconds, Jobs and
// the folders of runs it is a function of the campaign, where that runs in the
// simulated world and came to its end.
type Soaked struct {
	Format         string           `json:"format"`
	Version        string           `json:"version"` // of the mlcheck that ran
	Verdict        checker.Verdict  `json:"verdict"`
	Why            string           `json:"why"` // the verdict in a sentence
	Exit           int              `json:"exit"`
	Seeds          Seeds            `json:"seeds"`
	Shards         []Shard          `json:"shards"` // one, or those that were merged
	Planned        int              `json:"planned"`
	Runs           int              `json:"runs"` // that came to their end
	Interrupted    bool             `json:"interrupted"`
	TimeUp         bool             `json:"time_up"` // the campaign's time was up before all runs were done, as was asked for
	Seconds        float64          `json:"seconds"` // real time; of several shards the sum
	Configurations []*Configuration `json:"configurations"`
	LeftOut        []LeftOut        `json:"left_out"`
}

// Configuration is what the runs of one configuration have found.
type Configuration struct {
	Name       string            `json:"name"` // what tells it from the others; "": nothing varies
	Test       json.RawMessage   `json:"test"` // the Test document; its seed is the campaign's first
	Runs       int               `json:"runs"`
	Holds      int               `json:"holds"` // runs, by their verdict
	Violated   int               `json:"violated"`
	Unknown    int               `json:"unknown"`
	Failed     int               `json:"failed"`   // runs that could not be done: nothing is known of them
	Internal   int               `json:"internal"` // runs whose check ended with an internal error
	Operations int64             `json:"operations"`
	Failure    *Reason           `json:"failure,omitempty"` // of the first seed that failed
	Properties map[string]*Tally `json:"properties"`
}

// Tally is what the runs of one configuration say of one property. Counts are of
// runs.
type Tally struct {
	Claimed    bool      `json:"claimed"`
	Violated   int       `json:"violated"` // broken though it is claimed
	Observed   int       `json:"observed"` // broken where nobody claims it, or the claim makes an exception
	Unknown    int       `json:"unknown"`
	Holds      int       `json:"holds"`
	NotDecided int       `json:"not_decided"`
	Chances    int64     `json:"chances"`
	Findings   int64     `json:"findings"`
	WhyUnknown *Reason   `json:"why_unknown,omitempty"` // of the first seed that left it unknown
	Smallest   []Example `json:"smallest,omitempty"`    // fewest operations of a finding first, then of the run, then by seed
}

// Example is one run that broke a property.
type Example struct {
	Seed       uint64 `json:"seed"`
	Finding    string `json:"finding"` // its identifier
	Label      string `json:"label"`
	Operations int    `json:"operations"` // that the finding names
	Of         int    `json:"of"`         // operations of the run
	Claimed    bool   `json:"claimed"`
	Repeat     string `json:"repeat,omitempty"` // the command that runs it again
	Dir        string `json:"dir,omitempty"`    // its run folder, where it was kept
}

// Reason is why a seed left something open.
type Reason struct {
	Seed uint64 `json:"seed"`
	Why  string `json:"why"`
}

func compareExamples(a, b Example) int {
	return cmp.Or(cmp.Compare(a.Operations, b.Operations), cmp.Compare(a.Of, b.Of), cmp.Compare(a.Seed, b.Seed))
}

// ran is how one run ended.
type ran struct {
	cell int
	seed uint64
	ops  int
	res  *checker.Results
	err  error
	dir  string // the run folder, where there is one already
}

// add counts a run. The order in which runs are added does not show. It returns
// the properties that no run before had broken, claimed ones where nobody had
// broken the claim.
func (c *Configuration) add(r ran, keep int, repeat string) (news []string) {
	c.Runs++
	if r.err != nil {
		c.Failed++
		c.Failure = earlier(c.Failure, Reason{r.seed, r.err.Error()})
		return nil
	}
	c.Operations += int64(r.ops)
	switch r.res.Exit {
	case checker.ExitHolds:
		c.Holds++
	case checker.ExitViolated:
		c.Violated++
	case checker.ExitUnknown:
		c.Unknown++
	default:
		c.Internal++
		c.Failure = earlier(c.Failure, Reason{r.seed, r.res.Why})
		return nil // nothing in such results can be trusted
	}
	for _, name := range slices.Sorted(maps.Keys(r.res.Properties)) {
		t := c.Properties[name]
		if t == nil {
			t = &Tally{}
			c.Properties[name] = t
		}
		if t.add(r, r.res.Properties[name], keep, repeat) {
			news = append(news, name)
		}
	}
	return news
}

// add counts what one run says, and says whether it is the first one to break the
// property, or to break the claim.
func (t *Tally) add(r ran, d *checker.Decided, keep int, repeat string) (first bool) {
	t.Claimed = t.Claimed || d.Claimed
	t.Chances += int64(d.Chances)
	t.Findings += int64(d.Violations)
	counts := d.Claimed && d.Excused == ""
	switch d.Verdict {
	case checker.Holds:
		t.Holds++
	case checker.NotDecided:
		t.NotDecided++
	case checker.Unknown:
		t.Unknown++
		t.WhyUnknown = earlier(t.WhyUnknown, Reason{r.seed, d.Reason})
	case checker.Violated:
		if first = counts && t.Violated == 0 || t.Violated+t.Observed == 0; counts {
			t.Violated++
		} else {
			t.Observed++
		}
		e := Example{Seed: r.seed, Of: r.ops, Operations: r.ops, Claimed: counts, Repeat: repeat, Dir: r.dir}
		if len(d.Findings) > 0 {
			f := d.Findings[0]
			e.Finding, e.Label, e.Operations = f.ID, f.Label, len(f.Ops)
		}
		t.keep([]Example{e}, keep)
	}
	return first
}

// keep takes in examples, and leaves out what is beyond the n smallest.
func (t *Tally) keep(es []Example, n int) {
	t.Smallest = append(t.Smallest, es...)
	slices.SortFunc(t.Smallest, compareExamples)
	t.Smallest = t.Smallest[:min(len(t.Smallest), n)]
}

func earlier(have *Reason, r Reason) *Reason {
	if have != nil && have.Seed <= r.Seed {
		return have
	}
	return &r
}

// judge sets the verdict: violated outweighs unknown, and an internal error all.
// What was not tried is unknown, unless the campaign was told to end there; missing
// are shards without results.
func (s *Soaked) judge(missing []string) {
	var internal, violated, unknown, failed int
	s.Runs = 0
	claims := map[string]int{}
	for _, c := range s.Configurations {
		s.Runs += c.Runs
		internal, violated, unknown, failed = internal+c.Internal, violated+c.Violated, unknown+c.Unknown, failed+c.Failed
		for name, t := range c.Properties {
			claims[name] += t.Violated
		}
	}
	s.Verdict, s.Exit = checker.Unknown, checker.ExitUnknown
	switch {
	case internal > 0:
		s.Exit = checker.ExitInternal
		s.Why = fmt.Sprintf("internal error in %s, so nothing here can be trusted", plural(internal, "run"))
	case violated > 0:
		s.Verdict, s.Exit = checker.Violated, checker.ExitViolated
		s.Why = fmt.Sprintf("%d of %s broke a claim: %s", violated, plural(s.Runs, "run"), brokenClaims(claims))
	case s.Runs == 0:
		s.Why = "no run came to its end"
	case failed+unknown > 0:
		var open []string
		if unknown > 0 {
			open = append(open, "of "+plural(unknown, "run")+" the verdict is unknown")
		}
		if failed > 0 {
			open = append(open, plural(failed, "run")+" could not be done")
		}
		s.Why = "no claim was seen broken, but " + strings.Join(open, ", and ")
	case s.Interrupted:
		s.Why = "no claim was seen broken until it was interrupted"
	case len(missing) > 0:
		s.Why = "no claim was seen broken, but not all shards are here: " + strings.Join(missing, ", ") + " missing"
	default:
		s.Verdict, s.Exit = checker.Holds, checker.ExitHolds
		s.Why = fmt.Sprintf("every claim held in %s", plural(s.Runs, "run"))
	}
}

func brokenClaims(claims map[string]int) string {
	var words []string
	for _, name := range slices.Sorted(maps.Keys(claims)) {
		if n := claims[name]; n > 0 {
			words = append(words, fmt.Sprintf("%s (%d)", name, n))
		}
	}
	return strings.Join(words, ", ")
}

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// Command is the command line of the configuration's first seed, or "" where the
// Test cannot be said in one.
func (c *Configuration) Command() string {
	var t Test
	if yaml.Unmarshal(c.Test, &t) != nil || len(t.Faults)+len(t.Script) > 0 {
		return ""
	}
	return t.Command()
}
