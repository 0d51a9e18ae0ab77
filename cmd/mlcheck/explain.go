package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/mlcheck/mlcheck"
	"github.com/mlcheck/mlcheck/checker"
	"github.com/mlcheck/mlcheck/internal/suggest"
	"github.com/mlcheck/mlcheck/nemesis"
	"github.com/mlcheck/mlcheck/workload"
)

func explainCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "explain [property]",
		Short:   "Explain a property: what it promises, what breaks it, what to do",
		Example: "  mlcheck explain\n  mlcheck explain no-stale-wins",
		Args:    cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			out := cmd.OutOrStdout()
			if len(args) == 0 {
				listProperties(out)
				return nil
			}
			for _, name := range args {
				p, ok := checker.Lookup(name)
				if !ok {
					return &mlcheck.UsageError{Err: fmt.Errorf("%s", suggest.Unknown("property", name, properties()))}
				}
				fmt.Fprintf(out, "%s\n%s\n\n%s\n\nSource: %s\n", p.Name, p.Title, strings.TrimSpace(p.Explain), p.Source)
			}
			return nil
		},
	}
}

func properties() []string {
	var names []string
	for _, p := range checker.All() {
		names = append(names, p.Name)
	}
	return names
}

func listProperties(w io.Writer) {
	fmt.Fprintln(w, "Properties (mlcheck explain NAME):")
	for _, p := range checker.All() {
		fmt.Fprintf(w, "  %-18s %s\n", p.Name, p.Title)
	}
}

func listCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "list",
		Short:   "List targets with their options, workloads, faults and properties",
		Example: "  mlcheck list",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			w := cmd.OutOrStdout()
			fmt.Fprintln(w, "Targets (--target) and their options (-o):")
			for _, t := range mlcheck.Targets() {
				fmt.Fprintf(w, "  %-18s %s\n", t.Name(), t.Help())
				for _, o := range t.Options() {
					value := o.Name + "=" + strings.Join(o.Values, "|")
					fmt.Fprintf(w, "      -o %s (default %s)\n         %s\n", value, o.Default, o.Help)
				}
			}
			fmt.Fprintln(w, "\nWorkloads (--workload):")
			for _, wl := range workload.All() {
				fmt.Fprintf(w, "  %-18s %s\n%-20s decides %s\n", wl.Name, wl.Help, "", strings.Join(wl.Decides, ", "))
			}
			fmt.Fprintln(w, "\nFaults (--nemesis):")
			for _, k := range nemesis.Kinds() {
				fmt.Fprintf(w, "  %-18s %s\n", k.Name, k.Help)
			}
			fmt.Fprintln(w)
			listProperties(w)
			return nil
		},
	}
}
