package history

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/zstd"
)

func openText(tb tb, text string) *History {
	tb.Helper()
	h, err := readBytes([]byte(text))
	if err != nil {
		tb.Fatal(err)
	}
	return h
}

// wordsOf shows operations in short: session, outcome, steps.
func wordsOf(h *History) []string {
	var out []string
	if h.Header.Values != "" {
		out = append(out, "values "+h.Header.Values)
	}
	for k := range h.Len() {
		op := h.Op(k)
		line := fmt.Sprintf("%d %s", op.Session, op.Outcome)
		for _, s := range op.Steps {
			switch {
			case s.Value.List != nil:
				line += fmt.Sprintf(" %s %s %v", s.F, s.Key, s.Value.List)
			case s.Value.Set:
				line += fmt.Sprintf(" %s %s %d", s.F, s.Key, s.Value.N)
			default:
				line += fmt.Sprintf(" %s %s", s.F, s.Key)
			}
		}
		out = append(out, line)
	}
	return out
}

func TestPlumeLinesOfOneTransactionAreOneOperation(t *testing.T) {
	h := openText(t, "w(1,7,0,0)\nr(2,0,0,0)\nr(1,7,3,1)\nw(1,8,3,2)\n")
	want := []string{"0 ok w 1 7 r 2 0", "3 ok r 1 7", "3 ok w 1 8"}
	if d := cmp.Diff(want, wordsOf(h)); d != "" {
		t.Error(d)
	}
	if h.Timed() || len(h.Header.Nodes) != 0 || h.Header.SessionScope != "client" || h.Header.Granularity != "transaction" {
		t.Errorf("times %v, header %+v", h.Timed(), h.Header)
	}
}

func TestPlumeTransactionsMayBeInterleaved(t *testing.T) {
	h := openText(t, "w(1,1,0,0)\nw(1,2,1,1)\nw(2,3,0,0)\nw(2,4,1,1)\nw(3,5,0,2)\nw(3,6,1,1)\r\n\n  r(3,6,0,2)  ")
	want := []string{"0 ok w 1 1 w 2 3", "1 ok w 1 2 w 2 4 w 3 6", "0 ok w 3 5 r 3 6"}
	if d := cmp.Diff(want, wordsOf(h)); d != "" {
		t.Error(d)
	}
}

func TestAnAbortedPlumeTransactionFailed(t *testing.T) {
	h := openText(t, "w(1,1,0,-1)\nw(2,1,0,-1)\nr(1,1,0,1)\n")
	if d := cmp.Diff([]string{"0 fail w 1 1", "0 fail w 2 1", "0 ok r 1 1"}, wordsOf(h)); d != "" {
		t.Error(d)
	}
}

func TestPlumeKeysOfAnySizeStayApart(t *testing.T) {
	h := openText(t, "w(-1,1,0,0)\nw(1048576,2,0,0)\nw(1048575,3,0,0)\nw(5,4,70000,0)\nr(1048576,2,0,0)\n")
	want := []string{"0 ok w -1 1 w 1048576 2 w 1048575 3 r 1048576 2", "70000 ok w 5 4"}
	if d := cmp.Diff(want, wordsOf(h)); d != "" {
		t.Error(d)
	}
}

func TestAWrongLineOfPlumeTextIsNamed(t *testing.T) {
	for text, says := range map[string]string{
		"w(1,1,0,0)\nw(1,2,0":                        "line 2",
		"w(1,1,0,0)\n\nwords\n":                      "line 3",
		"w(1,1,0,0)\nr(1,1,0,0) x\n":                 "line 2",
		"w(1,1,0,0)\nr(1,x,0,0)\n":                   "line 2",
		"w(1,1,0,0)\nw(1,0,0,0)\n":                   "line 2: \"w\" on \"1\" writes 0",
		"w(1,1,0,0)\nw(2,1,0,0)\nw(1,1,1,5)\n":       "line 3: \"w\" writes 1 to \"1\" a second time",
		"w(1,1,-4,0)\n":                              "line 1: session -4",
		"w(1,1,99999999999,0)\n":                     "line 1: session 99999999999",
		"w(1,9999999999999999999999999999999,0,0)\n": "line 1",
	} {
		_, err := readBytes([]byte(text))
		var at *LineError
		if !errors.As(err, &at) || !strings.Contains(err.Error(), says) {
			t.Errorf("%q: got %v, want %q", text, err, says)
		}
	}
}

func TestPlumeTextMayBeCompressed(t *testing.T) {
	text := []byte("w(1,1,0,0)\nr(1,1,1,1)\n")
	packed := compressed(t, text)
	h, err := readBytes(packed)
	if err != nil {
		t.Fatal(err)
	}
	if d := diff(openText(t, string(text)), h); d != "" {
		t.Error(d)
	}
	packed[len(packed)-1] ^= 1 // of the checksum
	if h, err := readBytes(packed); err == nil && h.Damage == "" {
		t.Error("damage was not noticed")
	}
}

func TestEveryPlumeLineIsAStepOfItsSessionInOrder(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		text, want := plumeText(rng, 60), map[string]string{}
		for line := range strings.Lines(text) {
			var f rune
			var key, value, session, transaction int
			if _, err := fmt.Sscanf(line, "%c(%d,%d,%d,%d)", &f, &key, &value, &session, &transaction); err != nil {
				t.Fatal(err)
			}
			want[fmt.Sprint(session)] += fmt.Sprintf("%c%d=%d/%v ", f, key, value, transaction == -1)
		}
		got := map[string]string{}
		h := openText(t, text)
		for k := range h.Len() {
			for _, s := range h.Op(k).Steps {
				got[fmt.Sprint(h.Session(k))] += fmt.Sprintf("%c%s=%d/%v ", s.F.String()[0], s.Key, s.Value.N, h.Outcome(k) == Fail)
			}
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Fatalf("%s\n%s", text, d)
		}
	}
}

// plumeText draws lines of a few sessions, some of them interleaved.
func plumeText(rng *rand.Rand, n int) string {
	var b strings.Builder
	transaction := make([]int, 4)
	for i := range n {
		session := rng.IntN(4)
		if rng.IntN(2) == 0 {
			transaction[session] = []int{-1, i, i, i}[rng.IntN(4)]
		}
		f, value := "w", i+1
		if rng.IntN(2) == 0 {
			f, value = "r", rng.IntN(i+1)
		}
		fmt.Fprintf(&b, "%s(%d,%d,%d,%d)\n", f, rng.IntN(3), value, session, transaction[session])
	}
	return b.String()
}

func BenchmarkPlume(b *testing.B) {
	const n = 1_000_000
	for _, c := range []struct {
		name        string
		transaction int // lines
		unique      bool
	}{{"plain", 1, true}, {"transactions", 10, true}, {"numbers per key", 10, false}} {
		b.Run(c.name, func(b *testing.B) {
			text := manyPlumeLines(n, c.transaction, c.unique)
			b.SetBytes(int64(len(text)))
			for b.Loop() {
				if h, err := readBytes(text); err != nil || h.NSteps() != n {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(n)*float64(b.N)/b.Elapsed().Seconds(), "lines/s")
		})
	}
}

func manyPlumeLines(n, transaction int, unique bool) []byte {
	var b bytes.Buffer
	const keys = 1000
	for i := range n {
		key, value, f := i%keys, i/keys+1, "rw"[i/keys%2]
		if unique {
			value = i + 1
		}
		fmt.Fprintf(&b, "%c(%d,%d,%d,%d)\n", f, key, value, i/transaction%8, i/transaction)
	}
	return b.Bytes()
}

func compressed(tb tb, text []byte) []byte {
	tb.Helper()
	enc, err := zstd.NewWriter(nil)
	if err != nil {
		tb.Fatal(err)
	}
	return enc.EncodeAll(text, nil)
}
