package mlcheck

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/mlcheck/mlcheck/checker"
	"github.com/mlcheck/mlcheck/history"
)

// ShrinkOptions say what to shrink, and how much that may cost.
type ShrinkOptions struct {
	Property string // the finding's; "": that of the first claim that is broken, else of whatever is
	Finding  string // the beginning of its identifier; "": the property's first
	Store    string // where the new run folder goes; "": "store"
	// Runs bounds how many runs may be tried; 0: 2,000 in the simulated world, 30 in
	// containers.
	Runs int
	For  time.Duration // real time after which no run begins; 0: 2 minutes, in containers 30
	// Progress is told after every run that was tried.
	Progress func(ShrinkProgress)
}

// ShrinkProgress is how far it has come.
type ShrinkProgress struct {
	Size    // of the smallest Test that shows the finding so far
	Runs    int
	Most    int           // how many runs it may take
	Elapsed time.Duration // real time
	For     time.Duration // how much of that it may take
	Smaller bool          // the last run was the first of this size
	Doing   string        // what is being left out
}

// Size is what a Test consists of.
type Size struct {
	Operations, Sessions, Keys, Faults, Leaders, Followers int
	Time                                                   time.Duration
}

// Shrunk is the smallest Test that was found to show a finding.
type Shrunk struct {
	*Outcome        // its run
	Property, Label string
	Before, After   Size
	Runs            int    // that were tried
	Stopped         string // why there may be a smaller one: it was interrupted, or reached a bound; "": nothing more can be left out
}

// What shrinking may cost where nobody says, and how often a candidate is tried:
// in containers no two runs are alike.
const (
	shrinkRuns, shrinkRunsReal = 2000, 30
	shrinkTime, shrinkTimeReal = 2 * time.Minute, 30 * time.Minute
	triesReal                  = 2
)

// Shrink looks for the smallest Test that shows a finding of a run: a violation of
// the same property with the same label. It leaves out faults, operations,
// sessions, keys, leaders and time, by delta debugging (Zeller & Hildebrandt 2002);
// what a candidate shows is found out by running it. To that end the operations of
// the run are written down in [Test.Script].
//
// When ctx is cancelled the smallest so far is the result. Errors are *UsageError
// where there is nothing to shrink, and those of [Run].
func Shrink(ctx context.Context, dir string, o ShrinkOptions) (*Shrunk, error) {
	t, run, err := readRun(dir)
	if err != nil {
		return nil, err
	}
	full, err := t.Complete()
	if err != nil {
		return nil, err
	}
	res := checker.Check(ctx, run.History, checker.Options{Search: search})
	property, f, err := choose(res, o)
	if err != nil {
		return nil, err
	}
	s := newShrinker(ctx, full, property, f.Label, o)
	s.latest, s.finding = run.History, f
	first := full
	if len(first.Script) == 0 {
		first = full.scripted(run.History)
	}
	out := &Shrunk{Property: property, Label: f.Label, Before: sizeOf(first)}
	if !s.try("writing the operations down", first) {
		if why := s.ended(); why != "" {
			return nil, fmt.Errorf("nothing was shrunk: %s", why)
		}
		if s.failed != nil {
			return nil, fmt.Errorf("with its operations written down the run cannot be done: %w", s.failed)
		}
		return nil, fmt.Errorf("%w: %s of %s", errNotShown, f.Label, property)
	}
	s.shrink()
	out.Stopped = s.ended()
	out.Runs, out.After = s.runs, sizeOf(s.test)
	out.Outcome, err = s.conclude()
	return out, err
}

// errNotShown: there is nothing to start from.
var errNotShown = errors.New("run once more with its operations written down, it does not show the finding again, so there is nothing to start from: another version may have made the run, or it was in containers, where another try may do")

// choose finds the finding that was asked for: claims that are broken come first.
func choose(res *checker.Results, o ShrinkOptions) (property string, f checker.Finding, err error) {
	var names, others []string
	for _, p := range checker.All() {
		switch d := res.Properties[p.Name]; {
		case !isBroken(d) || len(d.Findings) == 0:
		case d.Claimed && d.Excused == "":
			names = append(names, p.Name)
		default:
			others = append(others, p.Name)
		}
	}
	if names = append(names, others...); len(names) == 0 {
		return "", f, usage("nothing was found broken in this run, so there is nothing to shrink")
	}
	if o.Property != "" && !slices.Contains(names, o.Property) {
		return "", f, usage("%s was not found broken in this run; there are findings of %s", o.Property, strings.Join(names, ", "))
	}
	var ids []string
	for _, name := range names {
		if o.Property != "" && name != o.Property {
			continue
		}
		for _, f := range res.Properties[name].Findings {
			if strings.HasPrefix(f.ID, o.Finding) {
				return name, f, nil
			}
			ids = append(ids, f.ID)
		}
	}
	return "", f, usage("no finding of this run is called %s; there are %s", o.Finding, strings.Join(ids, ", "))
}

func sizeOf(t Test) Size {
	sessions := map[int]bool{}
	for _, a := range t.Script {
		sessions[a.Session] = true
	}
	return Size{
		Operations: len(t.Script), Sessions: len(sessions), Keys: len(scriptKeys(t.Script)),
		Faults: len(t.Faults), Leaders: t.Leaders, Followers: t.Followers, Time: t.Time,
	}
}

// shrinker holds the smallest Test so far, and what it showed.
type shrinker struct {
	ctx             context.Context
	opt             ShrinkOptions
	property, label string
	test            Test
	latest          *history.History // what the Test's run left
	finding         checker.Finding
	dir             string // in containers: its folder
	began           time.Time
	runs            int
	failed          error // why the last run that could not be done could not
}

func newShrinker(ctx context.Context, t Test, property, label string, o ShrinkOptions) *shrinker {
	set(&o.Store, "store")
	if t.World == "sim" {
		set(&o.Runs, shrinkRuns)
		set(&o.For, shrinkTime)
	} else {
		set(&o.Runs, shrinkRunsReal)
		set(&o.For, shrinkTimeReal)
	}
	if o.Progress == nil {
		o.Progress = func(ShrinkProgress) {}
	}
	return &shrinker{ctx: ctx, opt: o, test: t, property: property, label: label, began: time.Now()}
}

// ended says why no more runs are tried, or "".
func (s *shrinker) ended() string {
	switch {
	case s.ctx.Err() != nil:
		return "it was interrupted"
	case s.runs >= s.opt.Runs:
		return fmt.Sprintf("it has tried %d runs", s.runs)
	case time.Since(s.began) > s.opt.For:
		return fmt.Sprintf("it has taken %s", s.opt.For)
	}
	return ""
}

// try runs a candidate, and takes it over if it shows the finding. A small script
// is tried with other seeds as well: then latencies are others, and whether
// something shows without an operation must not hang on what that operation has
// drawn before.
func (s *shrinker) try(doing string, t Test) bool {
	t = tidy(t)
	t.Seed = s.test.Seed // candidates may be made of an earlier Test
	if len(t.Script) == 0 {
		return false
	}
	tries := 1
	switch {
	case t.World != "sim":
		tries = triesReal
	case len(t.Script) <= fewOperations:
		tries = otherSeeds
	}
	seed := t.Seed
	for i := range tries {
		if t.World == "sim" && i > 0 {
			if t.Seed = uint64(i); t.Seed == seed {
				continue
			}
		}
		if s.ended() != "" {
			return false
		}
		s.runs++
		h, f, dir, ok := s.run(t)
		p := ShrinkProgress{Runs: s.runs, Most: s.opt.Runs, Elapsed: time.Since(s.began), For: s.opt.For, Doing: doing, Smaller: ok}
		if ok {
			s.discard()
			s.test, s.latest, s.finding, s.dir = t, h, f, dir
		}
		p.Size = sizeOf(s.test)
		s.opt.Progress(p)
		if ok {
			return true
		}
	}
	return false
}

// What counts as few operations, and with how many seeds those are tried.
const (
	fewOperations = 64
	otherSeeds    = 8
)

// run runs a candidate. One that makes no sense, or cannot be run, shows nothing.
func (s *shrinker) run(t Test) (h *history.History, f checker.Finding, dir string, ok bool) {
	var res *checker.Results
	if t.World == "sim" {
		p, err := t.plan()
		if err == nil {
			h, err = p.simulated(s.ctx)
		}
		if err != nil {
			s.failed = err
			return nil, f, "", false
		}
		res = checker.Check(s.ctx, h, checker.Options{Only: []string{s.property}, Search: search})
	} else {
		out, err := Run(s.ctx, t, Options{Store: s.opt.Store})
		s.failed = err
		if out == nil {
			return nil, f, "", false
		}
		if dir = out.Dir; err == nil {
			res = out.Results
			h, err = history.Open(dir)
		}
		defer func() {
			if !ok {
				removeFolder(s.opt.Store, dir)
			}
		}()
		if err != nil {
			return nil, f, "", false
		}
	}
	if s.ctx.Err() != nil || res.Exit == checker.ExitInternal {
		return nil, f, "", false
	}
	f, ok = findingIn(res, s.property, s.label)
	return h, f, dir, ok
}

// findingIn is the smallest finding of a property with a label.
func findingIn(res *checker.Results, property, label string) (f checker.Finding, ok bool) {
	d := res.Properties[property]
	if !isBroken(d) {
		return f, false
	}
	i := slices.IndexFunc(d.Findings, func(f checker.Finding) bool { return f.Label == label })
	if i < 0 {
		return f, false
	}
	return d.Findings[i], true
}

// discard removes the folder of a run in containers that is no longer the smallest.
func (s *shrinker) discard() {
	if s.dir != "" {
		removeFolder(s.opt.Store, s.dir)
	}
}

// conclude gives the smallest Test its run folder. In containers that is the one
// in which it showed: another run might not show it.
func (s *shrinker) conclude() (*Outcome, error) {
	if s.dir != "" {
		forgetGone(s.opt.Store)
		pointLatest(s.opt.Store, s.dir)
		res, err := Check(context.WithoutCancel(s.ctx), s.dir)
		return &Outcome{Dir: s.dir, Test: s.test, Results: res}, err
	}
	out, err := Run(context.WithoutCancel(s.ctx), s.test, Options{Store: s.opt.Store})
	if err != nil {
		return out, err
	}
	if _, ok := findingIn(out.Results, s.property, s.label); !ok {
		return out, fmt.Errorf("%s: %w", filepath.Base(out.Dir), errNotRepeated)
	}
	return out, nil
}
