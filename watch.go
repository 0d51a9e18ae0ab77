package mlcheck

import (
	"context"
	"fmt"
	"slices"

	"github.com/mlcheck/mlcheck/history"
	"github.com/mlcheck/mlcheck/nemesis"
)

// looks is how often in a row a fault must be seen to be otherwise than it should be,
// where it was as it should be before: a measurement on a busy machine may be off.
const looks = 3

// begin measures before the first fault, so that what is wrong anyway is not taken for
// a fault.
func (n *saboteur) begin(ctx context.Context) error {
	if len(n.Faults) == 0 {
		return nil
	}
	for _, f := range n.Faults {
		n.closely(f) // how fast its links are counts for all that follows
	}
	m, err := n.look(ctx)
	if err != nil {
		return fmt.Errorf("measuring before the first fault: %w", err)
	}
	n.last = m
	return nil
}

// stays says in which way a fault's links, clocks, nodes and disks are not as a State
// has them, and go on not to be; "": they are.
func (n *saboteur) stays(ctx context.Context, f nemesis.Fault, s nemesis.State, m look) (why string, err error) {
	m, err = n.agree(ctx, f, s, m)
	return n.differs(f, s, m), err
}

// agree looks again, a few times, while a measurement does not agree with a State
// where a fault is concerned: a busy machine lets probes come late once, and not
// each time.
func (n *saboteur) agree(ctx context.Context, f nemesis.Fault, s nemesis.State, m look) (look, error) {
	for range looks - 1 {
		if n.differs(f, s, m) == "" {
			break
		}
		n.closely(f)
		again, err := n.look(ctx)
		if err != nil {
			return m, fmt.Errorf("measuring once more: %w", err)
		}
		m = again
	}
	return m, nil
}

// watch judges the faults that are in force, but for those whose edge it is: a cut and a
// skew must outlast the restart of a node. The first time that one is not there any
// more is recorded.
func (n *saboteur) watch(ctx context.Context, m look, edges ...nemesis.Fault) error {
	n.last = m
	for _, f := range n.Faults {
		is := func(g nemesis.Fault) bool { return g.ID == f.ID }
		if n.at < 0 || !f.Active(n.at) || n.gone[f.ID] || n.isLeaving(f) || slices.ContainsFunc(edges, is) {
			continue
		}
		why, err := n.stays(ctx, f, n.state(), m)
		if err != nil {
			return err
		}
		if why != "" {
			n.gone[f.ID] = true
			n.notThere(f, "it did not last: "+why)
		}
	}
	return nil
}

// alreadyWrong says what of a fault was wrong before it began, so that nobody could tell it.
func (n *saboteur) alreadyWrong(ctx context.Context, f nemesis.Fault) (string, error) {
	why, err := n.stays(ctx, f, n.state(), n.last)
	if why != "" {
		why = "before it began: " + why
	}
	return why, err
}

// notThere records that a fault is not there, or cannot be told from what was there.
func (n *saboteur) notThere(f nemesis.Fault, why string) {
	ev := describe(f, history.Absent)
	ev.Why = why
	n.opt.Progress("%6.1f s  %s: %s: %s", n.cluster.Now().Seconds(), f.Kind, history.Absent, why)
	n.rec.Event(ev)
}
