// Package world says where a run happens: in one process on virtual time, or
// among containers on real time. Only the runner sees a World; workloads and
// targets are ordinary blocking code under it.
package world

import (
	"context"
	"time"

	"github.com/mlcheck/mlcheck/nemesis"
	"github.com/mlcheck/mlcheck/targets"
)

// Task is one line of activity: a session, the nemesis, a reader of clocks.
type Task struct {
	Name string // names its random streams and shows up in errors
	Do   func(context.Context) error
}

// World is time and tasks.
type World interface {
	// Now is the time since the run's base, monotonic: the history's clock.
	Now() time.Duration
	Sleep(context.Context, time.Duration) error
	WithTimeout(context.Context, time.Duration) (context.Context, context.CancelFunc)
	// Run runs the tasks side by side until all have returned, and joins their
	// errors. A task that fails does not end the others; a cancelled ctx does.
	Run(context.Context, ...Task) error
}

// Cluster is a world with the target deployed in it.
type Cluster interface {
	World
	Nodes() []targets.Node // in the order of the configuration
	Fabric() nemesis.Fabric
	// Logs writes each node's log of the run below dir, as far as there is one.
	Logs(ctx context.Context, dir string) error
	// Close removes everything that the cluster made. It is safe to call twice.
	Close(ctx context.Context) error
}
