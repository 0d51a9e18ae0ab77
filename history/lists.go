package history

import "slices"

// listTable holds lists as pieces, and each different piece once. Reads of a
// whole set return nearly the same list again and again: a list of some length is
// cut where its own elements say so, so that an element that is put in or taken
// out changes one piece and leaves the others as they are. A reader can see by
// the pieces what changed, and a set of 100,000 elements that is read 10,000
// times fits into memory.
type listTable struct {
	data []int64
	at   []uint64 // piece p is data[at[p]:at[p+1]]
	// Lists of several pieces: list n is cuts[cutAt[n]:cutAt[n+1]].
	cuts  []int32
	cutAt []uint64
}

// Lists up to wholeUpTo elements are one piece; longer ones are cut into pieces
// of about 128 elements.
const (
	wholeUpTo = 256
	pieceMin  = 32
	pieceMax  = 512
	pieceBits = 7
)

// get is list n: of one piece where n is not negative, else of several, joined anew.
func (t *listTable) get(n int64) []int64 {
	if n >= 0 {
		return t.piece(int32(n))
	}
	size := 0
	for _, p := range t.pieces(n) {
		size += len(t.piece(p))
	}
	list := make([]int64, 0, size)
	for _, p := range t.pieces(n) {
		list = append(list, t.piece(p)...)
	}
	return list
}

func (t *listTable) piece(p int32) []int64 {
	from, to := t.at[p], t.at[p+1]
	if from == to {
		return []int64{} // never nil: an empty list is not nothing
	}
	return t.data[from:to:to]
}

// pieces are the pieces of list n, which has several.
func (t *listTable) pieces(n int64) []int32 {
	n = -n - 1
	return t.cuts[t.cutAt[n]:t.cutAt[n+1]]
}

func (t *listTable) add(piece []int64) int64 {
	if t.at == nil {
		t.at = []uint64{0}
	}
	t.data = append(t.data, piece...)
	t.at = append(t.at, uint64(len(t.data)))
	return int64(len(t.at) - 2)
}

func (t *listTable) addCuts(pieces []int32) int64 {
	if t.cutAt == nil {
		t.cutAt = []uint64{0}
	}
	t.cuts = append(t.cuts, pieces...)
	t.cutAt = append(t.cutAt, uint64(len(t.cuts)))
	return -int64(len(t.cutAt) - 1)
}

// listInterner finds lists and pieces that are already in a table. Of two with
// the same hash only the later one is found again, which costs memory, not truth.
type listInterner struct {
	whole   map[uint64]int64
	cut     map[uint64]int64
	scratch []int32
}

func newListInterner() listInterner {
	return listInterner{whole: map[uint64]int64{}, cut: map[uint64]int64{}}
}

func (in *listInterner) intern(t *listTable, list []int64) int64 {
	if len(list) <= wholeUpTo {
		return in.internPiece(t, list)
	}
	pieces := in.scratch[:0]
	hash := uint64(len(list))
	for len(list) > 0 {
		n := pieceEnd(list)
		p := in.internPiece(t, list[:n])
		pieces, list = append(pieces, int32(p)), list[n:]
		hash = mix(hash, uint64(p))
	}
	in.scratch = pieces
	if n, ok := in.cut[hash]; ok && slices.Equal(t.pieces(n), pieces) {
		return n
	}
	n := t.addCuts(pieces)
	in.cut[hash] = n
	return n
}

func (in *listInterner) internPiece(t *listTable, piece []int64) int64 {
	h := hashList(piece)
	if n, ok := in.whole[h]; ok && slices.Equal(t.piece(int32(n)), piece) {
		return n
	}
	n := t.add(piece)
	in.whole[h] = n
	return n
}

// pieceEnd is how many elements of a list are its first piece: up to one whose
// Fibonacci hash (Knuth, TAOCP 6.4) begins with zeros, so that the same elements
// are cut in the same way wherever they stand.
func pieceEnd(list []int64) int {
	for i := pieceMin; i < min(len(list), pieceMax); i++ {
		if uint64(list[i-1])*0x9e3779b97f4a7c15>>(64-pieceBits) == 0 {
			return i
		}
	}
	return min(len(list), pieceMax)
}

// hashList mixes numbers as FNV-1a does, a word instead of a byte at a time.
func hashList(list []int64) uint64 {
	h := uint64(14695981039346656037)
	for _, n := range list {
		h = mix(h, uint64(n))
	}
	return h
}

func mix(h, n uint64) uint64 {
	h = (h ^ n) * 1099511628211
	return h ^ h>>29
}
