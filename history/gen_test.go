package history

import (
	"os"
	"path/filepath"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"
)

// call is one call of a Recorder.
type call struct {
	t       time.Duration // what the clock says
	invoke  bool
	event   *Event // not nil: neither start nor end of an operation
	session int
	node    string
	outcome Outcome
	steps   []Step
	final   bool
	meta    Meta
}

// calls draws what a run may do: sessions that start and end operations in
// order, and events in between.
func calls(t *rapid.T, most int) []call {
	var (
		out  []call
		open = map[int][]Step{}
		asks = map[int]string{}
		now  time.Duration
		next int64
	)
	for range rapid.IntRange(0, most).Draw(t, "calls") {
		now += time.Duration(rapid.SampledFrom([]int64{0, 1, 1_000_000, 400_000_000, 2_000_000_000}).Draw(t, "passes"))
		if rapid.IntRange(0, 5).Draw(t, "event?") == 0 {
			ev := drawEvent(t)
			out = append(out, call{t: now, event: &ev})
			continue
		}
		session := rapid.SampledFrom([]int{0, 1, 2, 70_000}).Draw(t, "session")
		steps, isOpen := open[session]
		if !isOpen {
			steps = drawSteps(t, &next)
			open[session], asks[session] = steps, rapid.SampledFrom([]string{"n1", "n2", "späť \"3\""}).Draw(t, "node")
			out = append(out, call{t: now, invoke: true, session: session, node: asks[session], steps: steps, final: rapid.Bool().Draw(t, "final")})
			continue
		}
		delete(open, session)
		c := call{t: now, session: session, node: asks[session], outcome: rapid.SampledFrom([]Outcome{OK, OK, Info, Fail}).Draw(t, "outcome")}
		c.steps, c.meta = returned(t, steps, c.outcome), drawMeta(t)
		out = append(out, c)
	}
	return out
}

func drawSteps(t *rapid.T, next *int64) []Step {
	var steps []Step
	for range rapid.IntRange(1, 3).Draw(t, "steps") {
		s := Step{F: rapid.SampledFrom([]F{Read, Write, Delete, Add, Remove, Append, Inc, Insert}).Draw(t, "f"), Key: drawKey(t)}
		*next++
		switch s.F {
		case Read, Delete:
		case Insert:
			s.Value = List(*next, rapid.Int64().Draw(t, "after"))
		case Remove, Inc:
			s.Value = Int(rapid.Int64().Draw(t, "n"))
		default:
			s.Value = Int(*next)
		}
		steps = append(steps, s)
	}
	return steps
}

func drawKey(t *rapid.T) string {
	return rapid.OneOf(rapid.SampledFrom([]string{"x", "y"}), rapid.String()).Draw(t, "key")
}

// returned gives reads their values.
func returned(t *rapid.T, steps []Step, o Outcome) []Step {
	if o != OK {
		return nil
	}
	done := append([]Step(nil), steps...)
	for i, s := range done {
		if s.F == Read {
			done[i].Value = rapid.OneOf(
				rapid.Just(Value{}),
				rapid.Map(rapid.Int64(), Int),
				rapid.Map(rapid.SliceOfN(rapid.Int64Range(0, 3), 0, 4), func(l []int64) Value { return List(l...) }),
			).Draw(t, "returned")
		}
	}
	return done
}

func drawMeta(t *rapid.T) Meta {
	if rapid.Bool().Draw(t, "no meta") {
		return Meta{}
	}
	text := rapid.OneOf(rapid.Just(""), rapid.String())
	return Meta{By: text.Draw(t, "by"), Ctx: text.Draw(t, "ctx"), Stamp: text.Draw(t, "stamp"), Token: text.Draw(t, "token"), Error: text.Draw(t, "error")}
}

func drawEvent(t *rapid.T) Event {
	text := rapid.OneOf(rapid.Just(""), rapid.String())
	number := rapid.OneOf(rapid.Just[int64](0), rapid.Int64())
	ev := Event{
		Type:  rapid.SampledFrom([]EventType{FaultEvent, ClockEvent, StageEvent, MoveEvent}).Draw(t, "type"),
		Fault: rapid.IntRange(0, 9).Draw(t, "fault"), Kind: text.Draw(t, "kind"), Phase: text.Draw(t, "phase"),
		PPM: number.Draw(t, "ppm"), Period: number.Draw(t, "period"), Dropped: number.Draw(t, "dropped"), Met: number.Draw(t, "met"), What: text.Draw(t, "what"),
		Stage: text.Draw(t, "stage"), State: text.Draw(t, "state"), Session: rapid.IntRange(0, 9).Draw(t, "session"),
		From: text.Draw(t, "from"), To: text.Draw(t, "to"), Why: text.Draw(t, "why"),
	}
	for range rapid.IntRange(0, 2).Draw(t, "links") {
		ev.Links = append(ev.Links, Link{From: text.Draw(t, "from"), To: text.Draw(t, "to")})
		ev.Nodes = append(ev.Nodes, text.Draw(t, "node"))
	}
	if rapid.Bool().Draw(t, "offsets") {
		ev.Offsets = rapid.MapOfN(rapid.String(), rapid.Int64(), 0, 3).Draw(t, "offsets")
	}
	return ev
}

// play makes the calls on a recorder; the clock reads *now.
func play(r *Recorder, now *time.Duration, cs []call) {
	for _, c := range cs {
		*now = c.t
		switch {
		case c.event != nil:
			r.Event(*c.event)
		case c.invoke:
			r.Invoke(c.session, c.node, c.steps, c.final)
		default:
			r.Complete(c.session, c.node, c.outcome, c.steps, c.meta)
		}
	}
}

// want builds the history that the calls should give.
func want(tb tb, hd Header, cs []call) *History {
	tb.Helper()
	b := NewBuilder(hd)
	for n, c := range cs {
		var err error
		switch {
		case c.event != nil:
			ev := *c.event
			ev.Index, ev.T = n+1, c.t
			err = b.Event(ev)
		case c.invoke:
			err = b.Invoke(n+1, c.t, c.session, c.node, c.steps, c.final)
		default:
			err = b.Complete(n+1, c.t, c.session, c.outcome, c.steps, c.meta)
		}
		if err != nil {
			tb.Fatal(err)
		}
	}
	return b.History()
}

// view is everything that a history says, through its accessors.
type view struct {
	Header      Header
	Ops         []Op
	Events      []Event
	Nodes, Keys []string
}

func viewOf(h *History) view {
	v := view{Header: h.Header, Events: h.Events, Nodes: h.Nodes(), Keys: h.Keys()}
	for k := range h.Len() {
		v.Ops = append(v.Ops, h.Op(k))
	}
	return v
}

// diff compares what two histories say. Strings that are no UTF-8 are outside
// of the format, so the generators draw none.
func diff(want, got *History) string {
	return cmp.Diff(viewOf(want), viewOf(got), cmpopts.EquateEmpty(), cmp.Comparer(Value.Equal))
}

var testHeader = Header{Nodes: []string{"n1", "n2", "n3"}, Target: "reference", Policy: "lww-wall", Seed: 7, Links: [][2]string{{"n1", "n2"}}}

// tb is what *testing.T and *rapid.T have in common.
type tb interface {
	Helper()
	Fatal(...any)
}

// record writes the calls to a new file in the folder and returns its path.
func record(tb tb, dir string, cs []call) string {
	tb.Helper()
	path := filepath.Join(dir, FileName)
	var now time.Duration
	r, err := Create(path, testHeader, func() time.Duration { return now })
	if err != nil {
		tb.Fatal(err)
	}
	play(r, &now, cs)
	if err := r.Close(); err != nil {
		tb.Fatal(err)
	}
	return path
}

// fresh makes a new folder below dir.
func fresh(tb tb, dir string) string {
	tb.Helper()
	sub, err := os.MkdirTemp(dir, "")
	if err != nil {
		tb.Fatal(err)
	}
	return sub
}

func open(tb tb, path string) *History {
	tb.Helper()
	h, err := Open(path)
	if err != nil {
		tb.Fatal(err)
	}
	return h
}

func slurp(tb tb, path string) []byte {
	tb.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

func sum(tb tb, path string) string {
	tb.Helper()
	s, err := SHA256(path)
	if err != nil {
		tb.Fatal(err)
	}
	return s
}
