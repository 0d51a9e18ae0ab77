package main

import (
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
	cmd := &cobra.Command{
		Use:   "check PATH",
		Short: "Judge a recorded run, or a bare history, again",
		Long: `Judge a history: a run folder, or a history file from anywhere. In a run folder
results.json, junit.xml and report.html are written anew. The same history gives
the same results.`,
		Example: `  mlcheck check store/latest
  mlcheck check history.jsonl.zst --json`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return &mlcheck.UsageError{Err: fmt.Errorf("`mlcheck check` takes one path, of a run folder or a history file; it got %d", len(args))}
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			res, err := mlcheck.Check(cmd.Context(), args[0])
			if err != nil {
				return &mlcheck.UsageError{Err: err}
			}
			*status = res.Exit
			if asJSON {
				return reports.JSON(cmd.OutOrStdout(), res)
			}
			return showResults(cmd.OutOrStdout(), args[0], res)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print results.json instead of text")
	return cmd
}

// show prints a run folder's results.
func show(w io.Writer, dir string, next []string) error {
	run, err := reports.Load(dir)
	if err != nil {
		return err
	}
	run.Next = next
	if _, err := os.Stat(filepath.Join(dir, "report.html")); err != nil {
		run.Dir = "" // there is no report to point to
	}
	return reports.Terminal(w, run, style(w))
}

// showResults prints the results of a folder or of a bare history.
func showResults(w io.Writer, path string, res *checker.Results) error {
	if st, err := os.Stat(path); err == nil && st.IsDir() {
		return show(w, path, nil)
	}
	h, err := history.Open(path)
	if err != nil {
		return err
	}
	return reports.Terminal(w, &reports.Run{Name: path, History: h, Results: res}, style(w))
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
