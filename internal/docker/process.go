package docker

import (
	"context"
	"fmt"

	"github.com/mlcheck/mlcheck/nemesis"
)

// cannotBefall says what of a State the processes of containers cannot suffer.
func (f *fabric) cannotBefall(s nemesis.State) []string {
	var why []string
	for _, node := range s.Paused {
		if f.byName[node] == nil {
			why = append(why, "there is no node "+node)
		}
	}
	for _, d := range s.Down {
		switch {
		case f.byName[d.Node] == nil:
			why = append(why, "there is no node "+d.Node)
		case d.By == nemesis.Wipe:
			why = append(why, "no container is started with an empty disk: its target would have to be wired to the others anew, which nothing here does; the simulated world does it")
		case d.By == nemesis.Crash:
			why = append(why, "a container cannot lose its power: what it has written stays in this machine's memory; kill is the nearest that can be done, and the simulated world does both")
		}
	}
	return why
}

// process is what we have made of the node's process.
func (n *node) process() string {
	if is := n.is.Load(); is != nil {
		return *is
	}
	return nemesis.Up
}

// become brings the node's process to where it should be, and waits until it is
// there: one that is started again, until it answers. A process that has ended by
// itself is left as it is; that is for the checkers to judge.
func (n *node) become(ctx context.Context, want, by string) error {
	is := n.process()
	if is == want {
		return nil
	}
	eng := n.cluster.eng
	steps := map[[2]string][]func() error{}
	pause := func() error {
		// A process that is frozen cannot be made ready for a skew any more.
		if err := n.agent.Ping(ctx); err != nil {
			return n.explain(err)
		}
		return eng.PauseContainer(ctx, n.target)
	}
	resume := func() error { return eng.UnpauseContainer(ctx, n.target) }
	end := func() error { return eng.KillContainer(ctx, n.target) }
	if by == nemesis.Stop {
		end = func() error { return eng.StopContainer(ctx, n.target, nemesis.Grace) }
	}
	start := func() error {
		if err := eng.StartContainer(ctx, n.target); err != nil {
			return err
		}
		return n.waitReady(ctx)
	}
	steps[[2]string{nemesis.Up, nemesis.Paused}] = []func() error{pause}
	steps[[2]string{nemesis.Up, nemesis.Down}] = []func() error{end}
	steps[[2]string{nemesis.Paused, nemesis.Up}] = []func() error{resume}
	steps[[2]string{nemesis.Paused, nemesis.Down}] = []func() error{resume, end} // the engine ends none that is paused
	steps[[2]string{nemesis.Down, nemesis.Up}] = []func() error{start}
	steps[[2]string{nemesis.Down, nemesis.Paused}] = []func() error{start, pause}
	for _, step := range steps[[2]string{is, want}] {
		if err := step(); err != nil {
			return fmt.Errorf("its process cannot be made %s: %w", want, err)
		}
	}
	n.is.Store(&want)
	n.stopped.Store(by == nemesis.Stop)
	return nil
}

// killed is the exit status of a container that the engine has killed.
const killed = 128 + 9

// lookAt says what the node's process does. What it met there nobody counts.
func (n *node) lookAt(ctx context.Context) (nemesis.Process, error) {
	s, err := n.cluster.eng.InspectContainer(ctx, n.target)
	p := nemesis.Process{Is: nemesis.Up, Met: -1, Kept: -1, Lost: -1}
	switch {
	case err != nil:
		return p, fmt.Errorf("its container cannot be inspected: %w", err)
	case s.Paused:
		p.Is = nemesis.Paused
	case !s.Running:
		p.Is = nemesis.Down
		switch {
		case n.stopped.Load() && s.ExitCode == killed:
			p.Why = fmt.Sprintf("had not ended after %s and was killed", nemesis.Grace)
		case n.process() != nemesis.Down:
			p.Why = fmt.Sprintf("its container ended by itself, with status %d", s.ExitCode)
		}
	}
	return p, nil
}
