package mlcheck

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// replayed runs a Test, lets a test change the folder, and runs it again.
func replayed(t *testing.T, test Test, change func(dir string)) *Replayed {
	t.Helper()
	first := simulated(t, test)
	if change != nil {
		change(first.Dir)
	}
	r, err := Replay(context.Background(), first.Dir, Options{Store: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// replace changes a file.
func replace(t *testing.T, path, old, by string) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil || !strings.Contains(string(text), old) {
		t.Fatalf("%s does not hold %q: %v", path, old, err)
	}
	if err := os.WriteFile(path, []byte(strings.ReplaceAll(string(text), old, by)), 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestAReplayIsTheSameRun(t *testing.T) {
	test := Test{Time: 3 * time.Second, Nemesis: []string{"partition", "clock"}, Seed: 1}
	r := replayed(t, test, nil)
	if !r.Same || r.Why != "" || r.Internal || len(r.Broken) == 0 {
		t.Fatalf("%+v", r)
	}
	for _, c := range r.Broken {
		if !c.Before || !c.After || len(c.Gone)+len(c.New) > 0 {
			t.Errorf("%+v", c)
		}
	}
}

func TestAReplayTellsWhyTheHistoryIsAnother(t *testing.T) {
	test := Test{Time: 2 * time.Second, Nemesis: []string{"partition", "clock"}, Seed: 1}
	for want, change := range map[string]func(dir string){
		"was changed": func(dir string) { replace(t, filepath.Join(dir, testFile), `"seed": 1`, `"seed": 2`) },
		"another version made the first run: that was v0.0.1": func(dir string) {
			replace(t, filepath.Join(dir, testFile), `"rate": 20`, `"rate": 40`)
			replace(t, filepath.Join(dir, "run.json"), Version(), "v0.0.1")
		},
		"built from other sources": func(dir string) { replace(t, filepath.Join(dir, testFile), `"rate": 20`, `"rate": 40`) },
	} {
		if strings.Contains(want, "was changed") {
			test.Nemesis = nil // else the faults would be refused as not drawn from the seed, and kept
		} else {
			test.Nemesis = []string{"partition", "clock"}
		}
		r := replayed(t, test, change)
		if r.Same || r.Internal || !strings.Contains(r.Why, want) || !strings.Contains(r.Why, "They part at line") {
			t.Errorf("want %q: %+v", want, r)
		}
	}
}

func TestFaultsThatNoVersionDrawsAnyMoreAreReplayed(t *testing.T) {
	test := Test{Time: 2 * time.Second, Nemesis: []string{"clock"}, Seed: 1}
	r := replayed(t, test, func(dir string) { replace(t, filepath.Join(dir, testFile), `"seed": 1`, `"seed": 2`) })
	first, err := (Test{Time: 2 * time.Second, Nemesis: []string{"clock"}, Seed: 1}).Complete()
	if err != nil || !sameFaults(first, r.Test) {
		t.Errorf("%+v is not %+v: %v", r.Test.Faults, first.Faults, err)
	}
}

func TestOnlyARunFolderCanBeReplayed(t *testing.T) {
	empty := t.TempDir()
	noHistory := t.TempDir()
	if err := os.WriteFile(filepath.Join(noHistory, testFile), []byte("target: reference\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	for dir, want := range map[string]string{
		empty: "what was run", filepath.Join(empty, "absent"): "no run folder", noHistory: "history",
	} {
		if _, err := Replay(context.Background(), dir, Options{Store: t.TempDir()}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", dir, err)
		}
	}
}
