package ddmin

import (
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// needs shows what is looked for where all of some items are there.
func needs(needed []int, calls *int) func([]int) bool {
	return func(part []int) bool {
		*calls++
		return !slices.ContainsFunc(needed, func(n int) bool { return !slices.Contains(part, n) })
	}
}

func numbers(n int) []int {
	var is []int
	for i := range n {
		is = append(is, i)
	}
	return is
}

func TestWhatIsNeededIsLeft(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 200).Draw(t, "items")
		needed := rapid.SliceOfNDistinct(rapid.IntRange(0, n-1), 0, min(n, 8), rapid.ID).Draw(t, "needed")
		slices.Sort(needed)
		calls := 0
		got := Minimise(numbers(n), needs(needed, &calls))
		if !slices.Equal(got, needed) && len(got)+len(needed) > 0 {
			t.Fatalf("%v, not %v", got, needed)
		}
	})
}

// What shows it may depend on anything: the result shows it, keeps the order, and
// no item of it can be left out.
func TestTheResultIsOneMinimalWhateverIsAsked(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 12).Draw(t, "items")
		shows := map[uint64]bool{1<<n - 1: true}
		for _, mask := range rapid.SliceOf(rapid.Uint64Range(0, 1<<n-1)).Draw(t, "shown by") {
			shows[mask] = true
		}
		asks := func(part []int) bool {
			mask := uint64(0)
			for i, item := range part {
				if mask |= 1 << item; i > 0 && part[i-1] >= item {
					t.Fatalf("out of order: %v", part)
				}
			}
			return shows[mask]
		}
		got := Minimise(numbers(n), asks)
		if !asks(got) {
			t.Fatalf("%v does not show it", got)
		}
		for i := range got {
			if less := slices.Delete(slices.Clone(got), i, i+1); asks(less) {
				t.Fatalf("%v shows it, and so does %v", got, less)
			}
		}
	})
}

func TestFewQuestionsForFewThatMatter(t *testing.T) {
	calls := 0
	got := Minimise(numbers(2000), needs([]int{17, 900, 1500}, &calls))
	if len(got) != 3 || calls > 150 {
		t.Errorf("%v after %d questions", got, calls)
	}
}

func TestNothingIsDoneToTheCallersList(t *testing.T) {
	items, calls := numbers(50), 0
	Minimise(items, needs([]int{3, 30, 31}, &calls))
	if !slices.Equal(items, numbers(50)) {
		t.Error(items)
	}
}
