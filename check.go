package mlcheck

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/mlcheck/mlcheck/checker"
	"github.com/mlcheck/mlcheck/history"
)

// Check judges a history: a run folder, or a bare history file. It is the same
// for a run that has just ended and for a record from anywhere. In a run
// folder the results and the reports are written anew.
func Check(ctx context.Context, path string) (*checker.Results, error) {
	h, err := history.Open(path)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	res := checker.Check(ctx, h, checker.Options{})
	return res, nil
}

func isFolder(path string) bool {
	st, err := os.Stat(path)
	return err == nil && st.IsDir()
}

func storedTest(dir string) (Test, error) {
	path := filepath.Join(dir, testFile)
	if _, err := os.Stat(path); err != nil {
		return Test{}, errNoTest
	}
	return ReadTest(path)
}
