package self

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"
)

// keepFor is how long a built binary stays in the cache after its last use.
const keepFor = 7 * 24 * time.Hour

// build makes the binary with the Go tool. Go's own build cache makes it quick
// when nothing has changed. The result is named after its content, so that
// runs side by side never replace each other's.
func build(ctx context.Context, w Want) (string, error) {
	tool, err := exec.LookPath("go")
	if err != nil {
		return "", errors.New("there is no Go tool in the PATH")
	}
	dir, err := cacheDir()
	if err != nil {
		return "", err
	}
	clean(dir)
	f, err := os.CreateTemp(dir, "build-*")
	if err != nil {
		return "", fmt.Errorf("the cache cannot be written: %w", err)
	}
	_ = f.Close()
	defer func() { _ = os.Remove(f.Name()) }()
	from, pkg := source()
	cmd := exec.CommandContext(ctx, tool, "build", "-trimpath", "-ldflags=-s -w", "-buildvcs=false", "-o", f.Name(), pkg)
	cmd.Dir = from
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS="+w.OS, "GOARCH="+w.Arch, "GOFLAGS=", "GOEXPERIMENT=")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("%s: %w: %s", strings.Join(cmd.Args, " "), err, strings.TrimSpace(string(out)))
	}
	sum, err := hash(f.Name())
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, fmt.Sprintf("mlcheck-%s-%s-%s", w.OS, w.Arch, sum[:12]))
	if err := os.Rename(f.Name(), path); err != nil {
		return "", err
	}
	return path, os.Chmod(path, 0o755)
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

func hash(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer func() { _ = f.Close() }()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}
