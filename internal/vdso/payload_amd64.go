//go:build linux && amd64

package vdso

import "unsafe"

// payload is code for other processes, which nothing here calls; see the
// assembler file.
func payload() //nolint:unused // its bytes are used; vet wants it declared

// payloadAddress is where the bytes of payload start.
func payloadAddress() unsafe.Pointer

// The functions of the vDSO that are replaced, by the number of their mark.
var replaced = []string{"__vdso_clock_gettime", "__vdso_gettimeofday", "__vdso_time"}

// jump is the bytes of a jump from one address to another of the same mapping.
func jump(from, to uint64) []byte {
	rel := uint32(to - (from + jumpLength)) // wraps as the processor's own sum does
	return []byte{0xe9, byte(rel), byte(rel >> 8), byte(rel >> 16), byte(rel >> 24)}
}

const jumpLength = 5
