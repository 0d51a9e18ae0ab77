package reference

import (
	"slices"

	"github.com/mlcheck/mlcheck/history"
	"github.com/mlcheck/mlcheck/targets"
)

// Traced is the store so configured, with leaders that tell what they do. It is
// for tests: what a leader tells is the truth that findings are held against.
// Other systems are returned as they are.
func Traced(s targets.System) targets.System {
	if own, ok := s.(system); ok {
		own.cfg.traced = true
		return own
	}
	return s
}

// The kinds of what a leader tells.
const (
	TraceBegan     = 'b' // it has come up; what it recovers from its disk follows
	TraceExecuted  = 'e' // it has executed steps, with what they read
	TraceCommitted = 'c' // it has made an update of its own
	TraceApplied   = 'a' // it takes an update for applied
	TraceEffect    = 'p' // a change has taken effect here
	TraceForgot    = 'f' // a key is as if nothing had been applied to it: what had been was discarded
)

// TraceEntry is one thing that a leader tells. Which fields count is said by Kind.
type TraceEntry struct {
	Kind   byte
	Origin string         // of the update; Executed: the leader that executed
	Seq    uint64         // of the update; Executed: the one that its changes would be
	Time   int64          // of the stamp; the stamp's other parts are Origin and Seq
	Steps  []history.Step // Executed
	Wrote  []history.Step // Committed, Applied: the changes
	Past   [][]TraceDot   // Committed, where the policy asks for it: by change, what it replaces, directly or not
	// Effect, Forgot: the key. Effect: the cell of it (0: the register, else an element of a set),
	// and what is left there, as the numbers that were written; of a counter the sum.
	Key     string
	Element int64
	Left    []TraceVersion
	Sum     int64
}

// TraceDot names a change: the N-th of an update, from 0.
type TraceDot struct {
	Origin string
	Seq    uint64
	N      int
}

// TraceVersion is one version that a leader holds.
type TraceVersion struct {
	TraceDot
	Time  int64
	Value int64
	Gone  bool // a delete or a removal
}

func (m *machine) tellTrace(e enc) {
	m.emit(targets.Out{Kind: targets.Trace, Body: e.b})
}

func (m *machine) traceBegan() {
	if m.cfg.traced {
		m.tellTrace(enc{[]byte{TraceBegan}})
	}
}

func (m *machine) traceForgot(key string) {
	if !m.cfg.traced {
		return
	}
	e := enc{[]byte{TraceForgot}}
	e.string(key)
	m.tellTrace(e)
}

func (m *machine) traceExecuted(o *order, own *pending) {
	if !m.cfg.traced {
		return
	}
	e := enc{[]byte{TraceExecuted}}
	e.string(m.cfg.nodes[m.me])
	e.uint(own.seq)
	e.int(own.stamp.time)
	e.steps(o.steps)
	m.tellTrace(e)
}

func (m *machine) traceUpdate(kind byte, u update) {
	if !m.cfg.traced {
		return
	}
	e := enc{[]byte{kind}}
	e.string(m.cfg.nodes[u.origin])
	e.uint(u.seq)
	e.int(u.stamp.time)
	var wrote []history.Step
	for _, c := range u.changes {
		wrote = append(wrote, history.Step{F: c.f, Key: c.key, Value: history.Int(c.value)})
	}
	e.steps(wrote)
	if kind == TraceCommitted {
		for _, c := range u.changes {
			e.uint(uint64(len(c.past)))
			for _, d := range c.past {
				e.traceDot(d, m.cfg.nodes)
			}
		}
	}
	m.tellTrace(e)
}

func (e *enc) traceDot(d dot, nodes []string) {
	e.string(nodes[d.node])
	e.uint(d.seq)
	e.uint(uint64(d.n))
}

func (d *dec) traceDot() TraceDot { return TraceDot{d.string(), d.uint(), int(d.uint())} }

// traceEffect tells what is left in a cell after a change of an update.
func (m *machine) traceEffect(key string, element int64, d dot, st stamp) {
	if !m.cfg.traced {
		return
	}
	e := enc{[]byte{TraceEffect}}
	e.string(m.cfg.nodes[d.node])
	e.uint(d.seq)
	e.int(st.time)
	e.string(key)
	e.int(element)
	r := m.state.row(key)
	e.int(r.sum)
	vs := r.cells[element]
	e.uint(uint64(len(vs)))
	for _, v := range vs {
		e.traceDot(v.dot, m.cfg.nodes)
		e.int(v.stamp.time)
		e.int(v.value)
		e.bool(v.gone())
	}
	m.tellTrace(e)
}

// ReadTrace is the entry that a leader told, as the simulated world hands it out.
func ReadTrace(body []byte) (TraceEntry, error) {
	d := dec{b: slices.Clone(body)}
	t := TraceEntry{Kind: d.byte()}
	switch t.Kind {
	case TraceBegan:
	case TraceForgot:
		t.Key = d.string()
	case TraceExecuted, TraceCommitted, TraceApplied:
		t.Origin, t.Seq, t.Time = d.string(), d.uint(), d.int()
		if t.Kind == TraceExecuted {
			t.Steps = d.steps()
		} else {
			t.Wrote = d.steps()
		}
		if t.Kind == TraceCommitted {
			t.Past = make([][]TraceDot, len(t.Wrote))
			for i := range t.Past {
				t.Past[i] = make([]TraceDot, d.count())
				for j := range t.Past[i] {
					t.Past[i][j] = d.traceDot()
				}
			}
		}
	case TraceEffect:
		t.Origin, t.Seq, t.Time = d.string(), d.uint(), d.int()
		t.Key, t.Element, t.Sum = d.string(), d.int(), d.int()
		t.Left = make([]TraceVersion, d.count())
		for i := range t.Left {
			t.Left[i] = TraceVersion{d.traceDot(), d.int(), d.int(), d.bool()}
		}
	default:
		d.fail()
	}
	return t, d.err
}
