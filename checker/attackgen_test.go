package checker_test

import (
	"math/rand/v2"
	"slices"

	"github.com/mlcheck/mlcheck/history"
)

// shape is what a random record is made of.
type shape struct {
	sessions, keys, ops, steps   int
	sets, deletes, removes       bool
	twice                        bool // elements are added twice
	siblings                     bool
	info, fail, move, token, by  int // percent
	noise, overlap, open, future int // percent
	restarts                     bool
	scope, nodeOrder, trans      bool
	finals                       int // sweeps
	finalTogether, agree         bool
}

func randomShape(rnd *rand.Rand) shape {
	pick := func(ps ...int) int { return ps[rnd.IntN(len(ps))] }
	yes := func(pct int) bool { return rnd.IntN(100) < pct }
	return shape{
		sessions: pick(2, 3, 4, 6), keys: pick(1, 2, 2, 3, 4), ops: 4 + rnd.IntN(36), steps: pick(1, 1, 1, 2, 3),
		sets: yes(40), deletes: yes(40), removes: yes(60), twice: yes(30), siblings: yes(10),
		info: pick(0, 0, 10, 30), fail: pick(0, 0, 10, 20), move: pick(0, 0, 10, 40), token: pick(0, 0, 50), by: pick(0, 0, 0, 20),
		noise: pick(0, 2, 5, 10, 30), overlap: pick(0, 30, 60), open: pick(0, 0, 20), future: pick(0, 0, 0, 10),
		restarts: yes(25), scope: yes(15), nodeOrder: yes(20), trans: yes(30), finals: pick(0, 0, 1, 2), finalTogether: yes(50), agree: yes(70),
	}
}

// randomRecord runs a small leaky store: each write reaches each node some time
// later, and now and then a read returns anything.
func randomRecord(rnd *rand.Rand, sh shape) *record {
	r := &record{scope: sh.scope, nodeOrder: sh.nodeOrder, trans: sh.trans}
	yes := func(pct int) bool { return rnd.IntN(100) < pct }
	nodeOf := make([]int, sh.sessions)
	for i := range nodeOf {
		nodeOf[i] = rnd.IntN(3)
	}
	isSet := make([]bool, sh.keys)
	for k := range isSet {
		isSet[k] = sh.sets && yes(50)
	}
	open := map[int]int{} // session → op
	i := 0
	value := int64(0)
	var elems []int64
	for len(r.ops) < sh.ops {
		i++
		if sh.restarts && yes(6) {
			kind := "kill"
			if yes(30) {
				kind = "partition"
			}
			r.restarts = append(r.restarts, arestart{node: rnd.IntN(3), at: i, kind: kind})
			continue
		}
		s := rnd.IntN(sh.sessions)
		if o, busy := open[s]; busy {
			delete(open, s)
			r.ops[o].ret = i
			continue
		}
		if yes(sh.move) {
			nodeOf[s] = rnd.IntN(3)
		}
		o := aop{session: s, node: nodeOf[s], by: -1, out: history.OK, inv: i}
		switch {
		case yes(sh.info):
			o.out = history.Info
		case yes(sh.fail):
			o.out = history.Fail
		}
		if yes(sh.by) {
			o.by = rnd.IntN(3)
		}
		o.token = yes(sh.token)
		for range 1 + rnd.IntN(sh.steps) {
			st := astep{f: history.Read, key: rnd.IntN(sh.keys)}
			set := isSet[st.key]
			if yes(45) {
				value++
				st.n = value
				switch {
				case set && sh.removes && len(elems) > 0 && yes(30):
					st.f, st.n = history.Remove, elems[rnd.IntN(len(elems))]
				case set && sh.twice && len(elems) > 0 && yes(40):
					st.f, st.n = history.Add, elems[rnd.IntN(len(elems))]
				case set:
					st.f = history.Add
					elems = append(elems, st.n)
				case sh.deletes && yes(25):
					st.f, st.n = history.Delete, 0
				default:
					st.f = history.Write
				}
			} else {
				st.isl = set
			}
			o.steps = append(o.steps, st)
		}
		r.ops = append(r.ops, o)
		if yes(sh.overlap) {
			open[s] = len(r.ops) - 1
			continue
		}
		i++
		r.ops[len(r.ops)-1].ret = i
	}
	// Whoever is still open is answered or not.
	for s := range sh.sessions {
		if o, busy := open[s]; busy {
			i++
			if yes(sh.open) {
				r.ops[o].out, r.ops[o].ret = history.Info, 0
			} else {
				r.ops[o].ret = i
			}
		}
	}
	for k := range r.ops {
		if r.ops[k].ret == 0 {
			r.ops[k].out, r.ops[k].by, r.ops[k].token = history.Info, -1, false
		}
	}
	for sweep := range sh.finals {
		if sweep == 0 {
			r.endAt, r.quiet = i+1, history.QuietYes
			i += 4
		}
		for n := range 3 {
			var steps []astep
			for k := range sh.keys {
				steps = append(steps, astep{f: history.Read, key: k, isl: isSet[k]})
			}
			for k := range steps {
				o := aop{session: 1000 + n, node: n, by: -1, final: true, inv: i + 1, ret: i + 2, steps: steps[k : k+1], out: history.OK}
				if sh.finalTogether {
					o.steps = steps
				}
				r.ops = append(r.ops, o)
				i += 2
				if sh.finalTogether {
					break
				}
			}
		}
	}
	answer(rnd, sh, r)
	return r
}

// effect is one write on its way.
type effect struct {
	s             astep
	at            [3]int // when it is applied at each node
	op, step, inv int
}

// answer gives every read its value.
func answer(rnd *rand.Rand, sh shape, r *record) {
	yes := func(pct int) bool { return rnd.IntN(100) < pct }
	var effects []effect
	lag := []int{0, 3, 10, 40}[rnd.IntN(4)]
	all := map[int][]effect{}
	for k := range r.ops {
		o := &r.ops[k]
		for j, s := range o.steps {
			if s.f == history.Read {
				continue
			}
			all[s.key] = append(all[s.key], effect{s: s, op: k, step: j, inv: o.inv})
			if o.out == history.Fail && !yes(10) || o.out == history.Info && yes(30) {
				continue
			}
			e := effect{s: s, op: k, step: j}
			for n := range e.at {
				e.at[n] = o.inv
				if n != o.at() {
					e.at[n] += rnd.IntN(lag + 1)
					if o.out == history.Info {
						e.at[n] += rnd.IntN(40)
					}
				}
			}
			effects = append(effects, e)
		}
	}
	defer r.agree(sh)
	for k := range r.ops {
		o := &r.ops[k]
		for j := range o.steps {
			s := &o.steps[j]
			if s.f != history.Read {
				continue
			}
			s.told = o.out == history.OK || o.out == history.Info && o.ret > 0 && yes(60)
			if !s.told {
				continue
			}
			noise := sh.noise
			seen := func(e effect) bool {
				return e.s.key == s.key && (e.op != k || e.step < j) && (o.final || e.at[o.at()] <= o.inv)
			}
			var could []astep
			for _, w := range all[s.key] {
				if w.op != k && w.inv < max(o.ret, o.inv+1) || w.op == k && w.step < j || yes(sh.future) {
					could = append(could, w.s)
				}
			}
			if s.isl {
				on := map[int64]bool{}
				for _, e := range effects {
					if seen(e) {
						on[e.s.n] = e.s.f == history.Add
					}
				}
				for _, w := range could {
					if yes(noise) {
						on[w.n] = !on[w.n]
					}
				}
				if yes(noise) && yes(10) {
					on[9999] = true
				}
				for n, is := range on {
					if is {
						s.list = append(s.list, n)
					}
				}
				slices.Sort(s.list)
				continue
			}
			for _, e := range effects {
				if seen(e) {
					s.n = e.s.n
				}
			}
			if yes(noise) || o.final && yes(noise) {
				s.n = 0
				if len(could) > 0 && yes(80) {
					s.n = could[rnd.IntN(len(could))].n
				}
			}
			if yes(noise) && yes(5) {
				s.n = 9999
			}
			if sh.siblings && !o.final && yes(50) {
				s.isl = true
				for _, e := range effects {
					if seen(e) && e.s.n != 0 && yes(60) {
						s.list = append(s.list, e.s.n)
					}
				}
			}
		}
	}
}

// agree makes all nodes end with what the first one ends with.
func (r *record) agree(sh shape) {
	first := map[int]astep{}
	for i := range r.ops {
		for j := range r.ops[i].steps {
			s := &r.ops[i].steps[j]
			if !r.ops[i].final || !sh.agree {
				continue
			}
			if f, ok := first[s.key]; ok {
				*s = f
			} else {
				first[s.key] = *s
			}
		}
	}
}
