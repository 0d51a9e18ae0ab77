package history

import (
	"maps"
	"slices"
	"time"
)

// Memory is a Recorder that keeps the history instead of writing it. What it gives
// is what [Open] would read of a file to which the same was recorded, without the
// way over text and compression. Strings are UTF-8, as everywhere in a history.
//
// It is stricter than a file: a number that is written twice, or a completion
// that is none of its operation, ends the recording at once, where a file takes
// it and its reader refuses it.
type Memory struct {
	*Recorder
	kept memorySink
}

// NewMemory starts a history in memory. The clock is that of [Create].
func NewMemory(hd Header, now func() time.Duration) *Memory {
	m := &Memory{kept: memorySink{b: NewBuilder(hd)}}
	m.Recorder = &Recorder{now: now, to: &m.kept}
	return m
}

// Room makes room for about so many operations, which saves copying as they come.
// Call it before the first one.
func (m *Memory) Room(ops int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.kept.b.h.makeRoom(ops)
}

// History closes the recorder and returns what was recorded. The error is that
// of [Recorder.Err], and the history is then what came before it.
func (m *Memory) History() (*History, error) {
	err := m.Close()
	return m.kept.b.History(), err
}

// memorySink hands events to a builder.
type memorySink struct {
	b   *Builder
	bad error // the first that the builder refused: it is of no use since
}

func (s *memorySink) invoke(i int, at time.Duration, session int, node string, steps []Step, final bool) error {
	if s.bad == nil {
		s.bad = s.b.Invoke(i, at, session, node, steps, final)
	}
	return s.bad
}

func (s *memorySink) complete(i int, at time.Duration, session int, node string, o Outcome, steps []Step, m Meta) error {
	if s.bad == nil {
		s.bad = s.b.askedElsewhere(i, session, node)
	}
	if s.bad == nil {
		s.bad = s.b.Complete(i, at, session, o, steps, m)
	}
	return s.bad
}

// event keeps no list and no map of the caller's, who may change them.
func (s *memorySink) event(ev Event) error {
	ev.Links, ev.Nodes, ev.Offsets = slices.Clone(ev.Links), slices.Clone(ev.Nodes), maps.Clone(ev.Offsets)
	if s.bad == nil {
		s.bad = s.b.Event(ev)
	}
	return s.bad
}

func (s *memorySink) flush(written chan<- struct{}) {
	if written != nil {
		close(written)
	}
}

func (s *memorySink) seal() {}
func (s *memorySink) wait() {}

// err is nil: memory does not fail, and of what was refused the recorder knows.
func (s *memorySink) err() error { return nil }
