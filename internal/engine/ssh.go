package engine

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"
)

// sshDialer connects to an engine on another machine, ssh://[user@]host[:port], as
// the docker command does: by ssh, which runs `docker system dial-stdio` there.
// Keys, host names and known hosts are ssh's own business, and so is how to keep one
// connection for many (ControlMaster).
func sshDialer(host string) (func(ctx context.Context, network, addr string) (net.Conn, error), error) {
	args, err := sshArguments(host)
	if err != nil {
		return nil, err
	}
	return func(context.Context, string, string) (net.Conn, error) { return startCommand("ssh", args...) }, nil
}

// sshArguments are those of the ssh command for a host.
func sshArguments(host string) ([]string, error) {
	u, err := url.Parse(host)
	if err != nil {
		return nil, fmt.Errorf("%q is no address of an engine: %w", host, err)
	}
	if u.Hostname() == "" || strings.HasPrefix(u.Hostname(), "-") || strings.HasPrefix(u.User.Username(), "-") {
		return nil, fmt.Errorf("%q names no machine: write ssh://user@machine", host)
	}
	if _, has := u.User.Password(); has || (u.Path != "" && u.Path != "/") {
		return nil, fmt.Errorf("%q: ssh takes neither a password nor a path here: write ssh://user@machine", host)
	}
	args := []string{"-o", "ConnectTimeout=30", "-T"}
	if name := u.User.Username(); name != "" {
		args = append(args, "-l", name)
	}
	if port := u.Port(); port != "" {
		args = append(args, "-p", port)
	}
	return append(args, "--", u.Hostname(), "docker", "system", "dial-stdio"), nil
}

// command is a connection that is a program's input and output.
type command struct {
	cmd *exec.Cmd
	in  *os.File // what we write
	out *os.File // what we read

	stderr  lastWords
	closing sync.Once
}

func startCommand(name string, args ...string) (net.Conn, error) {
	theirIn, in, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	out, theirOut, err := os.Pipe()
	if err != nil {
		return nil, errors.Join(err, theirIn.Close(), in.Close())
	}
	c := &command{cmd: exec.Command(name, args...), in: in, out: out}
	c.cmd.Stdin, c.cmd.Stdout, c.cmd.Stderr = theirIn, theirOut, &c.stderr
	// A Ctrl-C at the terminal is for us: what is to be cleaned up goes through here.
	c.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	err = c.cmd.Start()
	_, _ = theirIn.Close(), theirOut.Close()
	if err != nil {
		return nil, errors.Join(fmt.Errorf("the engine cannot be reached: %w", err), in.Close(), out.Close())
	}
	return c, nil
}

func (c *command) Read(p []byte) (int, error) {
	n, err := c.out.Read(p)
	if err != nil && n == 0 && !errors.Is(err, os.ErrDeadlineExceeded) {
		if said := c.stderr.String(); said != "" {
			return 0, fmt.Errorf("%w; ssh says: %s", err, said)
		}
	}
	return n, err
}

func (c *command) Write(p []byte) (int, error) { return c.in.Write(p) }

// CloseWrite tells the other end that nothing more comes.
func (c *command) CloseWrite() error { return c.in.Close() }

// Close ends the program, and waits for it.
func (c *command) Close() error {
	c.closing.Do(func() {
		_, _ = c.in.Close(), c.out.Close()
		_ = c.cmd.Process.Kill()
		_ = c.cmd.Wait() // it was killed
	})
	return nil
}

func (c *command) SetDeadline(t time.Time) error {
	return errors.Join(c.in.SetWriteDeadline(t), c.out.SetReadDeadline(t))
}
func (c *command) SetReadDeadline(t time.Time) error  { return c.out.SetReadDeadline(t) }
func (c *command) SetWriteDeadline(t time.Time) error { return c.in.SetWriteDeadline(t) }
func (c *command) LocalAddr() net.Addr                { return commandAddr{} }
func (c *command) RemoteAddr() net.Addr               { return commandAddr{} }

type commandAddr struct{}

func (commandAddr) Network() string { return "ssh" }
func (commandAddr) String() string  { return "ssh" }

// lastWords keeps the end of what a program says on its standard error.
type lastWords struct {
	mu   sync.Mutex
	text []byte
}

func (l *lastWords) Write(p []byte) (int, error) {
	const most = 1000
	l.mu.Lock()
	defer l.mu.Unlock()
	l.text = append(l.text, p...)
	l.text = l.text[max(0, len(l.text)-most):]
	return len(p), nil
}

func (l *lastWords) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return string(bytes.Join(bytes.Fields(l.text), []byte(" ")))
}
