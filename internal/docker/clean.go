package docker

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/mlcheck/mlcheck/internal/engine"
)

const (
	// orphanAge is when objects of a run without any agent count as left over:
	// a run that is just starting has none yet.
	orphanAge = 10 * time.Minute
	// cleanTime bounds the removal of a run.
	cleanTime = time.Minute
)

// removeLabelled removes everything with a label, again and again until nothing
// was there for as long as settle: the engine may still be making what was asked
// of it before. It gives up with the context, naming what is left.
func removeLabelled(ctx context.Context, eng engine.Engine, label string, settle time.Duration) error {
	const pause = 100 * time.Millisecond
	var seen time.Time // when there was something, or the engine did not say
	if settle > 0 {
		seen = time.Now()
	}
	for {
		left, err := eng.List(ctx, label)
		if err == nil && len(left) == 0 && time.Since(seen) >= settle {
			return nil
		}
		if err == nil && len(left) > 0 {
			err = removeAll(ctx, eng, left)
			if err == nil && settle == 0 {
				continue
			}
		}
		if err != nil || len(left) > 0 {
			seen = time.Now()
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("could not remove %s: %w", describe(left), errors.Join(ctx.Err(), err))
		case <-time.After(pause):
		}
	}
}

// removeAll removes containers side by side, then networks, then volumes: each
// is held by the one before.
func removeAll(ctx context.Context, eng engine.Engine, list []engine.Object) error {
	var all []error
	for _, kind := range []engine.Kind{engine.ContainerKind, engine.NetworkKind, engine.VolumeKind} {
		var (
			wg   sync.WaitGroup
			errs = make([]error, len(list))
		)
		for i, o := range list {
			if o.Kind == kind {
				wg.Go(func() { errs[i] = eng.Remove(ctx, o) })
			}
		}
		wg.Wait()
		all = append(all, errs...)
	}
	return errors.Join(all...)
}

func describe(list []engine.Object) string {
	if len(list) == 0 {
		return "what the run made"
	}
	var names []string
	for _, o := range list {
		names = append(names, string(o.Kind)+" "+o.Name)
	}
	return strings.Join(names, ", ")
}

// Clean removes what dead runs have left and returns the ids of these runs. With
// all it also removes runs that were kept, alive as they are, and the images of
// the agent.
func Clean(ctx context.Context, all bool) ([]string, error) {
	eng, err := open(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { _ = eng.Close() }()
	runs, err := sweep(ctx, eng, func(objects []engine.Object, now time.Time) bool {
		return leftOver(objects, now) || all && kept(objects)
	})
	if err != nil || !all {
		return runs, err
	}
	images, err := eng.ListImages(ctx, imageLabel+"="+agentRole)
	if err != nil {
		return runs, err
	}
	for _, ref := range images {
		// One that a live run uses is refused, and stays.
		_ = eng.RemoveImage(ctx, ref)
	}
	return runs, nil
}

// CleanRuns removes what is there of runs, by their ids, also of those that were kept, and
// returns the ids of those that it has removed. A run that is going on is an error.
func CleanRuns(ctx context.Context, runs ...string) (removed []string, err error) {
	eng, err := open(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { _ = eng.Close() }()
	ctx, cancel := context.WithTimeout(ctx, cleanTime)
	defer cancel()
	for _, run := range runs {
		objects, err := eng.List(ctx, runLabel+"="+run)
		switch {
		case err != nil:
			return removed, err
		case len(objects) == 0:
			return removed, fmt.Errorf("nothing is there of a run %s; `docker ps -a --filter label=%s --format '{{.Label %q}}'` lists the runs that are there", run, runLabel, runLabel)
		case !kept(objects) && lives(objects):
			return removed, fmt.Errorf("run %s is going on: end its mlcheck, which removes what it made", run)
		}
		if err := removeLabelled(ctx, eng, runLabel+"="+run, 0); err != nil {
			return removed, err
		}
		removed = append(removed, run)
	}
	return removed, nil
}

// sweep removes the runs whose objects are condemned, by the engine's clock.
func sweep(ctx context.Context, eng engine.Engine, condemned func([]engine.Object, time.Time) bool) ([]string, error) {
	ctx, cancel := context.WithTimeout(ctx, cleanTime)
	defer cancel()
	list, err := eng.List(ctx, runLabel)
	if err != nil || len(list) == 0 {
		return nil, err
	}
	info, err := eng.Info(ctx)
	if err != nil {
		return nil, err
	}
	byRun := map[string][]engine.Object{}
	for _, o := range list {
		byRun[o.Labels[runLabel]] = append(byRun[o.Labels[runLabel]], o)
	}
	var (
		gone []string
		errs []error
	)
	for run, objects := range byRun {
		if !condemned(objects, info.Now) {
			continue
		}
		gone = append(gone, run)
		errs = append(errs, removeLabelled(ctx, eng, runLabel+"="+run, 0))
	}
	slices.Sort(gone)
	return gone, errors.Join(errs...)
}

// kept says whether a run was to outlive its runner.
func kept(objects []engine.Object) bool {
	return slices.ContainsFunc(objects, func(o engine.Object) bool { return o.Labels[keepLabel] == "true" })
}

// lives says whether an agent of a run does.
func lives(objects []engine.Object) bool {
	return slices.ContainsFunc(objects, func(o engine.Object) bool { return isAgent(o) && !ended(o) && o.State != "created" })
}

func isAgent(o engine.Object) bool {
	return o.Kind == engine.ContainerKind && o.Labels[roleLabel] == agentRole
}

func ended(o engine.Object) bool {
	return slices.Contains([]string{"exited", "dead", "removing"}, o.State)
}

// leftOver says whether a run's objects are of no use to anybody. A run lives as
// long as one of its agents does, whatever became of the process that began it:
// process ids say nothing across machines and restarts.
func leftOver(objects []engine.Object, now time.Time) bool {
	if kept(objects) || lives(objects) {
		return false
	}
	var gone, coming bool
	var youngest time.Time
	for _, o := range objects {
		if o.Created.After(youngest) {
			youngest = o.Created
		}
		gone = gone || isAgent(o) && ended(o)
		coming = coming || isAgent(o) && !ended(o)
	}
	return gone && !coming || now.Sub(youngest) > orphanAge
}
