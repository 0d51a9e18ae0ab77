//go:build !linux

package impair

import (
	"errors"
	"net/netip"
)

// Number and Mark are of Linux's netfilter.
const (
	Number = 61717
	Mark   = 0x6d6c63
)

// Queue impairs packets on Linux.
type Queue struct{}

// Open says that there is no such queue here.
func Open(uint16) (*Queue, error) {
	return nil, errors.New("packets can be queued on Linux only")
}

// Set says what is wrong from now on.
func (*Queue) Set(map[netip.Addr]Link, uint64) error { return nil }

// Met counts impaired packets.
func (*Queue) Met() map[netip.Addr]int64 { return nil }

// Close hands packets back.
func (*Queue) Close() error { return nil }
