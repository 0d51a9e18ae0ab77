package reports

import (
	"bytes"
	"compress/flate"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"time"

	"github.com/mlcheck/mlcheck/checker"
	"github.com/mlcheck/mlcheck/history"
)

// The interactive timeline gets at most drawnOps operations one by one; of a
// longer history it gets the surroundings of the findings, and counts per
// bucket of time for the whole.
const (
	drawnOps   = 100_000
	bucketsAll = 2_048
)

// reaches are how far on both sides of a finding's operations others are drawn,
// as long as there is room: first the operations themselves, of all findings.
var reaches = []int{0, 20, 200, 2_000, 20_000}

// never is the duration of an operation that was not answered, in columns.
const never = 1<<32 - 1

// columns are operations as the page's script wants them: arrays of one kind
// after the other, little-endian, deflated, in base64. First those of four
// bytes, so that every array is aligned: start (difference to the one before),
// duration, index (difference), session; then lane (2), class (1); then a line
// of text for each operation.
type columns struct {
	N    int
	Unit int64  // nanoseconds in a unit of time
	Data string `json:"-"` // in an element of its own
}

// newColumns packs the operations at the given positions, which grow.
func newColumns(h *history.History, at []int, end time.Duration) (columns, error) {
	c := columns{N: len(at), Unit: max(1, (int64(end)+never-1)/(never-1))}
	if c.Unit > 1 {
		c.Unit = max(c.Unit, 1000) // whole microseconds read better
	}
	n := len(at)
	raw := make([]byte, 0, n*40)
	raw = append32(raw, at, deltas(func(k int) int64 { return int64(h.Start(k)) / c.Unit }))
	raw = append32(raw, at, func(k int) uint32 { return c.took(h, k) })
	raw = append32(raw, at, deltas(func(k int) int64 { return int64(h.Index(k)) }))
	raw = append32(raw, at, func(k int) uint32 { return uint32(h.Session(k)) })
	for _, k := range at {
		raw = binary.LittleEndian.AppendUint16(raw, uint16(h.Node(k)))
	}
	for _, k := range at {
		raw = append(raw, byte(classOf(h, k)))
	}
	for _, k := range at {
		raw = append(raw, hoverText(h.Op(k))...)
		raw = append(raw, '\n')
	}
	var err error
	c.Data, err = deflated(raw)
	return c, err
}

func append32(raw []byte, at []int, of func(k int) uint32) []byte {
	for _, k := range at {
		raw = binary.LittleEndian.AppendUint32(raw, of(k))
	}
	return raw
}

// deltas turns a column that grows into its differences, which deflate well. A
// value that falls (times of a foreign history may) wraps around and back.
func deltas(of func(k int) int64) func(k int) uint32 {
	last := int64(0)
	return func(k int) uint32 {
		v := of(k)
		d := uint32(v - last)
		last = v
		return d
	}
}

func (c columns) took(h *history.History, k int) uint32 {
	if h.Return(k) == 0 {
		return never
	}
	return uint32(min(max(0, int64(h.End(k)-h.Start(k))/c.Unit), never-1))
}

// hoverText is what the script shows of an operation beyond its columns.
func hoverText(op history.Op) string {
	s := brief(op)
	if op.By != "" && op.By != op.Node {
		s += " · by " + visible(op.By)
	}
	if op.Final {
		s += " · final read"
	}
	if op.Meta.Error != "" {
		s += " · " + clip(visible(op.Meta.Error), 120)
	}
	return s
}

// packLevel: 100,000 operations are 0.93 MB after 0.3 s at level 6, 0.94 MB after
// 0.13 s at 5, and level 9 takes seconds for 2 % less.
const packLevel = 5

func deflated(raw []byte) (string, error) {
	var b bytes.Buffer
	w, err := flate.NewWriter(&b, packLevel)
	if err != nil {
		return "", fmt.Errorf("packing operations for the page: %w", err)
	}
	if _, err := w.Write(raw); err != nil {
		return "", fmt.Errorf("packing operations for the page: %w", err)
	}
	if err := w.Close(); err != nil {
		return "", fmt.Errorf("packing operations for the page: %w", err)
	}
	return base64.RawURLEncoding.EncodeToString(b.Bytes()), nil // nothing in it that a page would escape
}

// chooseOps picks the positions of the operations that are drawn one by one:
// all of them, or of a long history what surrounds the operations of findings.
func chooseOps(h *history.History, res *checker.Results) []int {
	if h.Len() <= drawnOps {
		return seq(0, h.Len())
	}
	in, room := make([]bool, h.Len()), drawnOps
	for _, reach := range reaches {
		for _, i := range marks(res) {
			k, ok := h.Pos(i)
			if !ok {
				continue
			}
			for j := max(0, k-reach); j <= min(h.Len()-1, k+reach) && room > 0; j++ {
				if !in[j] {
					in[j], room = true, room-1
				}
			}
		}
	}
	at := make([]int, 0, drawnOps-room)
	for k := range in {
		if in[k] {
			at = append(at, k)
		}
	}
	return at
}

// bucketCounts counts operations per lane, class and bucket of time, by their
// start: counts[lane][class][bucket]. O(n).
func bucketCounts(h *history.History, lanes, buckets int, end time.Duration) [][classes][]int {
	counts := make([][classes][]int, lanes)
	for l := range counts {
		for c := range counts[l] {
			counts[l][c] = make([]int, buckets)
		}
	}
	for k := range h.Len() {
		b := min(buckets-1, max(0, int(float64(h.Start(k))/float64(max(1, end))*float64(buckets))))
		counts[h.Node(k)][classOf(h, k)][b]++
	}
	return counts
}
