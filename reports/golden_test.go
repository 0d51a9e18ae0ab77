package reports_test

import (
	"bytes"
	"flag"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mlcheck/mlcheck/reports"
)

var update = flag.Bool("update", false, "write the golden files anew, to be looked at in the diff")

// golden compares what was written with testdata/name.
func golden(t *testing.T, name string, write func(io.Writer) error) {
	t.Helper()
	var b bytes.Buffer
	if err := write(&b); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, b.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("%v; go test ./reports -update makes it", err)
	}
	if d := cmp.Diff(string(want), b.String()); d != "" {
		t.Errorf("%s is not what it was (-want +got):\n%s", path, d)
	}
}

func TestTerminalReadsAsItDid(t *testing.T) {
	for name, r := range allRuns(t) {
		golden(t, name+".txt", func(w io.Writer) error { return reports.Terminal(w, r, reports.Style{}) })
	}
	r := staleWinRun(t)
	golden(t, "stale-win.narrow.txt", func(w io.Writer) error { return reports.Terminal(w, r, reports.Style{Width: 48}) })
	golden(t, "stale-win.color.txt", func(w io.Writer) error { return reports.Terminal(w, r, reports.Style{Width: 100, Color: true}) })
}

func TestJUnitAndJSONReadAsTheyDid(t *testing.T) {
	for name, r := range allRuns(t) {
		if r.Results == nil {
			continue
		}
		golden(t, name+".junit.xml", func(w io.Writer) error { return reports.JUnit(w, r.Results, r.Name) })
		golden(t, name+".results.json", func(w io.Writer) error { return reports.JSON(w, r.Results) })
	}
}
