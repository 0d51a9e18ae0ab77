//go:build !linux

package agent

import "errors"

// An agent runs in a Linux container; elsewhere it only has to compile.
type noPackets struct{}

func newPackets() packets { return noPackets{} }

var errNotLinux = errors.New("links can be cut on Linux only")

func (noPackets) replace([]rule) error           { return errNotLinux }
func (noPackets) counts() (map[cut]int64, error) { return nil, errNotLinux }
func (noPackets) remove() error                  { return nil }
