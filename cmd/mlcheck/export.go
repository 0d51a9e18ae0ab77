package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/mlcheck/mlcheck"
	"github.com/mlcheck/mlcheck/history"
)

// formats are the formats of other tools that a history is written in.
var formats = map[string]func(*history.History, io.Writer) error{
	"edn":   (*history.History).WriteEDN,
	"plume": (*history.History).WritePlume,
}

func exportCommand() *cobra.Command {
	var format, to string
	cmd := &cobra.Command{
		Use:   "export PATH --format edn|plume",
		Short: "Write a history for the checkers of others",
		Long: `Write the history of a run folder, or of a file in any format that check reads,
for other checkers: as Jepsen's EDN (Jepsen, Elle, Knossos) or as Plume text
(Plume, AWDIT, PolySI).

What is not ordered here does not become ordered there, so a session that is
ordered only at one node is one session for each node. Neither format has nodes,
faults and stages. An operation that has no place in the format is refused by its
name, and so is a damaged history; then nothing is written.`,
		Example: `  mlcheck export store/latest --format edn -o history.edn
  mlcheck export store/latest --format plume | head
  mlcheck export jepsen.edn --format plume -o history.txt`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return &mlcheck.UsageError{Err: fmt.Errorf("`mlcheck export` takes one path, of a run folder or a history file, not %d", len(args))}
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			write, known := formats[format]
			if !known {
				return &mlcheck.UsageError{Err: fmt.Errorf("there is no format %q: --format is edn or plume", format)}
			}
			h, err := history.Open(args[0])
			if err == nil && h.Damage != "" {
				err = fmt.Errorf("%s is damaged, which an export could not say: %s", args[0], h.Damage)
			}
			if err == nil {
				err = write(h, io.Discard) // before a byte is written, all of it must have a place
			}
			if err != nil {
				return &mlcheck.UsageError{Err: err}
			}
			until := func(w io.Writer) error { return write(h, interruptible{cmd.Context(), w}) }
			if to == "" {
				return until(cmd.OutOrStdout())
			}
			return writeWhole(to, until)
		},
	}
	cmd.Flags().StringVar(&format, "format", "", "edn or plume")
	cmd.Flags().StringVarP(&to, "output", "o", "", "the file to write; without it the history is printed")
	return cmd
}

// interruptible is a writer that fails once the context ends.
type interruptible struct {
	ctx context.Context
	to  io.Writer
}

func (w interruptible) Write(b []byte) (int, error) {
	if err := w.ctx.Err(); err != nil {
		return 0, fmt.Errorf("interrupted: %w", err)
	}
	return w.to.Write(b)
}

// writeWhole writes a file that is there as a whole or not at all; one that was
// there stays until then. What is no regular file, as a pipe, is written as it is.
func writeWhole(path string, write func(io.Writer) error) error {
	if st, err := os.Stat(path); err == nil && !st.Mode().IsRegular() {
		if st.IsDir() {
			return &mlcheck.UsageError{Err: fmt.Errorf("%s is a folder: -o names the file to write", path)}
		}
		return writeTo(path, write)
	}
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	part := f.Name()
	_ = f.Close() // nothing was written yet
	err = writeTo(part, write)
	if err == nil {
		err = os.Chmod(part, 0o644) //nolint:gosec // a history is for everybody to read
	}
	if err == nil {
		err = os.Rename(part, path)
	}
	if err != nil {
		err = errors.Join(err, os.Remove(part))
	}
	return err
}

func writeTo(path string, write func(io.Writer) error) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_TRUNC, 0)
	if err != nil {
		return err
	}
	out := bufio.NewWriterSize(f, 1<<16)
	if err = write(out); err == nil {
		err = out.Flush()
	}
	return errors.Join(err, f.Close())
}
