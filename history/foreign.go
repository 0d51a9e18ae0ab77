package history

import (
	"bytes"
	"errors"
	"io"
)

// onlyNode stands for the leaders in histories of formats that name none. Their
// header names no nodes either, so nothing takes it for a leader.
const onlyNode = "store"

// Timed says whether the record holds times. Without them nothing says which
// operation had ended before another started.
func (h *History) Timed() bool {
	for k := range h.start {
		if h.start[k] != 0 || h.end[k] != 0 {
			return true
		}
	}
	return false
}

// errSeen ends the reading of a file of which enough is known.
var errSeen = errors.New("enough was seen")

// start is the beginning of a file, uncompressed and without leading white
// space; it has at least two bytes where the file has.
func startOf(at io.ReaderAt, size int64) []byte {
	var head []byte
	// Whatever is wrong with the file is told by who reads all of it.
	_, _ = lines(at, size, func(b []byte) error {
		head = append(head, b[:min(len(b), 4096)]...)
		if head = bytes.TrimLeft(head, " \t\r\n"); len(head) < 2 {
			return nil
		}
		return errSeen
	})
	return head
}

// foreign reads lines of another tool's format.
type foreign interface {
	line(text []byte) error // its error is a sentence, without the line's number
	history() *History
}

// foreignFormat tells a format by its first bytes; nil: it is our own, or none.
func foreignFormat(head []byte) foreign {
	if len(head) >= 2 && (head[0] == 'r' || head[0] == 'w') && head[1] == '(' {
		return newPlumeReader()
	}
	return nil
}

// readForeign reads the lines of a foreign file. What follows the last line end
// is a line too.
func readForeign(at io.ReaderAt, size int64, f foreign) (*History, error) {
	r := &reader{foreign: f}
	z, err := lines(at, size, r.take)
	if err == nil && len(r.rest) > 0 {
		err = r.add(r.rest)
	}
	if err != nil {
		return nil, err
	}
	h := f.history()
	if z != nil {
		h.Damage = z.damage
	}
	return h, nil
}
