package history

import (
	"bufio"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"testing"
)

// BenchmarkTenMillion reads ten million lines of Plume text, each a transaction
// of one of eight sessions over 10,000 keys. heap-MB is the most that the heap
// of the whole process took.
func BenchmarkTenMillion(b *testing.B) {
	const n = 10_000_000
	for name, perKey := range map[string]bool{"plain": false, "numbers per key": true} {
		b.Run(name, func(b *testing.B) {
			path := filepath.Join(b.TempDir(), "h.txt")
			writePlumeLines(b, path, n, perKey)
			for b.Loop() {
				h, err := Open(path)
				if err != nil || h.Len() != n {
					b.Fatal(err)
				}
				runtime.KeepAlive(h)
			}
			b.ReportMetric(float64(n)*float64(b.N)/b.Elapsed().Seconds(), "lines/s")
			b.ReportMetric(float64(taken()>>20), "heap-MB")
		})
	}
}

func writePlumeLines(b *testing.B, path string, n int, perKey bool) {
	f, err := os.Create(path)
	if err != nil {
		b.Fatal(err)
	}
	out, random := bufio.NewWriter(f), rand.New(rand.NewPCG(1, 2))
	var last [10_000]int
	var line []byte
	for i := range n {
		key, word := random.IntN(len(last)), "r("
		if random.IntN(2) == 0 {
			word = "w("
			if last[key]++; !perKey {
				last[key] = i + 1
			}
		}
		line = append(line[:0], word...)
		for at, number := range [...]int{key, last[key], random.IntN(8), i} {
			if at > 0 {
				line = append(line, ',')
			}
			line = strconv.AppendInt(line, int64(number), 10)
		}
		out.Write(append(line, ")\n"...))
	}
	if err := out.Flush(); err != nil {
		b.Fatal(err)
	}
	if err := f.Close(); err != nil {
		b.Fatal(err)
	}
}
