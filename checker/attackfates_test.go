package checker_test

import (
	"slices"

	"github.com/mlcheck/mlcheck/history"
)

// finals are the steps of the last final reads of a key, by node; nil if any node
// was not read.
func (g *judge) finals(key int) []*astep {
	last := make([]*astep, len(anodes))
	for i := range g.ops {
		o := &g.ops[i]
		for j := range o.steps {
			if s := &o.steps[j]; o.final && s.key == key && o.out == history.OK {
				last[o.node] = s
			}
		}
	}
	return last
}

// fates counts what became of the acknowledged writes of registers, by the names
// of the results; writes without stamps only.
func (g *judge) fates() map[string]int {
	counts := map[string]int{}
	for x, e := range g.evs {
		o := &g.ops[e.op]
		var keys []int
		for _, s := range o.steps[e.lo:e.hi] {
			if (s.f == history.Write || s.f == history.Delete) && !slices.Contains(keys, s.key) {
				keys = append(keys, s.key)
			}
		}
		for _, key := range keys {
			if o.out == history.OK && !g.mixed(key) {
				counts[g.fate(x, key)]++
			}
		}
	}
	return counts
}

// mixed keys are of no one kind.
func (g *judge) mixed(key int) bool { return g.setKey[key] }

func (g *judge) certain(ev int) bool { return g.ops[g.evs[ev].op].out == history.OK || g.wasRead[ev] }

func (g *judge) fate(x, key int) string {
	var here []string
	var beaten []int
	for _, f := range g.finals(key) {
		if f == nil {
			here = append(here, "unread")
			continue
		}
		at, by := g.fateAt(x, key, f)
		here, beaten = append(here, at), append(beaten, by)
	}
	all := func(name string) bool {
		return !slices.ContainsFunc(here, func(h string) bool { return h != name && h != "unread" })
	}
	ws := g.writesOf(key)
	switch {
	case all("unread"):
		if slices.ContainsFunc(ws, func(u src) bool { return u.ev != x && g.certain(u.ev) && g.co[x][u.ev] }) {
			return "superseded"
		}
		return "not read at the end"
	case all("survived"):
		return "survived"
	case slices.ContainsFunc(ws, func(u src) bool { return u.ev != x && g.certain(u.ev) && g.co[x][u.ev] }):
		return "superseded"
	case slices.Contains(here, "survived"):
		return "partial"
	case slices.Contains(here, "unread"):
		return "undecided"
	case !all(here[0]):
		return "partial"
	case here[0] != "undecided" && slices.ContainsFunc(ws, func(u src) bool {
		return g.ops[u.op].out == history.Info && !g.certain(u.ev) && g.co[x][u.ev]
	}):
		return "undecided"
	case here[0] == "lost":
		return g.loss(x, key, beaten)
	}
	return here[0]
}

// fateAt is the fate of a write at one leader, and what beat it there.
func (g *judge) fateAt(x, key int, f *astep) (string, int) {
	if f.n != 0 {
		v, ok := g.source(key, f.n)
		switch {
		case !ok:
			return "undecided", -1
		case v.ev == x:
			return "survived", x
		case g.co[v.ev][x]:
			return "lost", v.ev
		}
		return "concurrent drop", v.ev
	}
	unsure, drop, older := false, false, -1
	for _, d := range g.writesOf(key) {
		if o := g.ops[d.op]; o.out == history.Fail || o.steps[d.step].f != history.Delete {
			continue
		}
		switch {
		case d.ev == x:
			return "survived", x
		case !g.certain(d.ev):
			unsure = true
		case g.co[d.ev][x]:
			older = d.ev
		default:
			drop = true
		}
	}
	switch {
	case drop:
		return "concurrent drop", -1
	case unsure:
		return "undecided", -1
	}
	return "lost", older
}

// loss tells stale wins from writes that vanished.
func (g *judge) loss(x, key int, beaten []int) string {
	if !slices.ContainsFunc(beaten, func(b int) bool { return b >= 0 }) {
		return "lost" // nothing beat it
	}
	o := &g.ops[g.evs[x].op]
	held := map[int]int{o.at(): o.ret} // node → since when
	elsewhere := false
	for _, r := range g.reads(true) {
		if r.s.key != key || !slices.ContainsFunc(g.numbers(r.s), func(n int64) bool { v, ok := g.source(key, n); return ok && v.ev == x }) {
			continue
		}
		held[r.o.at()] = max(held[r.o.at()], r.o.inv)
		elsewhere = elsewhere || r.o.at() != o.at()
	}
	for n, since := range held {
		if !g.restartBetween(n, since, 1<<30) {
			return "stale win"
		}
	}
	if elsewhere {
		return "stale win or lost: cannot be told apart without stamps"
	}
	return "lost"
}

// lostUpdates counts acknowledged read-modify-writes that no leader's final state
// comes from though some leader's comes from another of the same version.
func (g *judge) lostUpdates() int {
	type update struct {
		base, value int64
		key         int
	}
	var us []update
	parent := map[[2]int64]int64{} // key, value → the version it was made from
	for _, o := range g.ops {
		for key := range 8 {
			base, value, reads := int64(-1), int64(0), false
			for _, s := range o.steps {
				switch {
				case s.key != key:
				case s.f == history.Read && s.told && value == 0:
					base, reads = s.n, true
				case s.f == history.Write:
					value = s.n
					if reads {
						parent[[2]int64{int64(key), s.n}] = base
					}
				}
			}
			if reads && value != 0 && o.out == history.OK && !o.final && !g.mixed(key) {
				us = append(us, update{base, value, key})
			}
		}
	}
	lost := 0
	for _, u := range us {
		fs := g.finals(u.key)
		if slices.Contains(fs, nil) || u.base == 0 && g.deletable[u.key] {
			continue
		}
		comes := func(v int64) bool {
			return slices.ContainsFunc(fs, func(f *astep) bool {
				at, ok := f.n, f.n != 0
				for range 100 {
					if !ok || at == v {
						break
					}
					at, ok = parent[[2]int64{int64(u.key), at}]
				}
				return ok && at == v
			})
		}
		if !comes(u.value) && slices.ContainsFunc(us, func(w update) bool { return w.key == u.key && w.base == u.base && comes(w.value) }) {
			lost++
		}
	}
	return lost
}
