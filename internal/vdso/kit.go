//go:build linux && amd64

package vdso

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"slices"
	"unsafe"
)

// Kit is what is put into processes: the code, and where in the vDSO of this
// kernel it goes.
type Kit struct {
	image   []byte   // the vDSO as the kernel made it
	entries []uint64 // the functions that are replaced, as offsets in the image
	place   uint64   // of the parameters
	code    uint64   // of the payload
	payload code
}

// code is the payload as it is in our own text.
type code struct {
	bytes  []byte
	starts []uint64 // of its functions, in the order of replaced
	holes  []uint64 // where the address of the parameters goes
}

// The marks of the assembler file.
const (
	functionMark   = 0x6d6c636b76445300
	parametersMark = 0x6d6c636b56615273
)

// NewKit looks at the vDSO of this process, which is that of every process of the
// same kind under this kernel.
func NewKit() (*Kit, error) {
	_, at, length, err := mapping(os.Getpid())
	if err != nil {
		return nil, err
	}
	image, err := readMemory(os.Getpid(), at, length)
	if err != nil {
		return nil, fmt.Errorf("this process's own vDSO cannot be read: %w", err)
	}
	k := &Kit{image: image}
	if k.payload, err = ownPayload(); err != nil {
		return nil, err
	}
	return k, k.layOut()
}

// layOut finds the functions and the room. The room is where the image has its
// section headers, which nothing reads in a process that runs, and what follows.
func (k *Kit) layOut() error {
	f, err := elf.NewFile(bytes.NewReader(k.image))
	if err != nil {
		return fmt.Errorf("the vDSO is no ELF image: %w", err)
	}
	symbols, err := f.DynamicSymbols()
	if err != nil {
		return fmt.Errorf("the vDSO has no symbols: %w", err)
	}
	for _, name := range replaced {
		i := slices.IndexFunc(symbols, func(s elf.Symbol) bool { return s.Name == name })
		if i < 0 {
			return fmt.Errorf("the vDSO of this kernel has no %s", name)
		}
		k.entries = append(k.entries, symbols[i].Value)
	}
	headers := binary.LittleEndian.Uint64(k.image[40:]) // e_shoff of a 64-bit header
	k.place = align(headers, lineOfMemory)
	k.code = k.place + placeLength
	if need := k.code + uint64(len(k.payload.bytes)); headers == 0 || need > uint64(len(k.image)) {
		return fmt.Errorf("the vDSO of this kernel has no room: %d bytes are needed, and the image has %d", need, len(k.image))
	}
	return nil
}

func align(n, to uint64) uint64 { return (n + to - 1) / to * to }

// ownPayload finds the functions and the holes in our own text.
func ownPayload() (code, error) {
	const most = 4096
	var p code
	text := unsafe.Slice((*byte)(payloadAddress()), most)
	for at := uint64(0); at+8 <= most; at++ {
		switch word := binary.LittleEndian.Uint64(text[at:]); {
		case word == functionMark+uint64(len(replaced))+1:
			p.bytes = slices.Clone(text[:at])
			if len(p.starts) != len(replaced) || len(p.holes) != len(replaced) {
				return p, fmt.Errorf("the code for other processes has %d functions and %d holes; it should have %d of each", len(p.starts), len(p.holes), len(replaced))
			}
			return p, nil
		case word == functionMark+uint64(len(p.starts))+1:
			p.starts = append(p.starts, at+8)
		case word == parametersMark:
			p.holes = append(p.holes, at)
		}
	}
	return p, errors.New("the code for other processes has no end")
}

// patches are the bytes to be written into a process whose vDSO is at base, the
// entries last: until they are there, nothing leads to the rest.
func (k *Kit) patches(base uint64) []patch {
	code := slices.Clone(k.payload.bytes)
	for _, hole := range k.payload.holes {
		binary.LittleEndian.PutUint64(code[hole:], base+k.place)
	}
	ps := []patch{{base + k.place, place()}, {base + k.code, code}}
	for i, entry := range k.entries {
		ps = append(ps, patch{base + entry, jump(entry, k.code+k.payload.starts[i])})
	}
	return ps
}

// originals are the bytes that the entries had.
func (k *Kit) originals(base uint64) []patch {
	var ps []patch
	for _, entry := range k.entries {
		ps = append(ps, patch{base + entry, k.image[entry : entry+jumpLength]})
	}
	return ps
}

// patch is bytes at an address.
type patch struct {
	at    uint64
	bytes []byte
}
