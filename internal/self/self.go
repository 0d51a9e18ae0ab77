// Package self finds our own binary: what runs in a sandbox as the agent, and
// beside the runner as its janitor. That is not simply the running program: under `go
// run` it may need a loader that the agent's image lacks, under `go test` it is
// the test, on a Mac it is for another system.
package self

import (
	"context"
	"debug/buildinfo"
	"debug/elf"
	"errors"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
)

const (
	// Variable names the binary that is used whenever it fits.
	Variable = "MLCHECK_BINARY"
	// Command is the package that the binary is built from.
	Command = "github.com/mlcheck/mlcheck/cmd/mlcheck"
)

// Want is what the binary has to be.
type Want struct {
	OS, Arch string
	Static   bool // it must run where there is nothing else: no loader, no libraries
}

// Agent is what runs in a Linux sandbox of an architecture.
func Agent(arch string) Want { return Want{OS: "linux", Arch: arch, Static: true} }

// Child is what runs on this machine.
func Child() Want { return Want{OS: runtime.GOOS, Arch: runtime.GOARCH} }

func (w Want) String() string {
	if w.Static {
		return w.OS + "/" + w.Arch + ", linked statically"
	}
	return w.OS + "/" + w.Arch
}

// Find gives the path of a binary that fits: the one that MLCHECK_BINARY names,
// else the running program if it is mlcheck itself, else one that is built now,
// by the Go tool, into the user's cache (a second or two the first time).
func Find(ctx context.Context, w Want) (string, error) {
	if path := os.Getenv(Variable); path != "" {
		why := unfit(path, w)
		if why == nil {
			return path, nil
		}
		if w.Static { // a child on a Mac cannot be the agent's binary
			return "", fmt.Errorf("%s=%s cannot be used, %s is needed: %w", Variable, path, w, why)
		}
	}
	running := errors.New("the running program is not mlcheck itself")
	if path, err := os.Executable(); err == nil && isCommand() {
		if running = unfit(path, w); running == nil {
			return path, nil
		}
		running = fmt.Errorf("the running program is no use: %w", running)
	}
	path, err := build(ctx, w)
	if err != nil {
		return "", fmt.Errorf("no mlcheck binary for %s: %w, and building one failed: %w; build it with `CGO_ENABLED=0 GOOS=%s GOARCH=%s go build %s` and set %s to its path",
			w, running, err, w.OS, w.Arch, Command, Variable)
	}
	return path, nil
}

func isCommand() bool {
	info, ok := debug.ReadBuildInfo()
	return ok && info.Path == Command
}

// unfit says why a file is not the binary that is wanted, nil if it is.
func unfit(path string, w Want) error {
	info, err := buildinfo.ReadFile(path)
	if err != nil {
		return fmt.Errorf("%s is no Go program: %w", path, err)
	}
	if info.Path != Command {
		return fmt.Errorf("%s is built from %s, not from %s", path, info.Path, Command)
	}
	var system, arch string
	for _, s := range info.Settings {
		switch s.Key {
		case "GOOS":
			system = s.Value
		case "GOARCH":
			arch = s.Value
		}
	}
	if system != w.OS || arch != w.Arch {
		return fmt.Errorf("%s is for %s/%s", path, system, arch)
	}
	if w.Static && needsLoader(path) {
		return fmt.Errorf("%s is linked dynamically (built with cgo)", path)
	}
	return nil
}

// needsLoader says whether an executable names an interpreter.
func needsLoader(path string) bool {
	if f, err := elf.Open(path); err == nil {
		defer func() { _ = f.Close() }()
		for _, p := range f.Progs {
			if p.Type == elf.PT_INTERP {
				return true
			}
		}
		return false
	}
	return true // whatever it is, it does not run alone in a sandbox
}
