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
// folder the results and the reports are written anew. Claims are added to those
// of the history; one of another tool has none.
func Check(ctx context.Context, path string, claims ...history.Claim) (*checker.Results, error) {
	if !isFolder(path) {
		h, err := history.Open(path)
		if err != nil {
			return nil, err
		}
		return judge(ctx, h, path, claims)
	}
	run, err := reports.Load(path)
	if err != nil {
		return nil, err
	}
	if run.Results, err = judge(ctx, run.History, path, claims); err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("interrupted, so the results that are there stay: %w", err)
	}
	run.Results.Repeat = repeat(path)
	return run.Results, reports.WriteAll(path, run)
}

func judge(ctx context.Context, h *history.History, path string, claims []history.Claim) (*checker.Results, error) {
	res := checker.Check(ctx, h, checker.Options{Claims: claims, Search: search})
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
	if t.HasCommand() {
		return t.Command()
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
