package serve

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mlcheck/mlcheck/targets"
)

// kept is a target of tests: lists, or where its options say so, nothing.
type kept struct{ targets.Target }

func (kept) Configure(c targets.Config) (targets.Plan, error) {
	switch c.Options["system"] {
	case "none":
		return targets.Plan{}, errors.New("no system was asked for")
	case "remote":
		return targets.Plan{}, nil
	}
	return targets.Plan{System: struct {
		targets.System
		lists
	}{}}, nil
}

func lookup(name string) (targets.Target, bool) { return kept{}, name == "kept" }

func TestWhatCannotBeRunIsRefusedWithTheReason(t *testing.T) {
	for want, text := range map[string]string{
		"does not say what to run":   `{`,
		`no target is called "lost"`: encode(document{Target: "lost"}),
		"no system was asked for":    encode(document{Target: "kept", Config: targets.Config{Options: map[string]string{"system": "none"}}}),
		"has no machine":             encode(document{Target: "kept", Config: targets.Config{Options: map[string]string{"system": "remote"}}}),
		"cannot listen":              encode(document{Target: "kept", Node: "n1", Listen: "256.0.0.1:0"}),
		"no place for the log":       encode(document{Target: "kept", Node: "n1", Listen: "127.0.0.1:0", Dir: "/dev/null/n1"}),
	} {
		path := filepath.Join(t.TempDir(), "node.json")
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		if err := Main(t.Context(), []string{path}, lookup); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want an error with %q, got %v", want, err)
		}
	}
	if err := Main(t.Context(), nil, lookup); err == nil || !strings.Contains(err.Error(), "usage") {
		t.Error(err)
	}
	if err := Main(t.Context(), []string{filepath.Join(t.TempDir(), "none")}, lookup); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
}

func TestContainerIsToldAllThatItsNodeIsConfiguredBy(t *testing.T) {
	c := targets.Config{
		Nodes: []string{"n1", "n2"}, Topology: "ring", World: "docker", Options: map[string]string{"policy": "max"},
		Keys: []string{"x"}, Workload: "register",
	}
	spec := Spec("kept", "n2", c)
	var d document
	if err := json.Unmarshal([]byte(spec.Files[spec.Command[1]]), &d); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(document{"kept", "n2", ":7000", dataPath, c}, d); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
