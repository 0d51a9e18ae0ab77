package engine

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"
)

func frame(stream byte, text string) []byte {
	head := make([]byte, 8)
	head[0] = stream
	binary.BigEndian.PutUint32(head[4:], uint32(len(text)))
	return append(head, text...)
}

func TestStreamIsTakenApartHoweverItArrives(t *testing.T) {
	wire := bytes.Join([][]byte{frame(1, "one "), frame(2, "oops"), frame(1, ""), frame(1, "two")}, nil)
	for name, wrap := range map[string]func(io.Reader) io.Reader{
		"at once":           func(r io.Reader) io.Reader { return r },
		"byte by byte":      iotest.OneByteReader,
		"in halves":         iotest.HalfReader,
		"the end with data": iotest.DataErrReader,
	} {
		var stderr strings.Builder
		out, err := io.ReadAll(&demux{r: wrap(bytes.NewReader(wire)), stderr: &stderr})
		if err != nil || string(out) != "one two" || stderr.String() != "oops" {
			t.Errorf("%s: output %q, errors %q, error %v", name, out, stderr.String(), err)
		}
	}
}

func TestLogHasBothStreamsInTheirOrder(t *testing.T) {
	wire := append(frame(2, "first\n"), frame(1, "second\n")...)
	out, err := io.ReadAll(&demux{r: bytes.NewReader(wire)})
	if err != nil || string(out) != "first\nsecond\n" {
		t.Errorf("output %q, error %v", out, err)
	}
}

func TestStreamThatBreaksOffInsideAHeaderIsAnError(t *testing.T) {
	_, err := io.ReadAll(&demux{r: bytes.NewReader(frame(1, "text")[:5])})
	if !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("error %v", err)
	}
}
