package main

import (
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/mlcheck/mlcheck/internal/docker"
)

func doctorCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "doctor",
		Short: "Say which faults are possible on this machine, by trying each",
		Long: `Find the container engine, deploy a pair of nodes on it, and try every kind of
fault on them: each is made, proved by measuring, and healed. Then all is removed.

A target may lack what a fault needs (its clock cannot be skewed, say); a run says
so before it starts. The simulated world can do every fault and needs no engine.

Exit status: 0 when an engine answers and the pair could be deployed, whatever
faults are possible; 4 otherwise.`,
		Example: "  mlcheck doctor\n  DOCKER_HOST=ssh://me@elsewhere mlcheck doctor",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			out := cmd.OutOrStdout()
			run := fmt.Sprintf("doctor-%s-%d-%04x", time.Now().UTC().Format("20060102T150405Z"), os.Getpid(), rand.Uint32N(1<<16))
			h, err := docker.Examine(cmd.Context(), run, func(format string, args ...any) { fmt.Fprintf(out, format+"\n", args...) })
			showHealth(out, h)
			return err
		},
	}
}

func showHealth(w io.Writer, h docker.Health) {
	if h.Engine != "" {
		fmt.Fprintln(w, h.Engine)
	}
	for _, a := range h.Abilities {
		works := "works"
		if !a.Works {
			works = "no   "
		}
		fmt.Fprintf(w, "  %-10s %s  %s\n", a.Kind, works, a.How)
	}
	if len(h.Abilities) > 0 {
		fmt.Fprintf(w, "A pair of nodes was up after %.1f s; it is removed again.\n", h.Deploy.Seconds())
	}
}
