package checker

import (
	"slices"

	"github.com/mlcheck/mlcheck/history"
)

// withoutNames are the properties that need no number to name its write, by what
// the numbers of a history tell instead. All others rest on which write a read
// returned, and a history in which that does not show cannot decide them.
var withoutNames = map[string][]string{
	history.ValuesRepeat:   {"convergence", "linearizable"},
	history.ValuesBalances: {"conserved", "convergence"},
}

// nameless says why the numbers of a history cannot decide a property, or "".
func nameless(h *history.History, property string) string {
	names, known := withoutNames[h.Header.Values]
	switch {
	case !known || slices.Contains(names, property):
		return ""
	case h.Header.Values == history.ValuesBalances:
		return "the history is of accounts that hold something from the start: a balance does not tell which transfers it saw"
	}
	return "numbers are written to a key again, so a value does not tell which write a read returned"
}
