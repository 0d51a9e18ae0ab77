package history

import "math/bits"

// written notices a number that is written to a key a second time.
//
// Numbers come from one counter for the whole run, so one bit for each number
// is nearly always enough. Only a history that counts per key, as foreign ones
// do, or whose numbers are huge makes more necessary: from then on a hash table
// holds the position of every step that writes, and the columns have the rest.
type written struct {
	seen  []uint64
	table []uint32 // a power of two; the position of a step, plus 1; 0: free
	steps int      // in the table
}

// maxBit bounds the bits at 16 MiB, whatever numbers a file holds.
const maxBit = 1 << 27

// add notes that the next step of the history writes n to the key, and says
// whether it is the first one.
func (w *written) add(h *History, key int32, n int64) bool {
	if w.table == nil && n >= 0 && n < maxBit {
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
	if 4*(w.steps+1) > 3*len(w.table) {
		w.grow(h)
	}
	return w.put(h, key, n, len(h.stepF))
}

// grow doubles the table. It starts with everything that was written so far.
func (w *written) grow(h *History) {
	w.table, w.steps, w.seen = make([]uint32, max(1<<10, 2*len(w.table), 1<<bits.Len(uint(len(h.stepF))))), 0, nil
	for s, f := range h.stepF {
		if f == Write || f == Append {
			w.put(h, h.stepKey[s], h.stepVal[s], s)
		}
	}
}

// put adds a step, unless an earlier one wrote the same.
func (w *written) put(h *History, key int32, n int64, step int) bool {
	mask := uint64(len(w.table) - 1)
	for at := hashWrite(key, n) & mask; ; at = (at + 1) & mask {
		switch s := int(w.table[at]) - 1; {
		case s < 0:
			w.table[at] = uint32(step) + 1
			w.steps++
			return true
		case s < len(h.stepF) && h.stepVal[s] == n && h.stepKey[s] == key && (h.stepF[s] == Write || h.stepF[s] == Append):
			return false
		}
	}
}

// hashWrite spreads numbers that follow each other over the whole table.
func hashWrite(key int32, n int64) uint64 {
	x := (uint64(n) ^ uint64(uint32(key))<<40) * 0x9e3779b97f4a7c15
	x = (x ^ x>>32) * 0xd6e8feb86659fd93
	return x ^ x>>32
}
