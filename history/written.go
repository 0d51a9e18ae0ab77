package history

import "math/bits"

// written notices a number that is written to a key a second time.
//
// Numbers come from one counter for the whole run, so one bit for each number
// is nearly always enough.
// Only a history that counts per key, as foreign ones do, makes numbers meet;
// from then on pairs of key and number are remembered.
type written struct {
	seen  []uint64
	pairs map[pair]struct{}
}

type pair struct {
	key int32
	n   int64
}

// maxBit bounds the bits at 16 MiB, whatever numbers a file holds.
const maxBit = 1 << 27

// add notes that n is written to the key and says whether it is the first time.
// earlier gives every pair that was added before; it is asked at most once.
func (w *written) add(key int32, n int64, earlier func(yield func(key int32, n int64))) bool {
	if w.pairs == nil && n >= 0 && n < maxBit {
		word, bit := int(n/64), uint64(1)<<(n%64)
		if word >= len(w.seen) {
			grown := make([]uint64, 1<<bits.Len(uint(word)))
			copy(grown, w.seen)
			w.seen = grown
		}
		if w.seen[word]&bit == 0 {
			w.seen[word] |= bit
			return true
		}
	}
	if w.pairs == nil {
		w.pairs, w.seen = map[pair]struct{}{}, nil
		earlier(func(key int32, n int64) { w.pairs[pair{key, n}] = struct{}{} })
	}
	before := len(w.pairs)
	w.pairs[pair{key, n}] = struct{}{}
	return len(w.pairs) > before
}
