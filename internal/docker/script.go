package docker

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"github.com/mlcheck/mlcheck/internal/self"
)

// baseScript runs the project's script that makes a base image without a
// registry. It has children of its own; should the runner be killed, the
// janitor ends all of them.
func (c *Cluster) baseScript(ctx context.Context, suite string) error {
	root, ok := self.Root()
	path := filepath.Join(root, "scripts", "base-image")
	if _, err := os.Stat(path); !ok || err != nil {
		return errors.New("scripts/base-image is not at hand: this is no checkout of mlcheck")
	}
	if os.Geteuid() != 0 {
		return errors.New("scripts/base-image needs root")
	}
	c.cfg.Progress("making the base image of Debian %s with scripts/base-image, once (a minute or two)", suite)
	cmd := exec.CommandContext(ctx, path, suite)
	cmd.Dir = root
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { endGroup(cmd.Process.Pid); return nil }
	cmd.WaitDelay = time.Second
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	cmd.Stderr = cmd.Stdout
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("scripts/base-image does not start: %w", err)
	}
	c.janitor.group(cmd.Process.Pid)
	defer c.janitor.group(0)
	var last string
	for scan := bufio.NewScanner(out); scan.Scan(); {
		last = scan.Text()
		c.cfg.Progress("  %s", last)
	}
	if err := cmd.Wait(); err != nil {
		return fmt.Errorf("scripts/base-image %s failed: %w: %s", suite, err, last)
	}
	return nil
}
