package checker

// rows are vector clocks: a row has a number for each slot, how many of its
// events are in somebody's past. A row is cut into pages, and rows share the
// pages in which they agree: of a thousand sessions nearly all have ended long
// ago, everybody knows all of them, and only the pages of those that still run
// are written again. Row 0 and page 0 are empty.
type rows struct {
	shift  uint8     // a page has 1<<shift numbers
	stride int32     // pages in a row; with one, a row is its page
	blocks [][]int32 // where pages are
	pages  int32     // how many there are
	tops   []int32   // row → its pages, where it has several
	own    int32     // pages from here on belong to the row that was made last
}

// blockBits says how many numbers a block of pages has; a page has 64 at most.
const (
	blockBits = 10
	pageBits  = 6
)

func newRows(slots int) rows {
	r := rows{shift: 2, stride: 1}
	for r.shift < pageBits && 1<<r.shift < slots {
		r.shift++
	}
	r.stride = max(1, int32((slots+1<<r.shift-1)>>r.shift))
	r.newPage()
	if r.stride > 1 {
		r.tops = make([]int32, r.stride)
	}
	return r
}

// spent is how many numbers are stored.
func (r *rows) spent() int { return int(r.pages)<<r.shift + len(r.tops) }

func (r *rows) newPage() int32 {
	if int(r.pages)>>(blockBits-r.shift) == len(r.blocks) {
		r.blocks = append(r.blocks, make([]int32, 1<<blockBits))
	}
	r.pages++
	return r.pages - 1
}

// page is a page by its number.
func (r *rows) page(id int32) []int32 {
	at := int(id) << r.shift & (1<<blockBits - 1)
	return r.blocks[id>>(blockBits-r.shift)][at : at+1<<r.shift]
}

// pageAt is the number of the i-th page of a row.
func (r *rows) pageAt(row, i int32) int32 {
	if r.stride == 1 {
		return row
	}
	return r.tops[row*r.stride+i]
}

// at is the number that a row has for slot t.
func (r *rows) at(row, t int32) int32 {
	return r.page(r.pageAt(row, t>>r.shift))[t&(1<<r.shift-1)]
}

// fork is a new row, equal to the given one. It may be changed until the next
// one is made.
func (r *rows) fork(row int32) int32 {
	r.own = r.pages
	if r.stride == 1 {
		id := r.newPage()
		copy(r.page(id), r.page(row))
		return id
	}
	r.tops = append(r.tops, r.tops[row*r.stride:(row+1)*r.stride]...)
	return int32(len(r.tops))/r.stride - 1
}

// ownPage is the i-th page of the row that was made last, for writing.
func (r *rows) ownPage(row, i int32) []int32 {
	id := r.pageAt(row, i)
	if id < r.own {
		fresh := r.newPage()
		copy(r.page(fresh), r.page(id))
		r.tops[row*r.stride+i], id = fresh, fresh
	}
	return r.page(id)
}

// raise makes the row that was made last know n events of slot t.
func (r *rows) raise(row, t, n int32) {
	if r.at(row, t) < n {
		r.ownPage(row, t>>r.shift)[t&(1<<r.shift-1)] = n
	}
}

// join makes the row that was made last know what another knows.
func (r *rows) join(row, other int32) {
	for i := range r.stride {
		mine, theirs := r.pageAt(row, i), r.pageAt(other, i)
		if mine == theirs {
			continue
		}
		if mine >= r.own {
			raiseAll(r.page(mine), r.page(theirs))
			continue
		}
		switch more, less := compare(r.page(mine), r.page(theirs)); {
		case !less:
		case !more:
			r.tops[row*r.stride+i] = theirs
		default:
			raiseAll(r.ownPage(row, i), r.page(theirs))
		}
	}
}

// compare says whether a knows more than b of any slot, and less of any.
func compare(a, b []int32) (more, less bool) {
	b = b[:len(a)]
	for t, n := range a {
		more, less = more || n > b[t], less || n < b[t]
	}
	return more, less
}

func raiseAll(mine, theirs []int32) {
	theirs = theirs[:len(mine)]
	for t, n := range mine {
		mine[t] = max(n, theirs[t])
	}
}

// adds says whether another row knows anything that a row does not.
func (r *rows) adds(row, other int32) bool {
	for i := range r.stride {
		mine, theirs := r.pageAt(row, i), r.pageAt(other, i)
		if mine != theirs {
			if _, less := compare(r.page(mine), r.page(theirs)); less {
				return true
			}
		}
	}
	return false
}
