// Package dockertest decides whether a test that needs a container engine runs,
// by the environment variable MLCHECK_DOCKER: "required" (no engine is a
// failure), "auto" (no engine is a skip; the default), or "off".
package dockertest

import (
	"context"
	"errors"
	"os"
	"testing"
	"time"

	"github.com/mlcheck/mlcheck/internal/engine"
)

// Variable is the environment variable that decides.
const Variable = "MLCHECK_DOCKER"

// Ledger is the environment variable that names a file to which every test that
// gets an engine adds its name: whoever required Docker can see that it was used.
const Ledger = "MLCHECK_DOCKER_RAN"

// Engine gives a test its engine, closed at the test's end, or skips or fails
// the test.
func Engine(tb testing.TB) engine.Engine {
	tb.Helper()
	mode := os.Getenv(Variable)
	switch mode {
	case "", "auto", "required":
	case "off":
		tb.Skipf("%s=off", Variable)
	default:
		tb.Fatalf("%s=%s is none of required, auto, off", Variable, mode)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	eng, err := engine.Open(ctx)
	if err != nil && mode == "required" {
		tb.Fatalf("%s=required, but %v", Variable, err)
	}
	if err != nil {
		tb.Skipf("skipped: %v (%s=required makes this a failure)", err, Variable)
	}
	tb.Cleanup(func() { _ = eng.Close() })
	if err := enter(os.Getenv(Ledger), tb.Name()); err != nil {
		tb.Fatalf("%s: %v", Ledger, err)
	}
	return eng
}

func enter(path, name string) error {
	if path == "" {
		return nil
	}
	f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = f.WriteString(name + "\n")
	return errors.Join(err, f.Close())
}
