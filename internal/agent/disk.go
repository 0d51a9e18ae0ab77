package agent

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// DataVariable names the directory of the bounded volume on which the target keeps its
// data, in the environment of the agent. Where it is not set there is none.
const DataVariable = "MLCHECK_DATA"

// The agent's own files on the target's volume.
const (
	ballastFile = ".mlcheck-ballast"
	trialFile   = ".mlcheck-trial"
)

// DiskTrial is what became of writing a page to the target's volume and syncing it.
type DiskTrial struct {
	Full bool          `json:"full,omitempty"` // it could not be written
	Sync time.Duration `json:"sync,omitempty"` // how long that took
}

// disk is the target's volume. It is filled by a file that takes all there is.
type disk struct{ dir string }

// own says whether a file is the agent's.
func own(name string) bool { return name == ballastFile || name == trialFile }

// held counts the files and directories on the disk, but for the agent's own.
func (d disk) held() (int, error) {
	if d.dir == "" {
		return 0, errors.New("this node has no volume of its own")
	}
	n := 0
	err := filepath.WalkDir(d.dir, func(path string, e fs.DirEntry, err error) error {
		if err == nil && path != d.dir && !own(e.Name()) {
			n++
		}
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("what is on the disk cannot be counted: %w", err)
	}
	return n, nil
}

// empty removes all that is on the disk, but for the agent's own files, and says how much
// that was.
func (d disk) empty() (int, error) {
	n, err := d.held()
	if err != nil {
		return 0, err
	}
	list, err := os.ReadDir(d.dir)
	for _, e := range list {
		if !own(e.Name()) {
			err = errors.Join(err, os.RemoveAll(filepath.Join(d.dir, e.Name())))
		}
	}
	if err != nil {
		return 0, fmt.Errorf("the disk cannot be emptied: %w", err)
	}
	return n, nil
}

// set fills the disk, or frees it.
func (d disk) set(full bool) error {
	if d.dir == "" {
		if full {
			return errors.New("this node has no volume that could be filled")
		}
		return nil
	}
	if !full {
		if err := os.Remove(filepath.Join(d.dir, ballastFile)); err != nil && !errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("the disk cannot be freed: %w", err)
		}
		return nil
	}
	f, err := os.OpenFile(filepath.Join(d.dir, ballastFile), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if errors.Is(err, syscall.ENOSPC) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("the disk cannot be filled: %w", err)
	}
	if err := errors.Join(fill(f, 1<<20), fill(f, 1<<12), f.Close()); err != nil {
		return fmt.Errorf("the disk cannot be filled: %w", err)
	}
	return nil
}

// fill writes chunks until there is no room for another.
func fill(w io.Writer, chunk int) error {
	for zeros := make([]byte, chunk); ; {
		if _, err := w.Write(zeros); errors.Is(err, syscall.ENOSPC) {
			return nil
		} else if err != nil {
			return err
		}
	}
}

// try writes a page to the disk, has it synced, and removes it.
func (d disk) try() (*DiskTrial, error) {
	if d.dir == "" {
		return nil, errors.New("this node has no volume of its own")
	}
	path := filepath.Join(d.dir, trialFile)
	began := time.Now()
	err := writeSynced(path)
	took := time.Since(began)
	gone := os.Remove(path)
	switch {
	case errors.Is(err, syscall.ENOSPC):
		return &DiskTrial{Full: true}, nil
	case err != nil:
		return nil, fmt.Errorf("the disk cannot be tried: %w", err)
	case gone != nil:
		return nil, fmt.Errorf("the disk cannot be tried: %w", gone)
	}
	return &DiskTrial{Sync: took}, nil
}

func writeSynced(path string) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(make([]byte, 4096))
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}
