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
	"container/heap"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"runtime"
	"runtime/debug"
	"sync/atomic"
	"time"

	"github.com/mlcheck/mlcheck/internal/world"
)

// Epoch is the wall clock at virtual time 0 of a node whose clock is right.
var Epoch = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)

// kernel is the event loop: a heap of things to do, ordered by time and then by
// the order in which they were asked for.
type kernel struct {
	now      time.Duration
	seq      uint64
	agenda   agenda
	current  *task
	tasks    []*task
	live     int           // tasks that have not returned
	steps    atomic.Uint64 // for the watchdog
	patience time.Duration
	warn     io.Writer
}

type event struct {
	at  time.Duration
	seq uint64
	do  func()
}

type agenda []event

func (a agenda) Len() int { return len(a) }
func (a agenda) Less(i, j int) bool {
	return a[i].at < a[j].at || a[i].at == a[j].at && a[i].seq < a[j].seq
}
func (a agenda) Swap(i, j int) { a[i], a[j] = a[j], a[i] }
func (a *agenda) Push(x any)   { *a = append(*a, x.(event)) }
func (a *agenda) Pop() any {
	old := *a
	last := old[len(old)-1]
	old[len(old)-1] = event{}
	*a = old[:len(old)-1]
	return last
}

// after puts do on the agenda.
func (k *kernel) after(d time.Duration, do func()) {
	k.seq++
	heap.Push(&k.agenda, event{k.now + max(d, 0), k.seq, do})
}

// task is one coroutine. It runs until it parks; a wake-up puts it on the
// agenda once, however many there are.
type task struct {
	name   string
	next   func() (struct{}, bool)
	stop   func()
	yield  func(struct{}) bool
	parked bool
	woken  bool
	done   bool
	err    error
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
		k.after(0, func() { k.resume(t) })
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
		if len(k.agenda) == 0 {
			return k.deadlock()
		}
		e := heap.Pop(&k.agenda).(event)
		k.now = e.at
		e.do()
		k.steps.Add(1)
	}
	var errs []error
	for _, t := range k.tasks {
		errs = append(errs, t.err)
	}
	return errors.Join(errs...)
}

func (k *kernel) start(ctx context.Context, wt world.Task) *task {
	t := &task{name: wt.Name}
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

// park gives way until somebody wakes the task.
func (k *kernel) park(what string) *task {
	t := k.current
	if t == nil {
		panic("sim: " + what + " was called outside of a task")
	}
	t.parked = true
	if !t.yield(struct{}{}) {
		panic(errStopped)
	}
	return t
}

// wake lets a parked task go on, after everything that is on the agenda for now.
func (k *kernel) wake(t *task) {
	if t == nil || t.done || t.woken || !t.parked {
		return
	}
	t.woken = true
	k.after(0, func() { k.resume(t) })
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
	until := k.now + max(d, 0)
	for first := true; first || k.now < until; first = false {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := k.waitUntil(ctx, until, "Sleep"); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// waitUntil parks the task until it is woken, until the given time, or until
// ctx's virtual deadline, whichever is first. Callers loop on their condition.
func (k *kernel) waitUntil(ctx context.Context, until time.Duration, what string) error {
	if d, ok := ctx.Deadline(); ok {
		until = min(until, d.Sub(Epoch))
	}
	t := k.current
	if until < forever {
		k.after(until-k.now, func() { k.wake(t) })
	}
	k.park(what)
	return ctx.Err()
}

const forever = time.Duration(1<<63 - 1)

// WithTimeout is context.WithTimeout on virtual time.
func (k *kernel) WithTimeout(parent context.Context, d time.Duration) (context.Context, context.CancelFunc) {
	deadline := Epoch.Add(k.now + d)
	if pd, ok := parent.Deadline(); ok && pd.Before(deadline) {
		deadline = pd
	}
	inner, cancel := context.WithCancelCause(parent)
	k.after(d, func() { cancel(context.DeadlineExceeded) })
	return &virtualContext{inner, deadline}, func() { cancel(context.Canceled) }
}

// virtualContext embeds a real one, so that the library finds its own kind
// inside and starts no goroutine for its children.
type virtualContext struct {
	context.Context
	deadline time.Time
}

func (c *virtualContext) Deadline() (time.Time, bool) { return c.deadline, true }

func (c *virtualContext) Err() error {
	err := c.Context.Err()
	if err != nil && errors.Is(context.Cause(c.Context), context.DeadlineExceeded) {
		return context.DeadlineExceeded
	}
	return err
}
