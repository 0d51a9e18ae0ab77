package history

import "time"

// What ends a frame, counted in events, in time on the history's clock, and in
// bytes of lines. All three are functions of the events, so the same events
// give the same file. The last one bounds memory where reads return long lists.
const (
	frameEvents = 4096
	frameTime   = time.Second
	frameBytes  = 1 << 20
)

// fileSink makes events lines, and lines frames.
type fileSink struct {
	out    *frameWriter
	lines  []byte // the frame being filled
	events int    // in lines
	start  time.Duration
}

func (s *fileSink) invoke(i int, at time.Duration, session int, node string, steps []Step, final bool) error {
	s.before(at)
	s.lines = appendInvoke(s.lines, i, at, session, node, steps, final, Meta{})
	s.after()
	return nil
}

func (s *fileSink) complete(i int, at time.Duration, session int, node string, o Outcome, steps []Step, m Meta) error {
	s.before(at)
	s.lines = appendComplete(s.lines, i, at, session, node, o, steps, m)
	s.after()
	return nil
}

func (s *fileSink) event(ev Event) error {
	s.before(ev.T)
	s.lines = appendEvent(s.lines, ev)
	s.after()
	return nil
}

// before ends a frame that is a second old.
func (s *fileSink) before(at time.Duration) {
	if s.events > 0 && at-s.start >= frameTime {
		s.flush(nil)
	}
	if s.events == 0 {
		s.start = at
	}
}

// after counts an event that was added, and ends a frame that is full.
func (s *fileSink) after() {
	s.events++
	if s.events == frameEvents || len(s.lines) >= frameBytes {
		s.flush(nil)
	}
}

// flush hands the frame to the background and takes an empty buffer, waiting for
// one where the disk is slow.
func (s *fileSink) flush(written chan<- struct{}) {
	s.lines = s.out.write(frame{lines: s.lines, events: s.events, written: written})
	s.events = 0
}

func (s *fileSink) seal() {
	s.flush(nil)
	s.out.seal()
}

func (s *fileSink) wait()      { s.out.wait() }
func (s *fileSink) err() error { return s.out.err() }
