package docker

import (
	"context"
	"fmt"

	"github.com/mlcheck/mlcheck/nemesis"
)

// noPower is why no container loses its power.
const noPower = "a container cannot lose its power: what it has written stays in this machine's memory; kill is the nearest that can be done, and the simulated world does both"

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
		case nemesis.Empties(d.By):
			if no := f.byName[d.Node].cannotWipe(); no != "" {
				why = append(why, no)
			}
		case d.By == nemesis.Crash:
			why = append(why, noPower)
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
	for _, step := range n.way(is, want, by) {
		if err := step(ctx); err != nil {
			return fmt.Errorf("its process cannot be made %s: %w", want, err)
		}
	}
	if is != want {
		n.is.Store(&want)
		n.stopped.Store(by == nemesis.Stop)
	}
	return nil
}

// way is what leads from one state of the node's process to another.
func (n *node) way(is, want, by string) (steps []func(context.Context) error) {
	type list = []func(context.Context) error
	end := n.kill
	if by == nemesis.Stop {
		end = n.stop
	}
	steps = map[[2]string]list{
		{nemesis.Up, nemesis.Paused}:   {n.pause},
		{nemesis.Up, nemesis.Down}:     {end},
		{nemesis.Paused, nemesis.Up}:   {n.resume},
		{nemesis.Paused, nemesis.Down}: {n.resume, end}, // the engine ends none that is paused
		{nemesis.Down, nemesis.Up}:     {n.start},
		{nemesis.Down, nemesis.Paused}: {n.start, n.pause},
	}[[2]string{is, want}]
	if nemesis.Empties(by) {
		steps = append(steps, n.wipe)
	}
	return steps
}

func (n *node) pause(ctx context.Context) error {
	// A process that is frozen cannot be made ready for a skew any more.
	if err := n.agent.Ping(ctx); err != nil {
		return n.explain(err)
	}
	return n.cluster.eng.PauseContainer(ctx, n.target)
}

func (n *node) resume(ctx context.Context) error {
	return n.cluster.eng.UnpauseContainer(ctx, n.target)
}

func (n *node) kill(ctx context.Context) error { return n.cluster.eng.KillContainer(ctx, n.target) }

func (n *node) stop(ctx context.Context) error {
	return n.cluster.eng.StopContainer(ctx, n.target, nemesis.Grace)
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
	n.lookAtDisk(ctx, &p)
	return p, nil
}
