// Package skip lets a test that lacks something of its machine skip itself, and
// fail instead where a skipped check is no check: with MLCHECK_SKIP=never, as CI
// has it.
package skip

import (
	"os"
	"testing"
)

// Variable is the environment variable that forbids skipping, by "never".
const Variable = "MLCHECK_SKIP"

// Because ends the test: skipped for the reason given, or failed.
func Because(tb testing.TB, format string, args ...any) {
	tb.Helper()
	if os.Getenv(Variable) == "never" {
		tb.Fatalf(Variable+"=never, but "+format, args...)
	}
	tb.Skipf(format, args...)
}
