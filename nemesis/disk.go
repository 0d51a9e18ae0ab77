package nemesis

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"
)

// Disk is the kind of fault that befalls nodes' disks.
const Disk = "disk"

// DiskTrouble is what is wrong with a disk.
type DiskTrouble struct {
	Full bool          `json:"full,omitempty" yaml:"full,omitempty"` // it takes no more; what is on it stays
	Slow time.Duration `json:"slow,omitempty" yaml:"slow,omitempty"` // a sync takes so much longer
}

// DiskState is one node's disk that is in trouble.
type DiskState struct {
	Node string
	DiskTrouble
}

// String says what the trouble is.
func (d DiskTrouble) String() string {
	var parts []string
	if d.Full {
		parts = append(parts, "full")
	}
	if d.Slow > 0 {
		parts = append(parts, fmt.Sprintf("slow to sync, by %s", d.Slow))
	}
	return strings.Join(parts, " and ")
}

// troubled lists the disks that are in trouble, sorted.
func troubled(disks map[string]DiskTrouble) []DiskState {
	var ds []DiskState
	// The order does not show: they are sorted.
	for n, d := range disks {
		ds = append(ds, DiskState{n, d})
	}
	slices.SortFunc(ds, func(a, b DiskState) int { return strings.Compare(a.Node, b.Node) })
	return ds
}

// Disk is what the State does to a node's disk; the zero DiskTrouble is nothing.
func (s State) Disk(node string) DiskTrouble {
	for _, d := range s.Disks {
		if d.Node == node {
			return d.DiskTrouble
		}
	}
	return DiskTrouble{}
}

// The bounds of a slow disk: a shorter time cannot be told from the disk's own.
const (
	leastSlow = 20 * time.Millisecond
	mostSlow  = time.Minute
)

func checkDisk(d *DiskTrouble) error {
	switch {
	case d == nil:
		return nil
	case *d == DiskTrouble{}:
		return errors.New("its disk has no trouble: make it full, or slow by a time")
	case d.Slow != 0 && (d.Slow < leastSlow || d.Slow > mostSlow):
		return fmt.Errorf("its disk is slow by %s; it must be between %s and %s, or nothing", d.Slow, leastSlow, mostSlow)
	}
	return nil
}

// drawDisk troubles the disk of one leader, of some, or of all.
func drawDisk(d Draw, r *rand.Rand) (string, Fault) {
	_, f := drawProcess(d, r)
	if r.IntN(2) == 0 {
		f.Disk = &DiskTrouble{Full: true}
		return "full", f
	}
	f.Disk = &DiskTrouble{Slow: time.Duration(20+r.Int64N(281)) * time.Millisecond}
	return "slow", f
}
