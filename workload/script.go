package workload

import (
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/mlcheck/mlcheck/history"
)

// Ask is one operation of a script: the session asks the node for the steps at the
// time At, or as soon as its operation before has ended.
type Ask struct {
	Session int           `yaml:"session"`
	At      time.Duration `yaml:"at"` // on the history's clock
	Node    string        `yaml:"node"`
	Steps   []Step        `yaml:"steps"`
}

// Step is a step as a document has it, which is as a history has it: [r, x],
// [w, x, 17], [rem, s, 3]. A write, an addition and an append may go without a
// number, and get the next one of the run.
type Step history.Step

// MarshalYAML gives the list.
func (s Step) MarshalYAML() (any, error) {
	list := []any{s.F.String(), s.Key}
	switch {
	case s.Value.List != nil:
		list = append(list, s.Value.List)
	case s.Value.Set:
		list = append(list, s.Value.N)
	}
	return list, nil
}

// UnmarshalYAML reads the list.
func (s *Step) UnmarshalYAML(decode func(any) error) error {
	var list []any
	if err := decode(&list); err != nil {
		return fmt.Errorf("a step is a list such as [r, x] or [w, x, 17]: %w", err)
	}
	if len(list) < 2 || len(list) > 3 {
		return fmt.Errorf("a step is a list such as [r, x] or [w, x, 17], not %v", list)
	}
	word, isWord := list[0].(string)
	f, known := history.ParseF(word)
	key, isKey := list[1].(string)
	if !isWord || !known || !isKey {
		return fmt.Errorf("a step begins with a function and a key, such as [r, x] or [w, x, 17], not %v", list)
	}
	*s = Step{F: f, Key: key}
	if len(list) == 2 {
		return nil
	}
	switch v := list[2].(type) {
	case uint64:
		s.Value = history.Int(int64(v))
	case int64:
		s.Value = history.Int(v)
	default:
		return fmt.Errorf("%v is no number: a step is a list such as [r, x] or [w, x, 17]", v)
	}
	return nil
}

// Check says in a sentence what keeps a target that performs the functions from
// being asked this.
func (a Ask) Check(supports func(history.F) bool) error {
	if len(a.Steps) == 0 {
		return fmt.Errorf("it has no steps")
	}
	for _, s := range a.Steps {
		named := s.F == history.Write || s.F == history.Add || s.F == history.Append
		switch takes := named || s.F == history.Inc || s.F == history.Remove; {
		case !supports(s.F):
			return fmt.Errorf("%q is not among the steps of this workload", s.F)
		case s.Key == "":
			return fmt.Errorf("%q names no key", s.F)
		case s.Value.Set && !takes:
			return fmt.Errorf("%q on %q takes no number", s.F, s.Key)
		case !s.Value.Set && takes && !named:
			return fmt.Errorf("%q on %q says no number", s.F, s.Key)
		case s.Value.Set && s.Value.N < 1 && s.F != history.Inc:
			return fmt.Errorf("%q on %q has the number %d: they begin at 1", s.F, s.Key, s.Value.N)
		}
	}
	return nil
}

// Script is a session that does what stands in a script, in the order of the
// script, until the time is over.
func Script(script []Ask, session int, until time.Duration) Generator {
	s := &reciter{until: until}
	for _, a := range script {
		if a.Session == session {
			s.asks = append(s.asks, a)
		}
	}
	return s
}

type reciter struct {
	asks  []Ask
	until time.Duration
}

// Next draws nothing.
func (s *reciter) Next(now time.Duration, _ *rand.Rand) (Request, time.Duration, bool) {
	if len(s.asks) == 0 || now >= s.until {
		return Request{}, 0, false
	}
	a := s.asks[0]
	s.asks = s.asks[1:]
	req := Request{Node: a.Node}
	for _, st := range a.Steps {
		req.Steps = append(req.Steps, history.Step(st))
	}
	return req, max(now, a.At), true
}

// Seen changes nothing: a script is followed whatever comes.
func (s *reciter) Seen(history.Op) {}

// String is the step in words: "reads x", "writes x=17".
func (s Step) String() string {
	verb := map[history.F]string{
		history.Read: "reads", history.Write: "writes", history.Delete: "deletes", history.Add: "adds to", history.Remove: "removes from",
		history.Append: "appends to", history.Inc: "increments", history.Insert: "inserts into", history.Cas: "compares and sets",
	}[s.F]
	if !s.Value.Set {
		return verb + " " + s.Key
	}
	if s.F == history.Write {
		return fmt.Sprintf("%s %s=%d", verb, s.Key, s.Value.N)
	}
	return fmt.Sprintf("%s %s: %d", verb, s.Key, s.Value.N)
}
