package truth

import (
	"maps"
	"slices"
	"strings"

	"github.com/mlcheck/mlcheck/history"
	"github.com/mlcheck/mlcheck/targets/reference"
)

// ends are the keys that every leader was finally asked for, at rest.
func (t *Truth) ends() []cell {
	var cs []cell
	// The order does not show: they are sorted.
	for c, at := range t.finals {
		if len(at) == len(t.h.Header.Nodes) {
			cs = append(cs, c)
		}
	}
	slices.SortFunc(cs, func(a, b cell) int { return strings.Compare(a.key, b.key) })
	return cs
}

func (t *Truth) shown(c cell) []final {
	var fs []final
	for _, node := range slices.Sorted(maps.Keys(t.finals[c])) {
		fs = append(fs, t.finals[c][node])
	}
	return fs
}

// agreed says whether all leaders finally show the same.
func agreed(fs []final) bool {
	return !slices.ContainsFunc(fs, func(f final) bool { return !f.value.Equal(fs[0].value) })
}

// divergent are keys of which leaders finally show different things, and, where
// replication never came to rest, those whose changes took effect again and again.
func (t *Truth) divergent() []Breach {
	var bad []Breach
	for _, c := range t.ends() {
		if fs := t.shown(c); !t.moving && !agreed(fs) {
			bad = append(bad, Breach{Ops: finalOps(fs), Key: c.key, Why: "leaders differ at rest"})
		}
	}
	for _, b := range t.doubled() {
		if t.moving {
			bad = append(bad, b)
		}
	}
	return bad
}

func finalOps(fs []final) []int {
	var ops []int
	for _, f := range fs {
		ops = append(ops, f.op)
	}
	return ops
}

// lost are acknowledged writes of registers that no leader shows any more, though
// what every leader shows was made before them. What clients can tell leaves out
// those that an acknowledged write has superseded, which may be lost itself.
func (t *Truth) lost(o Order) []Breach {
	var bad []Breach
	for _, c := range t.ends() {
		if t.moving || !t.plain[c.key] || t.deletes[c.key] {
			continue
		}
		fs := t.shown(c)
		for _, w := range t.writes[c] {
			if t.ops[w.op].Outcome == history.OK && t.lastOf(w) && (o.Name == really || !t.superseded(o, c, w)) && t.gone(o, c, w, fs) {
				bad = append(bad, Breach{[]int{w.op}, c.key, "what is shown was made before it"})
			}
		}
	}
	return append(bad, t.dropped()...)
}

// dropped are acknowledged writes of registers with siblings that no leader shows,
// though nothing that was executed replaces them.
func (t *Truth) dropped() []Breach {
	if !strings.HasPrefix(t.h.Header.Policy, "siblings") || t.moving {
		return nil
	}
	replaced := t.replaced()
	var bad []Breach
	for _, c := range t.ends() {
		shown := map[int64]bool{}
		for _, f := range t.shown(c) {
			for _, n := range f.value.List {
				shown[n] = true
			}
		}
		for _, w := range t.writes[c] {
			if !t.several[c.key] || t.commit[w.op] < 0 || shown[w.value] || !t.lastOf(w) {
				continue
			}
			e := t.told[t.commit[w.op]]
			for n, s := range e.Wrote {
				if name(s) == (named{w.f, c.key, w.value}) && !replaced[reference.TraceDot{Origin: e.Origin, Seq: e.Seq, N: n}] {
					bad = append(bad, Breach{append([]int{w.op}, finalOps(t.shown(c))...), c.key, "nothing replaces it"})
				}
			}
		}
	}
	return bad
}

// replaced are the changes that others say they replace.
func (t *Truth) replaced() map[reference.TraceDot]bool {
	dots := map[reference.TraceDot]bool{}
	for _, i := range t.commit {
		if i >= 0 {
			for _, past := range t.told[i].Past {
				for _, d := range past {
					dots[d] = true
				}
			}
		}
	}
	return dots
}

// superseded says whether a write that surely took effect follows another one.
func (t *Truth) superseded(o Order, c cell, w write) bool {
	return slices.ContainsFunc(t.writes[c], func(u write) bool {
		return o.Before(w.op, u.op) && (t.ops[u.op].Outcome == history.OK || t.exec[u.op] >= 0)
	})
}

// lastOf says whether a write is the last of its operation to its key.
func (t *Truth) lastOf(w write) bool {
	steps := t.ops[w.op].Steps
	for i := len(steps) - 1; i >= 0; i-- {
		if steps[i].F == history.Write {
			return steps[i].Value.N == w.value
		}
	}
	return true
}

func (t *Truth) source(key string, v history.Value) int {
	for _, k := range t.sources(history.Step{F: history.Read, Key: key, Value: v}) {
		return k
	}
	return -1
}

// gone says whether a write is lost at every leader: what is shown is from before it.
func (t *Truth) gone(o Order, c cell, w write, fs []final) bool {
	for _, f := range fs {
		src := t.source(c.key, f.value)
		if src == w.op || src >= 0 && !o.Before(src, w.op) {
			return false
		}
	}
	return true
}

// wrongWinner are keys of which a leader finally shows another write than the one
// with the greatest (or least) stamp of all that were executed, or the largest. What
// was never answered has no stamp that clients could tell.
func (t *Truth) wrongWinner(o Order) []Breach {
	var better func(a, b Told, x, y int64) bool
	switch p := t.h.Header.Policy; {
	case strings.HasPrefix(p, "lww"):
		better = func(a, b Told, _, _ int64) bool { return stampLess(b, a, t.h.Header.Nodes) }
	case p == "first":
		better = func(a, b Told, _, _ int64) bool { return stampLess(a, b, t.h.Header.Nodes) }
	case p == "max":
		better = func(_, _ Told, x, y int64) bool { return x > y }
	case strings.HasPrefix(p, "siblings"):
		return t.dropped()
	case strings.HasPrefix(p, "home"):
		return t.twoHomes()
	default:
		return nil
	}
	var bad []Breach
	for _, c := range t.ends() {
		if !t.plain[c.key] {
			if fs := t.shown(c); !t.moving && !agreed(fs) { // of sets no more is worked out here
				bad = append(bad, Breach{finalOps(fs), c.key, "leaders differ at rest"})
			}
			continue
		}
		if t.deletes[c.key] {
			continue
		}
		best := write{op: -1}
		for _, w := range t.writes[c] {
			if t.commit[w.op] < 0 || !t.lastOf(w) || t.untouched(w.op) || o.Name == told && t.ops[w.op].Outcome != history.OK {
				continue
			}
			if best.op < 0 || better(t.told[t.commit[w.op]], t.told[t.commit[best.op]], w.value, best.value) {
				best = w
			}
		}
		for _, f := range t.shown(c) {
			src := t.source(c.key, f.value)
			if src >= 0 && o.Name == told && t.ops[src].Outcome != history.OK {
				continue
			}
			if best.op >= 0 && f.value.N != best.value {
				bad = append(bad, Breach{finalOps(t.shown(c)), c.key, "another write should have won"})
				break
			}
		}
	}
	return bad
}

// untouched says whether an operation was neither acknowledged nor read, and a crash
// took it before anybody else had it: it is as if it had never been.
func (t *Truth) untouched(k int) bool {
	return t.ops[k].Outcome != history.OK && len(t.applied[k]) == 0 &&
		!slices.ContainsFunc(t.looks(), func(l look) bool { return l.src == k })
}

// twoHomes are acknowledged writes of one key that different leaders executed.
func (t *Truth) twoHomes() []Breach {
	var bad []Breach
	// The order does not show: breaches are looked up by operation.
	for c, ws := range t.writes {
		for _, w := range ws {
			for _, v := range ws {
				if t.commit[w.op] < 0 || t.commit[v.op] < 0 {
					continue
				}
				a, b := t.told[t.commit[w.op]], t.told[t.commit[v.op]]
				if a.Node != b.Node && (a.Time == b.Time || t.h.Header.Policy == "home") { // the stamp's time is the epoch
					bad = append(bad, Breach{[]int{w.op, v.op}, c.key, "executed at two leaders"})
				}
			}
		}
	}
	return bad
}

// stampLess orders by time, node, sequence.
func stampLess(a, b Told, nodes []string) bool {
	switch {
	case a.Time != b.Time:
		return a.Time < b.Time
	case a.Origin != b.Origin:
		return slices.Index(nodes, a.Origin) < slices.Index(nodes, b.Origin)
	}
	return a.Seq < b.Seq
}

// updates of a register: what was made from what.
type updated struct{ op, from int }

func (t *Truth) updates(c cell) []updated {
	var us []updated
	for _, w := range t.writes[c] {
		for _, s := range t.ops[w.op].Steps {
			if s.Key != c.key {
				continue
			}
			if s.F == history.Read && t.ops[w.op].Outcome == history.OK { // else it was written before it was read
				us = append(us, updated{w.op, t.source(c.key, s.Value)})
			}
			break
		}
	}
	return us
}

// lostUpdates are acknowledged updates from which no leader's last state comes,
// while some leader's comes from another acknowledged one of the same version.
func (t *Truth) lostUpdates(o Order) []Breach {
	var bad []Breach
	for _, c := range t.ends() {
		if !t.plain[c.key] || t.deletes[c.key] {
			continue
		}
		us := t.updates(c)
		from := map[int]int{}
		for _, u := range us {
			from[u.op] = u.from
		}
		kept, open := map[int]bool{}, false
		for _, f := range t.shown(c) {
			for k, ok := t.source(c.key, f.value), true; ok && k >= 0 && !kept[k]; {
				kept[k], open = true, open || t.ops[k].Outcome != history.OK
				k, ok = t.madeFrom(o, c.key, k, from)
			}
		}
		if open && o.Name == told {
			continue // what was never answered may have been made from any of them
		}
		for _, u := range us {
			for _, v := range us {
				if u.op != v.op && u.from == v.from && !kept[u.op] && kept[v.op] {
					bad = append(bad, Breach{[]int{u.op, v.op}, c.key, "both were made from one version"})
					break
				}
			}
		}
	}
	return bad
}

// madeFrom is what an operation had read before it wrote the key. Of one that was
// never answered clients do not know it.
func (t *Truth) madeFrom(o Order, key string, k int, from map[int]int) (int, bool) {
	if p, ok := from[k]; ok {
		return p, true
	}
	if i := t.exec[k]; i >= 0 && o.Name != told {
		for _, s := range t.told[i].Steps {
			if s.F == history.Read && s.Key == key {
				return t.source(key, s.Value), true
			}
		}
	}
	return -1, false
}

// missing are operations whose update some leader never took, or took without any
// effect, though replication is at rest; doubled are those that took effect twice.
func (t *Truth) missing() []Breach {
	return t.byEffect(func(n int) bool { return n == 0 }, "it never took effect at ")
}

func (t *Truth) doubled() []Breach {
	return t.byEffect(func(n int) bool { return n > 1 }, "it took effect more than once at ")
}

func (t *Truth) byEffect(bad func(n int) bool, why string) []Breach {
	var all []Breach
	for k := range t.ops {
		if t.commit[k] < 0 {
			continue
		}
		changes := len(t.told[t.commit[k]].Wrote)
		for _, node := range t.h.Header.Nodes {
			if n := t.put[k][node]; changes > 0 && bad((n+changes-1)/changes) {
				all = append(all, Breach{Ops: []int{k}, Why: why + node})
			}
		}
	}
	return all
}
