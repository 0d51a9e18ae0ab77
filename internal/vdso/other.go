//go:build !linux || !amd64

package vdso

import (
	"fmt"
	"runtime"
)

// Kit is what is put into processes; there is none for this system yet.
type Kit struct{}

// NewKit says that clocks cannot be skewed in this way here. What another
// architecture needs is its own payload and jump, and its names of functions.
func NewKit() (*Kit, error) {
	return nil, fmt.Errorf("clocks of processes can be skewed on linux/amd64 only, not on %s/%s", runtime.GOOS, runtime.GOARCH)
}

// Keeper keeps the clocks of a set of processes; never made here.
type Keeper struct{}

// Try is never reached without a Kit.
func (*Kit) Try(string, ...string) error { return nil }

// Keep is never reached without a Kit.
func Keep(*Kit, func(int) bool) (*Keeper, error) { _, err := NewKit(); return nil, err }

// Set makes clocks run as it says.
func (*Keeper) Set(Clock) error { return nil }

// Arm looks for new processes.
func (*Keeper) Arm() error { return nil }

// Problems says which processes keep the true time.
func (*Keeper) Problems() error { return nil }

// Processes are the processes whose clocks are kept.
func (*Keeper) Processes() []int { return nil }

// Close ends the watch.
func (*Keeper) Close() error { return nil }
