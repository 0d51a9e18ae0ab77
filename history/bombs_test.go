package history

import (
	"bytes"
	"io"
	"runtime"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"
)

// mostMemory is more than any small file may take to read.
const mostMemory = 1 << 30

// taken is how much memory the heap has taken at its highest so far.
func taken() uint64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapSys
}

// repeated is a text n times over, packed into one frame.
func repeated(t *testing.T, head, text string, n int) []byte {
	var b bytes.Buffer
	enc, err := zstd.NewWriter(&b)
	if err != nil {
		t.Fatal(err)
	}
	io.WriteString(enc, head)
	many := strings.Repeat(text, 1000)
	for range n / 1000 {
		io.WriteString(enc, many)
	}
	if err := enc.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}
