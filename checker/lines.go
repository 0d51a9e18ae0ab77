package checker

import (
	"sort"

	"github.com/mlcheck/mlcheck/history"
)

// lines are the node order of targets that declare one linear store per leader
// with local reads: at one leader, between two of its restarts, an operation is
// before every operation that was invoked after it had returned.
type lines struct {
	ix   *index
	of   []int32 // operation → its line
	need []int32 // operation → how many of the line's events it follows
	line []line
}

type line struct {
	done []int32 // the last events of operations, in the order in which they returned
	rows []int32 // rows[i]: the row of everything in done[:i]
}

func newLines(ix *index) *lines {
	h := ix.h
	ls := &lines{ix: ix, of: make([]int32, h.Len()), need: make([]int32, h.Len())}
	restarts := restartsOf(h)
	ids := map[[2]int]int32{}
	var returns [][]int            // by line: the operations
	whole := make([]bool, h.Len()) // it began and ended between two restarts
	for k := range h.Len() {
		var epoch int
		epoch, whole[k] = restarts[ix.nodeName(k)].whole(h.Index(k), h.Return(k))
		id := [2]int{ix.node(k), epoch}
		l, known := ids[id]
		if !known {
			l = int32(len(ls.line))
			ids[id] = l
			ls.line, returns = append(ls.line, line{rows: []int32{0}}), append(returns, nil)
		}
		ls.of[k] = l
		if h.Outcome(k) == history.OK && !ix.final(k) && whole[k] {
			returns[l] = append(returns[l], k)
		}
	}
	for l, ops := range returns {
		sort.Slice(ops, func(i, j int) bool { return h.Return(ops[i]) < h.Return(ops[j]) })
		for _, k := range ops {
			_, to := ix.events(k)
			ls.line[l].done = append(ls.line[l].done, to-1)
		}
	}
	for k := range h.Len() {
		if !whole[k] {
			continue // who knows on which side of the restart it took effect
		}
		ops := returns[ls.of[k]]
		ls.need[k] = int32(sort.Search(len(ops), func(i int) bool { return h.Return(ops[i]) >= h.Index(k) }))
	}
	return ls
}

// follows is the operation of e, if e is its first event and follows any other.
func (ls *lines) follows(e int32) (int, bool) {
	k := ls.ix.op(e)
	from, _ := ls.ix.events(k)
	return k, from == e && ls.need[k] > 0 && !ls.ix.final(k)
}

// missing is the next event of e's line that is not placed though e follows it, or -1.
func (ls *lines) missing(o *order, e int32) int32 {
	k, ok := ls.follows(e)
	if !ok {
		return -1
	}
	l := &ls.line[ls.of[k]]
	for len(l.rows) <= int(ls.need[k]) {
		g := l.done[len(l.rows)-1]
		if o.row[g] < 0 {
			return g
		}
		row := l.rows[len(l.rows)-1]
		if o.rows.at(row, o.slot[g]) <= o.pos[g] {
			row = o.joined(o.rows.fork(row), g)
		}
		l.rows = append(l.rows, row)
	}
	return -1
}

// seen is the row of everything that the line shows to e; row 0 is empty.
func (ls *lines) seen(e int32) int32 {
	k, ok := ls.follows(e)
	if !ok {
		return 0
	}
	l := &ls.line[ls.of[k]]
	return l.rows[min(int(ls.need[k]), len(l.rows)-1)]
}

// followed are the events that e follows by node order.
func (ls *lines) followed(e int32) []int32 {
	k, ok := ls.follows(e)
	if !ok {
		return nil
	}
	return ls.line[ls.of[k]].done[:ls.need[k]]
}
