//go:build linux && amd64

package vdso

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
	"sync"
	"time"
)

// every is how often a keeper looks for new processes: as long as a program that
// has just been executed may see the right time.
const every = 20 * time.Millisecond

// seldom is how often it looks while the clock is right, so that nobody is misled
// meanwhile: who pauses processes asks for one before.
const seldom = 200 * time.Millisecond

// whole is how many looks there are from one at all processes to the next, beside
// those that are due since a process has started.
const whole = 50

// Keeper keeps the clocks of a set of processes that changes: those that it is
// told of by a filter, also the ones that start later.
type Keeper struct {
	kit  *Kit
	mine func(pid int) bool

	mu     sync.Mutex
	births births
	clock  Clock
	held   map[int]*held
	failed map[int]failure // processes that cannot be patched, until they run another program

	changed chan struct{} // the clock was set
	stop    chan struct{}
	gone    sync.WaitGroup
}

// held is a process, and how often we have set its clock.
type held struct {
	*Process
	generation uint64
}

// failure is why a process could not be patched, and which one it was: the number
// alone may come back. A process that is just about to run another program has no
// vDSO for a moment, so that a failure is one only when it has lasted.
type failure struct {
	why  error // nil: it is none of ours
	exec string
	n    int // how often it was tried
}

// lasting is after how many tries a failure is one, and between is how long Set
// waits between two.
const (
	lasting = 25
	between = 10 * time.Millisecond
)

func (f failure) lasts() bool { return f.why == nil || f.n >= lasting }

// Keep starts to keep the clocks of all processes that mine says yes to. It asks
// once for each process and program. Those that are there are patched when it
// returns, with a right clock.
func Keep(kit *Kit, mine func(pid int) bool) (*Keeper, error) {
	k := &Keeper{kit: kit, mine: mine, births: openBirths(), held: map[int]*held{}, failed: map[int]failure{}, changed: make(chan struct{}, 1), stop: make(chan struct{})}
	k.mu.Lock()
	err := k.look()
	k.mu.Unlock()
	if err != nil {
		return nil, errors.Join(err, k.births.close())
	}
	k.gone.Add(1)
	go k.watch()
	return k, nil
}

func (k *Keeper) watch() {
	defer k.gone.Done()
	timer := time.NewTimer(seldom)
	defer timer.Stop()
	for n := 1; ; n++ {
		select {
		case <-k.stop:
			return
		case <-k.changed:
			timer.Reset(every)
		case <-timer.C:
			k.mu.Lock()
			if k.births.more() || n%whole == 0 {
				_ = k.look() // the next look tries again, and Set and Problems say what is wrong
			} else {
				k.again()
			}
			if k.clock == (Clock{}) {
				timer.Reset(seldom)
			} else {
				timer.Reset(every)
			}
			k.mu.Unlock()
		}
	}
}

// look patches what is new, and forgets what is gone.
func (k *Keeper) look() error {
	names, err := os.ReadDir("/proc")
	if err != nil {
		return fmt.Errorf("processes cannot be listed: %w", err)
	}
	there := map[int]bool{}
	for _, name := range names {
		pid, err := strconv.Atoi(name.Name())
		if err != nil {
			continue
		}
		there[pid] = true
		k.consider(pid)
	}
	for pid, h := range k.held {
		if !there[pid] {
			k.forget(h)
		}
	}
	maps.DeleteFunc(k.failed, func(pid int, _ failure) bool { return !there[pid] })
	return nil
}

// again looks at the processes that are known: one may run another program, or be
// patched at last.
func (k *Keeper) again() {
	// The order does not show: each process is for itself.
	for _, known := range slices.Concat(slices.Collect(maps.Keys(k.held)), slices.Collect(maps.Keys(k.failed))) {
		k.consider(known)
	}
}

// consider brings one process to where it should be.
func (k *Keeper) consider(pid int) {
	if h, ok := k.held[pid]; ok {
		generation, err := h.Generation()
		if err == nil && generation == h.generation {
			return
		}
		k.forget(h) // it runs another program, or its number belongs to another process
	}
	if pid == os.Getpid() {
		return // whoever keeps clocks needs a right one
	}
	now := program(pid)
	f, ok := k.failed[pid]
	switch {
	case ok && f.exec == now && f.lasts():
		return
	case !ok || f.exec != now:
		f = failure{exec: now}
	}
	if !k.mine(pid) {
		k.failed[pid] = f
		return
	}
	delete(k.failed, pid)
	p, err := k.kit.Patch(pid)
	if err == nil {
		h := &held{Process: p}
		if err = k.set(h); err == nil {
			k.held[pid] = h
			return
		}
		_ = p.Close()
	}
	if !errors.Is(err, ErrGone) {
		f.why, f.n = err, f.n+1
		k.failed[pid] = f
	}
}

// set makes the keeper's clock that of a process.
func (k *Keeper) set(h *held) error {
	if err := h.Set(k.clock); err != nil {
		return err
	}
	var err error
	h.generation, err = h.Generation()
	return err
}

func (k *Keeper) forget(h *held) {
	_ = h.Close() // nothing was written to it that could be lost
	delete(k.held, h.PID)
}

// program names what a process runs, well enough to notice that it is another.
func program(pid int) string {
	exe, _ := os.Readlink(fmt.Sprintf("/proc/%d/exe", pid))
	start, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return exe + " " + startTime(string(start))
}

// Set makes the clock of every process run as it says, at once and without
// stopping any. It is nil when all of them have it.
func (k *Keeper) Set(c Clock) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.clock = c
	select {
	case k.changed <- struct{}{}:
	default: // it has not heard of the last change yet
	}
	var errs []error
	for _, h := range k.held {
		switch err := k.set(h); {
		case errors.Is(err, ErrGone):
			k.forget(h)
		case err != nil:
			errs = append(errs, err)
		}
	}
	return errors.Join(append(errs, k.settle())...)
}

// Arm puts our code into whoever has just started, and is nil when all have it: before
// they are frozen, which would make that impossible.
func (k *Keeper) Arm() error {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.settle()
}

// settle looks until no process is left that is only starting.
func (k *Keeper) settle() error {
	var errs []error
	for {
		if err := k.look(); err != nil {
			errs = append(errs, err)
		}
		if !k.starting() {
			return errors.Join(append(errs, k.problems()...)...)
		}
		time.Sleep(between)
	}
}

// starting says whether a process could not be patched that may yet be.
func (k *Keeper) starting() bool {
	for _, f := range k.failed { // the order does not show
		if !f.lasts() {
			return true
		}
	}
	return false
}

// Processes are the processes whose clocks are kept, in ascending order.
func (k *Keeper) Processes() []int {
	k.mu.Lock()
	defer k.mu.Unlock()
	return slices.Sorted(maps.Keys(k.held))
}

// Problems says which processes keep the true time though they should not, and why.
func (k *Keeper) Problems() error {
	k.mu.Lock()
	defer k.mu.Unlock()
	return errors.Join(k.problems()...)
}

func (k *Keeper) problems() []error {
	var errs []error
	for _, pid := range slices.Sorted(maps.Keys(k.failed)) {
		if f := k.failed[pid]; f.why != nil && f.lasts() {
			why := f.why
			errs = append(errs, fmt.Errorf("the clock of process %d cannot be skewed: %w", pid, why))
		}
	}
	return errs
}

// Close makes every clock right again, takes our code out of the way, and ends the watch.
func (k *Keeper) Close() error {
	close(k.stop)
	k.gone.Wait()
	k.mu.Lock()
	defer k.mu.Unlock()
	errs := []error{k.births.close()}
	k.clock = Clock{}
	for _, h := range k.held {
		err := k.set(h) // at once, also where threads cannot be stopped
		if err == nil {
			err = h.Restore()
		}
		if err != nil && !errors.Is(err, ErrGone) {
			errs = append(errs, err)
		}
		k.forget(h)
	}
	return errors.Join(errs...)
}
