package mlcheck

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/mlcheck/mlcheck/history"
	"github.com/mlcheck/mlcheck/nemesis"
)

// How often clocks are measured beside the edges of faults, and how near to an
// edge a measurement may not come.
const (
	clockEvery = time.Second
	clockClear = 250 * time.Millisecond
)

// saboteur walks the schedule: at each edge it makes the State of that moment
// true, measures, and records for every fault concerned what was planned and
// what was found. In between it measures the clocks.
type saboteur struct {
	*runner
	err error         // a fault that could not be made or measured ends the run
	at  time.Duration // the edge whose State is in force, the schedule may be ahead of it; before the first one -1
	// before is what links and nodes that were in trouble already had met when a
	// fault began, by fault: that is not its own doing.
	before  map[int]int64
	last    look          // the latest one, under the State in force
	gone    map[int]bool  // faults that were found not to be there any more
	met     map[int]int64 // what faults that flap have met in the turns that are over
	proving []*clockProof // of the clock faults in force, those that are not proved yet
	// covered are faults in force that nobody could measure yet: cuts cover all of
	// their links.
	covered []nemesis.Fault
}

func newSaboteur(r *runner) *saboteur {
	r.members.was = map[int]bool{}
	return &saboteur{runner: r, at: -1, before: map[int]int64{}, met: map[int]int64{}, gone: map[int]bool{}}
}

// moment is something on the schedule: an edge, or a time at which a clock fault
// that needs time to show itself is to be looked at.
type moment struct {
	at    time.Duration
	prove *nemesis.Fault
}

func (n *saboteur) moments() []moment {
	var ms []moment
	for _, at := range nemesis.Edges(n.Faults) {
		ms = append(ms, moment{at: at})
	}
	for i := range n.Faults {
		for _, at := range readings(n.Faults[i]) {
			ms = append(ms, moment{at: at, prove: &n.Faults[i]})
		}
	}
	slices.SortStableFunc(ms, func(a, b moment) int { return cmp.Compare(a.at, b.at) })
	return ms
}

// run keeps what goes wrong in err, and ends the work: the run's faults are no
// longer those of its schedule.
func (n *saboteur) run(ctx context.Context) error {
	if err := n.walk(ctx); err != nil && ctx.Err() == nil {
		n.err = err
		n.stop()
	}
	return nil
}

func (n *saboteur) walk(ctx context.Context) error {
	if err := n.begin(ctx); err != nil {
		return err
	}
	ms := n.moments()
	for {
		next := n.Time
		if len(ms) > 0 {
			next = ms[0].at
		}
		if err := n.measureUntil(ctx, next); err != nil {
			return err
		}
		if len(ms) == 0 {
			return nil
		}
		m := ms[0]
		ms = ms[1:]
		if m.prove != nil {
			if err := n.prove(ctx, *m.prove); err != nil {
				return err
			}
			continue
		}
		if err := n.edge(ctx, m.at); err != nil {
			return err
		}
	}
}

// measureUntil sleeps until the time, and looks on the way at the clocks and at what is in force.
func (n *saboteur) measureUntil(ctx context.Context, until time.Duration) error {
	for {
		if err := n.rec.Err(); err != nil {
			return err
		}
		now := n.cluster.Now()
		if now >= until {
			return nil
		}
		wait := until - now
		if wait <= clockEvery+clockClear {
			return n.rest(ctx, wait)
		}
		if err := n.rest(ctx, clockEvery); err != nil {
			return err
		}
		if err := n.lookAtClocks(ctx); err != nil {
			return err
		}
	}
}

// noteClocks records clocks that were measured.
func (r *runner) noteClocks(m nemesis.Measured) {
	if len(m.Clocks) > 0 {
		r.rec.Event(history.Event{Type: history.ClockEvent, Offsets: offsets(m.Clocks)})
	}
}

func offsets(clocks map[string]time.Duration) map[string]int64 {
	m := map[string]int64{}
	for node, off := range clocks {
		m[node] = int64(off)
	}
	return m
}

// edge passes from one State to the next.
func (n *saboteur) edge(ctx context.Context, at time.Duration) error {
	fabric := n.cluster.Fabric()
	var starting, ending []nemesis.Fault
	for _, f := range n.Faults {
		if f.From == at {
			starting = append(starting, f)
		}
		if f.Until == at {
			ending = append(ending, f)
		}
	}
	turning := n.turnsAt(at)
	var before look
	if slices.ContainsFunc(slices.Concat(ending, turning), counts) || n.clocksEnd(ending, at) {
		for _, f := range ending {
			n.closely(f)
		}
		var err error // the counters of a cut go with the cut
		if before, err = n.look(ctx); err != nil {
			return fmt.Errorf("measuring before a fault ends: %w", err)
		}
		if err := n.watch(ctx, before); err != nil {
			return err
		}
		n.proveClocks(before)
	}
	n.pausing(turning, at, before.Measured)
	for _, f := range ending {
		n.concludeClocks(f)
		n.callOff(f)
		n.rec.Event(n.ended(f, before.Measured))
	}
	wrong := map[int]string{} // what of a fault was so before it
	for _, f := range starting {
		var err error
		if wrong[f.ID], err = n.alreadyWrong(ctx, f); err != nil {
			return err
		}
		n.opt.Progress("%6.1f s  %s: %s", n.cluster.Now().Seconds(), f.Kind, f)
		n.rec.Event(describe(f, history.Planned))
	}
	were := n.state()
	n.at = at
	n.stillOut()
	if err := fabric.Apply(ctx, n.state()); err != nil {
		return fmt.Errorf("making faults true at %s: %w", at, err)
	}
	for _, f := range n.covered {
		if f.Active(n.at) && !n.isCovered(f) { // now it shows
			n.closely(f)
		}
	}
	m, err := n.look(ctx)
	if err != nil {
		return fmt.Errorf("measuring faults at %s: %w", at, err)
	}
	n.noteClocks(m.Measured)
	for _, f := range starting {
		n.before[f.ID] = max(metBy(already(f, were), m.Measured), 0)
		switch {
		case wrong[f.ID] != "":
			n.notThere(f, wrong[f.ID])
		case f.Kind == nemesis.Member:
			n.begins(f)
		case len(f.Clocks) > 0:
			n.proving = append(n.proving, newClockProof(f))
		case !n.cover(f):
			if err := n.judgeEdge(ctx, f, m, history.Effective, history.Absent); err != nil {
				return err
			}
		}
	}
	n.uncover(m)
	n.turned(turning, were, m)
	for _, f := range ending {
		n.opt.Progress("%6.1f s  %s: over", n.cluster.Now().Seconds(), f)
		if len(f.Clocks) > 0 {
			n.unhealed = append(n.unhealed, f)
			continue
		}
		if f.Kind == nemesis.Member {
			n.members.joining = append(n.members.joining, f)
			continue
		}
		if err := n.judgeEdge(ctx, f, m, history.Healed, history.Stuck); err != nil {
			return err
		}
	}
	n.proveClocks(m)
	if err := n.watch(ctx, m, slices.Concat(starting, ending, turning)...); err != nil {
		return err
	}
	return n.passages(ctx)
}

// judgeEdge judges a fault that begins or ends by a measurement that agrees, if one of
// a few does.
func (n *saboteur) judgeEdge(ctx context.Context, f nemesis.Fault, m look, good, bad string) error {
	m, err := n.agree(ctx, f, n.state(), m)
	if err == nil {
		n.judge(f, m, good, bad)
	}
	return err
}
