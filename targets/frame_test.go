package targets

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func TestFramesSurviveAnySplit(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		bodies := rapid.SliceOfN(rapid.SliceOfN(rapid.Byte(), 1, 300), 0, 8).Draw(t, "bodies")
		var wire []byte
		for _, b := range bodies {
			wire = AppendFrame(wire, b)
		}
		var buf []byte
		var cut [][]byte
		for rest := wire; len(rest) > 0; {
			n := rapid.IntRange(1, len(rest)).Draw(t, "arrive")
			buf, rest = append(buf, rest[:n]...), rest[n:]
			for {
				body, left, err := CutFrame(buf)
				if err != nil {
					t.Fatal(err)
				}
				if body == nil {
					break
				}
				cut, buf = append(cut, bytes.Clone(body)), left
			}
		}
		if len(buf) > 0 || len(cut) != len(bodies) || len(bodies) > 0 && !cmp.Equal(cut, bodies) {
			t.Fatalf("%d bytes left; %s", len(buf), cmp.Diff(bodies, cut))
		}
		r := iotest.OneByteReader(bytes.NewReader(wire))
		for _, want := range bodies {
			if got, err := ReadFrame(r); err != nil || !bytes.Equal(got, want) {
				t.Fatalf("read %q, %v; want %q", got, err, want)
			}
		}
		if _, err := ReadFrame(r); !errors.Is(err, io.EOF) {
			t.Fatalf("after the last frame: %v, want EOF", err)
		}
	})
}

func TestAFrameThatIsCutOffIsNoCleanEnd(t *testing.T) {
	whole := AppendFrame(nil, []byte("hello"))
	for n := 1; n < len(whole); n++ {
		if _, err := ReadFrame(bytes.NewReader(whole[:n])); !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("%d of %d bytes: %v", n, len(whole), err)
		}
	}
}

func TestImpossibleLengthsAreNoFrames(t *testing.T) {
	for _, head := range []string{"\x00\x00\x00\x00", "\xff\xff\xff\xff", "\x01\x00\x00\x01"} {
		if _, _, err := CutFrame([]byte(head)); !errors.Is(err, ErrFrame) {
			t.Errorf("%q: cut %v", head, err)
		}
		if _, err := ReadFrame(strings.NewReader(head)); !errors.Is(err, ErrFrame) {
			t.Errorf("%q: read %v", head, err)
		}
	}
	if _, _, err := CutFrame([]byte("\x01\x00\x00\x00")); err != nil {
		t.Errorf("the largest frame: %v", err)
	}
}
