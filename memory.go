package mlcheck

import (
	"context"
	"errors"

	"github.com/mlcheck/mlcheck/history"
)

// simulated runs a plan in the simulated world and returns its history: the same
// that Run leaves in a folder, line by line. Nothing is stored and nothing is
// checked. When ctx is cancelled the history is that of what was done by then.
// Beside an error there may be a history, of what came before.
func (p *plan) simulated(ctx context.Context) (*history.History, error) {
	if p.World != "sim" {
		return nil, usage("a run whose history stays in memory is one of world sim, not of world %q", p.World)
	}
	r := &runner{plan: p, opt: Options{Progress: func(string, ...any) {}}}
	failed := r.record(ctx)
	if r.memory == nil {
		return nil, failed
	}
	h, err := r.memory.History()
	if failed != nil {
		err = nil // it is in failed
	}
	return h, errors.Join(failed, err)
}
