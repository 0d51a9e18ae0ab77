package self

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/mlcheck/mlcheck/internal/skip"
)

func TestAgentsBinaryIsBuiltStaticWhereTheRunningProgramIsATest(t *testing.T) {
	t.Setenv(Variable, "")
	path, err := Find(t.Context(), Agent(runtime.GOARCH))
	if err != nil {
		t.Fatal(err)
	}
	if err := unfit(path, Agent(runtime.GOARCH)); err != nil {
		t.Error(err)
	}
	again, err := Find(t.Context(), Agent(runtime.GOARCH))
	if err != nil || again != path {
		t.Errorf("the second time it is %s, error %v; the first time %s", again, err, path)
	}
}

func TestNamedBinaryIsUsedWhereItFitsAndRefusedWithTheReasonWhereNot(t *testing.T) {
	t.Setenv(Variable, "")
	path, err := Find(t.Context(), Agent(runtime.GOARCH))
	if err != nil {
		t.Fatal(err)
	}
	elsewhere := filepath.Join(t.TempDir(), "mlcheck")
	if err := os.Link(path, elsewhere); err != nil {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(elsewhere, b, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv(Variable, elsewhere)
	if got, err := Find(t.Context(), Agent(runtime.GOARCH)); err != nil || got != elsewhere {
		t.Errorf("found %s, error %v, want %s", got, err, elsewhere)
	}
	if _, err := Find(t.Context(), Agent("riscv64")); err == nil || !strings.Contains(err.Error(), Variable) || !strings.Contains(err.Error(), runtime.GOARCH) {
		t.Errorf("for another architecture: error %v", err)
	}
	t.Setenv(Variable, "/bin/sh")
	if _, err := Find(t.Context(), Agent(runtime.GOARCH)); err == nil || !strings.Contains(err.Error(), "no Go program") {
		t.Errorf("for a shell: error %v", err)
	}
}

func TestOtherProgramIsNotOurs(t *testing.T) {
	test, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if err := unfit(test, Child()); err == nil {
		t.Error("a test was taken for mlcheck")
	}
}

func TestDynamicBinaryIsNoAgent(t *testing.T) {
	tool, err := exec.LookPath("sh")
	if err != nil {
		skip.Because(t, "no shell to look at")
	}
	if !needsLoader(tool) {
		skip.Because(t, "this machine's shell is static")
	}
	static, err := Find(t.Context(), Agent(runtime.GOARCH))
	if err != nil {
		t.Fatal(err)
	}
	if needsLoader(static) {
		t.Error("the agent's binary needs a loader")
	}
}

func TestFailingBuildSaysWhatToDo(t *testing.T) {
	t.Setenv(Variable, "")
	t.Setenv("PATH", t.TempDir())
	built.Lock()
	built.path = nil
	built.Unlock()
	_, err := Find(t.Context(), Agent(runtime.GOARCH))
	if err == nil || !strings.Contains(err.Error(), "CGO_ENABLED=0") || !strings.Contains(err.Error(), Variable) {
		t.Errorf("error %v", err)
	}
}

func TestBuildEndsWithItsContext(t *testing.T) {
	t.Setenv(Variable, "")
	built.Lock()
	built.path = nil
	built.Unlock()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Find(ctx, Agent(runtime.GOARCH)); err == nil {
		t.Error("a build went on after its context had ended")
	}
}
