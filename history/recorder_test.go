package history

import (
	"os"
	"testing"

	"go.uber.org/goleak"
	"pgregory.net/rapid"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestWhatWasRecordedIsReadBack(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		cs := calls(rt, 60)
		dir, err := os.MkdirTemp(t.TempDir(), "")
		if err != nil {
			rt.Fatal(err)
		}
		h, err := Open(record(rt, dir, cs))
		if err != nil {
			rt.Fatal(err)
		}
		if h.Damage != "" {
			rt.Fatalf("damage: %s", h.Damage)
		}
		if d := diff(want(t, testHeader, cs), h); d != "" {
			rt.Fatal(d)
		}
	})
}
