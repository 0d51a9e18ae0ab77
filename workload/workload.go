// Package workload says what sessions do, in steps that any target can execute,
// and which properties such a history can decide. Generators are pure: they
// never block, sleep or read a clock, and all of their randomness comes from
// the stream they are handed.
package workload

import (
	"math/rand/v2"
	"time"

	"github.com/mlcheck/mlcheck/history"
)

// Request is one operation to perform. Values of writing steps are left unset:
// the runner fills them in from the one counter of the run. What an increment adds
// and what a removal takes out is the workload's to say.
type Request struct {
	Node  string // where to ask; it differs from the last one when the session moves
	Steps []history.Step
}

// Generator is what one session does. Each has its own random stream, named
// after the session, so that a change to one session does not shift another's.
type Generator interface {
	// Next says which operation comes next and when, on the history's clock (a
	// time that has passed means now); ok is false when the session is done.
	Next(now time.Duration, r *rand.Rand) (req Request, at time.Duration, ok bool)
	// Seen tells how the last one ended.
	Seen(op history.Op)
}

// Workload is a set of sessions and what their history can decide.
type Workload struct {
	Name     string
	Help     string
	Needs    []history.F
	Atomic   bool                                  // wants several steps in one transaction where the target has them
	Decides  []string                              // names of properties
	Sessions int                                   // how many there must be; 0: as many as asked for
	KeyCount int                                   // how many keys by default; 0: 8
	Session  func(p Params, session int) Generator // sessions are numbered from 0
	Keys     func(p Params) []string               // every key that any session may touch
}

// Params are the options that all workloads share.
type Params struct {
	Nodes     []string
	Followers []string // of nodes: the first below the first, and so on round; they serve reads only
	Sessions  int
	KeyCount  int
	Rate      float64       // operations per second, of one session, while it runs
	Reads     float64       // share of reads, 0 to 1
	Moves     float64       // probability that a session moves before an operation
	Time      time.Duration // sessions stop asking after it
	Blind     bool          // no transactions: what belongs together is asked one after the other
	Seed      uint64        // for plans that several sessions share, such as probing shapes
}
