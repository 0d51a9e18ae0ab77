package docker

import (
	"context"
	"debug/elf"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/mlcheck/mlcheck/history"
	"github.com/mlcheck/mlcheck/internal/agent"
	"github.com/mlcheck/mlcheck/internal/dockertest"
	"github.com/mlcheck/mlcheck/internal/engine"
	"github.com/mlcheck/mlcheck/internal/skip"
	"github.com/mlcheck/mlcheck/nemesis"
	"github.com/mlcheck/mlcheck/targets"
)

// linkages are the ways in which a node's program gets at the C library, and so at the
// clock; the first node runs mlcheck's own binary, which is static Go.
var linkages = []struct {
	node, name, compiler string
	flags                []string
}{
	{node: "go", name: "static Go"},
	{"glibc", "dynamic glibc", "gcc", nil},
	{"glibc-static", "static glibc", "gcc", []string{"-static"}},
	{"musl", "dynamic musl", "musl-gcc", nil},
	{"musl-static", "static musl", "musl-gcc", []string{"-static"}},
}

// programs are nodes that each run a program of another linkage, in an image with nothing
// but what that needs.
type programs struct {
	*echo
	images map[string]string // by node
}

func (p *programs) Spec(node string) targets.Spec {
	s := p.echo.Spec(node)
	if image := p.images[node]; image != "" {
		s.Image, s.Command = image, []string{"/clock"}
	}
	return s
}

// programImages builds them.
func programImages(t *testing.T, eng engine.Engine) map[string]string {
	t.Helper()
	images := map[string]string{}
	for _, l := range linkages {
		if l.compiler == "" {
			continue
		}
		ref := fmt.Sprintf("mlcheckdkr/%s:%d", l.node, os.Getpid())
		layer, err := engine.Tar(program(t, l.compiler, l.flags...)...)
		if err != nil {
			t.Fatal(err)
		}
		if err := eng.ImportImage(t.Context(), ref, layer, nil); err != nil {
			t.Fatal(err)
		}
		images[l.node] = ref
		t.Cleanup(func() { _ = eng.RemoveImage(context.Background(), ref) })
	}
	return images
}

// program is the server of testdata as a compiler links it, with the loader and the library
// that it asks for, if any.
func program(t *testing.T, compiler string, flags ...string) []engine.File {
	t.Helper()
	if _, err := exec.LookPath(compiler); err != nil {
		skip.Because(t, "%s is not here", compiler)
	}
	path := filepath.Join(t.TempDir(), "clock")
	args := append(flags, "-O2", "-pthread", "-D_GNU_SOURCE", "-o", path, filepath.Join("testdata", "clock.c"))
	if out, err := exec.Command(compiler, args...).CombinedOutput(); err != nil {
		skip.Because(t, "%s %v cannot link here: %s", compiler, flags, out)
	}
	f, err := elf.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	files := []engine.File{file(t, "clock", path)}
	section := f.Section(".interp")
	if section == nil {
		return files
	}
	b, err := section.Data()
	if err != nil {
		t.Fatal(err)
	}
	loader := strings.TrimRight(string(b), "\x00")
	files = append(files, file(t, loader[1:], loader))
	libraries, err := f.ImportedLibraries()
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range libraries {
		out, err := exec.Command(compiler, "-print-file-name="+name).Output()
		if at := strings.TrimSpace(string(out)); err == nil && at != name && !strings.Contains(loader, "musl") { // musl's loader is its library
			files = append(files, file(t, "lib/x86_64-linux-gnu/"+name, at))
		}
	}
	return files
}

func file(t *testing.T, name, path string) engine.File {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return engine.File{Name: name, Mode: 0o755, Body: b}
}

// told is what a node answers to the question for a time.
func told(n *node, way string) (time.Duration, error) {
	answer, err := ask(context.Background(), n, way)
	if err != nil {
		return 0, err
	}
	ns, err := strconv.ParseInt(answer, 10, 64)
	return time.Duration(ns), err
}

// behind is how far a way may lag: a whole second, some ticks of the kernel.
var behind = map[string]time.Duration{"time": time.Second + 20*time.Millisecond, "coarse": 20 * time.Millisecond, "day": time.Microsecond}

// shows asks a node for the time in each way, and says by how much the last one showed it to
// be off; it is an error where one is not off as it should be.
func shows(c *Cluster, n *node, want nemesis.ClockState, ways []string) (off time.Duration, err error) {
	late := time.Duration(max(want.PPM, -want.PPM)) * time.Microsecond // a drift begins when the node knows of it: a second at most
	for _, way := range ways {
		from, before := want.At(c.Now()), time.Now()
		its, err := told(n, way)
		if err != nil {
			return 0, err
		}
		to, after := want.At(c.Now()), time.Now()
		off = its - time.Duration(before.UnixNano())
		if low := its - time.Duration(after.UnixNano()); low > max(from, to)+late || off+behind[way] < min(from, to)-late {
			return 0, fmt.Errorf("asked for by %s, the clock of %s is off by %s to %s, not by %s to %s", way, n.name, low, off, from, to)
		}
	}
	return off, nil
}

// TestClocksOfProgramsOfEveryLinkageAreSkewedInContainers: in each node another program, by
// all ways of asking for the time, in a thread and a child that are started under the skew,
// in another program in the place of the first, and after a restart.
func TestClocksOfProgramsOfEveryLinkageAreSkewedInContainers(t *testing.T) {
	eng := dockertest.Engine(t)
	p := &programs{&echo{image: agentImage(t, eng), clock: agent.VDSO}, programImages(t, eng)}
	c := started(t, func(cfg *Config, _ *echo) {
		cfg.System, cfg.Nodes, cfg.Links = p, nil, []history.Link{}
		for _, l := range linkages {
			cfg.Nodes = append(cfg.Nodes, l.node)
		}
	})
	began := map[string]time.Duration{} // what the monotonic clocks showed less our time
	everywhere := func(when string, state nemesis.State) {
		t.Helper()
		for i, n := range c.nodes {
			ways := []string{"fork", "thread", "time", "day", "coarse", "clock"}
			if p.images[n.name] == "" {
				ways = []string{"clock"}
			}
			want := state.Clock(n.name)
			var off time.Duration
			var err error
			within(t, 10*time.Second, when, func() bool {
				off, err = shows(c, n, want, ways)
				return err == nil
			})
			if err != nil {
				t.Error(err)
				continue
			}
			t.Logf("%-13s  %-23s  planned %-9s  read %s", linkages[i].name, when, want.At(c.Now()).Round(time.Millisecond), off.Round(time.Millisecond))
			if p.images[n.name] == "" {
				continue
			}
			its, err := told(n, "monotonic")
			if its -= c.Now(); began[n.name] == 0 {
				began[n.name] = its
			}
			if moved := its - began[n.name]; err != nil || moved.Abs() > 10*time.Second {
				t.Errorf("%s: the monotonic clock of %s has moved by %s; %v", when, n.name, moved, err)
			}
		}
	}
	everywhere("before", nemesis.State{})
	for _, fault := range []struct {
		when string
		of   func(i int64) nemesis.ClockState
	}{
		{"ahead", func(i int64) nemesis.ClockState { return nemesis.ClockState{Offset: time.Duration(i+1) * time.Hour} }},
		{"behind", func(i int64) nemesis.ClockState { return nemesis.ClockState{Offset: -time.Duration(i+1) * time.Minute} }},
		{"drifting", func(i int64) nemesis.ClockState {
			return nemesis.ClockState{PPM: 100_000 * (i - 2), Since: c.Now() - 10*time.Second}
		}},
	} {
		var state nemesis.State
		for i, n := range c.nodes {
			clock := fault.of(int64(i))
			clock.Node = n.name
			state.Clocks = append(state.Clocks, clock)
		}
		apply(t, c, state)
		everywhere(fault.when, state)
		for _, n := range c.nodes {
			if p.images[n.name] == "" {
				continue // the echo executes nothing
			}
			if _, err := told(n, "exec"); err != nil {
				t.Error(err)
			}
		}
		everywhere(fault.when+", after exec", state)
		for _, n := range c.nodes {
			if err := errors.Join(eng.KillContainer(t.Context(), n.target), eng.StartContainer(t.Context(), n.target)); err != nil {
				t.Fatal(err)
			}
		}
		everywhere(fault.when+", after a restart", state)
	}
	apply(t, c, nemesis.State{})
	everywhere("healed", nemesis.State{})
}
