package docker

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/mlcheck/mlcheck/internal/engine"
	"github.com/mlcheck/mlcheck/internal/skip"
	"github.com/mlcheck/mlcheck/nemesis"
)

// overSSH starts an ssh server through which a socket's engine is reached, and puts a
// client on the path that knows its keys. It gives the engine's address.
func overSSH(t *testing.T, socket string) string {
	t.Helper()
	server, err := exec.LookPath("sshd")
	client, err2 := exec.LookPath("ssh")
	keygen, err3 := exec.LookPath("ssh-keygen")
	if err != nil || err2 != nil || err3 != nil {
		skip.Because(t, "there is no ssh here: the engine is not tried through it")
	}
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	for _, key := range []string{"host", "user"} {
		if out, err := exec.Command(keygen, "-q", "-t", "ed25519", "-N", "", "-f", at(key)).CombinedOutput(); err != nil {
			t.Fatalf("no key: %v: %s", err, out)
		}
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := l.Addr().(*net.TCPAddr).Port
	_ = l.Close()
	write := func(name, text string, mode os.FileMode) {
		if err := os.WriteFile(at(name), []byte(text), mode); err != nil {
			t.Fatal(err)
		}
	}
	write("sshd_config", fmt.Sprintf("Port %d\nListenAddress 127.0.0.1\nHostKey %s\nAuthorizedKeysFile %s\nStrictModes no\nUsePAM no\nPermitRootLogin yes\nPidFile none\nMaxStartups 100\nSetEnv DOCKER_HOST=unix://%s\n",
		port, at("host"), at("user.pub"), socket), 0o600)
	write("ssh_config", fmt.Sprintf("IdentityFile %s\nIdentitiesOnly yes\nStrictHostKeyChecking no\nUserKnownHostsFile %s\nBatchMode yes\nLogLevel ERROR\n", at("user"), at("known")), 0o600)
	write("ssh", fmt.Sprintf("#!/bin/sh\nexec %s -F %s \"$@\"\n", client, at("ssh_config")), 0o700)
	t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
	if err := os.MkdirAll("/run/sshd", 0o755); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(server, "-D", "-e", "-f", at("sshd_config"))
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if t.Failed() {
			t.Logf("sshd said:\n%s", said.String())
		}
	})
	address := fmt.Sprintf("127.0.0.1:%d", port)
	within(t, 20*time.Second, "sshd listens", func() bool {
		conn, err := net.Dial("tcp", address)
		if err == nil {
			_ = conn.Close()
		}
		return err == nil
	})
	return "ssh://root@" + address
}

// throughSSH deploys a pair of nodes on an engine behind ssh, cuts a link, and removes all.
func throughSSH(t *testing.T, address string) {
	t.Helper()
	t.Setenv("DOCKER_HOST", address)
	eng, err := engine.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = eng.Close() }()
	c, err := Start(t.Context(), Config{Run: runID(t) + "-ssh", Target: "echo", Nodes: []string{"n1", "n2"}, System: &echo{image: agentImage(t, eng)}, Progress: t.Logf})
	if err != nil {
		t.Fatal(err)
	}
	cut := links("n1", "n2")
	for _, s := range []nemesis.State{{Cut: cut}, {}} {
		apply(t, c, s)
		if up := measure(t, c).Up[cut[0]]; up == s.Cuts(cut[0]) {
			t.Errorf("%+v, and the link is up: %v", s, up)
		}
	}
	if err := c.Close(context.Background()); err != nil {
		t.Error(err)
	}
	nothingLeft(t, eng, c.cfg.Run)
}
