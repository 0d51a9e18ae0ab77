// Package history is the record of a run: what every client asked of which
// leader, what it was told, and what was wrong with the world at that moment,
// on one monotonic clock. It records, stores, reads and shows; it judges
// nothing, and it knows no target, no Docker and no checker.
package history

import (
	"slices"
	"time"
)

// F is what a step does. The vocabulary is small on purpose: workloads emit
// steps, targets execute them, and no pair of the two needs a client of its own.
type F uint8

// The functions, each with the word that stands for it on disk.
const (
	Read   F = iota + 1 // "r"    read a key: a register, a set, a list, or its siblings
	Write               // "w"    replace the value of a key
	Delete              // "d"    remove a key: a write of a tombstone
	Add                 // "add"  put an element into a set
	Remove              // "rem"  take an element out of a set
	Append              // "app"  put an element at the end of a list
	Inc                 // "inc"  add to a counter; the value may be negative
	Insert              // "ins"  insert an element after another: List is [element, after]
	Cas                 // "cas"  write a key if it holds what is expected: List is [expected, written]
)

// IsWrite says whether a step changes state when it takes effect.
func (f F) IsWrite() bool { return f > Read && f <= Cas }

// Value is what a step writes or what a read returned. Its zero value is
// nothing: on a read it stands for "nobody has written here, or it was deleted".
//
// Written numbers come from one counter for the whole run, starting at 1, so a
// number names its write. 0 is the initial value and is never written; a read
// of 0 and a read of nothing mean the same thing.
type Value struct {
	Set  bool    // false: nothing
	N    int64   // a register, an element, an increment
	List []int64 // not nil: a set, a list, siblings, or the two numbers of an Insert or a Cas
}

// Int is the value of a register, an element or an increment.
func Int(n int64) Value { return Value{Set: true, N: n} }

// List is a value of many: a set, a list, or siblings. It is never nil, so that
// an empty list stays different from nothing.
func List(ns ...int64) Value {
	if ns == nil {
		ns = []int64{}
	}
	return Value{Set: true, List: ns}
}

// Equal says whether two values are the same, order in lists included.
func (v Value) Equal(w Value) bool {
	return v.Set == w.Set && v.N == w.N && (v.List == nil) == (w.List == nil) && slices.Equal(v.List, w.List)
}

// Step is one read or one change of one key. An operation has one or more of
// them; several make a transaction.
type Step struct {
	F     F
	Key   string
	Value Value
}

// Outcome says what is known of an operation. The zero value is the honest one:
// it may have taken effect, or may yet.
type Outcome uint8

// The outcomes.
const (
	Info Outcome = iota // may have happened, or may yet
	OK                  // took effect
	Fail                // did not take effect
)

// String is the word on disk.
func (o Outcome) String() string { return [...]string{"info", "ok", "fail"}[o] }

// Op is one operation: a view that [History] makes on demand.
type Op struct {
	Pos     int // position in the history, by invocation, from 0
	Index   int // the invocation's "i" on disk: what reports call #Index
	Return  int // the completion's "i"; 0 when none was recorded
	Session int
	Node    string // the node that the client asked
	By      string // the node that executed, where it is known to be another
	Start   time.Duration
	End     time.Duration // of the completion; meaningless when Return is 0
	Outcome Outcome
	Steps   []Step // as completed where a completion says so, else as invoked
	Final   bool   // a read after healing, by a session of its own for each node
	Meta    Meta
}

// Meta is what targets can tell beyond the outcome. All of it is optional.
type Meta struct {
	By    string // the node that executed the operation, when not the one asked
	Ctx   string // the versions that a write says it replaces
	Stamp string // the order stamp that the target gave: "time.node.sequence" or what it has
	Token string // the causal token that the client handed over
	Error string // why an operation failed or is unknown
}

// Link is a directed replication link.
type Link struct {
	From string `json:"from" yaml:"from"`
	To   string `json:"to" yaml:"to"`
}

// EventType says what an event that is no operation tells about.
type EventType string

// The types of events beside operations.
const (
	FaultEvent EventType = "fault" // a fault passes through its phases
	ClockEvent EventType = "clock" // clock offsets that were measured
	StageEvent EventType = "stage" // the run passes from one stage to the next
	MoveEvent  EventType = "move"  // a session leaves one node for another
)

// The phases of a fault, in order. Effective and healed are measured, and come
// only when the measurement showed it; absent and stuck say that it did not.
const (
	Planned   = "planned"   // the schedule asked for it
	Effective = "effective" // measured: it is in force
	Absent    = "absent"    // measured: it is not in force though it should be
	Covered   = "covered"   // not to be measured: another fault leaves it nothing to act on
	Healing   = "healing"   // the schedule asked for its end
	Healed    = "healed"    // measured: it is gone
	Stuck     = "stuck"     // measured: it is still there though it should be gone
)

// The stages of a run, in order.
const (
	StageWork   = "work"   // sessions run, faults come and go
	StageHeal   = "heal"   // the zero State is being applied
	StageHealed = "healed" // and was proved
	StageClosed = "closed" // every client is closed; what was in flight is info
	StageQuiet  = "quiet"  // replication came to rest, or did not: see Event.State
	StageFinal  = "final"  // a fresh session per node reads every key
	StageEnd    = "end"
)

// The states of replication in a StageQuiet event.
const (
	QuietYes     = "quiet"   // nothing is in flight
	QuietStopped = "stopped" // replication has stopped by itself; Why says where
	QuietMoving  = "moving"  // still moving at the deadline
)

// Event is anything in the record that is not an operation.
type Event struct {
	Index int // "i" on disk
	T     time.Duration
	Type  EventType

	Fault int      // faults: the number of the fault in the run's schedule, from 1
	Kind  string   // faults: "partition", "link", "clock", "pause", "stop", "kill", "crash", "wipe", "member", "disk"
	Phase string   // faults: one of the phases above
	Links []Link   // partitions, links: the directed links that are cut or impaired
	Nodes []string // the nodes whose clocks or processes a fault concerns

	// Offsets, in nanoseconds by node: what a clock fault asks for (planned) or
	// what the target's own clock showed against the runner's (effective,
	// healed, clock events).
	Offsets map[string]int64
	PPM     int64 // clock faults: drift in parts per million
	Period  int64 // clock faults: nanoseconds for which the clock is off, then right, then off again; 0: it does not jump back

	What    string // faults, planned: what it does in words, where the other fields do not say it
	Dropped int64  // partitions, healing: messages or packets of the target that the cut swallowed; -1 not known
	Met     int64  // other faults, healing: what of the target's own work met it: messages on an impaired link, what found a process paused or down, slow syncs; -1 not known

	Stage   string // stages: one of the stages above
	State   string // StageQuiet: one of the states above
	Session int    // moves
	From    string // moves
	To      string // moves
	Why     string // in words, where there is something to say
}

// Claim is a promise of the target, so configured, with where it comes from.
type Claim struct {
	Property string   `json:"property" yaml:"property"`
	Except   []string `json:"except,omitempty" yaml:"except,omitempty"` // kinds of fault under which it is not promised
	Source   string   `json:"source,omitempty" yaml:"source,omitempty"` // "command line", or a document of the vendor
}

// What numbers may tell, where they do not name their writes. What rests on
// reads-from cannot be decided then.
const (
	// ValuesRepeat: a number may be written to a key again. Only here a
	// compare-and-set is one step, Cas; elsewhere it is an operation that reads
	// and writes, so that its read is a read like others.
	ValuesRepeat = "repeat"
	// ValuesBalances: keys are accounts that hold something from the start, Inc
	// moves some of it, and a read returns what an account holds.
	ValuesBalances = "balances"
)

// Rules that a leader may enforce when it executes an operation.
const (
	RuleNonNegative = "non-negative" // an increment that would bring a counter below zero is refused
	RuleUnique      = "unique"       // a write of a key that its operation has read and found free is refused if it is taken
)

// Header is the first line of a history: what a checker must know of the run
// besides what happened. A bare history therefore gives the same results as its
// run folder. Everything but Nodes is optional.
type Header struct {
	Nodes    []string    `json:"nodes"`
	Target   string      `json:"target,omitempty"`
	Workload string      `json:"workload,omitempty"`
	Topology string      `json:"topology,omitempty"` // "ring", "all-to-all", …
	Links    [][2]string `json:"links,omitempty"`    // who replicates to whom, directed

	// Policy is what the target does with concurrent writes: "lww-wall",
	// "lww-hlc", "siblings", "none", …. Policies that keep concurrent writes
	// make a concurrent drop a loss.
	Policy string `json:"policy,omitempty"`
	// SessionScope is "client" where the target orders a session across nodes
	// by itself; else only operations at one node are ordered.
	SessionScope string `json:"session-scope,omitempty"`
	// NodeOrder says that every leader is one linear store with local reads.
	NodeOrder bool `json:"node-order,omitempty"`
	// Granularity is "transaction" where the steps of an operation are promised
	// to become visible together; else each key stands alone.
	Granularity string `json:"granularity,omitempty"`

	// Values says what numbers tell: "" (a number is written to a key once, so
	// it names its write), ValuesRepeat or ValuesBalances.
	Values string `json:"values,omitempty"`

	// Rules are what every leader refuses to break by itself: RuleNonNegative,
	// RuleUnique.
	Rules []string `json:"rules,omitempty"`

	// Decides names the properties that this workload can decide; empty: every
	// property whose checker finds what it needs.
	Decides []string `json:"decides,omitempty"`
	Claims  []Claim  `json:"claims,omitempty"`
	Seed    uint64   `json:"seed,omitempty"`
}
