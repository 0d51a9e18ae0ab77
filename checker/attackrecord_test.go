package checker_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/mlcheck/mlcheck/history"
)

// An aop is an operation as the attack writes it down: nothing here knows
// anything of the checkers, and the oracle reads these, never the history.
type aop struct {
	session  int
	node, by int // by: -1, or who executed it
	out      history.Outcome
	final    bool
	token    bool
	inv, ret int // indices of the two lines; ret 0: never answered
	steps    []astep
}

type astep struct {
	f    history.F
	key  int
	n    int64   // written or read number; 0: nothing
	list []int64 // reads of sets and of siblings
	isl  bool
	told bool // reads: the answer has a value
}

// A record is a whole run: its operations, the restarts of its nodes, and what
// the header declares.
type record struct {
	scope, nodeOrder, trans bool
	policy                  string
	ops                     []aop
	restarts                []arestart
	quiet                   string // "": no stages
	endAt                   int    // index of the first stage
}

type arestart struct {
	node, at int
	kind     string
}

func (o *aop) at() int {
	if o.by >= 0 {
		return o.by
	}
	return o.node
}

var anodes = []string{"n1", "n2", "n3"}

func (r *record) header() history.Header {
	hd := history.Header{Nodes: anodes, NodeOrder: r.nodeOrder, Policy: r.policy}
	if r.scope {
		hd.SessionScope = "client"
	}
	if r.trans {
		hd.Granularity = "transaction"
	}
	return hd
}

func (s astep) step(answer bool) history.Step {
	st := history.Step{F: s.f, Key: fmt.Sprint("k", s.key)}
	switch {
	case s.f != history.Read && s.f != history.Delete:
		st.Value = history.Int(s.n)
	case s.f != history.Read || !answer || !s.told:
	case s.isl:
		st.Value = history.List(s.list...)
	case s.n != 0:
		st.Value = history.Int(s.n)
	}
	return st
}

// history writes the record down, event by event.
func (r *record) history(t testing.TB) *history.History {
	b := history.NewBuilder(r.header())
	last := 0
	type at struct {
		op     int
		ret    bool
		inject int // 1 + restart, or stage
	}
	what := map[int]at{}
	for i, o := range r.ops {
		what[o.inv] = at{op: i}
		last = max(last, o.inv, o.ret)
		if o.ret > 0 {
			what[o.ret] = at{op: i, ret: true}
		}
	}
	for i, x := range r.restarts {
		what[x.at] = at{inject: 1 + i}
		last = max(last, x.at)
	}
	stages := []string{history.StageHeal, history.StageHealed, history.StageClosed, history.StageQuiet}
	must := func(err error) {
		if err != nil {
			t.Fatalf("%v\n%s", err, r)
		}
	}
	for i := 1; i <= last; i++ {
		now := time.Duration(i) * time.Millisecond
		if r.quiet != "" && i >= r.endAt && i < r.endAt+4 {
			ev := history.Event{Index: i, T: now, Type: history.StageEvent, Stage: stages[i-r.endAt]}
			if i == r.endAt+3 {
				ev.State = r.quiet
			}
			must(b.Event(ev))
			continue
		}
		w, ok := what[i]
		if !ok {
			continue
		}
		if w.inject > 0 {
			x := r.restarts[w.inject-1]
			must(b.Event(history.Event{Index: i, T: now, Type: history.FaultEvent, Fault: w.inject, Kind: x.kind, Phase: history.Effective, Nodes: []string{anodes[x.node]}, Dropped: -1}))
			continue
		}
		o := &r.ops[w.op]
		var steps []history.Step
		for _, s := range o.steps {
			steps = append(steps, s.step(w.ret))
		}
		if !w.ret {
			must(b.Invoke(i, now, o.session, anodes[o.node], steps, o.final))
			continue
		}
		var m history.Meta
		if o.by >= 0 {
			m.By = anodes[o.by]
		}
		if o.token {
			m.Token = "t"
		}
		must(b.Complete(i, now, o.session, o.out, steps, m))
	}
	if r.quiet != "" {
		must(b.Event(history.Event{Index: last + 1, T: time.Duration(last+1) * time.Millisecond, Type: history.StageEvent, Stage: history.StageEnd}))
	}
	return b.History()
}

// String shows a record to a person who has to decide who is right.
func (r *record) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "scope=%v nodeOrder=%v trans=%v policy=%q quiet=%q\n", r.scope, r.nodeOrder, r.trans, r.policy, r.quiet)
	for i, o := range r.ops {
		fmt.Fprintf(&b, "#%d s%d@n%d", o.inv, o.session, o.node+1)
		if o.by >= 0 {
			fmt.Fprintf(&b, " by=n%d", o.by+1)
		}
		for _, s := range o.steps {
			switch {
			case s.f == history.Read && s.isl:
				fmt.Fprintf(&b, " [r k%d %v told=%v]", s.key, s.list, s.told)
			case s.f == history.Read:
				fmt.Fprintf(&b, " [r k%d %v told=%v]", s.key, s.n, s.told)
			default:
				fmt.Fprintf(&b, " [%v k%d %v]", s.f, s.key, s.n)
			}
		}
		fmt.Fprintf(&b, " %v ret=%d final=%v token=%v  (op %d)\n", o.out, o.ret, o.final, o.token, i)
	}
	for _, x := range r.restarts {
		fmt.Fprintf(&b, "#%d %s n%d\n", x.at, x.kind, x.node+1)
	}
	return b.String()
}
