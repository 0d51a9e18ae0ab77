package agent

import (
	"fmt"
	"sync"
	"time"
)

// notice is the control file of a target that reads it itself: how far its clock is
// off in nanoseconds, by how many ppm it drifts, and since when, in nanoseconds
// of the machine's own clock since 1970. So nothing has to be moved while it drifts,
// and it drifts evenly however busy the machine is.
type notice struct {
	path string

	mu    sync.Mutex
	now   Clock
	since time.Time
}

func (n *notice) set(want *Clock) error {
	if want == nil {
		want = &Clock{}
	}
	since := time.Now()
	err := replace(n.path, fmt.Sprintf("%d %d %d\n", want.At(0).Nanoseconds(), want.PPM, since.UnixNano()))
	if err != nil {
		return err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.now, n.since = *want, since
	return nil
}

func (n *notice) restore() error { return n.set(nil) }

func (n *notice) offset() time.Duration {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.now.At(time.Since(n.since))
}
