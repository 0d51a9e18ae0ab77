package reports

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"

	"github.com/mlcheck/mlcheck/checker"
	"github.com/mlcheck/mlcheck/history"
)

// findingsDir holds, in a run folder, a small history for each finding.
const findingsDir = "findings"

// Findings writes into a folder, for each finding that has one, the history that
// shows it and nothing else: <property>-<id>.jsonl, plain text. Each appears whole
// or not at all; errors are joined. The folder is made if there is anything to
// write.
func Findings(dir string, h *history.History, res *checker.Results) error {
	var errs []error
	for name, d := range res.Properties {
		for _, f := range d.Findings {
			if f.File == "" || f.File != filepath.Base(f.File) {
				continue
			}
			if err := os.MkdirAll(dir, 0o755); err != nil {
				return fmt.Errorf("the findings' own histories cannot be written: %w", err)
			}
			own := checker.Witness(h, name, f)
			errs = append(errs, writeFile(filepath.Join(dir, f.File), func(w io.Writer) error { return own.WriteJSONL(w) }))
		}
	}
	return errors.Join(errs...)
}

// renewFindings writes a run folder's findings, and removes those of an earlier
// check that are no longer among them.
func renewFindings(run string, h *history.History, res *checker.Results) error {
	dir := filepath.Join(run, findingsDir)
	if err := Findings(dir, h, res); err != nil {
		return err
	}
	var now []string
	for _, d := range res.Properties {
		for _, f := range d.Findings {
			now = append(now, f.File)
		}
	}
	old, err := filepath.Glob(filepath.Join(dir, "*-????????????.jsonl"))
	for _, path := range old {
		if !slices.Contains(now, filepath.Base(path)) {
			err = errors.Join(err, os.Remove(path))
		}
	}
	if len(now) == 0 {
		_ = os.Remove(dir) // fails, as it should, where anything else is in it
	}
	return err
}

// evidenceWords says what a finding rests on; nothing of results that do not say.
func evidenceWords(f checker.Finding) string {
	word := ""
	switch {
	case f.Confirmed:
		word = "Confirmed by a second checker that shares no code with the one that found it."
	case f.Unconfirmed != "":
		word = "Not confirmed: " + visible(f.Unconfirmed) + "."
	}
	if f.File != "" {
		word += fmt.Sprintf(" %s shows it alone: `mlcheck check` finds the same there.", visible(findingsDir+"/"+f.File))
	}
	return word
}
