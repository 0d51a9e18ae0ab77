package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/mlcheck/mlcheck/internal/docker"
)

func cleanCommand() *cobra.Command {
	var all bool
	cmd := &cobra.Command{
		Use:   "clean",
		Short: "Remove what crashed runs have left on the container engine",
		Long: `Remove containers, networks and volumes of runs that are dead: those whose agents
have all exited. Every run does this at its start. With --all also runs that were
kept with --keep, alive as they are, and the agent's images. Runs that are going
on are never touched.`,
		Example: "  mlcheck clean\n  mlcheck clean --all",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			removed, err := docker.Clean(cmd.Context(), all)
			for _, what := range removed {
				fmt.Fprintln(cmd.OutOrStdout(), "removed", what)
			}
			if err == nil && len(removed) == 0 {
				fmt.Fprintln(cmd.OutOrStdout(), "There was nothing to remove.")
			}
			return err
		},
	}
	cmd.Flags().BoolVar(&all, "all", false, "also runs that were kept, and the agent's images")
	return cmd
}
