package main

import (
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/mlcheck/mlcheck/internal/docker"
	"github.com/mlcheck/mlcheck/nemesis"
)

func doctorCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "doctor",
		Short: "Say which faults are possible on this machine, by trying each",
		Long: `Find the container engine, deploy a pair of nodes on it, and try every kind of
fault on them: each is made, proved by measuring, and healed. Then all is removed.

A target may lack what a fault needs (its clock cannot be skewed, say); a run says
so before it starts. The simulated world can do every fault and needs no engine: what
there is is said where no engine answers, too.

Exit status: 0 when an engine answers and the pair could be deployed, whatever
faults are possible; 4 otherwise.`,
		Example: "  mlcheck doctor\n  DOCKER_HOST=ssh://me@elsewhere mlcheck doctor",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			out := cmd.OutOrStdout()
			run := fmt.Sprintf("doctor-%s-%d-%04x", time.Now().UTC().Format("20060102T150405Z"), os.Getpid(), rand.Uint32N(1<<16))
			h, err := docker.Examine(cmd.Context(), run, func(format string, args ...any) { fmt.Fprintf(out, format+"\n", args...) })
			showHealth(out, h)
			showSimulated(out)
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
		fmt.Fprintf(w, "  %-17s %s  %s\n", strings.TrimSpace(a.Kind+" "+a.Shape), works, a.How)
	}
	if len(h.Abilities) > 0 {
		fmt.Fprintf(w, "A pair of nodes was up after %.1f s; it is removed again.\n", h.Deploy.Seconds())
	}
}

// showSimulated says what is possible without an engine.
func showSimulated(w io.Writer) {
	fmt.Fprintln(w, "The simulated world (--world sim) needs no engine and makes every kind of fault, in all of its shapes:")
	for _, k := range nemesis.Kinds() {
		fmt.Fprintf(w, "  %-17s works  %s\n", k.Name, strings.Join(slices.Concat(k.Shapes, k.Asked), ", "))
	}
}
