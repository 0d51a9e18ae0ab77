// Package agent is what mlcheck runs inside a sandbox, and the runner's end of
// the stream to it. An agent makes a node's faults true and measures them: rules
// for packets, the control file of the clock, probes to its peers. It is told
// the node's whole state, never a change, and it ends, restoring everything,
// when nobody talks to it any more. It knows addresses, not names, and neither
// targets nor the engine.
package agent

import (
	"time"

	"github.com/mlcheck/mlcheck/internal/impair"
)

// Lease is how long an agent lives without hearing from its runner.
const Lease = 10 * time.Second

// Port is where agents listen: UDP for probes, TCP to show the runner that an
// address is really the node's. It lies above the ephemeral ports of Linux.
const Port = 61717

// ClockDir is the directory of libfaketime's control file, in the agent's
// container and in the target's; ClockFile is the file itself.
const (
	ClockDir  = "/run/mlcheck"
	ClockFile = ClockDir + "/faketime"
)

// The requests.
const (
	doHello = "hello" // says which faults work here, and arms the clock; Token and Clock are set
	doPing  = "ping"  // keeps the lease, and makes ready what has started since
	doApply = "apply" // State becomes true
	doProbe = "probe" // sends probes of round Round to addresses: To
	doHeard = "heard" // says whose probes of round Round have arrived
	doTry   = "try"   // writes to the target's volume
	doHeld  = "held"  // says how many files are on the target's volume
	doEmpty = "empty" // removes them all
	doDial  = "dial"  // says which addresses of To refuse a connection
	doKeep  = "keep"  // from now on the agent needs no runner
)

// request is one line from the runner.
type request struct {
	ID    uint64         `json:"id"`
	Do    string         `json:"do"`
	Token string         `json:"token,omitempty"`
	Clock string         `json:"clock,omitempty"` // how the target's clock is skewed; in hello
	State *State         `json:"state,omitempty"`
	Round uint64         `json:"round,omitempty"`
	To    map[string]int `json:"to,omitempty"` // how many probes to which address
}

// State is everything that is wrong with one node at one instant. Its zero
// value, with a generation, is a healthy node.
type State struct {
	Generation uint64   `json:"generation"` // grows; an older one is refused
	In         []string `json:"in,omitempty"`
	Out        []string `json:"out,omitempty"`
	Refuse     []string `json:"refuse,omitempty"` // of Out: TCP is refused with a reset, and not dropped
	Clock      *Clock   `json:"clock,omitempty"`  // nil: right
	// Impaired are links from this node that are bad, short of a cut.
	Impaired []Impaired `json:"impaired,omitempty"`
	Seed     uint64     `json:"seed,omitempty"` // what chance on them is drawn from
	Full     bool       `json:"full,omitempty"` // the target's volume takes no more
}

// Impaired is one bad link: the address that it leads to, and what is wrong.
type Impaired struct {
	To string `json:"to"`
	impair.Link
}

// Clock is how far a node's clock is off: Offset at the fault's start, Elapsed
// before the request was sent, and PPM more for every second since. With a Period
// it is off by Jump beside that for one Period from the start, not for the next, and
// so on. No two machines need to agree on the time.
type Clock struct {
	Offset  time.Duration `json:"offset"`
	PPM     int64         `json:"ppm,omitempty"`
	Jump    time.Duration `json:"jump,omitempty"`
	Period  time.Duration `json:"period,omitempty"`
	Elapsed time.Duration `json:"elapsed,omitempty"`
}

// At is how far the clock is off when that long has passed since the request.
func (c Clock) At(since time.Duration) time.Duration {
	elapsed := c.Elapsed + since
	off := c.Offset + time.Duration(int64(elapsed)/1000*c.PPM/1000)
	if c.Period > 0 && elapsed/c.Period%2 == 0 {
		off += c.Jump
	}
	return off
}

// Reply is one line from the agent: what is true after the request.
type Reply struct {
	ID         uint64 `json:"id"`
	Error      string `json:"error,omitempty"`
	Generation uint64 `json:"generation"`
	// CutWhy and the others say why links cannot be cut, or the clock not be
	// skewed, on this machine; "": they can. In the reply to hello.
	CutWhy    string `json:"cut_why,omitempty"`
	ClockWhy  string `json:"clock_why,omitempty"`
	RefuseWhy string `json:"refuse_why,omitempty"` // connections cannot be refused
	ImpairWhy string `json:"impair_why,omitempty"` // links cannot be made bad
	// Heard is what became of the probes, by sender. In the reply to heard.
	Heard map[string]Tally `json:"heard,omitempty"`
	// Refused are the addresses that refuse a connection. In the reply to dial.
	Refused []string `json:"refused,omitempty"`
	// In and Out count the packets of the target that the cut to an address has
	// swallowed since it was last cut. In replies to heard.
	In  map[string]int64 `json:"in,omitempty"`
	Out map[string]int64 `json:"out,omitempty"`
	// Met counts the packets to an address that came to its bad link since it was
	// last made bad. In replies to heard.
	Met map[string]int64 `json:"met,omitempty"`
	// Disk is what became of writing to the target's volume. In the reply to try.
	Disk *DiskTrial `json:"disk,omitempty"`
	// Held is how many files are on the target's volume, or were before it was
	// emptied. In replies to held and empty.
	Held *int `json:"held,omitempty"`
	// Offset is how far the clock was asked to be off, at the time of the reply.
	Offset time.Duration `json:"offset,omitempty"`
}
