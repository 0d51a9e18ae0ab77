package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/mlcheck/mlcheck"
	"github.com/mlcheck/mlcheck/checker"
	"github.com/mlcheck/mlcheck/history"
	"github.com/mlcheck/mlcheck/reports"
)

func checkCommand(status *int) *cobra.Command {
	var asJSON bool
	var names []string
	var evidence string
	cmd := &cobra.Command{
		Use:   "check PATH...",
		Short: "Judge recorded runs, or bare histories, again",
		Long: `Judge histories: run folders, or history files from anywhere, in mlcheck's own
format, as Plume text or as Jepsen's EDN, compressed or not; the content tells
which. In a run folder results.json, junit.xml and report.html are written anew.
The same history gives the same results.

Each finding comes with the smallest history that shows it, in which check finds
the same again: in a run folder under findings/, of a bare history in the folder
that --evidence names.

Of several, each has a line: the verdict, the properties that are violated,
and the path. The exit status is the worst one: 4 an internal error, 3 a path
that is no history, 1 a claim is violated, 2 unknown, 0 every claim holds.`,
		Example: `  mlcheck check store/latest
  mlcheck check history.jsonl.zst --json
  mlcheck check --claim cc histories/*.txt`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return &mlcheck.UsageError{Err: errors.New("`mlcheck check` takes at least one path, of a run folder or a history file")}
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			claims, err := claimsOf(names)
			if err != nil {
				return err
			}
			if len(args) > 1 && evidence != "" {
				return &mlcheck.UsageError{Err: errors.New("--evidence takes the findings of one path: check the others apart")}
			}
			if len(args) > 1 {
				*status, err = checkMany(cmd.Context(), args, claims, asJSON, cmd.OutOrStdout(), cmd.ErrOrStderr())
				return err
			}
			res, err := mlcheck.Check(cmd.Context(), args[0], claims...)
			switch {
			case cmd.Context().Err() != nil:
				return errors.New("interrupted: nothing was judged")
			case err != nil:
				return &mlcheck.UsageError{Err: err}
			}
			*status = res.Exit
			if err := saveEvidence(evidence, args[0], res); err != nil {
				return err
			}
			if asJSON {
				return reports.JSON(cmd.OutOrStdout(), res)
			}
			return showResults(cmd.OutOrStdout(), args[0], evidence, res)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print results.json instead of text; of several paths, an object a line")
	cmd.Flags().StringSliceVar(&names, "claim", nil, "properties that must hold, beside the history's own claims")
	cmd.Flags().StringVar(&evidence, "evidence", "", "folder for the smallest history of each finding")
	return cmd
}

// saveEvidence writes the findings' own histories into a folder, if one is named.
func saveEvidence(dir, path string, res *checker.Results) error {
	if dir == "" {
		return nil
	}
	h, err := history.Open(path)
	if err != nil {
		return err
	}
	return reports.Findings(dir, h, res)
}

// claimsOf are the claims of the command line.
func claimsOf(names []string) ([]history.Claim, error) {
	var claims []history.Claim
	for _, n := range names {
		if _, ok := checker.Lookup(n); !ok {
			return nil, &mlcheck.UsageError{Err: fmt.Errorf("there is no property %q: `mlcheck list` has their names", n)}
		}
		claims = append(claims, history.Claim{Property: n, Source: "command line"})
	}
	return claims, nil
}

// show prints a run folder's results.
func show(w io.Writer, dir string, next []string) error {
	return showAs(w, dir, func(r *reports.Run) { r.Next = next })
}

// showAs prints a run of which more is known than what its folder says.
func showAs(w io.Writer, dir string, add func(*reports.Run)) error {
	run, err := reports.Load(dir)
	if err != nil {
		return err
	}
	add(run)
	if _, err := os.Stat(filepath.Join(dir, "report.html")); err != nil {
		run.Dir = "" // there is no report to point to
	}
	return reports.Terminal(w, run, style(w))
}

// showResults prints the results of a folder or of a bare history.
func showResults(w io.Writer, path, evidence string, res *checker.Results) error {
	if st, err := os.Stat(path); err == nil && st.IsDir() {
		return show(w, path, nil)
	}
	h, err := history.Open(path)
	if err != nil {
		return err
	}
	return reports.Terminal(w, &reports.Run{Name: path, History: h, Results: res, Evidence: evidence}, style(w))
}

func style(w io.Writer) reports.Style {
	s := reports.Style{Color: isTerminal(w)}
	if f, ok := w.(*os.File); ok {
		if width, _, err := term.GetSize(int(f.Fd())); err == nil {
			s.Width = width
		}
	}
	return s
}
