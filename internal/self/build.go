package self

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"
)

// keepFor is how long a built binary stays in the cache after its last use.
const keepFor = 7 * 24 * time.Hour

// built remembers what this process has built.
var built struct {
	sync.Mutex
	path map[string]string // by system and architecture
}

// build makes the binary with the Go tool, into the user's cache. The tool
// leaves a file alone that is up to date already, so the second time takes a
// fraction of the first; the result is a copy named after its content, which no
// later build changes under those who run it.
func build(ctx context.Context, w Want) (string, error) {
	built.Lock()
	defer built.Unlock()
	key := w.OS + "-" + w.Arch
	if path := built.path[key]; path != "" {
		return path, nil
	}
	dir, err := cacheDir()
	if err != nil {
		return "", err
	}
	clean(dir)
	from, pkg := source()
	sum := sha256.Sum256([]byte(from))
	out := filepath.Join(dir, fmt.Sprintf("build-%s-%x", key, sum[:6]))
	unlock, err := lock(out + ".lock")
	if err != nil {
		return "", err
	}
	defer unlock()
	if err := compile(ctx, w, from, pkg, out); err != nil {
		return "", err
	}
	path, err := publish(out, filepath.Join(dir, "mlcheck-"+key))
	if err == nil && built.path == nil {
		built.path = map[string]string{}
	}
	if err == nil {
		built.path[key] = path
	}
	return path, err
}

// lock keeps other processes from the same output file.
func lock(path string) (unlock func(), err error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, fmt.Errorf("the cache cannot be written: %w", err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX); err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("the cache cannot be locked: %w", err)
	}
	return func() { _ = f.Close() }, nil
}

func compile(ctx context.Context, w Want, dir, pkg, out string) error {
	tool, err := exec.LookPath("go")
	if err != nil {
		return errors.New("there is no Go tool in the PATH")
	}
	cmd := exec.CommandContext(ctx, tool, "build", "-trimpath", "-ldflags=-s -w", "-buildvcs=false", "-o", out, pkg)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS="+w.OS, "GOARCH="+w.Arch, "GOFLAGS=", "GOEXPERIMENT=")
	if said, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w: %s", strings.Join(cmd.Args, " "), err, strings.TrimSpace(string(said)))
	}
	return nil
}

// publish copies a file to a path that ends in the hash of its content.
func publish(from, prefix string) (string, error) {
	body, err := os.ReadFile(from)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(body)
	path := fmt.Sprintf("%s-%x", prefix, sum[:6])
	if _, err := os.Stat(path); err == nil {
		now := time.Now()
		return path, os.Chtimes(path, now, now)
	}
	f, err := os.CreateTemp(filepath.Dir(path), "copy-*")
	if err != nil {
		return "", fmt.Errorf("the cache cannot be written: %w", err)
	}
	defer func() { _ = os.Remove(f.Name()) }()
	_, err = f.Write(body)
	if err := errors.Join(err, f.Chmod(0o755), f.Close()); err != nil {
		return "", fmt.Errorf("the cache cannot be written: %w", err)
	}
	return path, os.Rename(f.Name(), path)
}

// source says in which directory to build which package. Where the source of
// the running program is at hand, it is built; else the current directory's
// module has to know it.
func source() (dir, pkg string) {
	if root, ok := Root(); ok {
		return root, "./cmd/mlcheck"
	}
	return "", Command
}

// Root is the folder of the project's own source, if it is on this machine: the
// checkout or the module cache that this program was built from, else the
// checkout around the current directory.
func Root() (string, bool) {
	if _, file, _, ok := runtime.Caller(0); ok {
		if root := filepath.Dir(filepath.Dir(filepath.Dir(file))); isRoot(root) {
			return root, true
		}
	}
	dir, err := os.Getwd()
	for err == nil && dir != filepath.Dir(dir) {
		if isRoot(dir) {
			return dir, true
		}
		dir = filepath.Dir(dir)
	}
	return "", false
}

func isRoot(dir string) bool {
	b, err := os.ReadFile(filepath.Join(dir, "go.mod"))
	return err == nil && strings.HasPrefix(string(b), "module "+strings.TrimSuffix(Command, "/cmd/mlcheck")+"\n")
}

func cacheDir() (string, error) {
	base, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("there is no folder for caches: %w", err)
	}
	dir := filepath.Join(base, "mlcheck", "bin")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", fmt.Errorf("the cache cannot be made: %w", err)
	}
	return dir, nil
}

// clean removes binaries that nothing has built or used for long. What fails is
// left for another time.
func clean(dir string) {
	list, _ := os.ReadDir(dir)
	for _, e := range list {
		if info, err := e.Info(); err == nil && time.Since(info.ModTime()) > keepFor {
			_ = os.Remove(filepath.Join(dir, e.Name()))
		}
	}
}
