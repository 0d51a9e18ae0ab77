package naive

import (
	"slices"

	"github.com/mlcheck/mlcheck/history"
)

// Search finds what causally follows a step, in a history of any size. It is
// what the absence of a fact rests on: "nobody wrote the key after that" can be
// told only from the whole history, not from a part of it.
type Search struct {
	h        *history.History
	byStep   bool
	kinds    []kind         // of keys
	again    map[value]bool // added more than once: to have read it says nothing
	restarts [][]outage     // of nodes
	served   map[string]int // nodes by name
	told     bool           // some operation has more to tell than its outcome
}

// Follows finds a step that hit accepts among those that causally follow the
// given one; operations that failed are left out.
//
// It goes through the history again and again, marking the sessions and the
// written values that know of the step, until nothing new is marked: O(n) a
// round, and seldom more than three rounds. Operations that were over before the
// step was asked for are not looked at.
func (sr *Search) Follows(step int, hit func(step int) bool) (int, bool) {
	f := &following{Search: sr, first: step, sessions: map[[2]int]bool{}, carried: map[int]bool{}, values: map[value]bool{}, lines: map[line]int{}}
	from := sr.firstAfter(step)
	for f.changed = true; f.changed; {
		f.changed = false
		clear(f.sessions)
		clear(f.carried)
		for k := from; k < sr.h.Len(); k++ {
			if s, ok := f.operation(k, hit); ok {
				return s, true
			}
		}
	}
	return 0, false
}

// firstAfter is the first operation that was not over when a step was asked for.
func (sr *Search) firstAfter(step int) int {
	asked := 0
	for k := range sr.h.Len() {
		if _, to := sr.h.Steps(k); step < to {
			asked = sr.h.Index(k)
			break
		}
	}
	for k := range sr.h.Len() {
		if over := sr.h.Return(k); over == 0 || over > asked {
			return k
		}
	}
	return 0
}

type value struct {
	key int
	n   int64
}

// line is a node between two of its restarts.
type line struct{ node, epoch int }

// following is what is known to know of the first step.
type following struct {
	*Search
	first    int             // the step
	sessions map[[2]int]bool // number, and node or -1: in this round: what comes next in it follows
	carried  map[int]bool    // in this round: the session's last acknowledged operation follows
	values   map[value]bool  // whoever read it follows
	lines    map[line]int    // node order: the earliest return of what follows
	changed  bool
}

// NewSearch reads the history once.
func NewSearch(h *history.History) *Search {
	sr := &Search{h: h, kinds: make([]kind, len(h.Keys())), again: map[value]bool{}, restarts: make([][]outage, len(h.Nodes())), served: map[string]int{}}
	single, added := true, map[value]bool{}
	for k := range h.Len() {
		from, to := h.Steps(k)
		single = single && to-from == 1
		for s := from; s < to; s++ {
			sr.kinds[h.StepKey(s)] |= kindOf(h.StepF(s))
			if v, ok := sr.writes(s); ok && h.StepF(s) == history.Add {
				sr.again[v] = sr.again[v] || added[v]
				added[v] = true
			}
		}
	}
	for _, m := range h.EachMeta() {
		sr.told = sr.told || m.By != "" || m.Token != ""
	}
	sr.byStep = !single && h.Header.Granularity != "transaction"
	for i, name := range h.Nodes() {
		sr.served[name] = i
		sr.restarts[i] = outages(h, name)
	}
	return sr
}

// writes is the value that names what step s wrote, if it has one.
func (sr *Search) writes(s int) (value, bool) {
	n, ok := written(history.Step{F: sr.h.StepF(s), Value: sr.h.StepValue(s)})
	return value{sr.h.StepKey(s), n}, ok
}

// operation marks what operation k passes on, and says which of its steps is hit.
func (f *following) operation(k int, hit func(int) bool) (int, bool) {
	h := f.h
	from, to := h.Steps(k)
	if h.Outcome(k) == history.Fail || h.Final(k) && f.readsOnly(from, to) {
		return 0, false
	}
	id := f.session(k)
	known := f.sessions[id] || f.told && h.Meta(k).Token != "" && f.carried[h.Session(k)] || f.byNodeOrder(k)
	start := f.first >= from && f.first < to
	for s := from; s < to; s++ {
		if f.byStep {
			start = f.first >= from && f.first < s
		}
		known = known || f.byStep && (start || f.knows(s)) || !f.byStep && f.knowsAny(from, to)
		switch {
		case known && (f.byStep || !start) && hit(s):
			return s, true
		case known || start || s == f.first:
			f.mark(s)
		}
	}
	if h.Outcome(k) == history.OK {
		follows := known || start || f.first == to-1
		if f.told {
			f.carried[h.Session(k)] = follows
		}
		if follows {
			f.sessions[id] = true
			f.returned(k)
		}
	}
	return 0, false
}

func (f *following) knowsAny(from, to int) bool {
	for s := from; s < to; s++ {
		if f.knows(s) {
			return true
		}
	}
	return false
}

func (f *following) readsOnly(from, to int) bool {
	for s := from; s < to; s++ {
		if f.h.StepF(s).IsWrite() {
			return false
		}
	}
	return true
}

// knows says whether step s read a value that is marked.
func (f *following) knows(s int) bool {
	h := f.h
	if h.StepF(s) != history.Read {
		return false
	}
	key := h.StepKey(s)
	if l := h.StepList(s); l != nil {
		return slices.ContainsFunc(l, func(n int64) bool { return f.values[value{key, n}] && !f.again[value{key, n}] })
	}
	n, ok := h.StepInt(s)
	return ok && f.kinds[key]&^register == 0 && f.values[value{key, n}]
}

func (f *following) mark(s int) {
	if v, ok := f.writes(s); ok && !f.values[v] {
		f.values[v] = true
		f.changed = true
	}
}

func (f *following) node(k int) int {
	if !f.told {
		return f.h.Node(k)
	}
	if n, ok := f.served[f.h.Meta(k).By]; ok {
		return n
	}
	return f.h.Node(k)
}

func (f *following) session(k int) [2]int {
	if f.h.Header.SessionScope == "client" {
		return [2]int{f.h.Session(k), -1}
	}
	return [2]int{f.h.Session(k), f.node(k)}
}

// lineOf is the line of the node that served operation k at event i.
func (f *following) lineOf(k, i int) line {
	return line{f.node(k), before(f.restarts[f.node(k)], i)}
}

// byNodeOrder says whether something that follows was over at the node before k
// was asked, where each leader is declared to be one linear store.
func (f *following) byNodeOrder(k int) bool {
	if !f.h.Header.NodeOrder {
		return false
	}
	end := f.h.Return(k)
	if end == 0 {
		end = endless
	}
	if f.lineOf(k, end) != f.lineOf(k, f.h.Index(k)) {
		return false // nobody knows on which side of the restart it took effect
	}
	over, ok := f.lines[f.lineOf(k, f.h.Index(k))]
	return ok && over < f.h.Index(k)
}

func (f *following) returned(k int) {
	if !f.h.Header.NodeOrder {
		return
	}
	at, over := f.lineOf(k, f.h.Index(k)), f.h.Return(k)
	if at != f.lineOf(k, over) {
		return
	}
	if before, ok := f.lines[at]; !ok || over < before {
		f.lines[at] = over
		f.changed = true
	}
}
