package docker

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"sync"
	"time"

	"github.com/mlcheck/mlcheck/internal/world"
)

// realTime is a world on the machine's own monotonic clock.
type realTime struct{ base time.Time }

// Now is the time since the cluster was ready.
func (r *realTime) Now() time.Duration { return time.Since(r.base) }

// Base is the instant, by this machine's clock, from which Now counts: it maps
// times of a history to those of logs.
func (r *realTime) Base() time.Time { return r.base }

// Sleep waits; it returns early, with the reason, when ctx ends.
func (r *realTime) Sleep(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return context.Cause(ctx)
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-timer.C:
		return nil
	}
}

// WithTimeout is the standard library's.
func (r *realTime) WithTimeout(ctx context.Context, d time.Duration) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, d)
}

// Run runs tasks in goroutines and joins their errors; a panic is one.
func (r *realTime) Run(ctx context.Context, tasks ...world.Task) error {
	var (
		wg   sync.WaitGroup
		errs = make([]error, len(tasks))
	)
	for i, t := range tasks {
		wg.Go(func() {
			defer func() {
				if p := recover(); p != nil {
					errs[i] = fmt.Errorf("task %s panicked: %v\n%s", t.Name, p, debug.Stack())
				}
			}()
			if err := t.Do(ctx); err != nil {
				errs[i] = fmt.Errorf("%s: %w", t.Name, err)
			}
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}
