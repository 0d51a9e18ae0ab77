package main

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/mlcheck/mlcheck"
	"github.com/mlcheck/mlcheck/checker"
)

func replayCommand(status *int) *cobra.Command {
	var store string
	cmd := &cobra.Command{
		Use:   "replay RUN",
		Short: "Run the test of a run folder again, and compare",
		Long: `Run the Test that a run folder holds once more, with the same seed and the same
faults, into a folder of its own, and say whether the same came of it.

In the simulated world the history must be the same, line by line; where it is
not, the first line that differs is shown, and a third run tells whether another
version of mlcheck made the first. In containers no two histories are alike, and
what is compared are the properties that are broken.

Exit status: that of the new run, as of mlcheck run; 4 where mlcheck does not
repeat itself.`,
		Example: `  mlcheck replay store/latest
  mlcheck replay store/reference-ring-register/20260101T000000.000Z-7`,
		Args: oneRun,
		RunE: func(cmd *cobra.Command, args []string) error {
			out := cmd.OutOrStdout()
			r, err := mlcheck.Replay(cmd.Context(), args[0], mlcheck.Options{
				Store:    store,
				Progress: func(format string, args ...any) { fmt.Fprintf(out, format+"\n", args...) },
			})
			if err != nil {
				return err
			}
			*status = r.Results.Exit
			if r.Internal {
				*status = checker.ExitInternal
			}
			printReplayed(out, r)
			fmt.Fprintf(out, "\n%s  %s\nnew run folder: %s\nexit status %d\n", strings.ToUpper(string(r.Results.Verdict)), r.Results.Why, r.Dir, *status)
			return nil
		},
	}
	cmd.Flags().StringVar(&store, "store", "store", "where run folders go")
	return cmd
}

// oneRun is the argument of the commands that take a run folder.
func oneRun(cmd *cobra.Command, args []string) error {
	if len(args) != 1 {
		return &mlcheck.UsageError{Err: errors.New("`mlcheck " + cmd.Name() + "` takes one run folder, such as store/latest")}
	}
	return nil
}

func printReplayed(w io.Writer, r *mlcheck.Replayed) {
	if r.Same {
		fmt.Fprintf(w, "\nThe history is the same, line by line.\n")
	} else {
		fmt.Fprintf(w, "\nThe history is another one: %s\n", r.Why)
	}
	if len(r.Broken) == 0 {
		fmt.Fprintln(w, "Nothing was found broken, neither before nor now.")
	}
	for _, c := range r.Broken {
		switch {
		case !c.After:
			fmt.Fprintf(w, "  %-20s was broken, and is not now\n", c.Property)
		case !c.Before:
			fmt.Fprintf(w, "  %-20s was not broken, and is now\n", c.Property)
		case len(c.Gone)+len(c.New) == 0:
			fmt.Fprintf(w, "  %-20s is broken as before, by the same findings\n", c.Property)
		case r.Test.World != "sim":
			fmt.Fprintf(w, "  %-20s is broken as before\n", c.Property)
		default:
			fmt.Fprintf(w, "  %-20s is broken as before, by other findings: %d are gone, %d are new\n", c.Property, len(c.Gone), len(c.New))
		}
	}
}
