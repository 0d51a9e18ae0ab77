package agent

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/mlcheck/mlcheck/internal/vdso"
)

// The mechanisms by which a target's clock is made wrong. A target chooses one.
const (
	Libfaketime = "libfaketime" // a library in the target, told by a control file
	VDSO        = "vdso"        // the code that the kernel maps into each process
)

// skewer makes the clock of the node's target wrong.
type skewer interface {
	set(*Clock) error // nil: right
	// arm makes ready whatever has started since.
	arm() error
	offset() time.Duration
	// restore makes it right, for good.
	restore() error
}

// newSkewer arms a mechanism, with a clock that is right. Nil and an error: it
// does not work here, and the error says why.
func newSkewer(mechanism string) (skewer, error) {
	switch mechanism {
	case "":
		return nil, errors.New("the target names no way to skew its clock")
	case VDSO:
		return newPatcher()
	case Libfaketime:
		if info, err := os.Stat(filepath.Dir(ClockFile)); err != nil || !info.IsDir() {
			return nil, errors.New("the sandbox has no control file for the clock")
		}
		c := &clock{path: ClockFile}
		return c, c.write(0)
	}
	return nil, fmt.Errorf("this agent knows no way to skew a clock that is called %q", mechanism)
}

// patcher skews by the vDSO of every process of the node: those of all containers
// that are in the sandbox but its own.
type patcher struct {
	keeper *vdso.Keeper
	now    vdso.Clock
}

func newPatcher() (skewer, error) {
	kit, err := vdso.NewKit()
	if err != nil {
		return nil, err
	}
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("the way of skewing clocks cannot be tried: %w", err)
	}
	if err := kit.Try(self, "agent", "tell"); err != nil {
		return nil, err
	}
	own, err := os.Readlink("/proc/self/ns/mnt")
	if err != nil {
		return nil, fmt.Errorf("the sandbox cannot be told from the target: %w", err)
	}
	k, err := vdso.Keep(kit, func(pid int) bool {
		theirs, err := os.Readlink(fmt.Sprintf("/proc/%d/ns/mnt", pid))
		return err == nil && theirs != own
	})
	if err != nil {
		return nil, err
	}
	return &patcher{keeper: k}, nil
}

func (p *patcher) set(want *Clock) error {
	p.now = vdso.Clock{}
	if want != nil {
		p.now = inProcesses(*want, time.Now())
	}
	return p.keeper.Set(p.now)
}

// inProcesses is a clock that was asked for now as the code in the processes has it.
func inProcesses(c Clock, now time.Time) vdso.Clock {
	return vdso.Clock{
		Since: now.Add(-c.Elapsed), Offset: c.Offset + c.Jump, PPM: c.PPM,
		Alternate: c.Offset, Period: c.Period,
	}
}

func (p *patcher) arm() error { return p.keeper.Arm() }

func (p *patcher) offset() time.Duration { return p.now.At(time.Now()) }

func (p *patcher) restore() error { return p.keeper.Close() }
