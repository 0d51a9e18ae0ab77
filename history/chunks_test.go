package history

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// However long a file is and wherever its chunks end, it says the same: lines,
// errors and damage are at the same place.
func TestAFileOfManyChunksIsReadAsOneOfOne(t *testing.T) {
	var text bytes.Buffer
	b := NewBuilder(testHeader)
	names := []string{"x", "y", strings.Repeat("long", chunkBytes/3), "z"} // one line is longer than a chunk
	for i := range 20_000 {
		steps := []Step{{F: Write, Key: names[i%len(names)], Value: Int(int64(i + 1))}}
		if i%len(names) == 2 && i%4000 != 2 {
			steps[0].Key = fmt.Sprint("k", i)
		}
		m := Meta{}
		if i%3 == 0 {
			m.Stamp = fmt.Sprint(i, ".n1.1")
		}
		if err := errors.Join(b.Invoke(2*i+1, time.Duration(i), i%7, testHeader.Nodes[i%3], steps, false), b.Complete(2*i+2, time.Duration(i), i%7, OK, nil, m)); err != nil {
			t.Fatal(err)
		}
	}
	if err := b.History().WriteJSONL(&text); err != nil {
		t.Fatal(err)
	}
	if text.Len() < 4*chunkBytes {
		t.Fatalf("only %d bytes", text.Len())
	}
	for _, file := range [][]byte{text.Bytes(), packAs(t, text.Bytes())} {
		h, err := readBytes(file)
		if err != nil || h.Damage != "" {
			t.Fatal(err)
		}
		if d := diff(b.History(), h); d != "" {
			t.Fatal(d)
		}
	}
	// A line in the middle is wrong, then it is torn.
	lines := bytes.SplitAfter(text.Bytes(), []byte("\n"))
	for _, at := range []int{2, 9_999, 30_001, len(lines) - 2} {
		wrong := slices.Clone(lines)
		wrong[at] = []byte(`{"i":` + strconv.Itoa(at) + `,"type":"ok"}` + "\n")
		var line *LineError
		if _, err := readBytes(bytes.Join(wrong, nil)); !errors.As(err, &line) || line.Line != at+1 || line.Msg != `"session" is missing` {
			t.Fatalf("line %d: %v", at+1, err)
		}
		wrong[at] = []byte(`{"i":` + "\n")
		off := len(bytes.Join(lines[:at], nil))
		h, err := readBytes(bytes.Join(wrong, nil))
		if want := fmt.Sprintf("line %d at byte %d is not whole; %d events were read", at+1, off, at-1); err != nil || h.Damage != want {
			t.Fatalf("line %d: %v, want %s", at+1, err, want)
		}
	}
}

// The same for Plume text: what a line is told apart by is its number.
func TestAWrongLineOfPlumeTextIsNamedInAnyChunk(t *testing.T) {
	const n = 60_000
	lines := bytes.SplitAfter(manyPlumeLines(n, 3, true), []byte("\n"))[:n]
	if size := len(bytes.Join(lines, nil)); size < 4*chunkBytes {
		t.Fatalf("only %d bytes", size)
	}
	for _, at := range []int{0, 17, 20_000, 43_210, n - 1} {
		for text, says := range map[string]string{"r(1,2)\n": "is no line of Plume text", "w(0,1001,0,0)\n": "a second time"} {
			wrong := slices.Clone(lines)
			wrong[at] = []byte(text)
			want := at + 1
			if says == "a second time" && at < 1000 {
				want = 1001 // which writes it to key 0 after this one
			}
			var line *LineError
			if _, err := readBytes(bytes.Join(wrong, nil)); !errors.As(err, &line) || line.Line != want || !strings.Contains(line.Msg, says) {
				t.Errorf("line %d: got %v, want line %d: %s", at+1, err, want, says)
			}
		}
	}
}

// A parser that has met more names than it remembers starts again.
func TestAnyNumberOfKeysIsRead(t *testing.T) {
	var text bytes.Buffer
	text.WriteString(header1)
	const n = maxNames * 4
	for i := range n {
		fmt.Fprintf(&text, `{"i":%d,"t":0,"type":"invoke","session":%d,"node":"n1","ops":[["w","%d",%d]]}`+"\n", i+1, i, i, i+1)
	}
	h, err := readBytes(text.Bytes())
	if err != nil || h.Len() != n {
		t.Fatal(err)
	}
	for k := range h.Len() {
		if key := h.Keys()[h.StepKey(k)]; key != strconv.Itoa(k) {
			t.Fatalf("operation %d writes %s", k, key)
		}
	}
}
