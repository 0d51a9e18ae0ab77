package history

// reserve makes room for ops operations with steps steps in the columns that are
// in use, so that they grow once and not by copies of copies: while a column is
// copied it takes its memory twice.
func (h *History) reserve(ops, steps int) {
	h.index, h.ret = grown(h.index, ops), grown(h.ret, ops)
	h.start, h.end = grown(h.start, ops), grown(h.end, ops)
	h.session, h.node = grown(h.session, ops), grown(h.node, ops)
	h.outcome, h.final = grown(h.outcome, ops), grown(h.final, ops)
	h.stepAt = grown(h.stepAt, ops+1)
	h.stepF, h.stepKey = grown(h.stepF, steps), grown(h.stepKey, steps)
	h.stepVal, h.stepHas = grown(h.stepVal, steps), grown(h.stepHas, steps)
}

// makeRoom makes room for operations of one step each, with times and nodes, in a
// history that has none yet.
func (h *History) makeRoom(ops int) {
	if h.n > 0 {
		return
	}
	h.index, h.ret = make([]int32, 0, ops), make([]int32, 0, ops)
	h.start, h.end = make([]int64, 0, ops), make([]int64, 0, ops)
	h.session, h.node = make([]int32, 0, ops), make([]uint16, 0, ops)
	h.outcome, h.final = make([]Outcome, 0, ops), make([]bool, 0, ops)
	h.stepF, h.stepKey = make([]F, 0, ops), make([]int32, 0, ops)
	h.stepVal, h.stepHas = make([]int64, 0, ops), make([]valueKind, 0, ops)
	h.meta.at = make([]uint64, 0, ops)
}

func grown[T any](column []T, n int) []T {
	if len(column) == 0 || n <= cap(column) {
		return column
	}
	return append(make([]T, 0, n), column...)
}

// room is for how many entries a column needs room that has n of them once fed
// of size bytes of the file were read: for as many as the whole file will have if
// it goes on so. From the beginning alone that cannot be told.
func room(n int, fed, size int64) int {
	if fed < size/16 || fed <= 0 {
		return 2 * n
	}
	return max(n, int(float64(n)*float64(size)/float64(fed)*1.02))
}

// tellSteps starts to note which steps an operation has, where one has not
// exactly one.
func (h *History) tellSteps() {
	h.stepAt = make([]uint32, h.n+1, cap(h.outcome)+1)
	for k := range h.stepAt {
		h.stepAt[k] = uint32(k)
	}
}
