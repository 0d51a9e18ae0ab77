package main

import (
	"fmt"
	"io"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/mlcheck/mlcheck"
)

func shrinkCommand() *cobra.Command {
	var o mlcheck.ShrinkOptions
	cmd := &cobra.Command{
		Use:   "shrink RUN",
		Short: "Find the smallest test that still shows a finding",
		Long: `Leave out of a run's Test whatever its finding does not need: faults, sessions,
operations, keys, nodes, time. Every candidate is run; what stays shows a finding
of the same property, with the same label. The result is a run folder of its own,
whose test.json says every operation.

In the simulated world a candidate with few operations is tried with several seeds,
since without the others the messages take other times. In containers no two runs
are alike, a candidate takes as long as its run, and fewer are tried.

Ctrl-C ends it with the smallest so far. Exit status: 0 a test that shows the
finding was found, 3 there is nothing to shrink, 4 it does not show again.`,
		Example: `  mlcheck shrink store/latest
  mlcheck shrink store/latest --property read-your-writes
  mlcheck shrink store/latest --finding 2fbaf3 --for 10m`,
		Args: oneRun,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := noZeros(cmd.Flags()); err != nil {
				return err
			}
			if o.Runs < 0 || o.For < 0 {
				return &mlcheck.UsageError{Err: fmt.Errorf("--runs and --for bound the work: they must be above 0")}
			}
			manySmallRuns()
			out := cmd.OutOrStdout()
			p := shrinkProgress{live: newLive(out)}
			o.Progress = p.tell
			s, err := mlcheck.Shrink(cmd.Context(), args[0], o)
			p.live.erase()
			if err != nil {
				return err
			}
			return printShrunk(out, s)
		},
	}
	fl := cmd.Flags()
	fl.SortFlags = false
	fl.StringVar(&o.Property, "property", "", "the finding's property (default: that of the first claim that is broken)")
	fl.StringVar(&o.Finding, "finding", "", "the beginning of the finding's identifier (default: the property's first)")
	fl.IntVar(&o.Runs, "runs", 0, "how many runs to try at most (default 2000, in containers 30)")
	fl.DurationVar(&o.For, "for", 0, "how much real time to take at most (default 2m, in containers 30m)")
	fl.StringVar(&o.Store, "store", "store", "where the new run folder goes")
	return cmd
}

// shrinkProgress tells of each step that made the Test smaller.
type shrinkProgress struct {
	live  *live
	shown mlcheck.Size
	next  time.Duration
}

func (p *shrinkProgress) tell(s mlcheck.ShrinkProgress) {
	if s.Runs == 1 {
		fmt.Fprintf(p.live.out, "at most %s and %s; Ctrl-C ends it with the smallest test so far\n", count(s.Most, "run"), s.For)
	}
	line := fmt.Sprintf("%4d runs, %5.1f s: %s", s.Runs, s.Elapsed.Seconds(), sized(s.Size))
	if !p.live.terminal { // a line for each tenth of a size less
		if less := s.Operations*10 < p.shown.Operations*9 || s.Faults < p.shown.Faults || p.shown == (mlcheck.Size{}); !less || !s.Smaller {
			return
		}
		p.shown = s.Size
		fmt.Fprintln(p.live.out, line)
		return
	}
	if s.Elapsed >= p.next || s.Smaller {
		p.live.write(line + "; without " + s.Doing + "?")
		p.next = s.Elapsed + onTerminal
	}
}

func sized(s mlcheck.Size) string {
	return fmt.Sprintf("%s, %s, %s", count(s.Operations, "operation"), count(s.Faults, "fault"), count(s.Sessions, "session"))
}

// printShrunk says how small it has become, and shows what is left.
func printShrunk(w io.Writer, s *mlcheck.Shrunk) error {
	if err := show(w, s.Dir, nil); err != nil {
		return err
	}
	fmt.Fprintf(w, "\nShrunk to the smallest test that was found to show: %s (%s), in %s.\n", s.Property, s.Label, count(s.Runs, "run"))
	row := func(name string, before, after any) { fmt.Fprintf(w, "  %-12s %8v → %v\n", name, before, after) }
	row("operations", s.Before.Operations, s.After.Operations)
	row("faults", s.Before.Faults, s.After.Faults)
	row("sessions", s.Before.Sessions, s.After.Sessions)
	row("keys", s.Before.Keys, s.After.Keys)
	row("leaders", s.Before.Leaders, s.After.Leaders)
	if s.Before.Followers > 0 {
		row("followers", s.Before.Followers, s.After.Followers)
	}
	row("time", s.Before.Time, s.After.Time)
	if s.Stopped != "" {
		fmt.Fprintf(w, "There may be a smaller one: %s.\n", s.Stopped)
	}
	fmt.Fprintln(w, "What happens in it, in the order of time:")
	for _, line := range s.Test.Scene() {
		fmt.Fprintln(w, "  "+line)
	}
	if s.Test.World != "sim" {
		fmt.Fprintln(w, "It was run in containers, where no two runs are alike: it may take several to show it again.")
	}
	fmt.Fprintf(w, "To run it again: mlcheck run --test %s\n", filepath.Join(s.Dir, "test.json"))
	return nil
}
