package engine

import (
	"encoding/binary"
	"io"
)

// demux takes apart the stream of a container without a terminal: frames of an
// eight-byte header (stream, three zeros, length) and the bytes of either
// standard output or standard error. It reads no more than it is asked for, so
// the deadlines of the connection below hold, and needs no goroutine.
type demux struct {
	r      io.Reader
	stderr io.Writer // nil: standard error is part of the output
	head   [8]byte
	have   int // bytes of head
	left   int // bytes of the frame
}

// Read gives standard output. What goes to stderr on the way is handed over
// whole.
func (d *demux) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	for {
		if err := d.frame(); err != nil {
			return 0, err
		}
		n, err := d.r.Read(p[:min(len(p), d.left)])
		d.left -= n
		if d.left == 0 {
			d.have = 0
		}
		if d.stderr != nil && d.head[0] == 2 {
			_, _ = d.stderr.Write(p[:n])
			n = 0
		}
		if n > 0 || err != nil {
			return n, err
		}
	}
}

// frame makes sure that the next byte is one of a frame's body.
func (d *demux) frame() error {
	for d.have < len(d.head) {
		n, err := d.r.Read(d.head[d.have:])
		d.have += n
		if d.have == len(d.head) {
			d.left = int(binary.BigEndian.Uint32(d.head[4:]))
			if d.left == 0 {
				d.have = 0
			}
			break
		}
		if err == io.EOF && d.have > 0 {
			return io.ErrUnexpectedEOF
		}
		if err != nil {
			return err
		}
	}
	if d.have == 0 {
		return d.frame()
	}
	return nil
}
