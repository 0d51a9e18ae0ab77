package history

import "time"

// Recorder writes a history while it happens. All methods are safe for
// concurrent use; an event's index is its place in the file.
//
// The first failure to write (a full disk) sticks: Err returns it, and the run
// ends with it.
type Recorder struct{}

// Create opens the history file of a run and writes its header. The clock
// gives the time since the run's base; it is read under the recorder's lock, so
// times never go back in the file.
func Create(path string, hd Header, now func() time.Duration) (*Recorder, error) {
	panic("being written")
}

// Invoke records the start of an operation and returns its index and time.
func (r *Recorder) Invoke(session int, node string, steps []Step, final bool) (index int, at time.Duration) {
	panic("being written")
}

// Complete records the end of the session's open operation.
func (r *Recorder) Complete(session int, node string, o Outcome, steps []Step, m Meta) (index int, at time.Duration) {
	panic("being written")
}

// Event records anything else; its Index and T are set here.
func (r *Recorder) Event(ev Event) (index int, at time.Duration) { panic("being written") }

// Flush ends the current frame and hands it to the operating system: what was
// recorded survives a kill -9 from here on.
func (r *Recorder) Flush() error { panic("being written") }

// Err is the first failure to write, or nil.
func (r *Recorder) Err() error { panic("being written") }

// Close seals the file: everything is flushed and synced.
func (r *Recorder) Close() error { panic("being written") }

// Open reads a history from a file, or from the run folder that holds it
// (history.jsonl.zst, or history.jsonl without compression). A truncated or damaged file
// gives everything before the damage, with History.Damage saying so; an error
// means that nothing could be read or the content is not a history at all.
func Open(path string) (*History, error) { panic("being written") }
