package history

import (
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"time"
)

// Recorder takes down a history while it happens: [Create] writes it to a file,
// [NewMemory] keeps it. All methods are safe for concurrent use; an event's index
// is its place in the history, from 1.
//
// In a file an event costs its line in a buffer. Compressing and writing happen in
// the background; only a disk that falls four frames behind makes callers wait.
//
// The first failure to write (a full disk) sticks: Err returns it, and the run
// ends with it. The same goes for events that no reader would accept, such as
// a second start in one session: they are left out of the file, get index 0,
// and what was recorded before and after stays readable.
type Recorder struct {
	now func() time.Duration
	to  sink

	mu      sync.Mutex
	last    time.Duration
	index   int
	open    sessions // shape of the session's open operation
	misused error
	closed  bool
}

// sink is where the events go that a recorder accepts, in their order. Its errors
// are about the event; what failed before, such as a disk, err tells.
type sink interface {
	invoke(i int, at time.Duration, session int, node string, steps []Step, final bool) error
	complete(i int, at time.Duration, session int, node string, o Outcome, steps []Step, m Meta) error
	event(ev Event) error
	flush(written chan<- struct{}) // closes written once everything so far is safe
	seal()                         // nothing comes after it
	wait()                         // until everything is safe
	err() error
}

// Create opens the history file of a run and writes its header. A file that is
// already there is never overwritten. The clock gives the time since the run's
// base; it is read under the recorder's lock, so times never go back in the file.
func Create(path string, hd Header, now func() time.Duration) (*Recorder, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, fmt.Errorf("cannot create the history, a new file is needed for each run: %w", err)
	}
	r, err := newRecorder(f, hd, now)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("cannot write the history's header to %s: %w", path, err), f.Close())
	}
	return r, nil
}

// disk is what a recorder needs of a file.
type disk interface {
	io.WriteCloser
	Sync() error
}

// newRecorder writes the header in a frame of its own, before it returns: from
// here on the file names its nodes, whatever happens to the run.
func newRecorder(f disk, hd Header, now func() time.Duration) (*Recorder, error) {
	header, err := appendHeader(nil, hd)
	if err != nil {
		return nil, err
	}
	out, err := newFrameWriter(f, header)
	if err != nil {
		return nil, err
	}
	return &Recorder{now: now, to: &fileSink{out: out}}, nil
}

// Invoke records the start of an operation and returns its index and time.
func (r *Recorder) Invoke(session int, node string, steps []Step, final bool) (index int, at time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.mayInvoke(session, steps); err != nil {
		return r.refuse(err)
	}
	index, at = r.tick()
	if err := r.to.invoke(index, at, session, node, steps, final); err != nil {
		return r.refuse(err)
	}
	r.index = index
	r.open.set(session, shapeOf(steps))
	return index, at
}

// Complete records the end of the session's open operation. Steps are those of
// the invocation, with what reads returned; nil: as invoked.
func (r *Recorder) Complete(session int, node string, o Outcome, steps []Step, m Meta) (index int, at time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.mayComplete(session, o, steps); err != nil {
		return r.refuse(err)
	}
	index, at = r.tick()
	if err := r.to.complete(index, at, session, node, o, steps, m); err != nil {
		return r.refuse(err)
	}
	r.index = index
	r.open.set(session, 0)
	return index, at
}

// Event records anything else; its Index and T are set here.
func (r *Recorder) Event(ev Event) (index int, at time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.mayEvent(ev); err != nil {
		return r.refuse(err)
	}
	ev.Index, ev.T = r.tick()
	if err := r.to.event(ev); err != nil {
		return r.refuse(err)
	}
	r.index = ev.Index
	return ev.Index, ev.T
}

// tick is the index and the time of the next event.
func (r *Recorder) tick() (int, time.Duration) {
	r.last = max(r.now(), r.last)
	return r.index + 1, r.last
}

// refuse leaves an event out that no reader would accept.
func (r *Recorder) refuse(err error) (index int, at time.Duration) {
	if r.misused == nil {
		r.misused = fmt.Errorf("the history lacks an event that would have followed event %d: %w", r.index, err)
	}
	r.last = max(r.now(), r.last)
	return 0, r.last
}

func (r *Recorder) mayInvoke(session int, steps []Step) error {
	switch {
	case r.closed:
		return errClosed
	case session < 0:
		return fmt.Errorf("session %d: sessions are numbered from 0", session)
	case r.open.get(session) != 0:
		return fmt.Errorf("session %d starts an operation while another one is open", session)
	}
	return checkWords(steps)
}

func (r *Recorder) mayComplete(session int, o Outcome, steps []Step) error {
	shape := r.open.get(session)
	switch {
	case r.closed:
		return errClosed
	case shape == 0:
		return fmt.Errorf("session %d completes an operation that it has not open", session)
	case steps != nil && shapeOf(steps) != shape:
		return fmt.Errorf("session %d completes with other steps than it started with", session)
	case steps == nil && o == OK && shape&1 != 0:
		return fmt.Errorf("session %d completes a read without saying what it returned", session)
	case o > Fail:
		return fmt.Errorf("there is no outcome %d", o)
	}
	return checkWords(steps)
}

func (r *Recorder) mayEvent(ev Event) error {
	if r.closed {
		return errClosed
	}
	return ev.Type.check()
}

// shapeOf is what a recorder remembers of an open operation: how many steps it
// has and, in the last bit, whether one reads. It is never 0.
func shapeOf(steps []Step) int32 {
	reads := int32(0)
	for _, s := range steps {
		if s.F == Read {
			reads = 1
		}
	}
	return int32(len(steps)+1)<<1 | reads
}

var errClosed = errors.New("the recorder is closed")

func checkWords(steps []Step) error {
	for _, s := range steps {
		if !s.F.valid() {
			return fmt.Errorf("there is no function %d", s.F)
		}
	}
	return nil
}

// Count is the number of events that were recorded so far.
func (r *Recorder) Count() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.index
}

// Flush ends the current frame and hands it to the operating system: what was
// recorded survives a kill -9 from here on. A world in real time calls it from
// a ticker; it moves the frames' edges, never the lines.
func (r *Recorder) Flush() error {
	written := make(chan struct{})
	r.mu.Lock()
	if r.closed {
		r.mu.Unlock()
		return r.Err()
	}
	r.to.flush(written)
	r.mu.Unlock()
	<-written
	return r.Err()
}

// Err is the first failure to write, or nil.
func (r *Recorder) Err() error {
	if err := r.to.err(); err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.misused
}

// Close seals the file: everything is flushed and synced. It may be called twice.
func (r *Recorder) Close() error {
	r.mu.Lock()
	if !r.closed {
		r.closed = true
		r.to.seal()
	}
	r.mu.Unlock()
	r.to.wait()
	return r.Err()
}
