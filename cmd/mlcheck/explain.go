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
					values, standard := strings.Join(o.Values, "|"), "default "+o.Default
					if len(o.Values) == 0 {
						values = "TEXT"
					}
					if o.Default == "" {
						standard = "default: none"
					}
					fmt.Fprintf(w, "      -o %s=%s (%s)\n%s\n", o.Name, values, standard, wrap(o.Help, 9, 100))
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
			fmt.Fprintln(w, "\nProfiles, several of them at once (--nemesis):")
			for _, p := range nemesis.Profiles() {
				fmt.Fprintf(w, "  %-18s %s\n%-20s %s\n", p.Name, p.Help, "", strings.Join(p.Sources, ", "))
			}
			fmt.Fprintln(w)
			listProperties(w)
			return nil
		},
	}
}

// wrap breaks a text into lines of at most width, indented.
func wrap(text string, indent, width int) string {
	margin := strings.Repeat(" ", indent)
	line, lines := margin, []string{}
	for _, word := range strings.Fields(text) {
		if len(line) > indent && len(line)+1+len(word) > width {
			lines, line = append(lines, line), margin
		}
		if len(line) > indent {
			line += " "
		}
		line += word
	}
	return strings.Join(append(lines, line), "\n")
}
