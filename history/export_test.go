package history

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestPlumeTextThatIsReadAndWrittenIsTheSameHistory(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	for range 200 {
		text := plumeText(rng, 60)
		first := openText(t, text)
		var b bytes.Buffer
		if err := first.WritePlume(&b); err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(wordsOf(first), wordsOf(openText(t, b.String()))); d != "" {
			t.Fatalf("%s\n%s\n%s", text, b.String(), d)
		}
	}
}

// drawn makes a history of one kind: sessions that each do one operation at a time.
func drawn(tb tb, rng *rand.Rand, hd Header, write F, most int) *History {
	tb.Helper()
	b, next := NewBuilder(hd), int64(0)
	open := map[int][]Step{}
	for i := 1; i <= 60; i++ {
		now, session := time.Duration(i)*time.Millisecond, rng.IntN(4)
		steps, busy := open[session]
		var err error
		if !busy {
			for range 1 + rng.IntN(most) {
				s := Step{F: Read, Key: []string{"x", "7", `a "b"` + "\n\\"}[rng.IntN(3)]}
				if rng.IntN(2) == 0 {
					next++
					s.F, s.Value = write, Int(next)
				}
				steps = append(steps, s)
			}
			open[session] = steps
			err = b.Invoke(i, now, session, fmt.Sprint("n", rng.IntN(2)), steps, false)
		} else {
			delete(open, session)
			o := []Outcome{OK, OK, OK, Fail, Info}[rng.IntN(5)]
			m := Meta{}
			if o != OK {
				m.Error = "lost \"it\""
			}
			err = b.Complete(i, now, session, o, answered(rng, steps, o, write, next), m)
		}
		if err != nil {
			tb.Fatal(err)
		}
	}
	return b.History()
}

func answered(rng *rand.Rand, steps []Step, o Outcome, write F, next int64) []Step {
	if o != OK {
		return nil
	}
	done := append([]Step(nil), steps...)
	for i := range done {
		switch {
		case done[i].F != Read || rng.IntN(4) == 0:
		case write == Write || write == Inc:
			done[i].Value = Int(rng.Int64N(next + 1))
		default:
			done[i].Value = List([]int64{1, 2, next}[:rng.IntN(4)]...)
		}
	}
	return done
}

// said is what an export keeps of each session: sessions of unknown operations
// have numbers of their own.
func said(h *History, times bool) map[string][]string {
	out := map[string][]string{}
	for k, words := range wordsOf(h) {
		op := h.Op(k)
		session, words, _ := strings.Cut(words, " ")
		if op.Outcome == Info {
			session = "unknown"
		}
		if times {
			words += fmt.Sprint(" ", op.Start, op.End, op.Return != 0, op.Meta.Error)
		}
		out[session] = append(out[session], words)
	}
	return out
}

var transactional = Header{SessionScope: "client", Granularity: "transaction"}

func TestAHistoryWrittenAsEDNIsReadBack(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	for _, c := range []struct {
		write F
		most  int
	}{{Write, 3}, {Append, 3}, {Add, 1}, {Inc, 1}} {
		for range 100 {
			h := drawn(t, rng, transactional, c.write, c.most)
			var b bytes.Buffer
			if err := h.WriteEDN(&b); err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(said(h, true), said(openText(t, b.String()), true)); d != "" {
				t.Fatalf("%s\n%s", b.String(), d)
			}
		}
	}
}

func TestJepsenHistoriesAreWrittenAsTheyMean(t *testing.T) {
	const text = `{:index 0, :type :invoke, :process 0, :f :txn, :value [[:append 4 0] [:r "x" nil]], :time 5}
{:index 1, :type :ok, :process 0, :f :txn, :value [[:append 4 0] [:r "x" [0 2]]], :time 6}
{:index 2, :type :invoke, :process 2, :f :txn, :value [[:append "x" 2]], :time 7}
{:index 3, :type :info, :process 2, :f :txn, :value [[:append "x" 2]], :time 8, :error "net \"x\""}
`
	var b bytes.Buffer
	if err := openText(t, text).WriteEDN(&b); err != nil {
		t.Fatal(err)
	}
	// The process that ended in doubt has a number that no other one has.
	if d := cmp.Diff(strings.ReplaceAll(text, ":process 2", ":process 3"), b.String()); d != "" {
		t.Error(d)
	}
}

func TestSessionsOfOneNodeOnlyStayApart(t *testing.T) {
	b := NewBuilder(Header{Nodes: []string{"n1", "n2"}})
	for i, node := range []string{"n1", "n2", "n1"} {
		steps := []Step{{F: Write, Key: "x", Value: Int(int64(2*i + 1))}, {F: Write, Key: "y", Value: Int(int64(2*i + 2))}}
		if err := errors.Join(b.Invoke(2*i+1, time.Duration(2*i), 0, node, steps, false), b.Complete(2*i+2, time.Duration(2*i+1), 0, OK, nil, Meta{})); err != nil {
			t.Fatal(err)
		}
	}
	var plume, jepsen bytes.Buffer
	if err := errors.Join(b.History().WritePlume(&plume), b.History().WriteEDN(&jepsen)); err != nil {
		t.Fatal(err)
	}
	// Each step is a transaction, since nobody promised more.
	want := "w(0,1,0,0)\nw(1,2,0,1)\nw(0,3,1,2)\nw(1,4,1,3)\nw(0,5,0,4)\nw(1,6,0,5)\n"
	if d := cmp.Diff(want, plume.String()); d != "" {
		t.Error(d)
	}
	steps := []string{"0 ok w x 1", "0 ok w y 2", "1 ok w x 3", "1 ok w y 4", "0 ok w x 5", "0 ok w y 6"}
	if d := cmp.Diff(steps, wordsOf(openText(t, jepsen.String()))); d != "" {
		t.Error(d)
	}
}

func TestThePartsOfAnUnknownOperationAreUnknownEach(t *testing.T) {
	h := drawn(t, rand.New(rand.NewPCG(7, 8)), Header{SessionScope: "client"}, Write, 3)
	var b bytes.Buffer
	if err := h.WriteEDN(&b); err != nil {
		t.Fatal(err)
	}
	got := openText(t, b.String())
	count := func(h *History) (steps, unknown int) {
		for k := range h.Len() {
			from, to := h.Steps(k)
			if h.Outcome(k) == Info {
				unknown += to - from
			}
		}
		return h.NSteps(), unknown
	}
	steps, unknown := count(h)
	if s, u := count(got); s != steps || u != unknown || got.Len() != steps {
		t.Errorf("%d steps, %d unknown in %d operations; want %d and %d", s, u, got.Len(), steps, unknown)
	}
}

func TestWhatAnotherFormatCannotSayIsRefusedByName(t *testing.T) {
	for f, says := range map[F]string{Add: "", Inc: "", Append: "", Delete: "d", Remove: "rem"} {
		b := NewBuilder(transactional)
		steps := []Step{{F: f, Key: "x", Value: Int(1)}}
		if err := errors.Join(b.Invoke(17, 1, 0, "n", steps, false), b.Complete(18, 2, 0, OK, nil, Meta{})); err != nil {
			t.Fatal(err)
		}
		err := b.History().WriteEDN(&bytes.Buffer{})
		if (err != nil) != (says != "") || err != nil && !strings.Contains(err.Error(), fmt.Sprintf("operation #17: %q on", says)) {
			t.Errorf("EDN, %s: got %v", f, err)
		}
		if err := b.History().WritePlume(&bytes.Buffer{}); err == nil || !strings.Contains(err.Error(), "operation #17") {
			t.Errorf("Plume, %s: got %v", f, err)
		}
	}
}

func TestExportingToAFullDiskFails(t *testing.T) {
	h := drawn(t, rand.New(rand.NewPCG(9, 1)), transactional, Write, 3)
	if err := h.WritePlume(&badDisk{left: 10}); !errors.Is(err, errFull) {
		t.Errorf("got %v", err)
	}
	if err := h.WriteEDN(&badDisk{left: 10}); !errors.Is(err, errFull) {
		t.Errorf("got %v", err)
	}
}
