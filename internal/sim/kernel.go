// Package sim is the simulated world: one process, virtual time, and nothing
// that is not a function of the seed. Exactly one task runs at a time, time
// jumps to the next event, and every choice comes from a named random stream:
// the same seed gives the same history on every machine.
//
// A task is ordinary blocking Go that blocks only through the world or a
// connection made by it. Inside a task there must be no go statement, channel,
// select, mutex held across a blocking call, real clock or timer, global
// randomness or iteration over a map whose order shows; a test in this package
// reads the sources that run inside and says where one of them stands.
package sim

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"sync/atomic"
	"time"

	"github.com/mlcheck/mlcheck/internal/world"
)

// Epoch is the wall clock at virtual time 0 of a node whose clock is right.
var Epoch = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)

// kernel is the event loop over what is on the agenda.
type kernel struct {
	now      time.Duration
	agenda   agenda
	current  *task
	tasks    []*task
	live     int           // tasks that have not returned
	steps    atomic.Uint64 // for the watchdog
	patience time.Duration
	warn     io.Writer
}

// after puts do on the agenda.
func (k *kernel) after(d time.Duration, do func()) { k.agenda.add(k.now, k.now+d, call(do)) }

// task is one coroutine. It runs until it parks; a wake-up puts it on the
// agenda once, however many there are.
type task struct {
	k      *kernel
	name   string
	next   func() (struct{}, bool)
	stop   func()
	yield  func(struct{}) bool
	parked bool
	woken  bool
	done   bool
	err    error
	// until is when a parked task is woken if nobody does it before; alarms are
	// when the agenda has something to do for it, the first one last.
	until  time.Duration
	alarms []time.Duration
}

// resumption is a task that goes on.
type resumption task

func (r *resumption) happen() { r.k.resume((*task)(r)) }

// alarm looks whether a task has waited long enough.
type alarm task

func (a *alarm) happen() {
	t := (*task)(a)
	t.alarms = t.alarms[:len(t.alarms)-1]
	switch {
	case !t.parked || t.woken || t.done:
	case t.until <= t.k.now:
		t.k.wake(t)
	default:
		t.waitAtMost()
	}
}

// waitAtMost sees to it that the task is looked at when its time has come, or
// before: a deadline that every operation moves on by a little costs one entry
// of the agenda now and then.
func (t *task) waitAtMost() {
	if n := len(t.alarms); t.until < forever && (n == 0 || t.alarms[n-1] > t.until) {
		t.setAlarm()
	}
}

// setAlarm has a place on the agenda from now on: tasks that wait for the same
// moment go on in the order in which they began to wait.
func (t *task) setAlarm() {
	i := len(t.alarms)
	for i > 0 && t.alarms[i-1] < t.until {
		i--
	}
	t.alarms = slices.Insert(t.alarms, i, t.until)
	t.k.agenda.add(t.k.now, t.until, (*alarm)(t))
}

// errStopped unwinds a task whose world has gone.
var errStopped = errors.New("the simulated world has stopped")

// Run runs the tasks until all have returned. It must not be called from
// inside a task. When ctx is cancelled every parked task is woken, and blocking
// calls return ctx's error.
func (k *kernel) Run(ctx context.Context, tasks ...world.Task) error {
	if k.current != nil {
		return fmt.Errorf("task %s called Run: tasks cannot be nested", k.current.name)
	}
	stopWatch := k.watch()
	defer stopWatch()
	k.tasks, k.live = nil, len(tasks)
	for _, wt := range tasks {
		t := k.start(ctx, wt)
		k.tasks = append(k.tasks, t)
		k.agenda.add(k.now, k.now, (*resumption)(t))
	}
	defer func() {
		for _, t := range k.tasks {
			t.stop()
		}
	}()
	cancelled := false
	for k.live > 0 {
		if !cancelled && ctx.Err() != nil {
			cancelled = true
			for _, t := range k.tasks {
				k.wake(t)
			}
		}
		if k.agenda.empty() {
			return k.deadlock()
		}
		at, next := k.agenda.take(k.now)
		k.now = at
		next.happen()
		k.steps.Add(1)
	}
	var errs []error
	for _, t := range k.tasks {
		errs = append(errs, t.err)
	}
	return errors.Join(errs...)
}

func (k *kernel) start(ctx context.Context, wt world.Task) *task {
	t := &task{k: k, name: wt.Name}
	t.next, t.stop = iter.Pull(func(yield func(struct{}) bool) {
		t.yield = yield
		defer func() {
			t.done = true
			k.live--
			// A panic in a coroutine loses its stack unless it is taken here.
			if p := recover(); p != nil && p != any(errStopped) {
				t.err = fmt.Errorf("task %s panicked: %v\n%s", t.name, p, debug.Stack())
			}
		}()
		if err := wt.Do(ctx); err != nil {
			t.err = fmt.Errorf("%s: %w", t.name, err)
		}
	})
	return t
}

func (k *kernel) resume(t *task) {
	if t.done {
		return
	}
	t.woken, t.parked = false, false
	k.current = t
	t.next()
	k.current = nil
}

// running is the task that is being run.
func (k *kernel) running(what string) *task {
	if k.current == nil {
		panic("sim: " + what + " was called outside of a task")
	}
	return k.current
}

// park gives way until somebody wakes the task.
func (t *task) park() {
	t.parked = true
	if !t.yield(struct{}{}) {
		panic(errStopped)
	}
}

// wake lets a parked task go on, after everything that is on the agenda for now.
func (k *kernel) wake(t *task) {
	if t == nil || t.done || t.woken || !t.parked {
		return
	}
	t.woken = true
	k.agenda.add(k.now, k.now, (*resumption)(t))
}

func (k *kernel) deadlock() error {
	var names []string
	for _, t := range k.tasks {
		if !t.done {
			names = append(names, t.name)
		}
	}
	return fmt.Errorf("the simulated world stands still: nothing is on the agenda while %v wait", names)
}

// watch prints all stacks once when a task has not yielded for a long real
// time: it blocks outside of the world, or loops.
func (k *kernel) watch() (stop func()) {
	patience := k.patience
	if patience == 0 {
		patience = 20 * time.Second
	}
	last := k.steps.Load()
	var timer *time.Timer
	timer = time.AfterFunc(patience, func() {
		if now := k.steps.Load(); now != last {
			last = now
			timer.Reset(patience)
			return
		}
		buf := make([]byte, 1<<20)
		w := k.warn
		if w == nil {
			w = os.Stderr
		}
		fmt.Fprintf(w, "mlcheck: a task of the simulated world has not yielded for %s; it must block only through the world:\n%s\n",
			patience, buf[:runtime.Stack(buf, true)])
	})
	return func() { timer.Stop() }
}

// Now is the virtual time.
func (k *kernel) Now() time.Duration { return k.now }

// Sleep parks the task for d of virtual time, or until ctx ends.
func (k *kernel) Sleep(ctx context.Context, d time.Duration) error {
	t, until := k.running("Sleep"), k.now+max(d, 0)
	for first := true; first || k.now < until; first = false {
		if err := ctx.Err(); err != nil {
			return err
		}
		t.until = until
		if deadline, ok := ctx.Deadline(); ok {
			t.until = min(until, deadline.Sub(Epoch))
		}
		t.setAlarm()
		t.park()
	}
	return ctx.Err()
}

// waitUntil parks the task until it is woken, or until the given time. Callers
// loop on their condition.
func (k *kernel) waitUntil(until time.Duration, what string) {
	t := k.running(what)
	t.until = until
	t.waitAtMost()
	t.park()
}

const forever = time.Duration(1<<63 - 1)
