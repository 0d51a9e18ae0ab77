package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// What has no place may come late, long after the first bytes would have left.
func TestAnExportThatIsRefusedPrintsNothing(t *testing.T) {
	var text bytes.Buffer
	text.WriteString(`{"format":"mlcheck.history/1","nodes":["n1"]}` + "\n")
	const n = 5000
	for i := range n {
		step := fmt.Sprintf(`"w","x",%d`, i+1)
		if i == n-1 {
			step = `"d","x"`
		}
		fmt.Fprintf(&text, `{"i":%d,"t":0,"type":"invoke","session":%d,"node":"n1","ops":[[%s]]}`+"\n", i+1, i, step)
	}
	path := filepath.Join(t.TempDir(), "h")
	if err := os.WriteFile(path, text.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, format := range []string{"edn", "plume"} {
		var out bytes.Buffer
		root := rootCommand(new(int))
		root.SetArgs([]string{"export", path, "--format", format})
		root.SetOut(&out)
		if err := root.Execute(); err == nil || !strings.Contains(err.Error(), "operation #5000") || out.Len() > 0 {
			t.Errorf("%s: %v, and %d bytes were printed", format, err, out.Len())
		}
	}
}
