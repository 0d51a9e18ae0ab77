package mlcheck

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/mlcheck/mlcheck/checker"
	"github.com/mlcheck/mlcheck/history"
	"github.com/mlcheck/mlcheck/reports"
)

// Check judges a history: a run folder, or a bare history file. It is the same
// for a run that has just ended and for a record from anywhere. In a run
// folder the results and the reports are written anew.
func Check(ctx context.Context, path string) (*checker.Results, error) {
	if !isFolder(path) {
		h, err := history.Open(path)
		if err != nil {
			return nil, err
		}
		return judge(ctx, h, path)
	}
	run, err := reports.Load(path)
	if err != nil {
		return nil, err
	}
	if run.Results, err = judge(ctx, run.History, path); err != nil {
		return nil, err
	}
	run.Results.Repeat = repeat(path)
	return run.Results, reports.WriteAll(path, run)
}

func judge(ctx context.Context, h *history.History, path string) (*checker.Results, error) {
	res := checker.Check(ctx, h, checker.Options{})
	sha, err := history.SHA256(path)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	res.HistorySHA = sha
	return res, nil
}

// repeat is the command that runs the folder's Test again: by flags where the
// schedule was drawn from the seed, else by the stored document.
func repeat(dir string) string {
	path := filepath.Join(dir, testFile)
	t, err := ReadTest(path)
	if err != nil {
		return ""
	}
	drawn := t
	drawn.Faults = nil
	if again, err := drawn.Complete(); err == nil && sameFaults(again, t) {
		return again.Command()
	}
	return "mlcheck run --test " + quote(path)
}

func sameFaults(a, b Test) bool {
	x, errX := Test{Faults: a.Faults}.YAML()
	y, errY := Test{Faults: b.Faults}.YAML()
	return errX == nil && errY == nil && string(x) == string(y)
}

func isFolder(path string) bool {
	st, err := os.Stat(path)
	return err == nil && st.IsDir()
}
