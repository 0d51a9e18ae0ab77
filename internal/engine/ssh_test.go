package engine

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// The test binary is the ssh command of its own tests: called by that name, it
// joins its input and output to a socket, or says what ssh would say.
const (
	sshSocket = "MLCHECK_TEST_SSH_SOCKET"
	sshLedger = "MLCHECK_TEST_SSH_LEDGER"
)

func TestMain(m *testing.M) {
	if filepath.Base(os.Args[0]) != "ssh" {
		os.Exit(m.Run())
	}
	if err := os.WriteFile(os.Getenv(sshLedger), []byte(strings.Join(os.Args[1:], " ")), 0o600); err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	conn, err := net.Dial("unix", os.Getenv(sshSocket))
	if err != nil {
		fmt.Fprintln(os.Stderr, "elsewhere: Permission denied (publickey).")
		os.Exit(255)
	}
	go func() {
		_, _ = io.Copy(conn, os.Stdin)
		_ = conn.(*net.UnixConn).CloseWrite()
	}()
	_, _ = io.Copy(os.Stdout, conn)
	os.Exit(0)
}

// asSSH puts the test binary on the path as ssh, and says where it notes its arguments.
func asSSH(t *testing.T, socket string) (ledger string) {
	t.Helper()
	dir := t.TempDir()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(self, filepath.Join(dir, "ssh")); err != nil {
		t.Fatal(err)
	}
	ledger = filepath.Join(dir, "arguments")
	t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
	t.Setenv(sshSocket, socket)
	t.Setenv(sshLedger, ledger)
	return ledger
}

func TestAnEngineIsReachedThroughSSH(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "engine.sock")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	s := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("API-Version", "1.41")
		if !strings.HasSuffix(r.URL.Path, "/_ping") {
			fmt.Fprint(w, `{"Version":"7.7","ServerVersion":"7.7","OSType":"linux","Architecture":"x86_64","SystemTime":"2026-01-01T00:00:00Z"}`)
		}
	})}
	go func() { _ = s.Serve(l) }()
	t.Cleanup(func() { _ = s.Close() })
	ledger := asSSH(t, socket)
	t.Setenv("DOCKER_HOST", "ssh://someone@elsewhere:2222")
	eng, err := Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = eng.Close() }()
	info, err := eng.Info(t.Context())
	if err != nil || info.Version != "7.7" || info.Endpoint != "ssh://someone@elsewhere:2222" {
		t.Errorf("%+v, %v", info, err)
	}
	said, err := os.ReadFile(ledger)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff("-o ConnectTimeout=30 -T -l someone -p 2222 -- elsewhere docker system dial-stdio", string(said)); diff != "" {
		t.Error(diff)
	}
}

func TestWhatSSHSaysIsPassedOn(t *testing.T) {
	asSSH(t, filepath.Join(t.TempDir(), "nobody"))
	t.Setenv("DOCKER_HOST", "ssh://elsewhere")
	if _, err := Open(t.Context()); !errors.Is(err, ErrUnavailable) || !strings.Contains(err.Error(), "Permission denied (publickey)") {
		t.Errorf("got %v", err)
	}
}

func TestAConnectionOverACommandHasDeadlines(t *testing.T) {
	conn, err := startCommand("cat")
	if err != nil {
		t.Fatal(err)
	}
	if err := conn.SetReadDeadline(time.Now().Add(10 * time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("got %v", err)
	}
	if err := errors.Join(conn.SetDeadline(time.Time{}), conn.(*command).CloseWrite()); err != nil {
		t.Fatal(err)
	}
	if rest, err := io.ReadAll(conn); len(rest) > 0 || err != nil {
		t.Errorf("%q, %v", rest, err)
	}
	if err := errors.Join(conn.Close(), conn.Close()); err != nil {
		t.Error(err)
	}
}

func TestAddressesThatSSHWouldMistakeAreRefused(t *testing.T) {
	for _, host := range []string{"ssh://", "ssh://-oProxyCommand=x", "ssh://a:secret@b", "ssh://a/path", "ssh://-l@b"} {
		if args, err := sshArguments(host); err == nil {
			t.Errorf("%s: %q", host, args)
		}
	}
}
