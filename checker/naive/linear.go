package naive

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/mlcheck/mlcheck/history"
)

// Undecided is the label of what is no violation: a search was given up.
const Undecided = "undecided"

// maxStates bounds the search for one group of keys.
const maxStates = 20_000

// instant is what took effect at one moment between call and return.
type instant struct {
	op        int
	steps     []history.Step
	call, ret int
	maybe     bool // it may as well never have happened
}

// linearizable: for each group of keys that operations join there is an order of
// all that took effect, which keeps real time and explains every answer (Herlihy
// and Wing 1990). It is looked for by trying; a violation has no label of its own.
func linearizable(m *model) []Violation {
	var found []Violation
	for _, keys := range m.keyGroups() {
		if slices.ContainsFunc(keys, m.unlikeAnything) {
			continue
		}
		all := m.instants(keys)
		s := &ordering{model: m, all: all, done: make([]bool, len(all)), seen: map[string]bool{}}
		switch {
		case s.exists(map[string]string{}):
		case len(s.seen) >= maxStates:
			found = append(found, Violation{Label: Undecided})
		default:
			v := Violation{}
			for _, in := range all {
				v.Ops = append(v.Ops, m.ops[in.op].Index)
			}
			v.Ops = append(v.Ops, m.failed(keys)...)
			found = append(found, v)
		}
	}
	return found
}

// failed are the refused operations on some keys: a value of theirs may have been read.
func (m *model) failed(keys []string) []int {
	var found []int
	for _, op := range m.ops {
		if op.Outcome == history.Fail && slices.ContainsFunc(op.Steps, func(s history.Step) bool { return slices.Contains(keys, s.Key) }) {
			found = append(found, op.Index)
		}
	}
	return found
}

// keyGroups are the keys, each alone, and those that transactions join together.
func (m *model) keyGroups() [][]string {
	var alone, groups [][]string
	for _, k := range m.h.Keys() {
		alone, groups = append(alone, []string{k}), append(groups, []string{k})
	}
	if !m.transactions() {
		return alone
	}
	for _, op := range m.ops {
		var joined []string
		groups = slices.DeleteFunc(groups, func(g []string) bool {
			touched := op.Outcome != history.Fail && slices.ContainsFunc(op.Steps, func(s history.Step) bool { return slices.Contains(g, s.Key) })
			if touched {
				joined = append(joined, g...)
			}
			return touched
		})
		if joined != nil {
			groups = append(groups, joined)
		}
	}
	return append(alone, slices.DeleteFunc(groups, func(g []string) bool { return len(g) == 1 })...)
}

// unlikeAnything says whether no sequential object is like a key: one of several
// kinds, or a text.
func (m *model) unlikeAnything(key string) bool {
	kd := m.kinds[key]
	return kd&(kd-1) != 0 || len(m.stepsOn(key, func(s step) bool { return s.F == history.Insert })) > 0
}

// siblings says whether a read brought back several values of a register, which
// has one.
func (m *model) siblings(s history.Step) bool {
	return s.F == history.Read && m.kinds[s.Key] == register && s.Value.List != nil
}

// instants are what happened, or may have, to some keys: whole operations where
// they are promised to take effect as one, else their steps.
func (m *model) instants(keys []string) []instant {
	var all []instant
	for k, op := range m.ops {
		if op.Outcome == history.Fail {
			continue
		}
		in := instant{op: k, call: op.Index, ret: math.MaxInt, maybe: op.Outcome == history.Info}
		if !in.maybe {
			in.ret = op.Return
		}
		for _, s := range op.Steps {
			if !slices.Contains(keys, s.Key) || m.siblings(s) || in.maybe && s.F == history.Read && !m.broughtBack(s) {
				continue
			}
			in.steps = append(in.steps, s)
			if !m.transactions() || len(op.Steps) == 1 {
				all = append(all, m.single(in, s))
				in.steps = nil
			}
		}
		if len(in.steps) > 0 {
			all = append(all, in)
		}
	}
	return all
}

// broughtBack says whether a read that was not acknowledged returned something.
func (m *model) broughtBack(s history.Step) bool {
	return s.Value.List != nil || s.Value.N != 0 || s.Value.Set && m.kinds[s.Key]&^register != 0
}

// single is one step as an operation. A read that brought something back has
// happened by then.
func (m *model) single(in instant, s history.Step) instant {
	in.steps = []history.Step{s}
	if over := m.ops[in.op].Return; in.maybe && s.F == history.Read && over != 0 {
		in.maybe, in.ret = false, over
	}
	return in
}

// ordering is the search for an order.
type ordering struct {
	*model
	all  []instant
	done []bool
	seen map[string]bool // states that lead nowhere
}

// exists says whether what is left can be ordered, from a state of all keys.
func (s *ordering) exists(state map[string]string) bool {
	at := fmt.Sprint(s.done, state)
	if s.seen[at] || len(s.seen) >= maxStates {
		return false
	}
	left := false
	for i, in := range s.all {
		if s.done[i] {
			continue
		}
		left = left || !in.maybe
		if !s.mayBeNext(i) {
			continue
		}
		after, ok := s.apply(in, state)
		if !ok {
			continue
		}
		s.done[i] = true
		found := s.exists(after)
		s.done[i] = false
		if found {
			return true
		}
		if !in.maybe && maps.Equal(after, state) {
			break // it changes nothing, so there is no better moment for it
		}
	}
	if !left {
		return true
	}
	s.seen[at] = true
	return false
}

// mayBeNext says whether nothing else that is left was over before it began.
func (s *ordering) mayBeNext(i int) bool {
	for j, other := range s.all {
		if !s.done[j] && other.ret < s.all[i].call {
			return false
		}
	}
	return true
}

// apply does all steps at one instant; false: they cannot have returned what they did.
func (s *ordering) apply(in instant, state map[string]string) (map[string]string, bool) {
	after := maps.Clone(state)
	for _, st := range in.steps {
		now := after[st.Key]
		if st.F == history.Read {
			if now != s.asState(st.Key, st.Value) {
				return nil, false
			}
			continue
		}
		if st.F == history.Cas {
			if now != s.asState(st.Key, history.Int(st.Value.List[0])) {
				return nil, false
			}
			after[st.Key] = fmt.Sprint(st.Value.List[1])
			continue
		}
		after[st.Key] = s.changed(now, st)
		if after[st.Key] == "" {
			delete(after, st.Key)
		}
	}
	return after, true
}

// asState is a value as a text; nothing, 0 and no elements are "".
func (s *ordering) asState(key string, v history.Value) string {
	switch s.kinds[key] {
	case set:
		return s.texts(slices.Compact(slices.Sorted(slices.Values(elementsShown(v)))))
	case list:
		return s.texts(elementsShown(v))
	}
	if v.N == 0 {
		return ""
	}
	return fmt.Sprint(v.N)
}

func (s *ordering) texts(vs []int64) string {
	if len(vs) == 0 {
		return ""
	}
	return fmt.Sprint(vs)
}

// changed is a state after a write.
func (s *ordering) changed(now string, st history.Step) string {
	switch st.F {
	case history.Write:
		return fmt.Sprint(st.Value.N)
	case history.Inc:
		var n int64
		_, _ = fmt.Sscan(now, &n) // nothing is 0
		if n += st.Value.N; n == 0 {
			return ""
		}
		return fmt.Sprint(n)
	case history.Delete:
		return ""
	}
	var vs []int64
	for _, word := range strings.Fields(strings.Trim(now, "[]")) {
		var n int64
		_, _ = fmt.Sscan(word, &n)
		if n != st.Value.N || st.F == history.Append {
			vs = append(vs, n)
		}
	}
	if st.F != history.Remove {
		vs = append(vs, st.Value.N)
	}
	if st.F != history.Append {
		slices.Sort(vs)
	}
	return s.texts(vs)
}
