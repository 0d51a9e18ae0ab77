package checker

import "slices"

// wideScene is the most events a scene may have for its operations to be left out
// one by one: each try costs the cube of that at worst, in words of 64.
const wideScene = 150

// least leaves out of a scene whatever its contradiction does without: first all
// that the proof does not speak of, then operation by operation, each with those
// that read from it. What is left is proved once more.
func (sc *scene) least(label string) *proof {
	p := sc.prove(label)
	if p == nil {
		return nil
	}
	p = sc.only(p)
	for again := len(sc.events)-count(sc.gone) <= wideScene; again; {
		again = false
		for i := range sc.events {
			if sc.gone[i] {
				continue
			}
			before := slices.Clone(sc.gone)
			sc.leaveOut(i)
			if q := sc.prove(label); q != nil {
				p, again = sc.only(q), true
			} else {
				sc.gone = before
			}
		}
	}
	return p
}

// only leaves out what a proof does not speak of, and proves it without.
func (sc *scene) only(p *proof) *proof {
	used := sc.uses(p)
	before := slices.Clone(sc.gone)
	for i := range sc.gone {
		sc.gone[i] = sc.gone[i] || !used[i]
	}
	if q := sc.prove(p.label); q != nil {
		return q
	}
	sc.gone = before
	return p
}

// leaveOut takes the operation of events[i] away, and those that read from it.
func (sc *scene) leaveOut(i int) {
	for todo := []int{sc.ix.op(sc.events[i])}; len(todo) > 0; todo = todo[1:] {
		for j, e := range sc.events {
			if !sc.gone[j] && sc.ix.op(e) == todo[0] {
				sc.gone[j] = true
				for l := range sc.events {
					if sc.direct[l][j] == "wr" && !sc.gone[l] {
						todo = append(todo, sc.ix.op(sc.events[l]))
					}
				}
			}
		}
	}
}

func count(marks []bool) int {
	n := 0
	for _, m := range marks {
		if m {
			n++
		}
	}
	return n
}
