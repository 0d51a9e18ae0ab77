package checker

import "slices"

// siblingWalk follows the reads of one key by one session at one node. What is in
// the reader's past only grows, and so do the versions that something in it
// replaces. The rest of it are the maxima, and they are what a read must show,
// unless a delete that nobody can have read may have replaced them. Each version
// and each name is looked at once: O(versions + names) a walk.
type siblingWalk struct {
	*order
	*siblingKey
	key    int32
	runs   []run
	upTo   []int // by run: how many of its writes are in the past
	dead   []bool
	maxima []int32
	limit  int32   // a version in the past whose replaced ones are not all known may have replaced what is below
	last   []int32 // what the last read showed, sorted
	seen   []firstSight
	clean  int // how many maxima there were when the last read was found to be right
}

func newSiblingWalk(o *order, sk *siblingKey, key int32) *siblingWalk {
	runs := o.keys.of(key)
	return &siblingWalk{order: o, siblingKey: sk, key: key, runs: runs, upTo: make([]int, len(runs)), dead: make([]bool, len(sk.steps)), clean: -1}
}

// advance takes in what has come into the past of e.
func (w *siblingWalk) advance(e int32) {
	past, grown := w.viewOf(e), false
	for i, r := range w.runs {
		n := w.keys.upTo(r, past.of(r.slot))
		for at := w.upTo[i]; at < n; at++ {
			v := w.number(w.ix.writeOf(w.keys.event[int(r.from)+at], w.key))
			if v < 0 {
				continue
			}
			w.bury(v)
			w.limit, grown = max(w.limit, w.vague[v]), true
			if !w.removes[v] && !w.optional[v] {
				w.maxima = append(w.maxima, v)
			}
		}
		w.upTo[i] = max(n, w.upTo[i])
	}
	if grown {
		w.maxima = slices.DeleteFunc(w.maxima, func(v int32) bool { return w.dead[v] || w.steps[v] < w.limit })
		w.clean = -1
	}
}

// bury marks everything that a version replaces.
func (w *siblingWalk) bury(v int32) {
	for todo := []int32{v}; len(todo) > 0; {
		i := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		for _, j := range w.replaces[i] {
			if !w.dead[j] {
				w.dead[j] = true
				todo = append(todo, j)
			}
		}
	}
}

// versionsShown are the versions that a read shows, sorted; false: one is nobody's.
func (ix *index) versionsShown(sk *siblingKey, key, s int32) (shown []int32, ok bool) {
	ok = true
	add := func(n int64) {
		w, known := ix.values.get(key, n)
		if i := sk.number(w); known && i >= 0 {
			shown = append(shown, i)
		} else {
			ok = false
		}
	}
	if n, isInt := ix.h.StepInt(int(s)); isInt && n != 0 {
		add(n)
	}
	for _, n := range ix.h.StepList(int(s)) {
		add(n)
	}
	slices.Sort(shown)
	return slices.Compact(shown), ok
}

// read judges one read by what it shows.
func (w *siblingWalk) read(shown []int32, e, s int32) (bad badRead, wrong bool) {
	w.advance(e)
	if w.clean == len(w.maxima) && slices.Equal(shown, w.last) {
		return badRead{}, false // as before, and nothing new is known
	}
	w.last, w.clean = shown, -1
	for _, v := range shown {
		if w.dead[v] {
			return badRead{s, w.replacer(v, e), -1, "ReplacedVersion"}, true
		}
	}
	for _, v := range w.maxima {
		if _, there := slices.BinarySearch(shown, v); !there && !w.excused(v, shown, e) {
			return badRead{s, w.ix.eventOf(w.steps[v]), -1, "MissingVersion"}, true
		}
	}
	w.clean = len(w.maxima)
	return badRead{}, false
}

// replacer is something in the past of e that replaces a version, an event.
func (w *siblingWalk) replacer(v, e int32) int32 {
	seen := map[int32]bool{}
	for todo := []int32{v}; len(todo) > 0; todo = todo[1:] {
		for _, u := range w.by[todo[0]] {
			if at := w.ix.eventOf(w.steps[u]); at != e && w.before(at, e) {
				return at
			}
			if !seen[u] {
				seen[u] = true
				todo = append(todo, u)
			}
		}
	}
	return -1
}

// excused says whether a delete may be why a version that nothing in the past
// replaces is not shown: one that is not after the read, and that does not replace
// what is shown.
func (w *siblingWalk) excused(v int32, shown []int32, e int32) bool {
	newer, lowest := w.spread([]int32{v}, w.by), w.steps[v]
	// The order does not show: a least one, and whether there is any.
	for u := range newer {
		lowest = min(lowest, w.steps[u])
		if w.optional[u] {
			return true
		}
	}
	if lowest < w.limit {
		return true
	}
	var beyond map[int32]bool
	for _, d := range w.removals {
		if !newer[d] && lowest >= w.vague[d] {
			continue
		}
		if at := w.ix.eventOf(w.steps[d]); at == e || w.before(e, at) {
			continue
		}
		if beyond == nil {
			beyond = w.spread(shown, w.by)
		}
		if !beyond[d] {
			return true
		}
	}
	return false
}

// older says whether what a read shows is certainly from before a version: it
// shows something that the version replaces, or neither it nor anything that
// replaces it.
func (w *siblingWalk) older(shown []int32, e int32) func(v int32) bool {
	beyond, covered := w.spread(shown, w.by), w.spread(shown, w.replaces)
	return func(v int32) bool {
		if beyond[v] {
			return true
		}
		_, there := slices.BinarySearch(shown, v)
		return !there && !covered[v] && !w.removes[v] && !w.optional[v] && !w.excused(v, shown, e)
	}
}
