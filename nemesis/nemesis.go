// Package nemesis is what goes wrong, as data: faults, schedules that are
// written or drawn from a seed, and the State that says everything that is
// wrong at one instant. How a State becomes true is a [Fabric]'s business; this
// package knows neither Docker nor the simulated world.
package nemesis

import (
	"context"
	"time"

	"github.com/mlcheck/mlcheck/history"
)

// The kinds of faults.
const (
	Partition = "partition" // directed links cut
	Clock     = "clock"     // nodes' clocks off
	Pause     = "pause"     // processes stopped in their tracks, and resumed
	Stop      = "stop"      // processes asked to end, and started again
	Kill      = "kill"      // processes dead; what they wrote to files survives
	Wipe      = "wipe"      // processes dead, and their disks empty when they start again
	Crash     = "crash"     // power lost: what was not synced is gone as well
	Member    = "member"    // nodes leave the topology, in good order, and join it anew with empty disks
)

// Fault is one thing that is wrong for a while. It says everything about
// itself, so it can be stored, replayed and shrunk.
type Fault struct {
	ID     int            `json:"id" yaml:"id"` // from 1, in the order of the schedule
	Kind   string         `json:"kind" yaml:"kind"`
	Shape  string         `json:"shape,omitempty" yaml:"shape,omitempty"` // the shape that it was drawn as, one of its Kind's
	From   time.Duration  `json:"from" yaml:"from"`                       // on the history's clock
	Until  time.Duration  `json:"until" yaml:"until"`
	Flap   time.Duration  `json:"flap,omitempty" yaml:"flap,omitempty"`     // partition: the cut comes and goes, and stays so long each time
	Reject bool           `json:"reject,omitempty" yaml:"reject,omitempty"` // partition: who sends is told at once, and not left to wait
	Links  []history.Link `json:"links,omitempty" yaml:"links,omitempty"`   // partition, link: the directed links that are cut or impaired
	Impair *Impairment    `json:"impair,omitempty" yaml:"impair,omitempty"` // link: what happens to messages
	Disk   *DiskTrouble   `json:"disk,omitempty" yaml:"disk,omitempty"`     // disk: what is wrong with the nodes' disks
	Clocks []Skew         `json:"clocks,omitempty" yaml:"clocks,omitempty"`
	Nodes  []string       `json:"nodes,omitempty" yaml:"nodes,omitempty"` // pause, stop, kill, crash, wipe, member, disk: whom it befalls
}

// State is everything that is wrong at one instant. The zero State is a healthy
// cluster; healing is applying it. It is computed from the active faults, never
// by adding and taking away, so it cannot drift from the schedule. Two States
// with the same meaning are deeply equal: entries are sorted, and no entry is
// without effect.
type State struct {
	Cut    []history.Link // sorted by From, To
	Reject []history.Link // of those that are cut: who sends is told; sorted by From, To
	Links  []LinkState    // impaired; sorted by From, To
	Clocks []ClockState   // sorted by node
	Paused []string       // sorted; nodes that are down are not among them
	Down   []DownState    // sorted by node
	Disks  []DiskState    // sorted by node
	// Out are the nodes that are to be out of the topology, sorted. To leave takes time,
	// and may fail: see [State.With], which is what a Fabric gets.
	Out []string
}

// DownState is one node that is not running. By is the kind of fault that did it: it
// was asked to end ([Stop]), and brought to its disk what it wanted to; or it was killed
// ([Kill]): what it had written survives, as it does in a page cache; or its power was
// lost ([Crash]): only what it had synced does; or its disk is gone ([Wipe]): nothing
// does; or it has left ([Member]): its process ended and its disk was emptied. Down ends with the node being started again.
type DownState struct {
	Node string
	By   string
}

// Grace is how long a process that was asked to end may take before it is killed.
const Grace = 10 * time.Second

// Fabric makes a State true and measures what is true.
type Fabric interface {
	// Apply makes exactly this State true. It is idempotent, and nil only when
	// every node has confirmed.
	Apply(context.Context, State) error
	// Measure says what is true now, by trying: probes along every directed
	// link of the topology, and each target's own clock.
	Measure(context.Context) (Measured, error)
	// Cannot says what of this State this machine cannot do, and why; nothing
	// when it can do all of it. Run asks before the run for every fault of the
	// schedule.
	Cannot(State) []string
}

// Thorough is an optional capability of a Fabric whose probes cost time: it sends as
// many as show what an impairment does when that has changed, and when it is asked to,
// with the next measurement.
type Thorough interface {
	Thoroughly(links []history.Link, probes int)
}

// Measured is what was found to be true.
type Measured struct {
	// Up says for each directed link of the topology whether a probe passed.
	Up map[history.Link]bool
	// Probes are what became of the probes along each link.
	Probes map[history.Link]Probes
	// Refused says for each link that the State has reject whether a connection was
	// refused at once.
	Refused map[history.Link]bool
	// Dropped counts messages or packets of the target (never probes) that
	// the cut of a link has swallowed since the link was last cut.
	Dropped map[history.Link]int64
	// Impaired counts messages of the target (never probes) that an impaired
	// link has carried or lost since it was last impaired.
	Impaired map[history.Link]int64
	// Clocks is each node's clock minus the runner's, by the target's own
	// clock; a node that did not answer is missing.
	Clocks map[string]time.Duration
	// Read is when all clocks were read, by the history's clock; 0: some time during
	// the measurement.
	Read time.Duration
	// Error bound of each clock: half of the round trip.
	Within map[string]time.Duration
	// Nodes is what each node's process does; a node that nobody could look at
	// is missing.
	Nodes map[string]Process
	// Disks is what became of writing a record to each node's disk and syncing it.
	Disks map[string]DiskTrial
}

// Probes are what became of the probes that one measurement sent along a link.
type Probes struct {
	Sent      int
	Came      int           // of those, how many arrived, once or twice
	Twice     int           // arrived twice
	Overtaken int           // arrived after one that was sent later
	Gaps      int           // how often one or more in a row were lost
	Least     time.Duration // the shortest time that one took
	Mean      time.Duration // what they took on average
	Within    time.Duration // error bound of both times
}

// Process is what was found of one node's process.
type Process struct {
	Is   string // Up, Paused or Down
	Why  string // why it is down, where no fault of that kind asked for it; what it lacks, where it is up
	Met  int64  // messages, requests and connections that found it paused or down since it last became so; -1: not known
	Kept int64  // records on its disk; -1: not known
	Lost int64  // records that were not synced when its power was lost last, or on its disk when that was; -1: not known
	Of   string // what Kept and Lost count; "": records
	Bare bool   // it was looked at right before it came up, and had nothing on its disk
}

// DiskTrial is what became of writing a record and syncing it.
type DiskTrial struct {
	Full bool          // it could not be written
	Sync time.Duration // how long the sync took
	// Within is how much longer than asked for it may take on top of what the disk does.
	Within time.Duration
	Met    int64 // syncs of the target that were slow, or requests and messages that found the disk full, since it was last in trouble; -1: not known
}

// What a process does.
const (
	Up     = "up"
	Paused = "paused"
	Down   = "down"
)
