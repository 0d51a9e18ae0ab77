package history

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"time"
	"unicode/utf8"
)

// errTorn says that a line is no JSON: it was cut off or damaged, where a line
// that is JSON and says something wrong was written so.
var errTorn = errors.New("the line is not whole")

// slowLine is any line, as encoding/json reads it: fields in any order, white
// space, and fields that are not ours.
type slowLine struct {
	Format string `json:"format"`

	I       *int64      `json:"i"`
	T       int64       `json:"t"`
	Type    string      `json:"type"`
	Session *int64      `json:"session"`
	Node    *string     `json:"node"`
	Ops     *[]slowStep `json:"ops"`
	Final   bool        `json:"final"`
	By      string      `json:"by"`
	Ctx     string      `json:"ctx"`
	Stamp   string      `json:"stamp"`
	Token   string      `json:"token"`
	Error   string      `json:"error"`

	Fault   int              `json:"fault"`
	Kind    string           `json:"kind"`
	Phase   string           `json:"phase"`
	Links   [][]string       `json:"links"`
	Nodes   []string         `json:"nodes"`
	Offsets map[string]int64 `json:"offsets"`
	PPM     int64            `json:"ppm"`
	Period  int64            `json:"period"`
	What    string           `json:"what"`
	Dropped int64            `json:"dropped"`
	Met     int64            `json:"met"`
	Stage   string           `json:"stage"`
	State   string           `json:"state"`
	From    string           `json:"from"`
	To      string           `json:"to"`
	Why     string           `json:"why"`
}

// slow reads a line of any shape. Its error is errNothing, errTorn, or a
// sentence about what the line says.
func (p *parser) slow(l *line, text []byte) error {
	switch {
	case len(bytes.TrimSpace(text)) == 0:
		return errNothing
	case !json.Valid(text):
		return errTorn
	case !utf8.Valid(text):
		return errors.New("the line is not UTF-8, so its names cannot be told apart")
	}
	var in slowLine
	if err := json.Unmarshal(text, &in); err != nil {
		return err
	}
	switch {
	case in.Format != "":
		return errors.New("a second header: a file holds one history")
	case in.I == nil:
		return errors.New(`"i" is missing: every event has an index`)
	case in.Type == "":
		return errors.New(`"type" is missing`)
	}
	kind, isOp := map[string]lineKind{"invoke": invokeLine, "ok": okLine, "fail": failLine, "info": infoLine}[in.Type]
	if !isOp {
		return p.slowEvent(l, &in)
	}
	return p.slowOp(l, &in, kind)
}

func (p *parser) slowOp(l *line, in *slowLine, kind lineKind) error {
	if in.Session == nil {
		return errors.New(`"session" is missing`)
	}
	l.i, l.t, l.kind, l.session, l.ops, l.final = *in.I, in.T, kind, *in.Session, in.Ops != nil, in.Final
	p.tell(l, Meta{By: in.By, Ctx: in.Ctx, Stamp: in.Stamp, Token: in.Token, Error: in.Error})
	if in.Node != nil {
		l.node = p.nodes.of([]byte(*in.Node))
	}
	if in.Ops == nil {
		return nil
	}
	for n, s := range *in.Ops {
		if s.f == Read && !s.given && kind == okLine {
			return fmt.Errorf("step %d: an ok read of %q says what it returned: a number, a list, or null for nothing", n+1, s.name)
		}
		s.key = p.keys.of([]byte(s.name))
		p.steps = append(p.steps, s.step)
	}
	return nil
}

func (p *parser) slowEvent(l *line, in *slowLine) error {
	ev := Event{
		Index: int(*in.I), T: time.Duration(in.T), Type: EventType(in.Type),
		Fault: in.Fault, Kind: in.Kind, Phase: in.Phase, Nodes: in.Nodes, Offsets: in.Offsets, PPM: in.PPM, Period: in.Period, What: in.What, Dropped: in.Dropped, Met: in.Met,
		Stage: in.Stage, State: in.State, From: in.From, To: in.To, Why: in.Why,
	}
	if err := ev.Type.check(); err != nil {
		return err
	}
	for _, l := range in.Links {
		if len(l) != 2 {
			return fmt.Errorf(`"links" has a link of %d nodes: each is ["from","to"]`, len(l))
		}
		ev.Links = append(ev.Links, Link{From: l[0], To: l[1]})
	}
	if in.Session != nil {
		ev.Session = int(*in.Session)
	}
	l.i, l.t, l.kind = *in.I, in.T, eventLine
	p.events = append(p.events, ev)
	return nil
}

// slowStep is a step: [function, key] or [function, key, value].
type slowStep struct {
	step
	name  string // of the key
	given bool   // there is a value, though it may be null
}

func (s *slowStep) UnmarshalJSON(text []byte) error {
	var parts []json.RawMessage
	if err := json.Unmarshal(text, &parts); err != nil {
		return err
	}
	if len(parts) != 2 && len(parts) != 3 {
		return fmt.Errorf(`a step has %d parts: it is ["function","key"] or ["function","key",value]`, len(parts))
	}
	var word string
	if err := json.Unmarshal(parts[0], &word); err != nil {
		return fmt.Errorf("the function of a step is a string, not %s", parts[0])
	}
	f, ok := ParseF(word)
	if !ok {
		return fmt.Errorf("there is no function %q: the functions are %s", word, allWords())
	}
	s.f = f
	if err := json.Unmarshal(parts[1], &s.name); err != nil {
		return fmt.Errorf("the key of a step is a string, not %s", parts[1])
	}
	if len(parts) == 2 {
		return nil
	}
	return s.value(parts[2])
}

func (s *slowStep) value(text json.RawMessage) error {
	s.given = true
	if string(text) == "null" {
		return nil
	}
	if text[0] == '[' {
		list := []*int64{}
		if err := json.Unmarshal(text, &list); err != nil {
			return fmt.Errorf("a list in a step holds whole numbers, not %s", text)
		}
		s.has, s.list = listValue, make([]int64, 0, len(list))
		for _, n := range list {
			if n == nil {
				return fmt.Errorf("a list in a step holds whole numbers, not %s", text)
			}
			s.list = append(s.list, *n)
		}
		return nil
	}
	s.has = intValue
	if err := json.Unmarshal(text, &s.n); err != nil {
		return fmt.Errorf("the value of a step is a whole number, a list of them, or null, not %s", text)
	}
	return nil
}
