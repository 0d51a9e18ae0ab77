//go:build linux && amd64

package vdso

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// ErrForeign marks a process whose vDSO is not the one that we know: a 32-bit
// program, or one that somebody else has patched.
var ErrForeign = errors.New("its vDSO is not that of this kernel's 64-bit programs")

// ErrGone marks a process that has ended, or has no memory of its own (any more).
var ErrGone = errors.New("the process has ended")

// Process is a process with our code in it.
type Process struct {
	PID  int
	kit  *Kit
	base uint64   // of its vDSO
	mem  *os.File // its memory; of the program that it ran when this was opened
}

// Patch makes a process's clock one that can be set, right at first. All of its
// threads stand still for the moment of the change. A process that has our code
// already (its parent had it when it forked) keeps the clock that it has.
func (k *Kit) Patch(pid int) (*Process, error) {
	mem, err := os.OpenFile(fmt.Sprintf("/proc/%d/mem", pid), os.O_RDWR, 0)
	if err != nil {
		return nil, gone(err)
	}
	p := &Process{PID: pid, kit: k, mem: mem}
	if err := p.install(); err != nil {
		return nil, errors.Join(err, mem.Close())
	}
	return p, nil
}

func (p *Process) install() error {
	name, at, length, err := mapping(p.PID)
	if err != nil {
		return err
	}
	p.base = at
	if name == "" || length != len(p.kit.image) {
		return ErrForeign
	}
	switch state, err := p.state(); {
	case err != nil:
		return err
	case state == patched:
		return nil
	case state == foreign:
		return ErrForeign
	}
	return write(p.PID, p.kit.patches(at))
}

// Restore takes our code out of the way: the process runs the kernel's again.
func (p *Process) Restore() error { return write(p.PID, p.kit.originals(p.base)) }

// Close ends what we hold of the process, and leaves its clock as it is.
func (p *Process) Close() error { return p.mem.Close() }

// states of a vDSO.
const (
	pristine = iota
	patched
	foreign
)

// state compares what is there with what the kernel made and with what we make.
func (p *Process) state() (int, error) {
	is, err := readMemory(p.PID, p.base, len(p.kit.image))
	if err != nil {
		return foreign, gone(err)
	}
	if bytes.Equal(is, p.kit.image) {
		return pristine, nil
	}
	// Once restored it is pristine but for the room, which nothing leads to.
	want, restored := bytes.Clone(p.kit.image), bytes.Clone(p.kit.image)
	for i, c := range p.kit.patches(p.base) {
		put(want, c.at-p.base, c.bytes)
		if i < 2 {
			put(restored, c.at-p.base, c.bytes)
		}
	}
	for _, b := range [][]byte{is, want, restored} {
		clear(b[p.kit.place : p.kit.place+markAt])
		clear(b[p.kit.place+slotsAt : p.kit.place+placeLength])
	}
	switch {
	case bytes.Equal(is, want):
		return patched, nil
	case bytes.Equal(is, restored):
		return pristine, nil
	}
	return foreign, nil
}

func put(b []byte, at uint64, v []byte) { copy(b[at:], v) }

// Generation is how often the clock was set; [ErrGone] once the process has ended
// or runs another program, whose clock is right.
func (p *Process) Generation() (uint64, error) {
	var b [16]byte
	if n, err := p.mem.ReadAt(b[:], int64(p.base+p.kit.place)); n < len(b) {
		return 0, gone(err)
	}
	if binary.LittleEndian.Uint64(b[markAt:]) != mark {
		return 0, ErrGone
	}
	return binary.LittleEndian.Uint64(b[:]), nil
}

// Set makes the process's clock run as it says, at once and without stopping it.
// There must be no second one who sets it at the same time.
func (p *Process) Set(c Clock) error {
	generation, err := p.Generation()
	if err != nil {
		return err
	}
	generation++
	at := p.base + p.kit.place
	for _, w := range []patch{
		{at + slotAt(generation), c.parameters().bytes()},
		{at, binary.LittleEndian.AppendUint64(nil, generation)},
	} {
		if n, err := p.mem.WriteAt(w.bytes, int64(w.at)); n < len(w.bytes) {
			return fmt.Errorf("the clock of process %d cannot be set: %w", p.PID, gone(err))
		}
	}
	return nil
}

// gone tells the end of a process from other errors. Memory of a process that has
// ended reads as empty.
func gone(err error) error {
	switch {
	case err == nil, errors.Is(err, unix.ESRCH), errors.Is(err, os.ErrNotExist), err.Error() == "EOF", errors.Is(err, unix.EIO):
		return ErrGone
	}
	return err
}

// mapping finds the vDSO of a process.
func mapping(pid int) (name string, at uint64, length int, err error) {
	maps, err := os.ReadFile(fmt.Sprintf("/proc/%d/maps", pid))
	if err != nil {
		return "", 0, 0, gone(err)
	}
	if len(maps) == 0 {
		return "", 0, 0, ErrGone
	}
	lines := bufio.NewScanner(bytes.NewReader(maps))
	for lines.Scan() {
		line := lines.Text()
		if !strings.HasSuffix(line, "[vdso]") {
			continue
		}
		from, to, _ := strings.Cut(strings.Fields(line)[0], "-")
		first, err := strconv.ParseUint(from, 16, 64)
		last, err2 := strconv.ParseUint(to, 16, 64)
		if err = errors.Join(err, err2); err != nil {
			return "", 0, 0, fmt.Errorf("/proc/%d/maps: %w", pid, err)
		}
		return "[vdso]", first, int(last - first), nil
	}
	return "", 0, 0, ErrForeign
}

// readMemory copies memory of a process.
func readMemory(pid int, at uint64, length int) ([]byte, error) {
	b := make([]byte, length)
	n, err := unix.ProcessVMReadv(pid,
		[]unix.Iovec{{Base: &b[0], Len: uint64(length)}},
		[]unix.RemoteIovec{{Base: uintptr(at), Len: length}}, 0)
	if err == nil && n < length {
		err = fmt.Errorf("only %d of %d bytes", n, length)
	}
	return b, err
}
