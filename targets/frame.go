package targets

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
)

// MaxFrame is the largest body of a frame, in bytes.
const MaxFrame = 16 << 20

// AppendFrame appends a frame to dst: four bytes of length, big endian, and the
// body. Requests to a Machine and its replies travel in frames, in every world.
func AppendFrame(dst, body []byte) []byte {
	dst = slices.Grow(dst, 4+len(body))
	return append(binary.BigEndian.AppendUint32(dst, uint32(len(body))), body...)
}

// ErrFrame marks bytes that are no frame.
var ErrFrame = errors.New("not a frame")

// CutFrame cuts the first whole frame off buf. It returns nil and buf itself
// while the frame is not complete.
func CutFrame(buf []byte) (body, rest []byte, err error) {
	if len(buf) < 4 {
		return nil, buf, nil
	}
	n := binary.BigEndian.Uint32(buf)
	if n == 0 || n > MaxFrame {
		return nil, buf, fmt.Errorf("%w: a length of %d bytes; frames hold 1 to %d", ErrFrame, n, MaxFrame)
	}
	if uint32(len(buf)-4) < n {
		return nil, buf, nil
	}
	return buf[4 : 4+n], buf[4+n:], nil
}

// ReadFrame reads one frame. It returns io.EOF only where a stream ends between
// two frames.
func ReadFrame(r io.Reader) ([]byte, error) {
	var head [4]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return nil, err
	}
	n := binary.BigEndian.Uint32(head[:])
	if n == 0 || n > MaxFrame {
		return nil, fmt.Errorf("%w: a length of %d bytes; frames hold 1 to %d", ErrFrame, n, MaxFrame)
	}
	body := make([]byte, n)
	if _, err := io.ReadFull(r, body); err != nil {
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF // the head was there
		}
		return nil, err
	}
	return body, nil
}
