package history

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"sync/atomic"
	"testing"
	"time"
)

// benchClock ticks 50 µs an event on average, so that frames are full, and as
// unevenly as a real run does: times are most of what a packed event takes.
func benchClock() func() time.Duration {
	random := rand.New(rand.NewPCG(1, 2))
	var ticks [1 << 12]int64
	for i := range ticks {
		ticks[i] = random.Int64N(100_000)
	}
	var now, n atomic.Int64
	return func() time.Duration { return time.Duration(now.Add(ticks[n.Add(1)%int64(len(ticks))])) }
}

var benchHeader = Header{Nodes: []string{"n1", "n2", "n3"}, Target: "reference", Workload: "register"}

var benchNodes = [...]string{"n1", "n2", "n3"}

// benchOp records one operation of a register workload: half reads, half writes
// over 100 keys. Sessions, keys and values jump about as if they were drawn.
func benchOp(r *Recorder, keys []string, session, n int, m Meta) {
	drawn := int(uint32(n) * 2654435769 >> 8)
	node, steps := benchNodes[session%3], []Step{{F: Read, Key: keys[drawn%len(keys)]}}
	if drawn%2 == 0 {
		steps[0].F, steps[0].Value = Write, Int(int64(n)+1)
	}
	r.Invoke(session, node, steps, false)
	if steps[0].F == Read {
		steps[0].Value = Int(int64(n - drawn%1000))
	}
	r.Complete(session, node, OK, steps, m)
}

func benchKeys() []string {
	keys := make([]string, 100)
	for i := range keys {
		keys[i] = fmt.Sprintf("k%d", i)
	}
	return keys
}

func BenchmarkRecorder(b *testing.B) {
	keys := benchKeys()
	run := func(b *testing.B, do func(r *Recorder)) {
		r, err := Create(filepath.Join(b.TempDir(), FileName), benchHeader, benchClock())
		if err != nil {
			b.Fatal(err)
		}
		b.ReportAllocs()
		b.ResetTimer()
		do(r)
		if err := r.Close(); err != nil { // what is not on disk is not recorded
			b.Fatal(err)
		}
		b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "events/s")
	}
	b.Run("single", func(b *testing.B) {
		run(b, func(r *Recorder) {
			for n := range b.N / 2 {
				benchOp(r, keys, n%10, n, Meta{})
			}
		})
	})
	// What a session waits for while the disk keeps up: a real target is a
	// hundred times slower than the recorder.
	b.Run("caller", func(b *testing.B) {
		run(b, func(r *Recorder) {
			for n := range b.N / 2 {
				if n%(queue*frameEvents/4) == 0 {
					b.StopTimer()
					if err := r.Flush(); err != nil {
						b.Fatal(err)
					}
					b.StartTimer()
				}
				benchOp(r, keys, n%10, n, Meta{})
			}
			b.StopTimer()
		})
	})
	b.Run("parallel", func(b *testing.B) {
		run(b, func(r *Recorder) {
			var sessions atomic.Int64
			b.RunParallel(func(pb *testing.PB) {
				session := int(sessions.Add(1))
				for n := session << 32; pb.Next(); n++ {
					if pb.Next() {
						benchOp(r, keys, session, n, Meta{})
					}
				}
			})
		})
	})
}

// benchFile records n events and returns the path.
func benchFile(b *testing.B, n int, meta func(op int) Meta) string {
	path, keys := filepath.Join(b.TempDir(), FileName), benchKeys()
	r, err := Create(path, benchHeader, benchClock())
	if err != nil {
		b.Fatal(err)
	}
	for op := range n / 2 {
		benchOp(r, keys, op*7%10, op, meta(op))
	}
	if err := r.Close(); err != nil {
		b.Fatal(err)
	}
	return path
}

const benchEvents = 1_000_000

func BenchmarkOpen(b *testing.B) {
	path := benchFile(b, benchEvents, noMeta)
	var plain bytes.Buffer
	h, err := Open(path)
	if err != nil {
		b.Fatal(err)
	}
	if err := h.WriteJSONL(&plain); err != nil {
		b.Fatal(err)
	}
	plainPath := filepath.Join(b.TempDir(), PlainFileName)
	if err := os.WriteFile(plainPath, plain.Bytes(), 0o644); err != nil {
		b.Fatal(err)
	}
	for name, path := range map[string]string{"zstd": path, "plain": plainPath} {
		b.Run(name, func(b *testing.B) {
			info, err := os.Stat(path)
			if err != nil {
				b.Fatal(err)
			}
			for b.Loop() {
				if h, err := Open(path); err != nil || h.Len() != benchEvents/2 {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.N*benchEvents)/b.Elapsed().Seconds(), "events/s")
			b.ReportMetric(float64(info.Size())/benchEvents, "file-B/event")
		})
	}
}

func noMeta(int) Meta { return Meta{} }

func stamp(op int) Meta { return Meta{Stamp: fmt.Sprintf("1700000%06d.n2.%d", op, op%5)} }

// BenchmarkMemory tells what an operation of one step takes once it was read.
func BenchmarkMemory(b *testing.B) {
	for name, meta := range map[string]func(int) Meta{"plain": noMeta, "stamps": stamp} {
		b.Run(name, func(b *testing.B) {
			path := benchFile(b, benchEvents, meta)
			for b.Loop() {
				before := heap()
				h, err := Open(path)
				if err != nil {
					b.Fatal(err)
				}
				b.ReportMetric(float64(heap()-before)/float64(h.Len()), "B/op-of-history")
				runtime.KeepAlive(h)
			}
			b.ReportMetric(float64(b.N*benchEvents)/b.Elapsed().Seconds(), "events/s")
		})
	}
}

func heap() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

func BenchmarkWriteJSONL(b *testing.B) {
	h, err := Open(benchFile(b, benchEvents, noMeta))
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if err := h.WriteJSONL(io.Discard); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N*benchEvents)/b.Elapsed().Seconds(), "events/s")
}

func BenchmarkSHA256(b *testing.B) {
	path := benchFile(b, benchEvents, noMeta)
	for b.Loop() {
		if _, err := SHA256(path); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N*benchEvents)/b.Elapsed().Seconds(), "events/s")
}
