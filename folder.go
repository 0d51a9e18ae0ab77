package mlcheck

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
	"time"

	"github.com/goccy/go-yaml"

	"github.com/mlcheck/mlcheck/internal/docker"
	"github.com/mlcheck/mlcheck/internal/sim"
	"github.com/mlcheck/mlcheck/internal/world"
	"github.com/mlcheck/mlcheck/nemesis"
	"github.com/mlcheck/mlcheck/reports"
	"github.com/mlcheck/mlcheck/targets"
)

// The files of a run folder.
const (
	testFile    = "test.json"
	historyFile = "history.jsonl.zst"
)

// newFolder makes the folder of a run, store/<what>/<when>-<seed>, with the
// completed Test in it.
func newFolder(store string, p *plan) (string, error) {
	topology := p.Topology
	if targets.IsLinks(topology) {
		topology = "links" // of which there may be more than a name holds
	}
	what := strings.Join([]string{p.Target, topology, p.Workload}, "-")
	dir, err := ownFolder(filepath.Join(store, what), p.Seed)
	if err != nil {
		return "", fmt.Errorf("the run folder cannot be made: %w; --store names another place", err)
	}
	ignore := filepath.Join(store, ".gitignore")
	if _, err := os.Stat(ignore); os.IsNotExist(err) {
		if err := os.WriteFile(ignore, []byte("*\n"), 0o644); err != nil {
			return "", fmt.Errorf("%s cannot be written: %w", ignore, err)
		}
	}
	doc, err := p.JSON()
	if err != nil {
		return "", err
	}
	if err := os.WriteFile(filepath.Join(dir, testFile), doc, 0o644); err != nil {
		return "", fmt.Errorf("the Test cannot be stored: %w", err)
	}
	return dir, nil
}

// ownFolder makes a folder that was not there: two runs may start in one
// millisecond, and the later one waits for the next.
func ownFolder(parent string, seed uint64) (string, error) {
	if err := os.MkdirAll(parent, 0o755); err != nil {
		return "", err
	}
	for {
		dir := filepath.Join(parent, fmt.Sprintf("%s-%d", time.Now().UTC().Format("20060102T150405.000Z"), seed))
		if err := os.Mkdir(dir, 0o755); !errors.Is(err, fs.ErrExist) {
			return dir, err
		}
		time.Sleep(time.Millisecond)
	}
}

// removeFolder takes back the folder of a run that never came to be.
func removeFolder(store, dir string) {
	_ = os.RemoveAll(dir)
	_ = os.Remove(filepath.Dir(dir)) // fails, as it should, where other runs are
	_ = os.Remove(store)             // likewise; .gitignore is enough to keep it
}

// pointLatest lets store/latest point to the run. It is a convenience: a file system without links does without it.
func pointLatest(store, dir string) {
	latest := filepath.Join(store, "latest")
	if old, err := os.Readlink(latest); err == nil && filepath.Base(old) > filepath.Base(dir) {
		return // a run that began later was faster to get here
	}
	rel, err := filepath.Rel(store, dir)
	if err != nil {
		return
	}
	next := filepath.Join(store, fmt.Sprintf(".latest-%d", os.Getpid()))
	if os.Symlink(rel, next) == nil && os.Rename(next, latest) != nil {
		_ = os.Remove(next)
	}
}

// JSON is the document as test.json has it: indented, durations in words.
func (t Test) JSON() ([]byte, error) {
	flow, err := yaml.MarshalWithOptions(t, yaml.JSON())
	if err != nil {
		return nil, fmt.Errorf("the Test cannot be encoded: %w", err)
	}
	var b bytes.Buffer
	if err := json.Indent(&b, flow, "", "  "); err != nil {
		return nil, fmt.Errorf("the Test cannot be encoded: %w", err)
	}
	return b.Bytes(), nil
}

func (r *runner) simulate() (world.Cluster, error) {
	s, ok := r.conf.System.(targets.Simulated)
	if !ok {
		return nil, fmt.Errorf("target %s says that it runs in the simulated world but has no machine", r.Target)
	}
	return sim.Start(sim.Config{Nodes: r.nodes, Links: r.conf.Links, System: s, Latency: r.latency, Seed: r.Seed}), nil
}

// containers deploys the target on a container engine.
func (r *runner) containers(ctx context.Context) (world.Cluster, error) {
	c, err := docker.Start(ctx, docker.Config{
		Run: runID(r.dir), Target: r.Target, Nodes: r.nodes, Links: nemesis.Paths(r.conf.Links),
		System: r.conf.System, Seed: r.Seed, Latency: r.latency, Clients: len(nemesis.Concerned(r.Faults)) > 0, Fills: r.fills(), Wipes: r.empties(), Keep: r.opt.Keep, Progress: r.opt.Progress,
	})
	if err != nil {
		return nil, err
	}
	return c, nil
}

// runID names a run on an engine: when, seed, and a random part, since several
// may start in one millisecond.
func runID(dir string) string {
	return fmt.Sprintf("%s-%04x", filepath.Base(dir), rand.Uint32N(1<<16))
}

// saveInfo stores what a reader wants to know and no checker may depend on.
func (r *runner) saveInfo() error {
	info := reports.Info{Name: strings.Join([]string{r.Target, r.Topology, r.Workload}, " "), Version: Version()}
	if b, ok := r.cluster.(interface{ Base() time.Time }); ok {
		info.Base = b.Base().UTC()
	}
	return reports.SaveInfo(r.dir, info)
}

// Version is this mlcheck's, as Go knows it.
func Version() string {
	if bi, ok := debug.ReadBuildInfo(); ok && bi.Main.Version != "" {
		return bi.Main.Version
	}
	return "(devel)"
}
