package reports

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// WriteAll writes the findings' own histories, results.json, junit.xml and report.html into a run folder.
// Each appears whole or not at all, also on a full disk, and one that fails
// does not keep the others from being written: the errors are joined. Without
// results, only the page is written.
func WriteAll(dir string, r *Run) error {
	var errs []error
	if r.Results != nil && r.History != nil {
		errs = append(errs, renewFindings(dir, r.History, r.Results))
	}
	if r.Results != nil {
		errs = append(
			errs,
			writeFile(filepath.Join(dir, resultsFile), func(w io.Writer) error { return JSON(w, r.Results) }),
			writeFile(filepath.Join(dir, junitFile), func(w io.Writer) error { return JUnit(w, r.Results, r.title()) }),
		)
	}
	errs = append(errs, writeFile(filepath.Join(dir, htmlFile), func(w io.Writer) error { return HTML(w, r) }))
	return errors.Join(errs...)
}

// writeFile writes through a temporary file in the same folder and renames it
// when every byte is on disk, so that no reader ever sees half of it.
func writeFile(path string, fill func(io.Writer) error) (err error) {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return fmt.Errorf("writing %s: %w", path, err)
	}
	defer func() {
		if err != nil {
			err = fmt.Errorf("writing %s: %w", path, err)
			_ = f.Close()           // already failing
			_ = os.Remove(f.Name()) // likewise; the temporary name is hidden
		}
	}()
	w := bufio.NewWriterSize(f, 1<<16)
	if err = fill(w); err != nil {
		return err
	}
	if err = w.Flush(); err != nil {
		return err
	}
	if err = f.Chmod(0o644); err != nil {
		return err
	}
	if err = f.Sync(); err != nil {
		return err
	}
	if err = f.Close(); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}
