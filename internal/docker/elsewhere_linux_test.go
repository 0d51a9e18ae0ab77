package docker

import (
	"bytes"
	"context"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/mlcheck/mlcheck/internal/dockertest"
	"github.com/mlcheck/mlcheck/internal/engine"
	"github.com/mlcheck/mlcheck/internal/skip"
	"github.com/mlcheck/mlcheck/nemesis"
)

// secondEngine starts an engine in a network of its own, where no address of its containers
// leads to from here and no port is published. It gives the path of its socket, and ends
// with the test.
func secondEngine(t *testing.T) (socket string) {
	t.Helper()
	binary, err := exec.LookPath("dockerd")
	if err != nil || os.Geteuid() != 0 {
		skip.Because(t, "a second engine needs dockerd and root")
	}
	// Not the test's own directory: paths of sockets are short.
	dir, err := os.MkdirTemp("/var/tmp", "mlcheck-e")
	if err != nil {
		t.Fatal(err)
	}
	socket = filepath.Join(dir, "e.sock")
	cmd := exec.Command(binary, "--data-root", filepath.Join(dir, "data"), "--exec-root", filepath.Join(dir, "exec"),
		"--pidfile", filepath.Join(dir, "pid"), "--host", "unix://"+socket)
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	// Its mounts end with it as well.
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET, Unshareflags: syscall.CLONE_NEWNS, Setpgid: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		select {
		case <-ended:
		case <-time.After(30 * time.Second):
			t.Error("the second engine does not end")
			_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
			<-ended
		}
		if t.Failed() {
			t.Logf("the second engine said:\n%s", said.String())
		}
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	t.Setenv("DOCKER_HOST", "unix://"+socket)
	within(t, time.Minute, "the second engine answers", func() bool {
		eng, err := engine.Open(t.Context())
		if err == nil {
			_ = eng.Close()
		}
		return err == nil
	})
	return socket
}

// overTCP gives an address of this machine where a socket's engine answers.
func overTCP(t *testing.T, socket string) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			here, err := l.Accept()
			if err != nil {
				return
			}
			go join(here, socket)
		}
	}()
	return l.Addr().String()
}

func join(here net.Conn, socket string) {
	defer func() { _ = here.Close() }()
	there, err := net.Dial("unix", socket)
	if err != nil {
		return
	}
	defer func() { _ = there.Close() }()
	go func() {
		_, _ = io.Copy(there, here)
		_ = there.(*net.UnixConn).CloseWrite()
	}()
	_, _ = io.Copy(here, there)
}

// TestAnEngineElsewhereDoesAllThatTheNearOneDoes: a second engine in a network namespace,
// over ssh and over tcp. Every kind of fault is made, proved and healed there, clients reach nodes
// through the engine, and a runner that is killed leaves nothing.
func TestAnEngineElsewhereDoesAllThatTheNearOneDoes(t *testing.T) {
	dockertest.Engine(t) // where tests may need none, this one is left out as well
	socket := secondEngine(t)
	t.Run("over ssh", func(t *testing.T) { throughSSH(t, overSSH(t, socket)) })
	t.Setenv("DOCKER_HOST", "tcp://"+overTCP(t, socket))
	eng, err := engine.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = eng.Close() }()
	h, err := Examine(t.Context(), runID(t), t.Logf)
	if err != nil {
		t.Fatal(err)
	}
	t.Log(h.Engine)
	for _, a := range h.Abilities {
		if impossible := a.Kind == nemesis.Crash || a.Kind == nemesis.Disk && a.Shape == "slow"; a.Works == impossible {
			t.Errorf("%+v", a)
		}
	}
	s := spawn(t, eng, runID(t), runnerFault+"="+killedUnder[0].name)
	within(t, time.Minute, "everything is wrong", func() bool { return bytes.Contains([]byte(s.output()), []byte(inForce)) })
	if err := s.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = s.cmd.Wait()
	vanished(t, eng, s.run)
	c, err := Start(t.Context(), Config{Run: runID(t), Target: "echo", Nodes: []string{"n1", "n2"}, System: &echo{image: agentImage(t, eng)}, Progress: t.Logf})
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range c.nodes {
		if !n.pipe {
			t.Errorf("clients reach %s directly, at %s: this engine is not elsewhere", n.name, n.ip)
		}
		if _, err := ask(t.Context(), n, "clock"); err != nil {
			t.Error(err)
		}
	}
	if err := c.Close(context.Background()); err != nil {
		t.Error(err)
	}
	nothingLeft(t, eng, c.cfg.Run)
}
