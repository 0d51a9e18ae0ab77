// Package targets says what a system under test must bring: how it is deployed
// and wired, how a client executes steps, and what it promises. Each target
// lives in a folder of its own. Nothing here knows Docker or the simulated
// world; both come to a target through the small interfaces below.
package targets

import (
	"context"
	"errors"
	"net"
	"time"

	"github.com/mlcheck/mlcheck/history"
)

// Target is one kind of system.
type Target interface {
	Name() string
	Help() string      // a sentence for `mlcheck list`
	Options() []Option // for help, suggestions and checks of -o
	// Configure is pure: list, help and --dry-run use it. Its errors are
	// sentences for the person who wrote the configuration.
	Configure(Config) (Plan, error)
}

// Option is one -o name=value of a target.
type Option struct {
	Name    string
	Default string
	Values  []string // the valid ones; empty: free text, checked by Configure
	Help    string   // what it does and what it changes about the promises
}

// Config is what a person chose: the topology, the nodes, the options.
type Config struct {
	Nodes     []string // leaders, in order: n1, n2, …
	Followers []string // f1, f2, …: the first below the first leader, and so on round
	Topology  string
	World     string            // "sim" or "docker"
	Options   map[string]string // complete: defaults filled in, names and values checked
	Keys      []string          // every key that the workload will touch
	Workload  string
}

// Plan is what a target, so configured, is and promises.
type Plan struct {
	Worlds     []string       // where it can run, the default first
	Topologies []string       // the valid ones, the default first
	Links      []history.Link // who replicates to whom, directed
	Supports   []history.F
	Followers  bool // there can be followers below leaders, which serve reads
	Atomic     bool // several steps of one operation are one transaction
	// Ordered, Scope, …: the declarations that checkers read; see history.Header.
	Policy       string
	SessionScope string
	NodeOrder    bool
	Granularity  string
	Claims       []history.Claim
	// Settle is at least twice the target's own retry bound: how long nothing
	// may change before replication counts as stopped.
	Settle time.Duration
	// Rejoins says that a leader whose disk was emptied comes back and is given what the
	// others have; RejoinsWhy says why it does not.
	Rejoins    bool
	RejoinsWhy string
	// Members says that a leader can leave the topology and join it anew, with an empty
	// disk: the System has [Members]. MembersWhy says why not.
	Members    bool
	MembersWhy string
	System     System
}

// System is a configured target. Deployment is an extra capability: it is
// [Containers], [Simulated], or both.
type System interface {
	// Connect opens a client to one node. An error here means that nothing was
	// asked: the operation fails, for certain.
	Connect(context.Context, Node) (Client, error)
}

// Client executes operations, one at a time, and never retries; nor does any
// library under it. A plain error means that the operation may have happened
// (info); [Refused] says that it certainly did not (fail).
type Client interface {
	// Do executes the steps, as one transaction where the target has them and
	// there is more than one, and returns them with what reads returned.
	Do(context.Context, []history.Step) (Done, error)
	Close() error
}

// Done is what an operation returned.
type Done struct {
	Steps []history.Step
	Meta  history.Meta
}

// Node is one member, as clients and wiring see it.
type Node interface {
	Name() string // "n1"
	Peer() string // the address under which other nodes reach it
	// Dial connects a client to the port that the target serves clients on.
	// Clients get no address: the connection may be a pipe through an engine.
	Dial(context.Context) (net.Conn, error)
}

// Containers is a System that runs in containers.
type Containers interface {
	Spec(node string) Spec
	// Ready returns nil once the node answers. It is called again and again until
	// the deadline; its last error is shown with the last lines of the log.
	Ready(context.Context, Node) error
	// Wire makes the nodes replicate to each other by the topology.
	Wire(context.Context, []Node) error
}

// Rejoining is an optional capability of a System in containers, for targets whose
// nodes know the others from their disk: one that was started with an empty disk is
// wired to them anew.
type Rejoining interface {
	// Rejoin is called when the node is ready, also while links are cut and other nodes
	// are down. It does not wait until the node has caught up. After an error it is
	// called again when the faults change; one when there are none ends the run.
	Rejoin(ctx context.Context, node Node, all []Node) error
}

// Spec is the container of one node.
type Spec struct {
	Image   string   // the official image, the tag that Build gives, or OwnBinary
	Build   *Build   // how to build it where it cannot be pulled; nil: only pulled
	Command []string // nil: the image's own
	Env     map[string]string
	Files   map[string]string // absolute path → content, put there before the start
	Port    int               // where clients connect
	Memory  int64             // bytes; 0: no limit
	Startup time.Duration     // deadline for Ready
	// Data is the directory where the target keeps what it writes, whose disk can be
	// filled, and lost: it is there and empty at the first start, and holds all that the target
	// remembers. "": it cannot, and DataWhy says why it cannot be filled.
	Data    string
	DataWhy string
	// Clock says how this target's clock can be skewed: "" not at all (ClockWhy says
	// why); "vdso" by the code that the kernel maps into its processes, which works
	// with any program and needs nothing from it; "libfaketime" by a library in its
	// image, for programs that wait for absolute times of the wall clock.
	Clock    string
	ClockWhy string
	// Undistorted says that the target never waits until an absolute time of the wall
	// clock. The kernel keeps to the true time in such waits, so that "vdso" makes them
	// wrong by the whole skew, and reports warn of that; ClockNote is what else they say of
	// a skew, a sentence without its full stop.
	Undistorted bool
	ClockNote   string
}

// OwnBinary is the image of a target that is part of mlcheck: its own static binary
// and nothing else. The command is the binary's arguments.
const OwnBinary = "mlcheck"

// Build is a Dockerfile on Debian packages.
type Build struct {
	Tag        string // "mlcheck/mariadb:10.11-1": changed whenever the Dockerfile changes
	Suite      string // the Debian suite of the base: "bookworm", "trixie"
	Dockerfile string // its first line is FROM ${BASE}
}

// Simulated is a System that runs in the simulated world.
type Simulated interface {
	New(node string, disk Disk) Machine
}

// Disk is what a simulated node finds when it comes up: an append-only log.
type Disk interface {
	// Read returns every record that is left, in order: after a kill all that
	// were logged, after a loss of power those that had been synced.
	Read() [][]byte
}

// Machine is a node as a deterministic function: bytes and times in, bytes and
// times out. It is the public seam for the simulated world, for a container's
// loop and for users' own systems. Bytes only: pointers would share state.
//
// A machine that is killed gets no word of it: the next thing that happens is a
// New with what its disk has left, and a Start. The list that Step returns is the
// world's until the next Step; the bodies in it are not changed after.
type Machine interface {
	Step(In) []Out
}

// The kinds of In and Out. A machine ignores Ins of a kind that it does not know.
const (
	Start   = "start"   // In: the node has come up; its disk was given to New
	Message = "message" // In: from a peer; Out: to a peer
	Request = "request" // In: from a client connection
	Reply   = "reply"   // Out: to a client connection
	Timer   = "timer"   // In: it rang; Out: ring in After
	Bounced = "bounced" // In: a message that the network refused on its way to From; a world whose connections dial again by themselves tells nothing
	Log     = "log"     // Out: append to the disk
	Trace   = "trace"   // Out: what the machine tells about itself; worlds without a use for it ignore it
)

// In is one thing that happens to a machine.
type In struct {
	Kind string
	Wall time.Time // the node's own wall clock, which may be off
	From string    // peer's name, or the client connection's
	Body []byte
	Full bool // the disk takes no more: a Log in this step ends the machine, as a process that cannot write its log must end
}

// Out is one thing that a machine does. Outs of one step happen in order. A Log is
// written at once, so it survives the end of the process; with Sync it is brought
// to the disk, where it survives a loss of power too. One without Sync gets there
// with the next that has it, or within about a second. No Message or Reply leaves
// while a record that was to be synced is not on disk yet, but for eager ones.
type Out struct {
	Kind  string
	To    string
	After time.Duration
	Body  []byte
	Sync  bool // Log: bring it to the disk now
	Eager bool // Message, Reply: leave at once, whatever is not on disk yet
}

// Quiet is an optional capability: the target knows whether replication has
// come to rest. State is history.QuietYes, QuietStopped or QuietMoving; Why says,
// for stopped, which link and which error, for moving what is still on its way.
type Quiet interface {
	Quiet(context.Context, []Node) (state, why string, err error)
}

// Clocked is an optional capability of a System: it can read a node's own clock.
type Clocked interface {
	Clock(context.Context, Node) (time.Time, error)
}

// Finals is an optional capability of a System whose reads may be served from
// elsewhere than the node: it opens the client for final reads.
type Finals interface {
	ConnectFinal(context.Context, Node) (Client, error)
}

// Members is an optional capability of a System whose leaders can leave the topology for
// good and in good order, and join it again as new ones. Each call does what it can at
// once; it is made again and again until it says that all is done.
type Members interface {
	// Leave has a node hand over to the others what it has, and go: they neither count on
	// it any more nor send to it. While that goes on it serves nobody, and why says what
	// it waits for. A node that cannot finish stays a member. Once it has left, its
	// process is ended and its disk emptied.
	Leave(ctx context.Context, node Node, others []Node) (left bool, why string, err error)
	// Stay calls off a leave that goes on, or one that has not been followed by the end of
	// the process: the node is a member as before, and serves.
	Stay(ctx context.Context, node Node, others []Node) error
	// Join has a node that was started with an empty disk be given what the others have,
	// and become a member; why says what it waits for.
	Join(ctx context.Context, node Node, others []Node) (joined bool, why string, err error)
	// Members is whom a node takes for members: itself as long as it serves, and the
	// others that it counts on and replicates with.
	Members(context.Context, Node) ([]string, error)
}

// Tokens is an optional capability of a Client: it says what its session has
// seen, in a causal token, and hands over what the session has seen elsewhere.
type Tokens interface {
	Token() string // of all operations so far, and of what was resumed; "": nothing
	// Resume is called before the first operation, which is to take place after
	// everything that the token stands for.
	Resume(token string) error
}

// ErrRefused marks an operation that certainly did not happen.
var ErrRefused = errors.New("refused")

// Refused says that err means: this operation did not take effect, and never will.
func Refused(err error) error { return &refused{err} }

type refused struct{ err error }

func (r *refused) Error() string        { return r.err.Error() }
func (r *refused) Unwrap() error        { return r.err }
func (r *refused) Is(target error) bool { return target == ErrRefused }
