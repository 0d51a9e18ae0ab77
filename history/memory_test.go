package history

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// memorised makes the calls on a recorder in memory.
func memorised(tb tb, hd Header, cs []call) *History {
	tb.Helper()
	var now time.Duration
	m := NewMemory(hd, func() time.Duration { return now })
	m.Room(len(cs) / 3) // less than all, mostly
	play(m.Recorder, &now, cs)
	if m.Count() != len(cs) {
		tb.Fatal("of", len(cs), "events", m.Count(), "were recorded")
	}
	h, err := m.History()
	if err != nil {
		tb.Fatal(err)
	}
	return h
}

func TestWhatIsKeptInMemoryIsWhatAFileWouldGive(t *testing.T) {
	dir := t.TempDir()
	rapid.Check(t, func(rt *rapid.T) {
		cs := calls(rt, 60)
		if d := diff(open(rt, record(rt, fresh(rt, dir), cs)), memorised(rt, testHeader, cs)); d != "" {
			rt.Fatal(d)
		}
	})
}

// A file takes what its reader refuses; memory refuses it at once.
func TestMemoryRefusesWhatAReaderWouldRefuse(t *testing.T) {
	write := func(n int64) []Step { return []Step{{F: Write, Key: "x", Value: Int(n)}} }
	for name, c := range map[string]struct {
		do   func(r *Recorder) (int, time.Duration)
		want string
	}{
		"a number written twice":    {func(r *Recorder) (int, time.Duration) { return r.Invoke(1, "n1", write(1), false) }, "a second time"},
		"a completion at another":   {func(r *Recorder) (int, time.Duration) { return r.Complete(0, "n2", OK, nil, Meta{}) }, "asked n1 but completes at n2"},
		"a completion of another":   {func(r *Recorder) (int, time.Duration) { return r.Complete(0, "n1", OK, write(2), Meta{}) }, "was invoked with 1"},
		"two operations at a time":  {func(r *Recorder) (int, time.Duration) { return r.Invoke(0, "n1", write(2), false) }, "while another one is open"},
		"an event of no known type": {func(r *Recorder) (int, time.Duration) { return r.Event(Event{Type: "ok"}) }, `no type "ok"`},
	} {
		m := NewMemory(testHeader, func() time.Duration { return 5 })
		m.Invoke(0, "n1", write(1), false)
		if i, at := c.do(m.Recorder); i != 0 || at != 5 {
			t.Errorf("%s: got index %d at %s", name, i, at)
		}
		if err := m.Err(); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
		if h, err := m.History(); err == nil || h.Len() != 1 {
			t.Errorf("%s: %d operations, %v", name, h.Len(), err)
		}
	}
}

func TestWhatTheCallerChangesLaterIsNotRemembered(t *testing.T) {
	m := NewMemory(testHeader, func() time.Duration { return 0 })
	ev := Event{Type: FaultEvent, Links: []Link{{"n1", "n2"}}, Nodes: []string{"n1"}, Offsets: map[string]int64{"n1": 3}}
	steps := []Step{{F: Read, Key: "s", Value: List(1, 2)}}
	m.Event(ev)
	m.Invoke(0, "n1", steps, false)
	m.Complete(0, "n1", OK, steps, Meta{})
	ev.Links[0].From, ev.Nodes[0], ev.Offsets["n1"], steps[0].Value.List[0] = "n9", "n9", 9, 9
	h, err := m.History()
	if err != nil {
		t.Fatal(err)
	}
	want := Event{Index: 1, Type: FaultEvent, Links: []Link{{"n1", "n2"}}, Nodes: []string{"n1"}, Offsets: map[string]int64{"n1": 3}}
	if d := cmp.Diff(want, h.Events[0]) + cmp.Diff([]int64{1, 2}, h.StepList(0)); d != "" {
		t.Error(d)
	}
}

func BenchmarkRecordInMemory(b *testing.B) {
	const n = 100_000
	b.ReportAllocs()
	for b.Loop() {
		m := NewMemory(testHeader, func() time.Duration { return 0 })
		m.Room(n)
		for k := range n {
			steps := []Step{{F: Write, Key: "k1", Value: Int(int64(k) + 1)}}
			m.Invoke(k%20, "n1", steps, false)
			m.Complete(k%20, "n1", OK, steps, Meta{Stamp: "946684800000000000.n1.17"})
		}
		if h, err := m.History(); err != nil || h.Len() != n {
			b.Fatal(h.Len(), err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/n, "ns/operation")
}
