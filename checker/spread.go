package checker

import "math/bits"

// Spread is a distribution of latencies in nanoseconds. Median and percentiles
// are values that occurred, at most 0.8 % above the exact ones; Max is exact.
type Spread struct {
	Median int64 `json:"median_ns"`
	P95    int64 `json:"p95_ns"`
	P99    int64 `json:"p99_ns"`
	Max    int64 `json:"max_ns"`
}

// histogram counts latencies in buckets of which each is at most 1/128 wide of
// what it holds: one pass and a few kilobytes for any number of them.
type histogram struct {
	n       int
	buckets []bucket
}

type bucket struct {
	n        int
	greatest int64
}

const bucketBits = 7

// add counts v; a negative one counts as 0.
func (h *histogram) add(v int64) {
	v = max(v, 0)
	i := int(v)
	if over := bits.Len64(uint64(v)) - bucketBits - 1; over > 0 {
		i = over<<bucketBits + int(v>>over)
	}
	if i >= len(h.buckets) {
		h.buckets = append(h.buckets, make([]bucket, i+1-len(h.buckets))...)
	}
	b := &h.buckets[i]
	b.n++
	b.greatest = max(b.greatest, v)
	h.n++
}

// quantile is the value below which a share q of all lies; 0 where there is none.
func (h *histogram) quantile(q float64) int64 {
	rank := min(h.n-1, int(q*float64(h.n)))
	for _, b := range h.buckets {
		if rank -= b.n; rank < 0 {
			return b.greatest
		}
	}
	return 0
}

func (h *histogram) spread() Spread {
	return Spread{h.quantile(0.50), h.quantile(0.95), h.quantile(0.99), h.quantile(1)}
}
