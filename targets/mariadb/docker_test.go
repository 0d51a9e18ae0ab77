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
	"github.com/mlcheck/mlcheck/targets"
)

// These tests run real servers, with nothing but the docker command line, when
// MLCHECK_DOCKER is required or auto. Cut links need the agent, so they are the
// end-to-end tests' business.

func needDocker(t *testing.T) {
	t.Helper()
	mode := os.Getenv("MLCHECK_DOCKER")
	if mode == "" || mode == "off" {
		t.Skip("MLCHECK_DOCKER is off")
	}
	if err := exec.Command("docker", "version").Run(); err != nil {
		if mode == "required" {
			t.Fatalf("MLCHECK_DOCKER=required, and no engine answers (%v); run scripts/engine up", err)
		}
		t.Skip("no engine answers")
	}
}

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
type container struct{ name, id, ip, clockDir string }

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
	needDocker(t)
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
	args := []string{
		"create", "--label", "mlcheckmdb", "--name", network + "-" + name, "--network", network,
		"--env", "LD_PRELOAD=/usr/$LIB/faketime/libfaketimeMT.so.1",
		"--env", "FAKETIME_TIMESTAMP_FILE=/clock/time", "--env", "FAKETIME_NO_CACHE=1",
		"--env", "FAKETIME_DONT_FAKE_MONOTONIC=1", "--env", "NO_FAKE_STAT=1",
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

// await asks until replication is in one of the states that end a wait.
func (cl cluster) await(t *testing.T, want string) string {
	t.Helper()
	start := time.Now()
	for {
		state, why, err := cl.system.Quiet(t.Context(), cl.nodes)
		if err != nil {
			t.Fatal(err)
		}
		if state == want {
			t.Logf("%s after %v: %s", state, time.Since(start).Round(time.Millisecond), why)
			return why
		}
		if time.Since(start) > 30*time.Second {
			t.Fatalf("replication is %s, not %s: %s", state, want, why)
		}
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
				cl.await(t, history.QuietYes)
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
