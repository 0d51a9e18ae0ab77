package naive

import (
	"slices"
	"strconv"
	"strings"

	"github.com/mlcheck/mlcheck/history"
)

// durability: what was acknowledged is there at the end, or something explains
// that it is not.
func durability(m *model) []Violation {
	found := m.lostWrites("lost", "stale win or lost")
	if strings.HasPrefix(m.h.Header.Policy, "siblings") || strings.HasPrefix(m.h.Header.Policy, "crdt") ||
		strings.HasPrefix(m.h.Header.Policy, "merge") || strings.HasPrefix(m.h.Header.Policy, "certify") ||
		strings.HasPrefix(m.h.Header.Policy, "home") {
		found = append(found, m.lostWrites("concurrent write dropped")...)
	}
	end := m.ending()
	if !end.known() {
		return nil
	}
	for _, st := range m.steps {
		if label := m.lostEffect(end, st); label != "" {
			found = append(found, m.wrong(label, st.op))
		}
	}
	for _, key := range m.counters() {
		low, _ := m.interval(key)
		steps, all := m.lasts(end, key)
		v := Violation{Label: "below its interval"}
		for _, s := range steps {
			v.Ops = append(v.Ops, m.ops[m.steps[s].op].Index)
			all = all && m.steps[s].Value.List == nil && m.steps[s].Value.N < low
		}
		if all {
			found = append(found, v)
		}
	}
	return found
}

// noStaleWins: no write loses to one that it was made after.
func noStaleWins(m *model) []Violation { return m.lostWrites("stale win", "stale win or lost") }

// lostEffect judges what was put into a set or list, or taken out of a set.
func (m *model) lostEffect(end ending, st step) string {
	if kindOf(st.F)&(set|list) == 0 || m.kinds[st.Key]&(set|list) == 0 || m.ops[st.op].Outcome != history.OK {
		return ""
	}
	steps, all := m.lasts(end, st.Key)
	if !all {
		return ""
	}
	v := st.Value.N
	if len(st.Value.List) > 0 {
		v = st.Value.List[0]
	}
	shown := 0
	for _, s := range steps {
		if slices.Contains(elementsShown(m.steps[s].Value), v) {
			shown++
		}
	}
	switch {
	case st.F == history.Remove:
		if shown == len(steps) && !m.excused(m.onElement(st.Key, history.Add, v), st.event) {
			return "remove undone"
		}
	case shown == 0 && !m.excused(m.onElement(st.Key, history.Remove, v), st.event):
		return "lost"
	}
	return ""
}

// lostWrites are the acknowledged writes of registers whose fate has one of the labels.
func (m *model) lostWrites(labels ...string) []Violation {
	m.order()
	end := m.ending()
	if !end.known() {
		return nil
	}
	var found []Violation
	for e := range m.events {
		if m.outcome(e) != history.OK {
			continue
		}
		var done []string
		for _, s := range m.events[e].steps {
			st := m.steps[s]
			if kindOf(st.F) != register || m.kinds[st.Key] != register || slices.Contains(done, st.Key) {
				continue
			}
			done = append(done, st.Key)
			if label := m.fate(end, st.Key, e); slices.Contains(labels, label) {
				found = append(found, Violation{Label: label, Ops: []int{m.index(e)}, Lost: st.Key})
			}
		}
	}
	return found
}

// at is the fate of a write at one leader.
type at uint8

const (
	unread at = iota
	survived
	dropped // what is there is concurrent
	lost    // what is there is older, or nothing at all
	unclear
)

// fate is the label of what became of acknowledged write w of a key, or "" where
// nothing is wrong with it or nothing is known.
func (m *model) fate(end ending, key string, w int) string {
	var fates []at
	there := -1 // the event whose write the leaders end with
	var steps []int
	for _, leader := range end.leaders {
		s := m.last(leader, key)
		if s < 0 {
			fates = append(fates, unread)
			continue
		}
		f, other := m.atLeader(key, w, s)
		if len(steps) == 0 || f == lost && there < 0 {
			there = other
		}
		steps, fates = append(steps, s), append(fates, f)
	}
	switch {
	case len(steps) == 0 || slices.Contains(fates, survived) || slices.ContainsFunc(fates, func(f at) bool { return f != fates[0] }):
		return ""
	case fates[0] != lost && fates[0] != dropped:
		return ""
	case m.followed(key, w):
		return ""
	case fates[0] == dropped:
		return "concurrent write dropped"
	}
	return m.whyLost(key, w, there)
}

// followed says whether a write of the key that happened, or may have, is after w.
func (m *model) followed(key string, w int) bool {
	return slices.ContainsFunc(m.writes[key], func(s int) bool {
		u := m.steps[s].event
		return m.is(w, u) && (m.happened(u) || m.outcome(u) == history.Info)
	})
}

// atLeader is the fate of w at the leader whose final read is step s, and the
// event whose write is there, or -1.
func (m *model) atLeader(key string, w, s int) (at, int) {
	st := m.steps[s]
	if len(st.Value.List) > 0 {
		return m.amongSiblings(key, w, st.Value.List)
	}
	switch st.from.what {
	case aValue:
		f := m.steps[st.from.steps[0]].event
		return m.against(w, f), f
	case thinAir:
		return unclear, -1
	}
	return m.againstNothing(key, w)
}

func (m *model) against(w, f int) at {
	switch {
	case w == f:
		return survived
	case m.is(f, w):
		return lost
	}
	return dropped
}

// amongSiblings is the best fate that any of the values leaves to w.
func (m *model) amongSiblings(key string, w int, values []int64) (at, int) {
	best, there := lost, -1
	for _, v := range values {
		ws := m.writersOf(key, v)
		if len(ws) == 0 {
			continue
		}
		f := m.steps[ws[0]].event
		switch a := m.against(w, f); {
		case a == survived:
			return survived, f
		case a == dropped:
			best, there = dropped, f
		case there < 0:
			there = f
		}
	}
	return best, there
}

// againstNothing is the fate of w where a leader ends with nothing: the initial
// state, or a delete.
func (m *model) againstNothing(key string, w int) (at, int) {
	older, concurrent, unsure := -1, -1, false
	for _, s := range m.deletes(key) {
		d := m.steps[s].event
		switch {
		case d == w:
			return survived, w
		case !m.happened(d):
			unsure = true
		case m.is(d, w):
			if older < 0 || compareStamps(m.ops[m.events[older].op].Meta.Stamp, m.ops[m.events[d].op].Meta.Stamp) <= 0 {
				older = d
			}
		default:
			concurrent = d
		}
	}
	switch {
	case concurrent >= 0:
		return dropped, concurrent
	case unsure:
		return unclear, -1
	}
	return lost, older
}

// whyLost follows PROPERTIES section 2: stamps decide where both writes have one;
// else a leader that held the write and did not restart since chose the older one.
func (m *model) whyLost(key string, w, there int) string {
	op := m.ops[m.events[w].op]
	origin, elsewhere := m.node(m.events[w].op), false
	holders := map[string]int{origin: op.Return} // since when it surely held it
	for _, st := range m.steps {
		if st.Key != key || !slices.ContainsFunc(st.from.steps, func(t int) bool { return m.steps[t].event == w }) {
			continue
		}
		n := m.node(st.op)
		holders[n] = max(holders[n], m.ops[st.op].Index)
		elsewhere = elsewhere || n != origin
	}
	if !elsewhere && m.diskWiped(origin, op.Index) {
		return "lost with its disk"
	}
	if there < 0 {
		return "lost"
	}
	switch compareStamps(op.Meta.Stamp, m.ops[m.events[there].op].Meta.Stamp) {
	case -1:
		return "stale win"
	case 1:
		return "lost"
	}
	for n, since := range holders {
		if !m.restarted(n, since) {
			return "stale win"
		}
	}
	if !elsewhere {
		return "lost"
	}
	return "stale win or lost"
}

// compareStamps orders "time.node.sequence"; 0 where one of them is no stamp, or
// they are the same.
func compareStamps(a, b string) int {
	x, y := strings.SplitN(a, ".", 3), strings.SplitN(b, ".", 3)
	s, err := strconv.ParseInt(x[0], 10, 64)
	t, err2 := strconv.ParseInt(y[0], 10, 64)
	if err != nil || err2 != nil {
		return 0
	}
	x, y = append(x, "", "")[:3], append(y, "", "")[:3]
	switch {
	case s != t:
		return compare(s, t)
	case x[1] != y[1]:
		i, err := strconv.Atoi(strings.TrimLeft(x[1], "n"))
		j, err2 := strconv.Atoi(strings.TrimLeft(y[1], "n"))
		if err == nil && err2 == nil && i != j {
			return compare(int64(i), int64(j))
		}
		return strings.Compare(x[1], y[1])
	}
	i, _ := strconv.ParseInt(x[2], 10, 64)
	j, _ := strconv.ParseInt(y[2], 10, 64)
	return compare(i, j)
}

func compare(a, b int64) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}
