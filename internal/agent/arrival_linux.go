package agent

import (
	"encoding/binary"
	"errors"
	"net"
	"time"

	"golang.org/x/sys/unix"
)

// probesHeld is how many bytes of probes may wait in the kernel, each way: all of a round
// that is held up on slow links, or comes in before this program gets to run. With the
// kernel's own bound those beyond some 270 are lost, or hold up the sender.
const probesHeld = 16 << 20

// forProbes has the kernel note when each datagram arrived, since how long it then took
// until this program ran says nothing of the link; and makes room.
func forProbes(conn *net.UDPConn) error {
	raw, err := conn.SyscallConn()
	if err != nil {
		return err
	}
	var refused error
	err = raw.Control(func(fd uintptr) {
		refused = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_TIMESTAMPNS, 1)
		for _, way := range [][2]int{{unix.SO_RCVBUFFORCE, unix.SO_RCVBUF}, {unix.SO_SNDBUFFORCE, unix.SO_SNDBUF}} {
			if unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, way[0], probesHeld) != nil { // without the right to
				refused = errors.Join(refused, unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, way[1], probesHeld))
			}
		}
	})
	return errors.Join(err, refused)
}

// arrival is when a datagram arrived that came with these control messages: now, where
// the kernel did not say.
func arrival(control []byte) time.Time {
	messages, err := unix.ParseSocketControlMessage(control)
	if err != nil {
		return time.Now()
	}
	for _, m := range messages {
		if m.Header.Level == unix.SOL_SOCKET && m.Header.Type == unix.SCM_TIMESTAMPNS && len(m.Data) >= 16 {
			return time.Unix(int64(binary.NativeEndian.Uint64(m.Data)), int64(binary.NativeEndian.Uint64(m.Data[8:])))
		}
	}
	return time.Now()
}
