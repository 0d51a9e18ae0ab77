package mariadb

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/mlcheck/mlcheck/history"
	"github.com/mlcheck/mlcheck/internal/dockertest"
	"github.com/mlcheck/mlcheck/targets"
)

// These tests run real servers, with nothing but the docker command line. Cut
// links need the agent, so they are the end-to-end tests' business.

func docker(t *testing.T, stdin string, args ...string) string {
	t.Helper()
	cmd := exec.Command("docker", args...)
	cmd.Stdin = strings.NewReader(stdin)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("docker %s: %v\n%s", strings.Join(args, " "), err, stderr.String())
	}
	return strings.TrimSpace(string(out))
}

func buildImage(t *testing.T) {
	t.Helper()
	b := build()
	if exec.Command("docker", "image", "inspect", b.Tag).Run() == nil {
		return
	}
	if out, err := exec.Command("../../scripts/base-image", b.Suite).CombinedOutput(); err != nil {
		t.Fatalf("scripts/base-image %s: %v\n%s", b.Suite, err, out)
	}
	docker(t, b.Dockerfile, "build", "--quiet", "--build-arg", "BASE=mlcheck/base:"+b.Suite, "--tag", b.Tag, "-")
}

// container is a node of the test: a targets.Node by its address on the bridge.
type container struct{ name, id, ip string }

func (c container) Name() string { return c.name }
func (c container) Peer() string { return c.ip }
func (c container) Dial(ctx context.Context) (net.Conn, error) {
	return new(net.Dialer).DialContext(ctx, "tcp", net.JoinHostPort(c.ip, strconv.Itoa(port)))
}

// setClock changes the node's clock as the agent does: a file that is renamed
// into place.
func (c container) setClock(t *testing.T, offset time.Duration) {
	t.Helper()
	docker(t, "", "exec", c.id, "sh", "-c", fmt.Sprintf("echo %+.6f > /clock/new && mv /clock/new /clock/time", offset.Seconds()))
}

type cluster struct {
	system *system
	nodes  []targets.Node
}

func deploy(t *testing.T, c targets.Config) cluster {
	t.Helper()
	dockertest.Engine(t)
	buildImage(t)
	c.Nodes, c.World = []string{"n1", "n2", "n3"}, "docker"
	plan, err := New().Configure(c)
	if err != nil {
		t.Fatal(err)
	}
	cl := cluster{system: plan.System.(*system)}
	network := fmt.Sprintf("mlcheckmdb-%d-%d", os.Getpid(), time.Now().UnixNano()%1e6)
	docker(t, "", "network", "create", "--label", "mlcheckmdb", network)
	t.Cleanup(func() { docker(t, "", "network", "rm", network) })
	start := time.Now()
	for _, name := range c.Nodes {
		cl.nodes = append(cl.nodes, startContainer(t, cl.system.Spec(name), network, name))
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	err = each(cl.nodes, func(n targets.Node) error {
		for {
			err := cl.system.Ready(ctx, n)
			if err == nil || ctx.Err() != nil {
				return err
			}
			time.Sleep(50 * time.Millisecond)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	ready := time.Now()
	if err := cl.system.Wire(ctx, cl.nodes); err != nil {
		t.Fatal(err)
	}
	t.Logf("%s: ready after %v, wired after %v more", c.Topology, ready.Sub(start).Round(time.Millisecond), time.Since(ready).Round(time.Millisecond))
	return cl
}

func startContainer(t *testing.T, spec targets.Spec, network, name string) container {
	t.Helper()
	args := []string{"create", "--label", "mlcheckmdb", "--name", network + "-" + name, "--network", network}
	if spec.Clock == "libfaketime" {
		args = append(args, "--env", "LD_PRELOAD=/usr/$LIB/faketime/libfaketimeMT.so.1",
			"--env", "FAKETIME_TIMESTAMP_FILE=/clock/time", "--env", "FAKETIME_NO_CACHE=1",
			"--env", "FAKETIME_DONT_FAKE_MONOTONIC=1", "--env", "NO_FAKE_STAT=1")
	}
	c := container{name: name, id: docker(t, "", append(append(args, spec.Image), spec.Command...)...)}
	t.Cleanup(func() {
		if t.Failed() {
			out, _ := exec.Command("docker", "logs", "--tail", "20", c.id).CombinedOutput()
			t.Logf("last lines of %s:\n%s", name, out)
		}
		docker(t, "", "rm", "--force", "--volumes", c.id)
	})
	root := t.TempDir()
	files := map[string]string{"/clock/time": "+0\n"}
	for path, content := range spec.Files {
		files[path] = content
	}
	for path, content := range files {
		path = filepath.Join(root, path)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(content), 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	docker(t, "", "cp", root+"/.", c.id+":/")
	docker(t, "", "start", c.id)
	c.ip = docker(t, "", "inspect", "--format", "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}", c.id)
	return c
}

func (cl cluster) client(t *testing.T, node int) targets.Client {
	t.Helper()
	c, err := cl.system.Connect(t.Context(), cl.nodes[node])
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func do(t *testing.T, c targets.Client, steps ...history.Step) []history.Step {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	done, err := c.Do(ctx, steps)
	if err != nil {
		t.Fatalf("%v: %v", steps, err)
	}
	return done.Steps
}

// await asks until replication is in a state, for a reason that says so.
func (cl cluster) await(t *testing.T, want, says string) {
	t.Helper()
	start := time.Now()
	for {
		state, why, err := cl.system.Quiet(t.Context(), cl.nodes)
		if err != nil {
			t.Fatal(err)
		}
		if state == want && strings.Contains(why, says) {
			t.Logf("%s after %v: %s", state, time.Since(start).Round(time.Millisecond), why)
			return
		}
		if time.Since(start) > 30*time.Second {
			t.Fatalf("replication is %s (%s), not %s (%s)", state, why, want, says)
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// everywhere executes one administrative statement on every node.
func (cl cluster) everywhere(t *testing.T, statement string) {
	t.Helper()
	err := each(cl.nodes, func(n targets.Node) error {
		link, err := connect(t.Context(), n)
		if err != nil {
			return err
		}
		_, err = link.conn.ExecContext(t.Context(), statement)
		return errors.Join(err, link.close())
	})
	if err != nil {
		t.Fatal(err)
	}
}

// values are what each node has for a key.
func (cl cluster) values(t *testing.T, key string) []history.Value {
	t.Helper()
	var values []history.Value
	for i := range cl.nodes {
		values = append(values, do(t, cl.client(t, i), read(key))[0].Value)
	}
	return values
}

// untilValues waits, with a bound, until the nodes have these values.
func (cl cluster) untilValues(t *testing.T, key string, want []history.Value) {
	t.Helper()
	for start := time.Now(); time.Since(start) < 20*time.Second && !cmp.Equal(want, cl.values(t, key)); {
		time.Sleep(50 * time.Millisecond)
	}
}

func read(key string) history.Step { return history.Step{F: history.Read, Key: key} }

func write(key string, n int64) history.Step {
	return history.Step{F: history.Write, Key: key, Value: history.Int(n)}
}

func TestEveryWriteReachesEveryLeader(t *testing.T) {
	for _, topology := range []string{ring, allToAll} {
		for _, relay := range []string{"on", "off"} {
			if topology == ring && relay == "off" {
				continue
			}
			t.Run(topology+" relay="+relay, func(t *testing.T) {
				cl := deploy(t, targets.Config{
					Topology: topology, Keys: []string{"a", "b", "c"}, Options: map[string]string{"relay": relay},
				})
				for i, key := range []string{"a", "b", "c"} {
					c := cl.client(t, i)
					do(t, c, write(key, int64(i+1)))
					do(t, c, history.Step{F: history.Add, Key: "s", Value: history.Int(int64(i + 1))})
				}
				cl.await(t, history.QuietYes, "")
				want := []history.Value{history.Int(1), history.Int(2), history.Int(3), history.List(1, 2, 3)}
				for i := range cl.nodes {
					var got []history.Value
					for _, s := range do(t, cl.client(t, i), read("a"), read("b"), read("c"), read("s")) {
						got = append(got, s.Value)
					}
					if diff := cmp.Diff(want, got); diff != "" {
						t.Errorf("%s differs (-want +got):\n%s", cl.nodes[i].Name(), diff)
					}
				}
			})
		}
	}
}

// While no link runs, two leaders each do one thing to the same key. What
// becomes of it is what README.md says of the options.
func TestWhatTheOptionsMakeOfConflicts(t *testing.T) {
	remove := history.Step{F: history.Delete, Key: "x"}
	add := func(e int64) history.Step {
		return history.Step{F: history.Add, Key: "x", Value: history.Int(e)}
	}
	upsert := map[string]string{"rows": "upsert"}
	idempotent := map[string]string{"rows": "upsert", "exec-mode": "idempotent"}
	mixed := map[string]string{"binlog-format": "mixed"}
	three := func(n1, n2, n3 history.Value) []history.Value { return []history.Value{n1, n2, n3} }
	var nothing history.Value
	for _, c := range []struct {
		name     string
		options  map[string]string
		before   []history.Step // at n1, and everywhere before the links stop
		one, two history.Step   // at n1 and n2
		state    string
		says     string
		values   []history.Value
	}{
		{
			name: "defaults let writes cross", one: write("x", 1), two: write("x", 2),
			state: history.QuietYes, values: three(history.Int(2), history.Int(1), history.Int(1)),
		},
		{
			name: "inserts stop a strict link", options: upsert, one: write("x", 1), two: write("x", 2),
			state: history.QuietStopped, says: "n1 → n2 stopped applying: error 1062",
			values: three(history.Int(1), history.Int(2), history.Int(2)),
		},
		{
			name: "inserts cross an idempotent link", options: idempotent, one: write("x", 1), two: write("x", 2),
			state: history.QuietYes, values: three(history.Int(2), history.Int(1), history.Int(1)),
		},
		{
			name: "a write and a delete cross", before: []history.Step{write("x", 9)}, one: write("x", 1), two: remove,
			state: history.QuietYes, values: three(nothing, history.Int(1), history.Int(1)),
		},
		{
			name: "an update of a deleted row stops a strict link", options: upsert,
			before: []history.Step{write("x", 9)}, one: write("x", 1), two: remove,
			state: history.QuietStopped, says: "n1 → n2 stopped applying: error 1032",
			values: three(nothing, nothing, nothing),
		},
		{
			name: "an update of a deleted row is skipped by an idempotent link and not passed on", options: idempotent,
			before: []history.Step{write("x", 9)}, one: write("x", 1), two: remove,
			state: history.QuietYes, says: "1 transaction of n1 never came to n3",
			values: three(nothing, nothing, nothing),
		},
		{
			name: "row images overwrite increments", one: inc("x", 1), two: inc("x", 2),
			state: history.QuietYes, values: three(history.Int(2), history.Int(1), history.Int(1)),
		},
		{
			name: "statements add increments up", options: mixed, one: inc("x", 1), two: inc("x", 2),
			state: history.QuietYes, values: three(history.Int(3), history.Int(3), history.Int(3)),
		},
		{
			name: "adds of different elements do not conflict", one: add(1), two: add(2),
			state: history.QuietYes, values: three(history.List(1, 2), history.List(1, 2), history.List(1, 2)),
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			cl := deploy(t, targets.Config{Topology: ring, Keys: []string{"x"}, Options: c.options})
			if c.before != nil {
				do(t, cl.client(t, 0), c.before...)
				cl.await(t, history.QuietYes, "")
			}
			cl.everywhere(t, "STOP ALL SLAVES")
			do(t, cl.client(t, 0), c.one)
			do(t, cl.client(t, 1), c.two)
			cl.everywhere(t, "START ALL SLAVES")
			cl.await(t, c.state, c.says)
			if c.state == history.QuietStopped {
				cl.untilValues(t, "x", c.values) // the links that did not stop may still deliver
			}
			if diff := cmp.Diff(c.values, cl.values(t, "x")); diff != "" {
				t.Errorf("values on n1, n2, n3 (-want +got):\n%s", diff)
			}
		})
	}
}

func TestTheServersClockFollowsTheControlFileAndItsWaitsDoNot(t *testing.T) {
	cl := deploy(t, targets.Config{Topology: ring, Keys: []string{"x"}})
	n1 := cl.nodes[0].(container)
	for _, offset := range []time.Duration{time.Minute, -time.Minute, 0} {
		n1.setClock(t, offset)
		start := time.Now()
		clock, err := cl.system.Clock(t.Context(), n1)
		if err != nil {
			t.Fatal(err)
		}
		if off := clock.Sub(start) - offset; off.Abs() > 5*time.Second {
			t.Errorf("asked for %v, its clock is off by %v", offset, clock.Sub(start))
		}
		// A wait that went by the false clock would end a minute early or late.
		link, err := connect(t.Context(), n1)
		if err != nil {
			t.Fatal(err)
		}
		start = time.Now()
		var free int
		if err := link.conn.QueryRowContext(t.Context(), "SELECT SLEEP(1)").Scan(&free); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(start); took < time.Second || took > 20*time.Second {
			t.Errorf("at %v, SLEEP(1) took %v", offset, took)
		}
		if err := link.close(); err != nil {
			t.Error(err)
		}
	}
	do(t, cl.client(t, 0), write("x", 1))
	cl.await(t, history.QuietYes, "")
}

func TestReadModifyWritesOfOneLeaderDoNotLoseEachOther(t *testing.T) {
	cl := deploy(t, targets.Config{Topology: ring, Keys: []string{"x"}})
	done := make(chan int64, 4)
	for range cap(done) {
		c := cl.client(t, 0)
		go func() {
			var n int64
			for range 50 {
				// Reading locks the row, so what is written is one more than what was read
				// though the two are two statements.
				if got, err := c.Do(t.Context(), []history.Step{read("x"), inc("x", 1), read("x")}); err == nil {
					n++
					if before, after := got.Steps[0].Value.N, got.Steps[2].Value.N; after != before+1 {
						t.Errorf("read %d, added 1, read %d", before, after)
					}
				}
			}
			done <- n
		}()
	}
	var want int64
	for range cap(done) {
		want += <-done
	}
	cl.await(t, history.QuietYes, "")
	if diff := cmp.Diff([]history.Value{history.Int(want), history.Int(want), history.Int(want)}, cl.values(t, "x")); diff != "" || want == 0 {
		t.Errorf("%d were acknowledged (-want +got):\n%s", want, diff)
	}
}
