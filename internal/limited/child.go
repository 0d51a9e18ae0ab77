// Package limited runs work that could take the whole machine in a child
// process, which watches its own memory and time and ends when its parent does. It
// knows nothing of the work.
package limited

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"time"

	"github.com/mlcheck/mlcheck/internal/self"
)

// Limits are what a child may take.
type Limits struct {
	Memory int64 // bytes, of everything that it holds
	Time   time.Duration
}

// ErrMemory and ErrTime are why a child gave up.
var (
	ErrMemory = errors.New("it took more memory than it may")
	ErrTime   = errors.New("it took more time than it may")
)

// The exit statuses of a child that gave up.
const (
	exitMemory = 10
	exitTime   = 11
)

// Child is a hidden subcommand of our own binary that answers questions, one at
// a time.
type Child struct {
	cmd     *exec.Cmd
	in      io.WriteCloser
	answers *json.Decoder
	leash   *os.File // when it closes, the child ends; so does it when we do
}

// Start starts a subcommand, which has to be [Main] with its work. The child is
// killed when the context ends.
func Start(ctx context.Context, subcommand string, l Limits) (*Child, error) {
	binary, err := self.Find(ctx, self.Child())
	if err != nil {
		return nil, err
	}
	hold, leash, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("a child needs a pipe: %w", err)
	}
	defer func() { _ = hold.Close() }()
	cmd := exec.CommandContext(ctx, binary, subcommand, strconv.FormatInt(l.Memory, 10), l.Time.String())
	cmd.ExtraFiles, cmd.Dir = []*os.File{hold}, "/"
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, errors.Join(err, leash.Close())
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, errors.Join(err, in.Close(), leash.Close())
	}
	if err := cmd.Start(); err != nil {
		return nil, errors.Join(fmt.Errorf("the child does not start: %w", err), leash.Close())
	}
	return &Child{cmd, in, json.NewDecoder(out), leash}, nil
}

// Ask puts a question and waits for its answer, both as JSON. After an error the
// child has ended; it wraps ErrMemory or ErrTime where that is the reason.
func (c *Child) Ask(question, answer any) error {
	err := json.NewEncoder(c.in).Encode(question)
	if err == nil {
		err = c.answers.Decode(answer)
	}
	if err == nil {
		return nil
	}
	_ = c.Close() // the status says more than the error
	switch c.cmd.ProcessState.ExitCode() {
	case exitMemory:
		return ErrMemory
	case exitTime:
		return ErrTime
	}
	return fmt.Errorf("the child ended with %v: %w", c.cmd.ProcessState, err)
}

// Close ends the child and waits until it is gone. It may be called twice.
func (c *Child) Close() error {
	if c.cmd.ProcessState != nil {
		return nil
	}
	_ = c.leash.Close()
	_ = c.in.Close()
	if err := c.cmd.Wait(); err != nil {
		return fmt.Errorf("the child ended: %w", err)
	}
	return nil
}
