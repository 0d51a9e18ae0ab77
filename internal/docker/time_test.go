package docker

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mlcheck/mlcheck/internal/world"
)

func TestFailingTaskDoesNotEndTheOthersAndPanicsAreErrors(t *testing.T) {
	var r realTime
	var finished atomic.Bool
	failed := make(chan struct{})
	err := r.Run(t.Context(),
		world.Task{Name: "a", Do: func(context.Context) error { defer close(failed); return errors.New("broken") }},
		world.Task{Name: "b", Do: func(context.Context) error { panic("at the disco") }},
		world.Task{Name: "c", Do: func(ctx context.Context) error {
			<-failed
			if ctx.Err() == nil {
				finished.Store(true)
			}
			return nil
		}},
	)
	if !finished.Load() {
		t.Error("a task was ended by another's failure")
	}
	for _, want := range []string{"a: broken", "task b panicked: at the disco", "time_test.go"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("the error lacks %q: %v", want, err)
		}
	}
}

func TestSleepEndsWithItsContext(t *testing.T) {
	var r realTime
	why := errors.New("enough")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(why)
	for _, d := range []time.Duration{time.Hour, 0} {
		if err := r.Sleep(ctx, d); !errors.Is(err, why) {
			t.Errorf("Sleep(%v) = %v", d, err)
		}
	}
	if err := r.Sleep(t.Context(), time.Millisecond); err != nil {
		t.Error(err)
	}
}
