package history

import (
	"encoding/binary"
	"fmt"
	"sync/atomic"

	"github.com/klauspost/compress/zstd"
)

// frameWriter compresses frames and writes them, in one goroutine of its own,
// in the order they came. Frames are independent and carry a checksum: what is
// damaged costs its own frame and nothing before it.
type frameWriter struct {
	disk   disk
	enc    *zstd.Encoder
	full   chan frame
	free   chan []byte // buffers that were written, empty again
	done   chan struct{}
	failed atomic.Pointer[error]
}

// frame is a number of whole lines on their way to the disk.
type frame struct {
	lines   []byte
	events  int
	written chan<- struct{} // closed when this frame and all before it are out
}

// queue is how many frames may wait for the disk: two megabytes as a rule.
const queue = 4

// newFrameWriter writes the header as the first frame and starts the rest.
func newFrameWriter(f disk, header []byte) (*frameWriter, error) {
	// The fastest level packs a register workload to 13.4 bytes an event, the
	// slower ones to 13.8 and 13.2. The window holds a whole frame.
	enc, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderCRC(true),
		zstd.WithEncoderConcurrency(1), zstd.WithWindowSize(1<<20))
	if err != nil {
		return nil, err
	}
	if _, err := f.Write(enc.EncodeAll(header, nil)); err != nil {
		return nil, err
	}
	w := &frameWriter{disk: f, enc: enc, full: make(chan frame, queue), free: make(chan []byte, queue+1), done: make(chan struct{})}
	for range queue {
		w.free <- nil
	}
	go w.run()
	return w, nil
}

// write queues a frame and returns an empty buffer for the next one. It waits
// while all buffers are on their way.
func (w *frameWriter) write(f frame) []byte {
	w.full <- f
	return (<-w.free)[:0]
}

// seal queues the end: nothing may be written after it.
func (w *frameWriter) seal() { close(w.full) }

// wait returns when everything is on disk and the file is closed.
func (w *frameWriter) wait() { <-w.done }

// err is the first failure.
func (w *frameWriter) err() error {
	if err := w.failed.Load(); err != nil {
		return *err
	}
	return nil
}

func (w *frameWriter) fail(doing string, err error) {
	if err != nil {
		err = fmt.Errorf("cannot %s the history: %w", doing, err)
		w.failed.CompareAndSwap(nil, &err)
	}
}

// run writes frames until the file is sealed. After a failure it only takes
// them away, so that nobody waits for a disk that is full.
func (w *frameWriter) run() {
	defer close(w.done)
	var packed []byte
	events := 0
	for f := range w.full {
		if len(f.lines) > 0 && w.err() == nil {
			packed = w.enc.EncodeAll(f.lines, packed[:0])
			_, err := w.disk.Write(packed)
			w.fail("write", err)
			events += f.events
		}
		if f.written != nil {
			close(f.written)
		}
		w.free <- f.lines
	}
	if w.err() == nil {
		_, err := w.disk.Write(seal(events))
		w.fail("seal", err)
	}
	if w.err() == nil {
		w.fail("sync", w.disk.Sync())
	}
	w.fail("close", w.disk.Close())
	w.fail("close", w.enc.Close())
}

// The seal is the last thing in a file that was closed in order: a skippable
// frame, which every zstd tool passes over, with the number of events. Without
// it a file that lost its last frames could not be told from a whole one.
const (
	sealMagic  = 0x184d2a50
	sealPrefix = "mlcheck.seal/1 "
	maxSeal    = 64 // bytes of text
)

func seal(events int) []byte {
	text := fmt.Sprintf("%s%d events\n", sealPrefix, events)
	b := binary.LittleEndian.AppendUint32(nil, sealMagic)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(text)))
	return append(b, text...)
}

// parseSeal returns the number of events that a seal names.
func parseSeal(text []byte) (events int, ok bool) {
	n, err := fmt.Sscanf(string(text), sealPrefix+"%d events\n", &events)
	return events, err == nil && n == 1 && events >= 0 && string(seal(events)[8:]) == string(text)
}
