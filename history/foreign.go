package history

import (
	"bytes"
	"errors"
	"io"
)

// onlyNode stands for the leaders in histories of formats that name none. Their
// header names no nodes either, so nothing takes it for a leader.
const onlyNode = "store"

// errSeen ends the reading of a file of which enough is known.
var errSeen = errors.New("enough was seen")

// startOf is the beginning of a file, uncompressed and without leading white
// space; it has at least two bytes where the file has.
func startOf(at io.ReaderAt, size int64) []byte {
	var head []byte
	// Whatever is wrong with the file is told by who reads all of it.
	_, _ = lines(at, size, func(b []byte, _ int64) error {
		head = append(head, b[:min(len(b), 4096)]...)
		if head = bytes.TrimLeft(head, " \t\r\n"); len(head) < 2 {
			return nil
		}
		return errSeen
	})
	return head
}

// foreignFormat is what reads a format, which it tells by its first bytes; nil:
// it is our own, or none.
func foreignFormat(head []byte) func(io.ReaderAt, int64) (*History, error) {
	switch {
	case len(head) >= 2 && (head[0] == 'r' || head[0] == 'w') && head[1] == '(':
		return readPlume
	case startsEDN(head):
		return readJepsen
	}
	return nil
}

// startsEDN says whether the first thing that is no comment is a map with a
// keyword or a tagged value, be it in a vector or list.
func startsEDN(head []byte) bool {
	for i := 0; i+1 < len(head); i++ {
		switch c := head[i]; {
		case c == ';':
			end := bytes.IndexByte(head[i:], '\n')
			if end < 0 {
				return true // a comment, which nothing else starts with
			}
			i += end
		case c == '{':
			rest := bytes.TrimLeft(head[i+1:], " \t\r\n,")
			return len(rest) > 0 && rest[0] == ':'
		case c == '#':
			return true
		case !ednSpace(c) && c != '[' && c != '(':
			return false
		}
	}
	return false
}
