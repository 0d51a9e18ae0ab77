package history

import "slices"

// listTable holds lists one after the other and each different one once: reads
// of a whole set return the same list again and again.
type listTable struct {
	data []int64
	at   []uint64 // list n is data[at[n]:at[n+1]]
}

func (t *listTable) get(n int64) []int64 {
	from, to := t.at[n], t.at[n+1]
	if from == to {
		return []int64{} // never nil: an empty list is not nothing
	}
	return t.data[from:to:to]
}

func (t *listTable) add(list []int64) int64 {
	if t.at == nil {
		t.at = []uint64{0}
	}
	t.data = append(t.data, list...)
	t.at = append(t.at, uint64(len(t.data)))
	return int64(len(t.at) - 2)
}

// listInterner finds lists that are already in a table. Of two lists with the
// same hash only the later one is found again, which costs memory, not truth.
type listInterner map[uint64]int64

func (in listInterner) intern(t *listTable, list []int64) int64 {
	h := hashList(list)
	if n, ok := in[h]; ok && slices.Equal(t.get(n), list) {
		return n
	}
	n := t.add(list)
	in[h] = n
	return n
}

// hashList mixes numbers as FNV-1a does, a word instead of a byte at a time.
func hashList(list []int64) uint64 {
	h := uint64(14695981039346656037)
	for _, n := range list {
		h = (h ^ uint64(n)) * 1099511628211
		h ^= h >> 29
	}
	return h
}
