// Package vdso skews the clock that processes see, by replacing the code that the
// kernel maps into each of them for telling the time (the vDSO). It needs nothing
// from the process: no library, no environment, no start of its own, so it works
// for static and dynamic programs alike, and while they run.
//
// Only the wall clock is skewed, and only where a program asks for it in the
// ordinary way. Waits with an absolute deadline of the wall clock are the
// kernel's own and keep to the true time; the monotonic clock is left alone.
//
// It knows no containers and no agents: it is handed process numbers. What it
// does to a process is private to that process and to those that it forks; a
// program that is executed starts with a right clock, so somebody must watch
// for those ([Keeper]).
package vdso

import "time"

// Clock is how a wall clock runs. The zero Clock is right.
type Clock struct {
	Since  time.Time     // the true time at which it is off by Offset
	Offset time.Duration // how far it is off then
	PPM    int64         // by how many millionths it is too fast from there
	// With a Period above 0 the clock jumps: in the second period after Since, the
	// fourth, and so on, it is off by Alternate in place of Offset.
	Alternate time.Duration
	Period    time.Duration
}

// At is how far the clock is off at a true time.
func (c Clock) At(t time.Time) time.Duration {
	p := c.parameters()
	return time.Duration(p.skewed(t.UnixNano()) - t.UnixNano())
}
