// Package truth knows what really happened in a simulated run: from what every
// leader told about itself (each execution, each update applied, what was left)
// it follows causality as it was, by what leaders had applied, and not as clients
// could tell it. Findings of checkers are held against it. It shares no code with
// them, and knows neither their thresholds nor their results.
package truth

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/mlcheck/mlcheck/history"
	"github.com/mlcheck/mlcheck/targets/reference"
)

// Told is one thing that a leader told about itself, and when.
type Told struct {
	At   time.Duration
	Node string
	reference.TraceEntry
}

// Truth is a run: what clients saw, and what happened. Operations are named by
// their position in the history.
type Truth struct {
	h       *history.History
	ops     []history.Op
	told    []Told
	writes  map[cell][]write // by key: what changes it, refused operations left out
	by      map[named]int    // what names a change → its operation
	exec    []int            // operation → the entry of its execution; -1: none
	commit  []int            // operation → the entry that made its update; -1: none
	finals  map[cell]map[string]final
	deletes map[string]bool // keys that may be deleted
	plain   map[string]bool // keys that are registers with one value
	several map[string]bool // keys that are registers and may show several

	moving bool   // replication had not come to rest at the end
	really Order  // by what leaders had applied, and sessions
	so     Order  // promised session order
	seen   []look // see looks
	known  []bits // operation → what had been read before it, as clients can tell; see readBefore
	// tellings are orders that were worked out before.
	tellings map[[2]bool]Order
	put      []map[string]int                             // operation → node → how often it took effect there
	applied  []map[string]int                             // operation → node → the entry at which it was taken for applied; the last
	began    map[string][]time.Duration                   // node → when it came up
	undone   []map[string]bool                            // operation → nodes that had applied it and came up again without it
	twice    []map[string]int                             // operation → node → the entry by which it had had its effect more than once there
	left     map[string]map[cell][]reference.TraceVersion // what a leader holds at the end
}

// cell is a key, or an element of it.
type cell struct {
	key     string
	element int64
}

// named is what names a change.
type named struct {
	f   history.F
	key string
	n   int64
}

// write is one change of a cell by an operation.
type write struct {
	op    int
	f     history.F
	value int64
}

// final is what a leader finally showed of a key.
type final struct {
	op    int
	value history.Value
}

func name(s history.Step) named {
	n := named{s.F, s.Key, s.Value.N}
	if s.F == history.Delete {
		n.n = 0
	}
	return n
}

// New joins what clients saw to what leaders told. An error says where the two
// cannot both be right: an answer that no leader gave, a value from nowhere.
func New(h *history.History, told []Told) (*Truth, error) {
	t := &Truth{
		h: h, told: told, writes: map[cell][]write{}, by: map[named]int{}, finals: map[cell]map[string]final{},
		deletes: map[string]bool{}, plain: map[string]bool{}, several: map[string]bool{}, tellings: map[[2]bool]Order{},
	}
	mixed, other := map[string]bool{}, map[string]bool{}
	for k := range h.Len() {
		op := h.Op(k)
		t.ops = append(t.ops, op)
		for _, s := range op.Steps {
			switch {
			case s.F == history.Read && s.Value.List != nil:
				mixed[s.Key], t.several[s.Key] = true, true
			case s.F == history.Add, s.F == history.Remove, s.F == history.Inc:
				mixed[s.Key] = true
			case s.F == history.Delete:
				t.deletes[s.Key] = true
			}
			t.plain[s.Key] = true
			if s.F == history.Add || s.F == history.Remove || s.F == history.Inc {
				other[s.Key] = true
			}
			if !s.F.IsWrite() {
				continue
			}
			c := cell{key: s.Key}
			if s.F == history.Add || s.F == history.Remove {
				c.element = s.Value.N
			}
			if op.Outcome != history.Fail {
				t.writes[c] = append(t.writes[c], write{k, s.F, s.Value.N})
			}
			if s.F != history.Delete && s.F != history.Remove { // those may be made again; their executions tell
				t.by[name(s)] = k
			}
		}
	}
	for key := range mixed {
		delete(t.plain, key)
	}
	for key := range other {
		delete(t.several, key)
	}
	t.findFinals()
	if err := t.link(); err != nil {
		return nil, err
	}
	t.so = t.sessions()
	t.known = make([]bits, len(t.ops))
	t.replay()
	return t, nil
}

// findFinals takes the last final read of each key at each node after replication
// came to rest.
func (t *Truth) findFinals() {
	rest := time.Duration(-1)
	for _, ev := range t.h.Events {
		if ev.Type == history.StageEvent && ev.Stage == history.StageQuiet {
			t.moving = ev.State == history.QuietMoving
			rest = ev.T
		}
	}
	for k, op := range t.ops {
		if !op.Final || rest < 0 || op.Start < rest || op.Outcome != history.OK {
			continue
		}
		c := cell{key: op.Steps[0].Key}
		if t.finals[c] == nil {
			t.finals[c] = map[string]final{}
		}
		t.finals[c][op.Node] = final{k, op.Steps[0].Value}
	}
}

// shape is what an execution and an operation have in common before it is known
// what was read.
func shape(ss []history.Step) string {
	var b []byte
	for _, s := range ss {
		b = fmt.Appendf(b, "%d %s", s.F, s.Key)
		if s.F.IsWrite() {
			b = fmt.Appendf(b, " %d", s.Value.N)
		}
		b = append(b, ';')
	}
	return string(b)
}

// link finds the execution of every operation, and whose update is whose. What was
// acknowledged must have been executed, within its time, with the same answer.
func (t *Truth) link() error {
	t.exec, t.commit = make([]int, len(t.ops)), make([]int, len(t.ops))
	at := map[string][]int{} // shape → executions
	for i, e := range t.told {
		if e.Kind == reference.TraceExecuted {
			s := shape(e.Steps)
			at[s] = append(at[s], i)
		}
	}
	used := map[int]bool{}
	byEnd := make([]int, len(t.ops))
	for k := range t.ops {
		t.exec[k], t.commit[k], byEnd[k] = -1, -1, k
	}
	// Who had to be answered first is served first; what never was answered, last.
	slices.SortStableFunc(byEnd, func(a, b int) int {
		return cmp.Or(cmp.Compare(t.ops[b].Outcome&1, t.ops[a].Outcome&1), cmp.Compare(t.ops[a].End, t.ops[b].End))
	})
	again := t.h.Header.Policy == "certify" // executed where it was asked for, and once more when it was certified
	for _, k := range byEnd {
		op := t.ops[k]
		if op.Outcome == history.Fail {
			continue
		}
		for _, i := range at[shape(op.Steps)] {
			if used[i] || !t.fits(op, i) {
				continue
			}
			if t.exec[k] = i; !again {
				break
			}
		}
		if t.exec[k] >= 0 {
			used[t.exec[k]] = true
		} else if op.Outcome == history.OK {
			return fmt.Errorf("operation #%d was acknowledged by %s, but nobody told of having executed it so: %+v", op.Index, op.Node, op.Steps)
		}
	}
	return nil
}

func (t *Truth) fits(op history.Op, i int) bool {
	e := t.told[i]
	switch {
	case e.At < op.Start, op.Outcome == history.OK && e.At > op.End, op.Outcome == history.OK && e.Node != cmp.Or(op.By, op.Node):
		return false
	case op.Outcome != history.OK:
		return true
	}
	for j, s := range op.Steps {
		if s.F == history.Read && !s.Value.Equal(e.Steps[j].Value) {
			return false
		}
	}
	return true
}

// owner is the operation that an update was made for; -1: none that is known.
func (t *Truth) owner(e Told, deleted map[string]int) int {
	for _, s := range e.Wrote {
		if k, ok := t.by[name(s)]; ok {
			return k
		}
	}
	if k, ok := deleted[update(e)]; ok {
		return k
	}
	return -1
}

// update names the update that an entry is about.
func update(e Told) string { return e.Origin + " " + strconv.FormatUint(e.Seq, 10) }
