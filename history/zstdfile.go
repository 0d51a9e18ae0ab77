package history

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"runtime"
	"sync"

	"github.com/klauspost/compress/zstd"
)

// maxWindow bounds what a stream may hold back: `zstd --ultra` uses as much.
const maxWindow = 128 << 20

// zstdFile is a history as a sequence of zstd frames.
type zstdFile struct {
	at   io.ReaderAt
	size int64
	dec  *zstd.Decoder

	// What each found.
	own    bool   // the header has a frame of its own, as the recorder writes it
	sealed bool   // the last thing in the file is a seal
	events int    // that the seal names
	damage string // where and what, or ""

	unpacked int64 // bytes so far
}

// A file that unpacks to more than maxUnpacked bytes and to more than maxRatio
// times its size is no record of anything: a few kilobytes must not fill the
// memory. Histories unpack to some ten times their size.
const (
	maxRatio    = 200
	maxUnpacked = 64 << 20
)

// bounded passes on what f gets until it is too much for the size of the file.
func (z *zstdFile) bounded(f func(lines []byte, fed int64) error) func([]byte, int64) error {
	return func(lines []byte, fed int64) error {
		if z.unpacked += int64(len(lines)); z.unpacked > maxUnpacked && z.unpacked/maxRatio > z.size {
			return fmt.Errorf("its %d bytes unpack to more than %d times as many, which no history does; if this is one, unpack it with `zstd -d` first", z.size, maxRatio)
		}
		return f(lines, fed)
	}
}

// job is a frame on its way through the unpackers.
type job struct {
	*packed
	lines []byte
	err   error
	ready chan struct{} // closed when lines or err is there
}

// each calls f with the lines of the frames, in order and only of those that
// are whole by their checksum, and stops at the first that is not. Frames are
// unpacked ahead, one on each processor. f must not keep the bytes.
//
// An error is f's own, or that the file cannot be read; damage is no error.
func (z *zstdFile) each(f func(lines []byte, fed int64) error) error {
	f = z.bounded(f)
	ahead := min(runtime.GOMAXPROCS(0), 4)
	dec, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(ahead),
		zstd.WithDecoderMaxMemory(maxContent), zstd.WithDecoderMaxWindow(maxWindow))
	if err != nil {
		return err
	}
	defer dec.Close()
	z.dec = dec

	inOrder, work, stop := make(chan *job, 2*ahead), make(chan *job, 2*ahead), make(chan struct{})
	var helpers sync.WaitGroup
	defer helpers.Wait()
	defer close(stop)
	helpers.Go(func() { z.walk(inOrder, work, stop) })
	for range ahead {
		helpers.Go(func() { z.unpack(work) })
	}
	for j := range inOrder {
		<-j.ready
		whole, err := z.take(j, f)
		if err != nil || !whole {
			return err
		}
	}
	z.end()
	return nil
}

// walk hands out frames until the file ends or is torn, or nobody wants more.
func (z *zstdFile) walk(inOrder, work chan<- *job, stop <-chan struct{}) {
	defer close(work)
	defer close(inOrder)
	w := newFrameWalker(z.at, z.size)
	for {
		p, err := w.next()
		if errors.Is(err, io.EOF) {
			return
		}
		j := &job{packed: p, err: err, ready: make(chan struct{})}
		select {
		case inOrder <- j:
			work <- j // unpackers take until work is closed
		case <-stop:
			return
		}
		if err != nil {
			return
		}
	}
}

// unpack unpacks the frames that fit in one piece.
func (z *zstdFile) unpack(work <-chan *job) {
	for j := range work {
		if j.err == nil && j.bytes != nil {
			j.lines, j.err = z.dec.DecodeAll(j.bytes, nil)
			if j.err != nil {
				j.err = &tear{j.n, j.off, fmt.Sprintf("is damaged (%v)", j.err)}
			}
			j.bytes = nil
		}
		close(j.ready)
	}
}

// take passes on the lines of one frame; whole is false where reading ends.
func (z *zstdFile) take(j *job, f func([]byte, int64) error) (whole bool, err error) {
	var torn *tear
	switch {
	case errors.As(j.err, &torn):
		z.damage = torn.Error()
		return false, nil
	case j.err != nil:
		return false, j.err
	case z.sealed:
		z.damage = fmt.Sprintf("byte %d and what follows it come after the seal and do not belong to the file", j.off)
		return false, nil
	case j.skip != nil:
		z.events, z.sealed = parseSeal(j.skip)
		return true, nil
	case j.n == 1:
		z.own = bytes.IndexByte(j.lines, '\n') == len(j.lines)-1 && len(j.lines) > 0
	}
	if z.own && !j.checked {
		z.damage = (&tear{j.n, j.off, "is damaged: it lost its checksum"}).Error()
		return false, nil
	}
	if j.lines == nil {
		return z.stream(j, f)
	}
	return true, f(j.lines, j.off+j.size)
}

// stream passes on a frame that does not fit in one piece. Its checksum comes
// last, so it is read once to see that it is whole, and then for its lines.
func (z *zstdFile) stream(j *job, f func([]byte, int64) error) (whole bool, err error) {
	for _, to := range []func([]byte, int64) error{func([]byte, int64) error { return nil }, f} {
		in := io.NewSectionReader(z.at, j.off, j.size)
		dec, err := zstd.NewReader(in, zstd.WithDecoderConcurrency(1),
			zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(maxWindow))
		if err != nil {
			return false, err
		}
		var mine error
		err = pieces(dec, func(b []byte, _ int64) error {
			fed, _ := in.Seek(0, io.SeekCurrent) // where it is
			mine = to(b, j.off+fed)
			return mine
		})
		dec.Close()
		switch {
		case mine != nil:
			return false, mine
		case err != nil:
			z.damage = (&tear{j.n, j.off, fmt.Sprintf("is damaged (%v)", err)}).Error()
			return false, nil
		}
	}
	return true, nil
}

// end notices what is missing after the last frame.
func (z *zstdFile) end() {
	if z.own && !z.sealed {
		z.damage = fmt.Sprintf("the end is missing after byte %d: the run was cut short before it sealed the file, or the file lost its last frames", z.size)
	}
}
