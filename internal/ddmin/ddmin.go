// Package ddmin makes a list smaller that shows something, by delta debugging. It
// knows nothing of what the list is of.
package ddmin

// Minimise returns a part of the items, in their order, that still shows what all
// of them show, and of which no single item can be left out (it is 1-minimal). Shows
// is never asked of all items: that they show it is taken for granted. It may be
// asked about the empty list.
//
// It is the algorithm ddmin of Zeller & Hildebrandt, Simplifying and Isolating
// Failure-Inducing Input, IEEE TSE 28(2), 2002: halves first, then what is left
// without one of ever smaller pieces. Of n items of which k are needed it asks
// about k·log n times where the others do not matter, at worst n² times.
//
// When shows gives up it returns false: then what was found until there is the
// result, and it may not be minimal.
func Minimise[T any](items []T, shows func([]T) bool) []T {
	if len(items) > 0 && shows(nil) {
		return nil
	}
	for pieces := 2; len(items) > 1; {
		smaller, n := reduce(items, pieces, shows)
		if smaller == nil {
			if pieces >= len(items) {
				break
			}
			pieces = min(2*pieces, len(items))
			continue
		}
		items, pieces = smaller, n
	}
	return items
}

// reduce tries each piece alone, then all but each piece. It returns the first
// that shows it and into how many pieces to part that; nil: none does.
func reduce[T any](items []T, pieces int, shows func([]T) bool) ([]T, int) {
	if pieces == 2 { // with more, a piece alone hardly ever shows it, and asking costs
		for i := range pieces {
			if part := items[i*len(items)/pieces : (i+1)*len(items)/pieces]; shows(part) {
				return part, 2
			}
		}
		return nil, 0
	}
	for i := range pieces {
		from, to := i*len(items)/pieces, (i+1)*len(items)/pieces
		rest := append(append(make([]T, 0, len(items)), items[:from]...), items[to:]...)
		if shows(rest) {
			return rest, max(pieces-1, 2)
		}
	}
	return nil, 0
}
