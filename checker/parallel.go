package checker

import (
	"context"
	"fmt"
	"runtime"
	"runtime/debug"
	"sync"
)

// parallel cuts 0…n into ranges, one for each processor at a time, and gives the
// parts back in order, so that the result does not depend on timing. It stops
// early when the context ends.
func parallel[T any](ctx context.Context, n int, f func(from, to int) T) ([]T, error) {
	return parallelBy(ctx, 1<<14, n, f)
}

// parallelBy is parallel with ranges of the given size.
func parallelBy[T any](ctx context.Context, size, n int, f func(from, to int) T) ([]T, error) {
	return parallelEach(ctx, (n+size-1)/size, func() func(int) T {
		return func(i int) T { return f(i*size, min(n, (i+1)*size)) }
	})
}

// parallelEach calls f with 0…n-1 on all processors, each of which makes its own
// f, and gives the results back in order.
func parallelEach[T any](ctx context.Context, n int, newF func() func(i int) T) ([]T, error) {
	parts := make([]T, n)
	failed := make([]error, len(parts))
	next := make(chan int)
	var wg sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), len(parts)) {
		wg.Go(func() {
			f := newF()
			for i := range next {
				if ctx.Err() == nil {
					failed[i] = guard(func() { parts[i] = f(i) })
				}
			}
		})
	}
	for i := range parts {
		next <- i
	}
	close(next)
	wg.Wait()
	for _, err := range failed {
		if err != nil {
			panic(err) // on the goroutine of the property, which knows what to do with it
		}
	}
	return parts, ctx.Err()
}

// guard turns a panic into an error that says where it happened.
func guard(f func()) (err error) {
	defer func() {
		if p := recover(); p != nil {
			if e, ok := p.(error); ok {
				err = fmt.Errorf("the checker failed: %w\n%s", e, debug.Stack())
				return
			}
			err = fmt.Errorf("the checker failed: %v\n%s", p, debug.Stack())
		}
	}()
	f()
	return nil
}
