package mlcheck

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"time"

	"github.com/mlcheck/mlcheck/checker"
)

// Campaign is a Test that is run with many seeds, in every combination of the
// values of its axes.
type Campaign struct {
	Test  Test // what all runs share; its seed does not count
	Axes  []Axis
	Seeds Seeds
	Shard Shard         // the part of it that is run here
	For   time.Duration // real time after which no run begins; 0: no bound
	File  string        // where the Test was read from, for the commands that repeat a run; may be ""
}

// SoakOptions say how to run a campaign.
type SoakOptions struct {
	Store string // where the folders of runs worth keeping go; "": "store"
	Keep  int    // how many runs to keep for each property of each configuration, the smallest; 0: 1
	Jobs  int    // how many runs at a time; 0: as many as there are processors. In containers always one
	// Progress is told of every run that has ended, from one goroutine.
	Progress func(SoakProgress)
}

// SoakProgress is how far a campaign has come.
type SoakProgress struct {
	Done, Planned             int
	Violated, Unknown, Failed int           // runs, by how they ended; an internal error is a failure
	Elapsed                   time.Duration // real time
	New                       []Discovery   // what the last run was the first one to break
}

// Discovery is the first run in which a property broke in a configuration.
type Discovery struct {
	Configuration, Property string
	Example
}

// Soak runs a campaign, or a shard of it. Runs in the simulated world leave nothing
// on the disk, but for those that are worth keeping: they are run once more, with
// a folder and its reports. A run that cannot be done is counted, and the others go
// on.
//
// When ctx is cancelled the runs under way are given up, and what was found until
// then is the result. An error is a *UsageError for a mistake in the campaign, or
// says why no run can be done.
func Soak(ctx context.Context, c Campaign, o SoakOptions) (*Soaked, error) {
	s, err := newSoaking(c, o)
	if err != nil {
		return nil, err
	}
	return s.run(ctx)
}

func (s *soaking) run(ctx context.Context) (*Soaked, error) {
	began := time.Now()
	for r := range s.pool(ctx) {
		s.take(ctx, r, time.Since(began))
	}
	s.saveSmallest(ctx)
	s.Seconds = time.Since(began).Seconds()
	s.Interrupted = ctx.Err() != nil && s.done < s.Planned
	s.TimeUp = !s.Interrupted && s.stopped == nil && s.done < s.Planned
	s.judge(nil)
	return &s.Soaked, errors.Join(s.stopped, s.unsaved)
}

// JSON is what `mlcheck soak --json` writes.
func (s *Soaked) JSON() ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(s); err != nil {
		return nil, fmt.Errorf("the results of the campaign cannot be encoded: %w", err)
	}
	return b.Bytes(), nil
}

// Plan says what a campaign would run: its configurations by their names and
// Tests, and how many runs there are.
func (c Campaign) Plan() (*Soaked, error) {
	s, err := newSoaking(c, SoakOptions{})
	if err != nil {
		return nil, err
	}
	return &s.Soaked, nil
}

// soaking is a campaign under way.
type soaking struct {
	Soaked
	campaign Campaign
	opt      SoakOptions
	cells    []cell
	do       func(context.Context, place) ran // does one run
	done     int
	inARow   int              // runs that failed, since the first one or the last that did not
	saved    map[place]string // folders of runs that were kept
	giveUp   func()           // ends the campaign
	stopped  error            // why it was ended
	unsaved  error            // why runs could not be kept
}

// place is one run of a campaign.
type place struct {
	cell int
	seed uint64
}

func newSoaking(c Campaign, o SoakOptions) (*soaking, error) {
	if len(c.Test.Nemesis) > 0 && len(c.Test.Faults) > 0 {
		if _, err := c.Test.Complete(); err != nil {
			return nil, err
		}
		c.Test.Faults = nil // they were drawn, and are drawn anew for each seed
	}
	c.Test.Seed = c.Seeds.First
	cells, out, err := c.cells()
	if err != nil {
		return nil, err
	}
	s := &soaking{campaign: c, opt: o, cells: cells, saved: map[place]string{}}
	s.Soaked = Soaked{
		Format: SoakFormat, Version: Version(), Seeds: c.Seeds, Shards: []Shard{c.Shard.whole()}, LeftOut: out,
		Planned: c.Shard.count(c.Seeds.Len(), len(cells)),
	}
	if s.Planned == 0 {
		return nil, usage("shard %s of %s and %s has nothing to run: there are too many shards", c.Shard, plural(c.Seeds.Len(), "seed"), plural(len(cells), "configuration"))
	}
	if err := s.settle(); err != nil {
		return nil, err
	}
	s.do = s.one
	for _, one := range cells {
		doc, err := one.test.JSON()
		if err != nil {
			return nil, err
		}
		s.Configurations = append(s.Configurations, &Configuration{Name: one.name, Test: doc, Properties: map[string]*Tally{}})
	}
	return s, nil
}

// settle fills in the options.
func (s *soaking) settle() error {
	real := slices.ContainsFunc(s.cells, func(c cell) bool { return c.test.World != "sim" })
	switch {
	case s.opt.Jobs < 0 || s.opt.Keep < 0:
		return usage("how many runs at a time, and how many to keep, are numbers above 0")
	case real && s.opt.Jobs > 1:
		return usage("runs in containers go one at a time: they measure, and would disturb each other")
	case real:
		s.opt.Jobs = 1
	}
	set(&s.opt.Jobs, runtime.GOMAXPROCS(0))
	set(&s.opt.Keep, 1)
	set(&s.opt.Store, "store")
	if s.opt.Progress == nil {
		s.opt.Progress = func(SoakProgress) {}
	}
	return nil
}

// pool runs the shard's runs, seed by seed, and hands out how each ended. What was
// interrupted is left out.
func (s *soaking) pool(ctx context.Context) <-chan ran {
	ctx, s.giveUp = context.WithCancel(ctx)
	next, done := make(chan place), make(chan ran, s.opt.Jobs)
	go func() {
		defer close(next)
		s.deal(ctx, next)
	}()
	var workers sync.WaitGroup
	for range s.opt.Jobs {
		workers.Go(func() {
			for p := range next {
				if r := s.do(ctx, p); ctx.Err() == nil {
					done <- r
				} else if r.dir != "" {
					removeFolder(s.opt.Store, r.dir) // it may be half a run
				}
			}
		})
	}
	go func() {
		workers.Wait()
		s.giveUp()
		close(done)
	}()
	return done
}

// deal hands out the runs until the time is up.
func (s *soaking) deal(ctx context.Context, next chan<- place) {
	var timeUp <-chan time.Time
	if s.campaign.For > 0 {
		timer := time.NewTimer(s.campaign.For)
		defer timer.Stop()
		timeUp = timer.C
	}
	for i := range s.Seeds.Len() {
		for c := range s.cells {
			if !s.campaign.Shard.has(i, c) {
				continue
			}
			select {
			case next <- place{c, s.Seeds.First + uint64(i)}:
			case <-timeUp:
				return
			case <-ctx.Done():
				return
			}
		}
	}
}

// hopeless is after how many failures in a row, before any success, a campaign ends.
const hopeless = 3

// take counts a run, keeps it where it is the first to break a claim, and tells.
func (s *soaking) take(ctx context.Context, r ran, elapsed time.Duration) {
	s.done++
	conf := s.Configurations[r.cell]
	news := conf.add(r, s.opt.Keep, s.repeat(place{r.cell, r.seed}))
	if r.err == nil {
		s.inARow = -s.Planned // the world is there
	} else if s.inARow++; s.inARow == min(hopeless, s.Planned) {
		s.stopped = fmt.Errorf("none of the first %s could be done: %w", plural(s.inARow, "run"), r.err)
		s.giveUp()
	}
	p := SoakProgress{Done: s.done, Planned: s.Planned, Elapsed: elapsed}
	for _, name := range news {
		s.saveFirst(ctx, r, name)
		for _, e := range conf.Properties[name].Smallest {
			if e.Seed == r.seed {
				e.Dir = s.saved[place{r.cell, r.seed}]
				p.New = append(p.New, Discovery{conf.Name, name, e})
			}
		}
	}
	for _, c := range s.Configurations {
		p.Violated, p.Unknown, p.Failed = p.Violated+c.Violated, p.Unknown+c.Unknown, p.Failed+c.Failed+c.Internal
	}
	s.discard(r)
	s.opt.Progress(p)
}

// repeat is the command that does a run again.
func (s *soaking) repeat(p place) string {
	t := s.cells[p.cell].with(p.seed)
	if len(t.Faults) == 0 && len(t.Script) == 0 {
		return t.Command()
	}
	if s.campaign.File == "" {
		return ""
	}
	return t.commandFor(s.campaign.File)
}

// one does one run.
func (s *soaking) one(ctx context.Context, p place) ran {
	r := ran{cell: p.cell, seed: p.seed}
	t := s.cells[p.cell].with(p.seed)
	if t.World == "sim" {
		h, res, err := Judge(ctx, t)
		if r.res, r.err = res, err; err == nil {
			r.ops = h.Len()
		}
		return r
	}
	out, err := Run(ctx, t, Options{Store: s.opt.Store})
	if out != nil {
		r.dir = out.Dir
	}
	if r.err = err; err == nil {
		r.res, r.ops = out.Results, out.Results.Power["operations"]
	}
	return r
}

var errNotRepeated = errors.New("run once more it did not find the same: the simulated world must be a function of its seed, so mlcheck is wrong")

// distrust counts an internal error that shows only when a run is repeated.
func (s *soaking) distrust(p place, err error) {
	c := s.Configurations[p.cell]
	c.Internal++
	c.Failure = earlier(c.Failure, Reason{p.seed, err.Error()})
}

// foundIn says whether results hold the finding of an example.
func (e Example) foundIn(res *checker.Results, property string) bool {
	d := res.Properties[property]
	if d == nil || d.Verdict != checker.Violated {
		return false
	}
	return e.Finding == "" || slices.ContainsFunc(d.Findings, func(f checker.Finding) bool { return f.ID == e.Finding })
}
