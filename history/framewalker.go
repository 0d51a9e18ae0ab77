package history

import (
	"bufio"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/zstd"
)

// Bounds on what a frame may hold to be unpacked in one piece. A frame of ours
// is seldom larger than frameBytes; other tools pack a file into one frame of
// any size, which is unpacked as a stream.
const (
	blockSize  = 128 << 10 // most that one block unpacks to
	maxBlocks  = 64
	maxContent = maxBlocks * blockSize
)

// packed is one zstd frame as it lies in a file.
type packed struct {
	n         int // its number, from 1
	off, size int64
	checked   bool   // it carries a checksum
	bytes     []byte // all of it; nil where it is too large for one piece
	skip      []byte // what a short skippable frame holds; not nil: it is one
}

// tear is a place where a file stops being a sequence of whole frames.
type tear struct {
	frame int
	off   int64
	what  string
}

func (t *tear) Error() string { return fmt.Sprintf("frame %d at byte %d %s", t.frame, t.off, t.what) }

// frameWalker finds where frames end, from the sizes of their blocks, without
// unpacking anything.
type frameWalker struct {
	r   *bufio.Reader
	n   int
	off int64
}

func newFrameWalker(at io.ReaderAt, size int64) *frameWalker {
	return &frameWalker{r: bufio.NewReaderSize(io.NewSectionReader(at, 0, size), 1<<18)}
}

// next returns the next frame, io.EOF at the end, a *tear where the file is no
// longer made of frames, or the error of reading it.
func (w *frameWalker) next() (*packed, error) {
	head, err := w.r.Peek(zstd.HeaderMaxSize)
	if len(head) == 0 {
		return nil, err
	}
	p := &packed{n: w.n + 1, off: w.off}
	var h zstd.Header
	switch err := h.Decode(head); {
	case errors.Is(err, io.ErrUnexpectedEOF):
		return nil, &tear{p.n, p.off, "is cut short"}
	case err != nil:
		return nil, &tear{p.n, p.off, "is no zstd frame: the bytes from there on are damaged or do not belong to the file"}
	}
	if h.Skippable {
		err = w.skippable(p, &h)
	} else {
		p.checked = h.HasCheckSum
		err = w.blocks(p, &h)
	}
	switch {
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return nil, &tear{p.n, p.off, "is cut short"}
	case err != nil:
		return nil, err
	}
	p.size = w.off - p.off
	w.n++
	return p, nil
}

func (w *frameWalker) skippable(p *packed, h *zstd.Header) error {
	if err := w.discard(h.HeaderSize); err != nil {
		return err
	}
	p.skip = []byte{}
	if h.SkippableSize > maxSeal {
		for left := int64(h.SkippableSize); left > 0; left -= blockSize {
			if err := w.discard(int(min(left, blockSize))); err != nil {
				return err
			}
		}
		return nil
	}
	p.skip = make([]byte, h.SkippableSize)
	n, err := io.ReadFull(w.r, p.skip)
	w.off += int64(n)
	return err
}

// blocks passes over the blocks of a frame and keeps them while they are few.
func (w *frameWalker) blocks(p *packed, h *zstd.Header) error {
	if err := w.keep(p, h.HeaderSize, true); err != nil {
		return err
	}
	for n, last := 1, false; !last; n++ {
		b, err := w.r.Peek(3)
		if err != nil {
			return err
		}
		v := int(b[0]) | int(b[1])<<8 | int(b[2])<<16
		last = v&1 != 0
		size := v >> 3
		if v>>1&3 == 3 || size > blockSize {
			return &tear{p.n, p.off, fmt.Sprintf("is damaged: its block %d cannot be", n)}
		}
		if v>>1&3 == 1 {
			size = 1 // one byte, repeated
		}
		if err := w.keep(p, 3+size, n <= maxBlocks); err != nil {
			return err
		}
	}
	if p.checked {
		return w.keep(p, 4, p.bytes != nil)
	}
	return nil
}

// keep passes over n bytes and adds them to the frame, or forgets the frame's
// bytes once it is too large.
func (w *frameWalker) keep(p *packed, n int, fits bool) error {
	if !fits {
		p.bytes = nil
		return w.discard(n)
	}
	at := len(p.bytes)
	p.bytes = append(p.bytes, make([]byte, n)...)
	got, err := io.ReadFull(w.r, p.bytes[at:])
	w.off += int64(got)
	return err
}

func (w *frameWalker) discard(n int) error {
	got, err := w.r.Discard(n)
	w.off += int64(got)
	return err
}
