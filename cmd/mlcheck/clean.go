package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/mlcheck/mlcheck"
	"github.com/mlcheck/mlcheck/internal/docker"
)

func cleanCommand() *cobra.Command {
	var all bool
	cmd := &cobra.Command{
		Use:   "clean [RUN...]",
		Short: "Remove what crashed runs have left on the container engine",
		Long: `Remove containers, networks and volumes of runs that are dead: those whose agents
have all exited. Every run does this at its start. Runs that are going on are not
touched, nor is anything that has no label of mlcheck's.

With the names of runs, remove those only, also ones that were kept with --keep. With
--all remove dead runs, the agent's images, and all runs that were begun with --keep,
alive as they are.`,
		Example: "  mlcheck clean\n  mlcheck clean 20260102T030405.678Z-7-0123    a run that was kept\n  mlcheck clean --all",
		RunE: func(cmd *cobra.Command, runs []string) error {
			var removed []string
			var err error
			switch {
			case len(runs) > 0 && all:
				return &mlcheck.UsageError{Err: errors.New("`mlcheck clean` takes names of runs or --all, not both")}
			case len(runs) > 0:
				removed, err = docker.CleanRuns(cmd.Context(), runs...)
			default:
				removed, err = docker.Clean(cmd.Context(), all)
			}
			for _, what := range removed {
				fmt.Fprintln(cmd.OutOrStdout(), "removed", what)
			}
			if err == nil && len(removed) == 0 {
				fmt.Fprintln(cmd.OutOrStdout(), "There was nothing to remove.")
			}
			return err
		},
	}
	cmd.Flags().BoolVar(&all, "all", false, "also runs that were begun with --keep, and the agent's images")
	return cmd
}
