package mlcheck

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/mlcheck/mlcheck/checker"
	"github.com/mlcheck/mlcheck/history"
	"github.com/mlcheck/mlcheck/internal/world"
	"github.com/mlcheck/mlcheck/nemesis"
	"github.com/mlcheck/mlcheck/targets"
)

// Options say how to run, as opposed to what.
type Options struct {
	Store string // where run folders go; "": "store"
	Keep  bool   // leave the nodes up
	// Progress is told, in short lines without an end of line, what goes on.
	Progress func(format string, args ...any)
}

// Outcome is a run that came to its end, good or bad.
type Outcome struct {
	Dir         string
	Test        Test
	Results     *checker.Results
	Interrupted bool
	Kept        string // the command that removes the nodes that were kept
}

// Run runs a Test: deploy, sessions and nemesis, heal, close, wait until quiet,
// final reads, tear down; then it checks what was recorded and writes the
// reports. The history is sealed on disk before anything is checked.
//
// When ctx is cancelled the run ends early, everything is torn down, and what
// there is is checked and reported. An error is a *UsageError for a mistake in
// the Test, anything else for what went wrong; where there is an Outcome beside
// it, there is a history, and Results unless they could not be written.
func Run(ctx context.Context, t Test, o Options) (*Outcome, error) {
	p, err := t.plan()
	if err != nil {
		return nil, err
	}
	if o.Progress == nil {
		o.Progress = func(string, ...any) {}
	}
	if o.Store == "" {
		o.Store = "store"
	}
	dir, err := newFolder(o.Store, p)
	if err != nil {
		return nil, err
	}
	for _, left := range p.draw().LeftOut() {
		o.Progress("%s", left)
	}
	r := &runner{plan: p, opt: o, dir: dir}
	return r.run(ctx)
}

// run records and judges. The checks of an interrupted run are part of ending it
// well, and a run that failed is looked at more than any other.
func (r *runner) run(ctx context.Context) (*Outcome, error) {
	failed := r.record(ctx)
	if failed != nil && !r.recorded {
		removeFolder(r.opt.Store, r.dir)
		return nil, failed
	}
	out := &Outcome{Dir: r.dir, Test: r.Test, Interrupted: ctx.Err() != nil, Kept: r.kept}
	var err error
	out.Results, err = Check(context.WithoutCancel(ctx), r.dir)
	if failed != nil {
		failed = fmt.Errorf("%w\nThe history up to here is in %s, and `mlcheck check %s` judges it", failed, r.dir, r.dir)
	}
	return out, errors.Join(failed, err)
}

// runner is one run.
type runner struct {
	*plan
	opt      Options
	dir      string        // "": the history stays in memory
	cluster  world.Cluster // nil: to be deployed
	rec      *history.Recorder
	memory   *history.Memory // where rec keeps the history, if it does
	value    atomic.Int64    // the last number that was written
	recorded bool            // the history holds something
	readers  []*session      // by node: who reads there since clients are closed
	moving   bool            // replication had not come to rest at the deadline
	stop     func()          // ends the work early: the run cannot go on
	kept     string          // the command that removes the nodes, if they are to stay
	// fastest is how long a probe takes along each link while nothing is wrong:
	// what an impairment is measured against. Empty: the schedule impairs none.
	fastest map[history.Link]time.Duration
	// unhealed are the clock faults that are over, but nobody has seen it yet: their
	// nodes did not run.
	unhealed []nemesis.Fault
	members  membership
}

// record does everything up to the sealed history.
func (r *runner) record(ctx context.Context) (err error) {
	if r.cluster == nil {
		if r.cluster, err = r.deploy(ctx); err != nil {
			return err
		}
	}
	if keeper, ok := r.cluster.(interface{ RemoveCommand() string }); ok && r.opt.Keep {
		r.kept = keeper.RemoveCommand()
	}
	defer func() { err = errors.Join(err, r.tearDown(ctx)) }()
	if err := r.refuseImpossible(); err != nil {
		return err
	}
	if err := r.start(); err != nil {
		return err
	}
	defer func() {
		if unsealed := r.seal(); !errors.Is(err, r.rec.Err()) {
			err = errors.Join(err, unsealed)
		}
	}()
	for _, stage := range []func(context.Context) error{r.work, r.heal, r.quiet, r.final} {
		bad := stage(ctx)
		if err := r.rec.Err(); err != nil {
			if errors.Is(err, syscall.ENOSPC) {
				err = fmt.Errorf("%w; make room, or name another place with --store", err)
			}
			return fmt.Errorf("the history cannot be written any more, and the run has ended: %w", err)
		}
		if bad != nil && ctx.Err() == nil {
			return bad
		}
		if ctx.Err() != nil {
			r.opt.Progress("interrupted: checking what there is")
			return nil
		}
	}
	r.stage(history.StageEnd, "", "")
	return nil
}

// start opens the history, in the run's folder if it has one.
func (r *runner) start() (err error) {
	if r.dir == "" {
		r.memory = history.NewMemory(r.header(), r.cluster.Now)
		r.memory.Room(min(1<<20, int(1.1*r.Rate*r.Time.Seconds()*float64(r.Sessions))))
		r.rec = r.memory.Recorder
		return nil
	}
	r.rec, err = history.Create(filepath.Join(r.dir, historyFile), r.header(), r.cluster.Now)
	if err != nil {
		return fmt.Errorf("the history cannot be written: %w", err)
	}
	r.recorded = true
	pointLatest(r.opt.Store, r.dir)
	if err := r.saveInfo(); err != nil {
		return errors.Join(err, r.rec.Close())
	}
	return nil
}

// seal closes the history; a failure is that of the first write that failed.
func (r *runner) seal() error {
	if err := r.rec.Close(); err != nil {
		return fmt.Errorf("the history cannot be written, so the run has ended: %w", err)
	}
	return nil
}

// tearDown removes what was deployed. It has its own bounded time: the run's
// context may be the reason that it is called.
func (r *runner) tearDown(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
	defer cancel()
	began := time.Now()
	logs := r.saveLogs(ctx)
	if err := r.cluster.Close(ctx); err != nil {
		return fmt.Errorf("tearing down: %w; `%s` removes what is left", err, r.removal())
	}
	if r.World == "docker" && r.kept == "" {
		r.opt.Progress("everything is removed after %.1f s", time.Since(began).Seconds())
	}
	if logs != nil {
		r.opt.Progress("the nodes' logs could not be saved: %v", logs)
	}
	return nil
}

// saveLogs takes a part of the time only: an engine that hangs here must leave
// some for the removal.
func (r *runner) saveLogs(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	return r.cluster.Logs(ctx, r.dir)
}

// refuseImpossible asks the fabric about every State of the schedule before the
// first operation: a fault that would silently do nothing is worse than none.
func (r *runner) refuseImpossible() error {
	seen := map[string]bool{}
	var why []string
	var states []nemesis.State
	for _, at := range nemesis.Edges(r.Faults) {
		states = append(states, mayBe(r.Faults, at)...)
	}
	for _, s := range states {
		for _, w := range r.cluster.Fabric().Cannot(s) {
			if !seen[w] {
				seen[w] = true
				why = append(why, w)
			}
		}
	}
	if len(why) > 0 {
		return fmt.Errorf("this schedule cannot be made true here: %s; leave it out of --nemesis, where a kind's shapes can be named (disk:full)%s; `mlcheck doctor` says what can be done here", strings.Join(why, "; "), r.unfold())
	}
	return nil
}

// unfold says what the profiles in nemesis stand for: who is to leave something out has to
// know.
func (r *runner) unfold() string {
	var parts []string
	for _, text := range r.Nemesis {
		if p, ok := nemesis.LookupProfile(text); ok {
			parts = append(parts, fmt.Sprintf("; %s stands for %s", p.Name, strings.Join(p.Sources, ",")))
		}
	}
	return strings.Join(parts, "")
}

// stage notes that the run passes into a stage.
func (r *runner) stage(name, state, why string) {
	r.rec.Event(history.Event{Type: history.StageEvent, Stage: name, State: state, Why: why})
}

// notes are what has to be known of the faults beside what is measured, each without an end.
func (r *runner) notes() []string {
	notes := r.draw().LeftOut()
	if d := r.distorts(); d != "" {
		notes = append(notes, d)
	}
	return notes
}

// work runs the sessions and the nemesis side by side.
func (r *runner) work(ctx context.Context) error {
	r.stage(history.StageWork, "", strings.Join(r.notes(), "\n"))
	r.value.Store(r.lastNumber())
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	r.stop = stop
	var tasks []world.Task
	for id := range r.Sessions {
		s := newSession(r, id)
		tasks = append(tasks, world.Task{Name: s.name(), Do: s.run})
	}
	n := newSaboteur(r)
	tasks = append(tasks, world.Task{Name: "nemesis", Do: n.run})
	if r.World != "sim" {
		tasks = append(tasks, world.Task{Name: "flush", Do: r.flush})
	}
	if err := r.cluster.Run(ctx, tasks...); err != nil {
		return err
	}
	if n.err != nil {
		return fmt.Errorf("%w; %s", n.err, r.wayOut())
	}
	if len(r.Script) > 0 {
		r.opt.Progress("%6.1f s  sessions are done: %d operations of the script", r.cluster.Now().Seconds(), len(r.Script))
		return nil
	}
	r.opt.Progress("%6.1f s  sessions are done: %d writes", r.cluster.Now().Seconds(), r.value.Load())
	return nil
}

// flush brings a frame that nothing fills to the disk, so that a kill -9 costs
// no more than a second of history.
func (r *runner) flush(ctx context.Context) error {
	for r.cluster.Now() < r.Time {
		if err := r.cluster.Sleep(ctx, time.Second); err != nil {
			return nil //nolint:nilerr // the end of the run is no failure of flushing
		}
		if err := r.rec.Flush(); err != nil {
			return err
		}
	}
	return nil
}

// heal makes the cluster healthy, proves it, and notes that clients are closed:
// their tasks have returned.
func (r *runner) heal(ctx context.Context) error {
	r.stage(history.StageHeal, "", "")
	var why string
	err := r.cluster.Run(ctx, world.Task{Name: "heal", Do: func(ctx context.Context) error {
		var err error
		why, err = r.proveHealthy(ctx)
		return err
	}})
	if err != nil && ctx.Err() == nil {
		err = fmt.Errorf("%w; %s", err, r.wayOut())
	}
	if err != nil {
		return err
	}
	if why != "" {
		return fmt.Errorf("the cluster does not heal, so that nothing more can be learned from it: %s; %s; the nodes' logs may say why, and a run without --nemesis shows whether the cluster works at all", why, r.wayOut())
	}
	r.stage(history.StageHealed, "", "")
	r.stage(history.StageClosed, "", "")
	return nil
}

// wayOut says what becomes of nodes that do not heal.
func (r *runner) wayOut() string {
	if r.kept != "" {
		return fmt.Sprintf("the nodes stay as they are (--keep), and `%s` removes them with their faults", r.removal())
	}
	return fmt.Sprintf("the nodes are removed, and their faults with them; should anything be left, `%s` removes it", r.removal())
}

// removal is the command that removes what a run has left.
func (r *runner) removal() string { return cmp.Or(r.kept, "mlcheck clean") }

const (
	healTries = 10
	healPause = 300 * time.Millisecond
)

func (r *runner) proveHealthy(ctx context.Context) (why string, err error) {
	fabric := r.cluster.Fabric()
	tries := healTries
	if len(r.members.joining) > 0 {
		tries *= 4 // to join takes its time
	}
	for try := range tries {
		if try > 0 {
			if err := r.cluster.Sleep(ctx, healPause); err != nil {
				return "", err
			}
		}
		if err := fabric.Apply(ctx, nemesis.State{}); err != nil {
			return "", fmt.Errorf("healing: %w", err)
		}
		m, err := fabric.Measure(ctx)
		if err != nil {
			return "", fmt.Errorf("proving that all is healed: %w", err)
		}
		r.noteClocks(m)
		if why = cmp.Or(r.unhealthy(m), r.joinAgain(ctx, nemesis.State{})); why == "" {
			r.allClocksHealed(m)
			return "", nil
		}
	}
	return why, nil
}

// unhealthy says what is not proved to be well. What was not measured is not.
func (r *runner) unhealthy(m nemesis.Measured) string {
	var bad []string
	for _, l := range append(nemesis.Paths(r.conf.Links), nemesis.Concerned(r.Faults)...) {
		switch up, measured := m.Up[l]; {
		case !measured:
			bad = append(bad, "nobody could measure whether "+l.From+" reaches "+l.To)
		case !up:
			bad = append(bad, l.From+" still does not reach "+l.To)
		case r.impairs(l):
			if why := r.linkDiffers(l, nemesis.Impairment{}, m); why != "" {
				bad = append(bad, why)
			}
		}
	}
	for _, n := range r.nodes {
		if why := r.processUnwell(n, m); why != "" {
			bad = append(bad, why)
		}
		if _, tried := m.Disks[n]; tried || r.troubles(n) {
			if why := diskDiffers(n, nemesis.DiskTrouble{}, m); why != "" {
				bad = append(bad, why)
			}
		}
		switch off, measured := m.Clocks[n]; {
		case !measured && r.skewed(n):
			bad = append(bad, n+"'s clock cannot be read")
		case off.Abs() > clockTolerance(m, n):
			bad = append(bad, fmt.Sprintf("%s's clock is still off by %s", n, off))
		}
	}
	return strings.Join(bad, "; ")
}

// skewed says whether the schedule has a fault of the node's clock.
func (r *runner) skewed(node string) bool {
	return slices.ContainsFunc(r.Faults, func(f nemesis.Fault) bool {
		return slices.ContainsFunc(f.Clocks, func(s nemesis.Skew) bool { return s.Node == node })
	})
}

// quiet waits until replication has come to rest, or has stopped, or the
// deadline has passed while it moves.
func (r *runner) quiet(ctx context.Context) error {
	state, why := history.QuietMoving, ""
	err := r.cluster.Run(ctx, world.Task{Name: "quiet", Do: func(ctx context.Context) error {
		var err error
		state, why, err = r.awaitQuiet(ctx)
		return err
	}})
	if err != nil {
		return err
	}
	r.moving = state == history.QuietMoving
	r.stage(history.StageQuiet, state, why)
	if why != "" {
		why = ": " + why
	}
	r.opt.Progress("%6.1f s  replication is %s%s", r.cluster.Now().Seconds(), state, why)
	return nil
}

func (r *runner) awaitQuiet(ctx context.Context) (state, why string, err error) {
	ask := r.askQuiet()
	began := r.cluster.Now()
	var since time.Duration // when the present answer was first given
	var last string
	for {
		asked, cancel := r.cluster.WithTimeout(ctx, began+r.Quiet-r.cluster.Now())
		s, w := ask(asked, r.cluster.Nodes())
		late := asked.Err() != nil
		cancel()
		if ctx.Err() != nil {
			return "", "", ctx.Err()
		}
		now := r.cluster.Now()
		if late && why != "" {
			s, w = history.QuietMoving, why // the deadline ended the question: the answer before says more
		}
		why = w
		if s+w != last {
			since, last = now, s+w
		}
		switch {
		case s == history.QuietYes:
			return s, w, nil
		case s == history.QuietStopped && now-since >= r.conf.Settle:
			return s, w, nil
		case now-began >= r.Quiet:
			return history.QuietMoving, w, nil
		}
		if err := r.cluster.Sleep(ctx, r.pause()); err != nil {
			return "", "", err
		}
	}
}

// askQuiet asks the target whether replication rests, and where it cannot tell,
// sweeps what can be read.
func (r *runner) askQuiet() func(context.Context, []targets.Node) (state, why string) {
	sweep := r.sweepUnchanged()
	q, ok := r.conf.System.(targets.Quiet)
	if !ok {
		return sweep
	}
	return func(ctx context.Context, nodes []targets.Node) (string, string) {
		asked, cancel := r.cluster.WithTimeout(ctx, r.Timeout)
		state, why, err := q.Quiet(asked, nodes)
		cancel()
		if err != nil {
			return sweep(ctx, nodes)
		}
		sweep = r.sweepUnchanged() // what rested before need not rest now
		return state, why
	}
}

// deploy makes the world that the Test asks for.
func (r *runner) deploy(ctx context.Context) (world.Cluster, error) {
	if r.World == "sim" {
		return r.simulate()
	}
	return r.containers(ctx)
}
