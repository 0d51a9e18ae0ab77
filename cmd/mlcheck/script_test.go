package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

func TestMain(m *testing.M) { testscript.Main(m, map[string]func(){"mlcheck": main}) }

func TestCommandLine(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"status": status, "truncate": truncate, "first": first,
		},
		Setup: func(e *testscript.Env) error {
			// Where the engine's absence is shown, it must be absent for everybody.
			e.Setenv("NOENGINE", "unix://"+filepath.Join(e.WorkDir, "no-engine.sock"))
			return nil
		},
	})
}

// status runs mlcheck and compares its exit status: status 3 run --target x.
func status(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: status N ARG...")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	err = ts.Exec("mlcheck", args[1:]...)
	got := 0
	if exit, ok := err.(*exec.ExitError); ok { //nolint:errorlint // testscript hands it out as it is
		got = exit.ExitCode()
	} else if err != nil {
		ts.Fatalf("mlcheck did not run: %v", err)
	}
	if got != want {
		ts.Fatalf("mlcheck %v: exit status %d, want %d", args[1:], got, want)
	}
}

// truncate cuts a file to a share of its length, in percent.
func truncate(ts *testscript.TestScript, _ bool, args []string) {
	path := ts.MkAbs(args[0])
	percent, err := strconv.Atoi(args[1])
	ts.Check(err)
	st, err := os.Stat(path)
	ts.Check(err)
	ts.Check(os.Truncate(path, st.Size()*int64(percent)/100))
}

// first copies the first file that matches a pattern: first PATTERN NAME.
func first(ts *testscript.TestScript, _ bool, args []string) {
	found, err := filepath.Glob(ts.MkAbs(args[0]))
	ts.Check(err)
	if len(found) == 0 {
		ts.Fatalf("no file matches %s", args[0])
	}
	b, err := os.ReadFile(found[0])
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), b, 0o644))
}
