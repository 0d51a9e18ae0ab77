package naive

import (
	"slices"
	"strconv"
	"strings"

	"github.com/mlcheck/mlcheck/history"
)

// conflictPolicy: every leader ends with what the policy in the header makes of a
// key's writes.
func conflictPolicy(m *model) []Violation {
	if strings.HasPrefix(m.h.Header.Policy, "home") {
		return m.twoHomes()
	}
	end := m.ending()
	if !end.known() {
		return nil
	}
	var found []Violation
	for _, key := range m.keys() {
		reads, _ := m.lasts(end, key)
		if len(reads) == 0 {
			continue
		}
		v := Violation{}
		differ := false
		for _, s := range reads {
			v.Ops = append(v.Ops, m.ops[m.steps[s].op].Index)
			differ = differ || !m.sameState(key, m.steps[reads[0]].Value, m.steps[s].Value)
		}
		switch {
		case !differ:
			v.Label = m.policyBroken(key, reads[0])
		case end.quiet == "state "+history.QuietYes:
			v.Label = "chose differently"
		}
		if v.Label != "" {
			found = append(found, v)
		}
	}
	return found
}

// policyBroken is how what every leader shows of a key breaks the policy, or "".
func (m *model) policyBroken(key string, read int) string {
	policy := m.h.Header.Policy
	is := func(name string) bool { return strings.HasPrefix(policy, name) }
	greater := func(a, b int64) bool { return a > b }
	lesser := func(a, b int64) bool { return a < b }
	switch {
	case is("lww"):
		return m.beatenByStamp(key, read, 1)
	case is("first") && len(m.deletes(key)) == 0:
		return m.beatenByStamp(key, read, -1)
	case is("max") && len(m.deletes(key)) == 0:
		return m.beatenByValue(key, read, greater)
	case is("min") && len(m.deletes(key)) == 0:
		return m.beatenByValue(key, read, lesser)
	case m.kinds[key] != register && (m.keepsVersions() || is("crdt")):
		return m.notMerged(key, read)
	case is("siblings"), is("merge-union"):
		return m.notTheSiblings(key, read)
	case policy == "merge-max":
		return m.notTheFold(key, read, greater)
	case policy == "merge-min":
		return m.notTheFold(key, read, lesser)
	case is("merge"):
		return m.notTheFold(key, read, nil)
	}
	return ""
}

// took says whether a write certainly took effect: acknowledged or read, and if
// nobody read it, not on a disk that was wiped later.
func (m *model) took(s int) bool {
	e := m.steps[s].event
	return m.happened(e) && (m.events[e].read || !m.wiped(s))
}

// wiped says whether the disk of the leader that executed a write was wiped later.
func (m *model) wiped(s int) bool {
	k := m.steps[s].op
	return m.diskWiped(m.node(k), m.ops[k].Index)
}

func (m *model) tookAny(key string, want func(s int) bool) bool {
	return slices.ContainsFunc(m.versionsOf(key), func(s int) bool { return m.took(s) && want(s) })
}

// winner is the write of a register that a final read shows; nobodys says that
// there is none, and it is -1 if that cannot be told.
func (m *model) winner(key string, read, sign int) (w int, nobodys bool) {
	switch from := m.steps[read].from; from.what {
	case aValue:
		return from.steps[0], false
	case thinAir:
		return -1, true
	case theInitial:
		return -1, m.tookAny(key, func(int) bool { return true })
	case noValue:
		return m.bestDelete(key, sign), false
	}
	return -1, false
}

// bestDelete is the delete with the best stamp, or -1 if one of them has none.
func (m *model) bestDelete(key string, sign int) int {
	best := -1
	for _, d := range m.deletes(key) {
		if !m.stamped(d) {
			return -1
		}
		if best < 0 || sign*compareStamps(m.stamp(d), m.stamp(best)) > 0 {
			best = d
		}
	}
	return best
}

// stamped says whether a write's stamp begins with a time.
func (m *model) stamped(s int) bool {
	_, err := strconv.ParseInt(strings.SplitN(m.stamp(s), ".", 2)[0], 10, 64)
	return err == nil
}

// beatenByStamp: no write that took effect has a better stamp than the winner.
func (m *model) beatenByStamp(key string, read, sign int) string {
	return m.beaten(key, read, sign, "wrong stamp won", func(s, winner int) bool {
		return sign*compareStamps(m.stamp(s), m.stamp(winner)) > 0
	})
}

// beatenByValue: no write that took effect has a better value than the winner.
func (m *model) beatenByValue(key string, read int, better func(a, b int64) bool) string {
	return m.beaten(key, read, 1, "wrong value won", func(s, winner int) bool {
		return better(m.steps[s].Value.N, m.steps[winner].Value.N)
	})
}

func (m *model) beaten(key string, read, sign int, label string, better func(s, winner int) bool) string {
	if m.kinds[key] != register {
		return ""
	}
	w, nobodys := m.winner(key, read, sign)
	switch {
	case nobodys:
		return "nobody's"
	case w >= 0 && m.tookAny(key, func(s int) bool { return better(s, w) }):
		return label
	}
	return ""
}

// twoHomes: the acknowledged writes of one key in one epoch were executed by one
// node. Under plain "home" the whole run is one epoch; else a stamp begins with it.
func (m *model) twoHomes() []Violation {
	type place struct{ key, epoch string }
	first := map[place]int{}
	var found []Violation
	for s, st := range m.steps {
		if !st.F.IsWrite() || m.ops[st.op].Outcome != history.OK {
			continue
		}
		at := place{key: st.Key}
		if m.h.Header.Policy != "home" && m.stamped(s) {
			at.epoch = strings.SplitN(m.stamp(s), ".", 2)[0]
		}
		if k, known := first[at]; !known {
			first[at] = st.op
		} else if m.node(k) != m.node(st.op) {
			found = append(found, Violation{Label: "two homes", Ops: []int{m.ops[k].Index, m.ops[st.op].Index}})
		}
	}
	return found
}
