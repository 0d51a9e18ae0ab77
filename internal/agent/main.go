package agent

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"syscall"

	"github.com/mlcheck/mlcheck/internal/vdso"
)

// Main is `mlcheck agent`, the program in the sandbox. It returns an exit status.
//
//	agent            serve the runner at the other end of standard input and output
//	agent dial ADDR  connect standard input and output to an address in the sandbox
//	agent echo PORT  be a trivial target, for tests of the deployment
//	agent tell       answer each line with the time, for trying to skew it
func Main(args []string) int {
	var err error
	switch {
	case len(args) == 0:
		err = run(os.Stdin, os.Stdout)
	case len(args) == 1 && args[0] == "tell":
		vdso.Tell(os.Stdin, os.Stdout)
	case len(args) == 2 && args[0] == "dial":
		err = dial(args[1], os.Stdin, os.Stdout)
	case len(args) == 2 && args[0] == "echo":
		err = echo(args[1], os.Getenv("FAKETIME_TIMESTAMP_FILE"))
	default:
		err = fmt.Errorf("usage: mlcheck agent [dial ADDRESS | echo PORT], but the arguments are %q", args)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "agent:", err)
		return 1
	}
	return 0
}

func run(in io.Reader, out io.Writer) error {
	ctx, cancel := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer cancel()
	s, err := newSandbox(ctx)
	if err != nil {
		return err
	}
	return serve(in, out, s, Lease, ctx.Done())
}

// The first byte that dial writes.
const (
	Connected    = '+' // the connection follows
	NotConnected = '-' // the reason follows
)

// dial connects a stream to an address. Its first byte says whether it did, so
// that the other end knows before it asks for anything.
func dial(address string, in io.Reader, out io.Writer) error {
	conn, err := net.Dial("tcp", address)
	if err != nil {
		_, _ = fmt.Fprintf(out, "%c%v", NotConnected, err)
		return err
	}
	defer func() { _ = conn.Close() }()
	if _, err := out.Write([]byte{Connected}); err != nil {
		return err
	}
	go func() {
		_, _ = io.Copy(conn, in)
		_ = conn.(*net.TCPConn).CloseWrite()
	}()
	_, err = io.Copy(out, conn)
	return err
}
