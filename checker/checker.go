// Package checker judges histories: a file or folder for each property, every
// one a pure function of a history. It knows no targets, no Docker and no
// reports; the same call serves a run that has just ended and a history from
// anywhere.
package checker

import (
	"context"

	"github.com/mlcheck/mlcheck/history"
)

// Verdict is the answer to one property.
type Verdict string

// The verdicts. Combined, violated outweighs unknown, which outweighs holds.
const (
	Holds      Verdict = "holds"
	Unknown    Verdict = "unknown"
	Violated   Verdict = "violated"
	NotDecided Verdict = "not decided" // this workload or format cannot express it: listed, never counted
)

// Property is one promise that a history can break.
type Property struct {
	Name    string // the one name it has everywhere: --claim, results, explain
	Title   string // a sentence: what a system that keeps it promises
	Source  string // where the definition comes from
	Explain string // a page for `mlcheck explain`: meaning, example, what breaks it, what to do

	// Applies says why a history cannot decide the property, or "".
	Applies func(*history.History) string
	// Check decides it. It is pure, keeps no reference to the history, and
	// gives up with Unknown when the context ends.
	Check func(context.Context, *history.History) Result
}

// Result is what one property's check found. Counts are exact; Findings are
// bounded, smallest first.
type Result struct {
	Verdict    Verdict        `json:"verdict"`
	Reason     string         `json:"reason,omitempty"` // a sentence: why not decided, why unknown, or what was found
	Chances    int            `json:"chances"`          // places where a forbidden value existed and could have been returned
	Violations int            `json:"violations"`
	Counts     map[string]int `json:"counts,omitempty"` // named subtotals: "superseded", "suspicious", "same leader", …
	Findings   []Finding      `json:"findings,omitempty"`
}

// Finding is one violation: the smallest set of operations that shows it.
type Finding struct {
	ID    string `json:"id"`    // stable: the same violation of the same history has the same ID
	Label string `json:"label"` // what kind: "stale win", "WriteCOInitRead", "stopped", …
	// Story is two or three sentences a person can follow: which write,
	// acknowledged where, was beaten by what, and why that must not be.
	Story string `json:"story"`
	Ops   []int  `json:"ops"` // Op.Index of the operations, in the order of the story
	Edges []Edge `json:"edges,omitempty"`

	// Confirmed says that package naive, which shares no code with what found it,
	// finds it too; Unconfirmed says in words why it could not be asked. See
	// docs/evidence.md.
	Confirmed   bool   `json:"confirmed"`
	Unconfirmed string `json:"unconfirmed,omitempty"`
	// Beside are the operations that its own history needs besides Ops: the writes
	// of whatever else was read, and what could have excused it and does not.
	Beside  []int    `json:"beside,omitempty"`
	File    string   `json:"file,omitempty"` // the name of that history in the folder findings; "": there is none
	Diagram *Diagram `json:"diagram,omitempty"`
}

// Edge is one step of the argument.
type Edge struct {
	From    int    `json:"from"` // Op.Index
	To      int    `json:"to"`
	Kind    string `json:"kind"`    // "so", "wr", "co", "rt", …
	Because string `json:"because"` // "n3 had shown y=7, which n2 wrote after reading x=4"
}

// Decided is one property's entry in the results.
type Decided struct {
	Title   string   `json:"title,omitempty"` // the property's own sentence, so that a reader of results needs no registry
	Claimed bool     `json:"claimed"`
	By      string   `json:"by,omitempty"` // who claims it: "command line", or the target's source
	Except  []string `json:"except,omitempty"`
	Decided bool     `json:"decided"`
	// Excused: violated while a kind of fault was in the run under which the
	// claim is not made. Shown just as loudly, not counted.
	Excused string `json:"excused,omitempty"`
	Result
}

// FaultReport says of one fault whether it was really there, and whether it mattered.
type FaultReport struct {
	Fault     int    `json:"fault"`
	Kind      string `json:"kind"`
	State     string `json:"state"`      // "effective", "absent", "idle", "stuck", "not measured"
	Planned   int64  `json:"planned_ns"` // times on the history's clock; -1: never
	Effective int64  `json:"effective_ns"`
	Healing   int64  `json:"healing_ns"`
	Healed    int64  `json:"healed_ns"`
	What      string `json:"what"` // "n1 → n2 and n2 → n1 cut", "n3's clock +2.1 s"
	Note      string `json:"note,omitempty"`
	// Read is how far each clock was read to be off, in nanoseconds by node, when a
	// clock fault was measured to be there.
	Read map[string]int64 `json:"read_ns,omitempty"`
}

// Results is results.json.
type Results struct {
	Format     string              `json:"format"` // "mlcheck.results/1"
	Verdict    Verdict             `json:"verdict"`
	Why        string              `json:"why"` // the verdict in a sentence
	Exit       int                 `json:"exit"`
	Seed       uint64              `json:"seed"`
	Repeat     string              `json:"repeat,omitempty"` // the command that repeats the run
	HistorySHA string              `json:"history_sha256"`
	Properties map[string]*Decided `json:"properties"`
	Power      map[string]int      `json:"power"` // what the run had to find something with: operations, concurrent write pairs, …
	Faults     []FaultReport       `json:"faults"`
	Notes      []string            `json:"notes,omitempty"` // what has to be known of how faults were made
	Measures   map[string]float64  `json:"measures"`        // "ops_per_second", "time_to_converge_ms", …
	// Replication is how changes spread; nil where the history tells nothing of it.
	Replication *Replication `json:"replication,omitempty"`
}
