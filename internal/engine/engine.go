// Package engine is all that the project asks of a container engine, in its own
// words: a dozen calls and plain structs. It knows nothing of nodes, runs or
// faults. The client library stays behind [Engine], so that exchanging it is a
// matter of one file.
package engine

import (
	"context"
	"errors"
	"io"
	"net"
	"time"
)

// Engine is a container engine that answers. All methods may be called from
// several goroutines.
type Engine interface {
	Images
	Containers
	Objects

	// Info says what answers.
	Info(ctx context.Context) (Info, error)
	// CreateNetwork makes a bridge network and returns its id.
	CreateNetwork(ctx context.Context, name string, labels map[string]string) (id string, err error)
	Close() error
}

// Images are what containers are made from.
type Images interface {
	HasImage(ctx context.Context, ref string) (bool, error)
	// ImportImage makes an image of one layer out of a tar stream; changes are
	// instructions of a Dockerfile ("ENTRYPOINT …"). No builder takes part.
	ImportImage(ctx context.Context, ref string, layer io.Reader, changes []string) error
	// PullImage fetches an image, telling progress in whole lines.
	PullImage(ctx context.Context, ref string, progress func(line string)) error
	// BuildImage builds a Dockerfile that copies nothing from its context. The
	// error holds the last lines of the build.
	BuildImage(ctx context.Context, ref, dockerfile string, labels map[string]string, progress func(line string)) error
	TagImage(ctx context.Context, ref, as string) error
	// ListImages gives the references of all images that carry a label.
	ListImages(ctx context.Context, label string) ([]string, error)
	RemoveImage(ctx context.Context, ref string) error
}

// Containers run.
type Containers interface {
	CreateContainer(ctx context.Context, c Container) (id string, err error)
	StartContainer(ctx context.Context, id string) error
	// KillContainer ends all processes of a container at once (SIGKILL), and waits
	// for that. PauseContainer stops them where they are, until they are resumed.
	KillContainer(ctx context.Context, id string) error
	// StopContainer asks a container to end (SIGTERM, or what its image says), kills it
	// when it has not done so in time, to the second, and waits for its end.
	StopContainer(ctx context.Context, id string, grace time.Duration) error
	PauseContainer(ctx context.Context, id string) error
	UnpauseContainer(ctx context.Context, id string) error
	InspectContainer(ctx context.Context, id string) (Status, error)
	// Attach joins the standard input and output of a container. What it says
	// on its standard error goes to stderr, as it is read.
	Attach(ctx context.Context, id string, stderr io.Writer) (Stream, error)
	// Exec starts a program in a running container and joins its input and
	// output. The program ends when the stream is closed and it notices.
	Exec(ctx context.Context, id string, command []string) (Stream, error)
	// CopyTo unpacks a tar stream below a directory of a container.
	CopyTo(ctx context.Context, id, dir string, tar io.Reader) error
	// HasFile says whether a path exists in a container, running or not.
	HasFile(ctx context.Context, id, path string) (bool, error)
	// Logs writes the output of a container, each line with its time in
	// front. Tail bounds the number of lines; 0: all.
	Logs(ctx context.Context, id string, w io.Writer, tail int) error
}

// Objects are what a run leaves behind if nobody removes it.
type Objects interface {
	// List gives every container, network and volume with a label, "key" or
	// "key=value", in the order in which they can be removed.
	List(ctx context.Context, label string) ([]Object, error)
	// Remove removes an object, by force, together with the anonymous volumes
	// of a container. An object that is gone, or going, is no error.
	Remove(ctx context.Context, o Object) error
}

// Stream is a two-way stream into a container. Deadlines work.
type Stream interface {
	net.Conn
	CloseWrite() error
}

// Info says what answers.
type Info struct {
	Version  string
	OS       string // in Go's words: "linux"
	Arch     string // in Go's words: "amd64"
	Endpoint string // where it answers
	// Now is the engine's own clock, to compare with [Object.Created].
	Now time.Time
}

// Container is what a container is made of.
type Container struct {
	Name       string
	Image      string
	Command    []string // nil: the image's own
	Env        []string // "NAME=value"
	Labels     map[string]string
	Hostname   string
	Network    string   // id of a network, or
	JoinOf     string   // id of the container whose network and PID namespaces it joins
	Aliases    []string // names under which the network's own DNS knows it
	VolumesOf  string   // id of the container whose volumes it mounts too
	Volumes    []string // paths of anonymous volumes; they carry the container's labels
	Bounded    []Volume // anonymous volumes in memory; they carry the container's labels
	Memory     int64    // bytes; 0: no limit
	Init       bool     // the engine's own init is process 1 and reaps orphans
	Stdin      bool     // standard input is open, until the first attached stream ends
	NoLog      bool     // output is attached to, never stored
	ReadOnly   bool     // the root file system
	DropAll    bool     // no capability but those in Add; no new privileges
	Add        []string // capabilities: "NET_ADMIN"
	StopSignal string
}

// Volume is a volume that holds no more than so many bytes, all of them in memory.
type Volume struct {
	Path  string
	Bytes int64
}

// Status is what a container is doing.
type Status struct {
	Running  bool // a paused container runs
	Paused   bool
	ExitCode int
	Error    string // why it could not start
	IP       string // in the network that it was created in
}

// Kind is a kind of object.
type Kind string

// The kinds, in the order in which they can be removed.
const (
	ContainerKind Kind = "container"
	NetworkKind   Kind = "network"
	VolumeKind    Kind = "volume"
)

// Object is something that an engine holds.
type Object struct {
	Kind    Kind
	ID      string
	Name    string
	Labels  map[string]string
	State   string // containers: "created", "running", "exited", …
	Created time.Time
}

// ErrUnavailable marks an engine that does not answer.
var ErrUnavailable = errors.New("no container engine answers")
