package vdso

import (
	"encoding/binary"
	"math/bits"
	"time"
)

// parameters are a Clock as the code in a process takes it, in nanoseconds; rate is
// in units of 2^-32.
type parameters struct {
	since, rate, offset, alternate, period int64
}

func (c Clock) parameters() parameters {
	p := parameters{
		since: c.Since.UnixNano(), offset: int64(c.Offset),
		alternate: int64(c.Alternate), period: int64(max(c.Period, 0)),
	}
	if c.Since.IsZero() {
		p.since = time.Unix(0, 0).UnixNano()
	}
	// Whole and rest apart, so that no product overflows.
	p.rate = c.PPM/1_000_000<<32 + c.PPM%1_000_000<<32/1_000_000
	return p
}

// skewed is what the code makes of a true time. It is here for those who want to
// know what a process sees, and to try the code against.
func (p parameters) skewed(ns int64) int64 {
	elapsed := ns - p.since
	off := p.offset
	if p.period > 0 && elapsed >= 0 && elapsed/p.period%2 == 1 {
		off = p.alternate
	}
	return ns + scaled(elapsed, p.rate) + off
}

// scaled is a*b / 2^32, rounded down, by way of 128 bits.
func scaled(a, b int64) int64 {
	hi, lo := bits.Mul64(uint64(a), uint64(b))
	if a < 0 {
		hi -= uint64(b)
	}
	if b < 0 {
		hi -= uint64(a)
	}
	return int64(hi<<32 | lo>>32)
}

// The place of the parameters in a process: a generation, which grows by one with
// every change and whose lowest bit says which of two slots is in force; a mark,
// by which a patched process is known; and the slots. A change writes the slot
// that is not in force, and then the generation. The code looks at the generation
// before and after, so that it never mixes two clocks, and no thread has to stop.
const (
	markAt       = 8
	slotsAt      = 64
	slotLength   = 64
	placeLength  = slotsAt + 2*slotLength
	mark         = 0x31766b636c6d6b63
	lineOfMemory = 64
)

func slotAt(generation uint64) uint64 { return slotsAt + generation%2*slotLength }

func (p parameters) bytes() []byte {
	var b []byte
	for _, v := range []int64{p.since, p.rate, p.offset, p.alternate, p.period} {
		b = binary.LittleEndian.AppendUint64(b, uint64(v))
	}
	return b
}

// place is the whole place of the parameters at first: a right clock.
func place() []byte {
	b := make([]byte, placeLength)
	binary.LittleEndian.PutUint64(b[markAt:], mark)
	return b
}
