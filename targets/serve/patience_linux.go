package serve

import (
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// giveUpAfter makes a connection break when what was sent is not confirmed for
// that long. The kernel's own patience is a quarter of an hour, and its pauses
// between attempts double: a link that has healed would stay silent for about as
// long again as it was cut.
func giveUpAfter(limit time.Duration) func(network, address string, c syscall.RawConn) error {
	return func(_, _ string, c syscall.RawConn) error {
		var failed error
		err := c.Control(func(fd uintptr) {
			failed = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(limit.Milliseconds()))
		})
		if err != nil {
			return err
		}
		return failed
	}
}
