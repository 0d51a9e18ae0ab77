package history

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestListsComeBackAsTheyWereStored(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var table listTable
		in := newListInterner()
		var lists [][]int64
		var ids []int64
		for range rapid.IntRange(1, 8).Draw(t, "lists") {
			n, step := rapid.IntRange(0, 3000).Draw(t, "length"), rapid.Int64Range(-2, 5).Draw(t, "step")
			list := make([]int64, n)
			for i := range list {
				list[i] = int64(i) * step
			}
			lists, ids = append(lists, list), append(ids, in.intern(&table, list))
		}
		for i, id := range ids {
			if got := table.get(id); got == nil || !slices.Equal(got, lists[i]) {
				t.Fatalf("list %d of %d elements came back with %d", i, len(lists[i]), len(got))
			}
			if again := in.intern(&table, lists[i]); again != id {
				t.Fatalf("list %d was stored twice, as %d and %d", i, id, again)
			}
		}
	})
}

// listHistory is one read of each list.
func listHistory(t *testing.T, lists ...[]int64) *History {
	b := NewBuilder(Header{Nodes: []string{"n1"}})
	for i, l := range lists {
		at := time.Duration(i)
		if err := b.Invoke(2*i+1, at, 1, "n1", []Step{{F: Read, Key: "s"}}, false); err != nil {
			t.Fatal(err)
		}
		if err := b.Complete(2*i+2, at, 1, OK, []Step{{F: Read, Key: "s", Value: List(l...)}}, Meta{}); err != nil {
			t.Fatal(err)
		}
	}
	return b.History()
}

func TestAnElementMoreChangesOnePieceOfALongList(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	list := make([]int64, 20_000)
	for i := range list {
		list[i] = int64(4 * (i + 1))
	}
	for range 50 {
		at := r.IntN(len(list))
		more := slices.Insert(slices.Clone(list), at, list[at]-1)
		h := listHistory(t, list, more)
		before, after := h.StepPieces(nil, 0), h.StepPieces(nil, 1)
		fresh := 0
		for _, p := range after {
			if !slices.Contains(before, p) {
				fresh++
			}
		}
		if len(after) < 50 || fresh < 1 || fresh > 3 {
			t.Fatalf("an element at %d gave %d new pieces of %d", at, fresh, len(after))
		}
	}
}

func TestPiecesJoinToTheList(t *testing.T) {
	for _, n := range []int{0, 1, wholeUpTo, wholeUpTo + 1, 5000} {
		list := make([]int64, n)
		for i := range list {
			list[i] = int64(i + 1)
		}
		h := listHistory(t, list)
		joined := []int64{}
		for _, p := range h.StepPieces(nil, 0) {
			joined = append(joined, h.Piece(p)...)
		}
		if !slices.Equal(joined, list) || !slices.Equal(h.StepList(0), list) || h.StepList(0) == nil {
			t.Errorf("%d elements came back as %d", n, len(joined))
		}
	}
}
