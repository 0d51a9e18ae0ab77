package checker

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/mlcheck/mlcheck/history"
)

// The tests write histories down as lines, one operation or event each:
//
//	s1@n1 w x 1              session 1 at n1 wrote x=1 and was told so
//	s1@n1 r x 1              … read x=1; "r x -" read nothing; "r s [1 2]" read a set
//	s1@n1 w x 2 info         … may have happened; "fail": did not
//	s1@n1 r x 1, w x 2       two steps of one operation
//	s1@n1 w x 3 stamp=9.n1.0 by=n2 token=t ctx=1,2
//	( s1@n1 w x 1            only starts; ") s1" ends it, to let operations overlap
//	final n2 r x 1           a final read, in a session of its own
//	end quiet                healed, closed, and the state of replication; "end stopped why…"
//	closed                   healed and closed; "rest moving why…" is then the state of replication
//	fault 1 partition planned n1>n2
//	fault 2 clock effective n1=2s
//	clock n1=2s n2=0s
//	move s1 n1 n2
//
// Every line takes a millisecond.
func parse(t testing.TB, hd history.Header, text string) *history.History {
	t.Helper()
	if hd.Nodes == nil {
		hd.Nodes = []string{"n1", "n2", "n3"}
	}
	p := &parser{b: history.NewBuilder(hd), open: map[int]pendingOp{}, finals: map[string]int{}}
	for _, line := range strings.Split(text, "\n") {
		line, _, _ = strings.Cut(line, "//")
		if line = strings.TrimSpace(line); line == "" {
			continue
		}
		p.now += time.Millisecond
		if err := p.line(line); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
	}
	if p.staged {
		if err := p.b.Event(history.Event{Index: p.next(), T: p.now, Type: history.StageEvent, Stage: history.StageEnd}); err != nil {
			t.Fatalf("the end: %v", err)
		}
	}
	return p.b.History()
}

type parser struct {
	staged bool
	b      *history.Builder
	i      int
	now    time.Duration
	open   map[int]pendingOp
	finals map[string]int
}

type pendingOp struct {
	steps   []history.Step
	outcome history.Outcome
	meta    history.Meta
}

func (p *parser) next() int { p.i++; return p.i }

func (p *parser) line(line string) error {
	f := strings.Fields(line)
	switch f[0] {
	case "(":
		return p.operation(strings.TrimPrefix(line, "("), false)
	case ")":
		s, err := strconv.Atoi(f[1][1:])
		if err != nil {
			return err
		}
		o := p.open[s]
		return p.b.Complete(p.next(), p.now, s, o.outcome, o.steps, o.meta)
	case "end", "closed", "rest":
		return p.stages(f)
	case "fault":
		return p.fault(f[1:])
	case "clock":
		return p.b.Event(history.Event{Index: p.next(), T: p.now, Type: history.ClockEvent, Offsets: offsets(f[1:])})
	case "final":
		session, ok := p.finals[f[1]]
		if !ok {
			session = 1000 + len(p.finals)
			p.finals[f[1]] = session
		}
		return p.do(session, f[1], strings.Join(f[2:], " "), true, true)
	}
	return p.operation(line, true)
}

func (p *parser) stages(f []string) error {
	p.staged = true
	stages := []string{history.StageHeal, history.StageHealed, history.StageClosed}
	if f[0] == "rest" {
		stages = nil
	}
	for _, st := range stages {
		if err := p.b.Event(history.Event{Index: p.next(), T: p.now, Type: history.StageEvent, Stage: st}); err != nil {
			return err
		}
	}
	if f[0] == "closed" {
		return nil
	}
	return p.b.Event(history.Event{Index: p.next(), T: p.now, Type: history.StageEvent, Stage: history.StageQuiet, State: f[1], Why: strings.Join(f[2:], " ")})
}

func (p *parser) fault(f []string) error {
	n, err := strconv.Atoi(f[0])
	if err != nil {
		return err
	}
	ev := history.Event{Index: p.next(), T: p.now, Type: history.FaultEvent, Fault: n, Kind: f[1], Phase: f[2], Dropped: -1}
	for _, w := range f[3:] {
		switch {
		case strings.HasPrefix(w, "dropped="):
			ev.Dropped, _ = strconv.ParseInt(w[len("dropped="):], 10, 64)
		case strings.Contains(w, ">"):
			a, b, _ := strings.Cut(w, ">")
			ev.Links = append(ev.Links, history.Link{From: a, To: b})
		case strings.Contains(w, "="):
			ev.Offsets = offsets([]string{w})
		default:
			ev.Nodes = append(ev.Nodes, w)
		}
	}
	return p.b.Event(ev)
}

func offsets(words []string) map[string]int64 {
	m := map[string]int64{}
	for _, w := range words {
		n, d, _ := strings.Cut(w, "=")
		off, _ := time.ParseDuration(d)
		m[n] = int64(off)
	}
	return m
}

func (p *parser) operation(line string, complete bool) error {
	who, what, _ := strings.Cut(strings.TrimSpace(line), " ")
	s, node, ok := strings.Cut(strings.TrimPrefix(who, "s"), "@")
	session, err := strconv.Atoi(s)
	if !ok || err != nil {
		return fmt.Errorf("who is %q?", who)
	}
	return p.do(session, node, what, false, complete)
}

func (p *parser) do(session int, node, what string, final, complete bool) error {
	var op pendingOp
	op.outcome = history.OK
	var words []string
	for _, w := range strings.Fields(what) {
		k, v, has := strings.Cut(w, "=")
		switch {
		case w == "info":
			op.outcome = history.Info
		case w == "fail":
			op.outcome = history.Fail
		case has && k == "stamp":
			op.meta.Stamp = v
		case has && k == "by":
			op.meta.By = v
		case has && k == "ctx":
			op.meta.Ctx = v
		case has && k == "token":
			op.meta.Token = v
		default:
			words = append(words, w)
		}
	}
	asked := []history.Step{}
	for _, part := range strings.Split(strings.Join(words, " "), ",") {
		st, err := step(strings.Fields(part))
		if err != nil {
			return err
		}
		op.steps = append(op.steps, st)
		if st.F == history.Read {
			st.Value = history.Value{}
		}
		asked = append(asked, st)
	}
	if err := p.b.Invoke(p.next(), p.now, session, node, asked, final); err != nil {
		return err
	}
	if !complete {
		p.open[session] = op
		return nil
	}
	p.now += time.Millisecond
	return p.b.Complete(p.next(), p.now, session, op.outcome, op.steps, op.meta)
}

var functions = map[string]history.F{
	"r": history.Read, "w": history.Write, "d": history.Delete, "add": history.Add, "rem": history.Remove,
	"app": history.Append, "ins": history.Insert, "inc": history.Inc,
}

func step(f []string) (history.Step, error) {
	fn, ok := functions[f[0]]
	if !ok {
		return history.Step{}, fmt.Errorf("what is %q?", f[0])
	}
	st := history.Step{F: fn, Key: f[1]}
	rest := strings.Join(f[2:], " ")
	switch {
	case rest == "" || rest == "-":
	case rest[0] == '[':
		var l []int64
		for _, w := range strings.Fields(strings.Trim(rest, "[]")) {
			n, err := strconv.ParseInt(w, 10, 64)
			if err != nil {
				return st, err
			}
			l = append(l, n)
		}
		st.Value = history.List(l...)
	default:
		n, err := strconv.ParseInt(rest, 10, 64)
		if err != nil {
			return st, err
		}
		st.Value = history.Int(n)
	}
	return st, nil
}

// failer is what *testing.T and *rapid.T have in common.
type failer interface {
	Helper()
	Fatalf(format string, args ...any)
}

// check decides one property of a history on its own.
func check(t failer, name string, h *history.History) Result {
	t.Helper()
	p, ok := Lookup(name)
	if !ok {
		t.Fatalf("no property %q", name)
	}
	if why := p.Applies(h); why != "" {
		return Result{Verdict: NotDecided, Reason: why}
	}
	return p.Check(context.Background(), h)
}

// verdict is what a test says about a property: "violated 2 WriteCORead" means
// two violations, the first finding labelled so.
func verdict(r Result) string {
	if r.Verdict != Violated {
		return string(r.Verdict)
	}
	label := ""
	if len(r.Findings) > 0 {
		label = r.Findings[0].Label
	}
	return fmt.Sprintf("violated %d %s", r.Violations, label)
}
