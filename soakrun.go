package mlcheck

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/mlcheck/mlcheck/checker"
	"github.com/mlcheck/mlcheck/history"
)

// Judge runs a Test in the simulated world and judges what came of it, without
// touching the disk. Its errors are those of [Run].
func Judge(ctx context.Context, t Test) (*history.History, *checker.Results, error) {
	p, err := t.plan()
	if err != nil {
		return nil, nil, err
	}
	if p.World != "sim" {
		return nil, nil, usage("only a run in the simulated world can do without its folder, and this one is in world %q", p.World)
	}
	h, err := p.simulated(ctx)
	if err != nil {
		return nil, nil, err
	}
	return h, checker.Check(ctx, h, checker.Options{Search: search}), nil
}

// maxSaved bounds how many runs a campaign keeps at its end.
const maxSaved = 100

// saveFirst keeps the first run that breaks a claim at once: a campaign may be
// killed days later.
func (s *soaking) saveFirst(ctx context.Context, r ran, property string) {
	if t := s.Configurations[r.cell].Properties[property]; t.Violated == 1 && len(s.saved) < maxSaved {
		s.save(ctx, place{r.cell, r.seed})
	}
}

// saveSmallest keeps the smallest runs, those that break claims before those that
// break what nobody claims, and notes where.
func (s *soaking) saveSmallest(ctx context.Context) {
	for _, claimed := range []bool{true, false} {
		s.examples(func(p place, _ string, e *Example) {
			if e.Claimed == claimed && len(s.saved) < maxSaved {
				s.save(ctx, p)
			}
		})
	}
	s.examples(func(p place, _ string, e *Example) {
		if dir, ok := s.saved[p]; ok {
			e.Dir = dir
		}
		if e.Repeat == "" && e.Dir != "" {
			e.Repeat = repeat(e.Dir)
		}
	})
}

// examples visits all examples, in an order that is always the same.
func (s *soaking) examples(f func(p place, property string, e *Example)) {
	for i, c := range s.Configurations {
		for _, name := range slices.Sorted(maps.Keys(c.Properties)) {
			t := c.Properties[name]
			for k := range t.Smallest {
				f(place{i, t.Smallest[k].Seed}, name, &t.Smallest[k])
			}
		}
	}
}

// save runs a run of the simulated world once more, now with its folder. What it
// was kept for must be found again.
func (s *soaking) save(ctx context.Context, p place) {
	if _, ok := s.saved[p]; ok || s.unsaved != nil || ctx.Err() != nil || s.cells[p.cell].test.World != "sim" {
		return
	}
	out, err := Run(ctx, s.cells[p.cell].with(p.seed), Options{Store: s.opt.Store})
	if ctx.Err() != nil {
		return // it may be half a run
	}
	if out != nil {
		s.saved[p] = out.Dir
	}
	if err != nil {
		s.unsaved = fmt.Errorf("the run of seed %d could not be kept, and no other one was tried: %w", p.seed, err)
		return
	}
	s.examples(func(q place, property string, e *Example) {
		if p == q && !e.foundIn(out.Results, property) {
			s.distrust(p, errNotRepeated)
		}
	})
}

// discard removes the folders of runs in containers that are not among the
// smallest, or no longer.
func (s *soaking) discard(r ran) {
	if r.dir == "" {
		return
	}
	s.saved[place{r.cell, r.seed}] = r.dir
	keep := map[place]bool{}
	s.examples(func(p place, _ string, _ *Example) { keep[p] = true })
	for p, dir := range s.saved { // in any order: each is looked at by itself
		if !keep[p] {
			delete(s.saved, p)
			removeFolder(s.opt.Store, dir)
		}
	}
	s.repoint()
}

// repoint lets store/latest point to the newest run that was kept, where it points
// to one that is gone.
func (s *soaking) repoint() {
	newest := ""
	for _, dir := range s.saved { // the greatest, in any order
		newest = max(newest, dir)
	}
	if forgetGone(s.opt.Store) && newest != "" {
		pointLatest(s.opt.Store, newest)
	}
}

// forgetGone removes store/latest where it points to a run that is gone.
func forgetGone(store string) (gone bool) {
	latest := filepath.Join(store, "latest")
	if _, err := os.Stat(latest); err == nil {
		return false
	}
	return os.Remove(latest) == nil
}

// commandFor is the command that runs the Test again where its schedule, or its
// script, stands in a document: flags win over that.
func (t Test) commandFor(file string) string {
	return "mlcheck run --test " + quote(file) + strings.TrimPrefix(t.Command(), "mlcheck run")
}
