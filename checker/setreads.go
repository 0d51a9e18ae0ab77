package checker

import (
	"context"
	"slices"

	"github.com/mlcheck/mlcheck/history"
)

// setRead is an answered read of a set or a list, told by its difference from
// the read before it of the same key, by the same session at the same node
// between two of the node's restarts. So the work that a read makes follows what
// changed, not the size of the set.
type setRead struct {
	base       int32   // the read before it, a step; -1: none, and came is everything
	came, went []int64 // what is shown and was not before, and the other way round; each once
	size       int     // how many elements are shown, repetitions included
	repeats    int     // how many are shown more than once, though they were not added twice
	repeated   int64   // one that is
}

// tellSetReads works out the difference of every read of a set or a list.
func (ix *index) tellSetReads() {
	ix.reads = map[int32]*setRead{}
	ix.chains = ix.readChains()
	told, _ := parallelBy(context.Background(), 1, len(ix.chains), func(i, _ int) []setRead {
		return ix.tellChain(ix.chains[i])
	})
	for i, chain := range ix.chains {
		for j, s := range chain {
			ix.reads[s] = &told[i][j]
		}
	}
}

// readChains are the answered reads of sets and lists, as steps, each in the
// chain of those that it is compared with.
func (ix *index) readChains() [][]int32 {
	type place struct{ session, node, key, epoch int }
	h := ix.h
	restarts := restartsOf(h)
	at := map[place]int{}
	var chains [][]int32
	for k := range h.Len() {
		from, to := h.Steps(k)
		if h.Outcome(k) != history.OK {
			continue
		}
		for s := from; s < to; s++ {
			if h.StepF(s) != history.Read || ix.kind[h.StepKey(s)]&(set|list) == 0 {
				continue
			}
			epoch, whole := restarts[ix.nodeName(k)].whole(h.Index(k), h.Return(k))
			p := place{h.Session(k), ix.node(k), h.StepKey(s), epoch}
			i, known := at[p]
			if !known || !whole { // a read over a restart is compared with nothing
				i = len(chains)
				chains = append(chains, nil)
			}
			if whole {
				at[p] = i
			}
			chains[i] = append(chains[i], int32(s))
		}
	}
	return chains
}

// eachRead calls f with every answered read.
func (ix *index) eachRead(f func(k int, s int32)) {
	for k := range ix.h.Len() {
		if ix.h.Outcome(k) != history.OK {
			continue
		}
		from, to := ix.h.Steps(k)
		for s := from; s < to; s++ {
			if ix.h.StepF(s) == history.Read {
				f(k, int32(s))
			}
		}
	}
}

func (ix *index) tellChain(chain []int32) []setRead {
	d, key := newDiffer(ix.h), int32(ix.h.StepKey(int(chain[0])))
	told := make([]setRead, len(chain))
	last := int32(-1)
	for i, s := range chain {
		r := &told[i]
		r.base = last
		r.came, r.went = d.read(s)
		r.size = d.size
		for _, v := range d.many {
			if !ix.values.twice(key, v) {
				r.repeats, r.repeated = r.repeats+1, v
			}
		}
		last = s
	}
	return told
}

// differ tells the reads that it is shown, one after the other, by their
// differences. Pieces that two reads share are not looked into.
type differ struct {
	h         *history.History
	now, last []int32         // pieces
	lone      []int64         // a value that is no list, if the last read was one
	count     map[int64]int32 // element → how often it is shown
	many      []int64         // those that are shown more than once
	size      int
	pieces    map[int32]int32 // scratch: piece → how often more than before
	delta     map[int64]int32 // scratch: element → the same
}

func newDiffer(h *history.History) *differ {
	return &differ{h: h, count: map[int64]int32{}, pieces: map[int32]int32{}, delta: map[int64]int32{}}
}

// read is what step s shows that the step before did not, and the other way
// round. It takes time in the elements of the pieces that differ.
func (d *differ) read(s int32) (came, went []int64) {
	d.last, d.now = d.now, d.h.StepPieces(d.last[:0], int(s))
	old, fresh := d.last, d.now
	for len(old) > 0 && len(fresh) > 0 && old[0] == fresh[0] {
		old, fresh = old[1:], fresh[1:]
	}
	for len(old) > 0 && len(fresh) > 0 && old[len(old)-1] == fresh[len(fresh)-1] {
		old, fresh = old[:len(old)-1], fresh[:len(fresh)-1]
	}
	gone := d.lone
	if v, ok := d.h.StepInt(int(s)); ok && v != 0 {
		d.lone = []int64{v}
	} else {
		d.lone = nil
	}
	d.differences(old, fresh)
	for _, v := range d.lone {
		d.delta[v]++
	}
	for _, v := range gone {
		d.delta[v]--
	}
	for _, p := range fresh {
		came, went = d.settle(d.h.Piece(p), came, went)
	}
	for _, p := range old {
		came, went = d.settle(d.h.Piece(p), came, went)
	}
	came, went = d.settle(d.lone, came, went)
	return d.settle(gone, came, went)
}

// differences counts by how much the number of each element changes.
func (d *differ) differences(old, fresh []int32) {
	clear(d.pieces)
	clear(d.delta)
	for _, p := range old {
		d.pieces[p]--
	}
	for _, p := range fresh {
		d.pieces[p]++
	}
	// The order does not show: these are sums.
	for p, n := range d.pieces {
		if n == 0 {
			continue
		}
		for _, v := range d.h.Piece(p) {
			d.delta[v] += n
		}
	}
}

// settle takes over the new counts of some elements.
func (d *differ) settle(elements, came, went []int64) (_, _ []int64) {
	for _, v := range elements {
		n := d.delta[v]
		if n == 0 {
			continue
		}
		delete(d.delta, v)
		before, after := d.count[v], d.count[v]+n
		if d.count[v] = after; after == 0 {
			delete(d.count, v)
		}
		d.size += int(n)
		switch {
		case before == 0:
			came = append(came, v)
		case after == 0:
			went = append(went, v)
		}
		switch {
		case before < 2 && after > 1:
			d.many = append(d.many, v)
		case before > 1 && after < 2:
			d.many = slices.DeleteFunc(d.many, func(w int64) bool { return w == v })
		}
	}
	return came, went
}
