package engine

import (
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

func TestEndpointComesFromTheContextOfTheCommandLine(t *testing.T) {
	dir := t.TempDir()
	meta := filepath.Join(dir, "contexts", "meta", fmt.Sprintf("%x", sha256.Sum256([]byte("colima"))))
	write := func(path, text string) {
		t.Helper()
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write(filepath.Join(dir, "config.json"), `{"currentContext":"colima"}`)
	write(filepath.Join(meta, "meta.json"), `{"Name":"colima","Endpoints":{"docker":{"Host":"unix:///colima.sock"}}}`)
	for _, c := range []struct{ host, context, want string }{
		{"", "", "unix:///colima.sock"},
		{"", "default", ""},
		{"", "colima", "unix:///colima.sock"},
		{"", "unknown", ""},
		{"unix:///other.sock", "colima", ""}, // DOCKER_HOST wins, and the library reads it
	} {
		t.Setenv("DOCKER_CONFIG", dir)
		t.Setenv("DOCKER_HOST", c.host)
		t.Setenv("DOCKER_CONTEXT", c.context)
		if got := contextHost(); got != c.want {
			t.Errorf("%+v: %q", c, got)
		}
	}
}
