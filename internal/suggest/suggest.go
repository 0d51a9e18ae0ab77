// Package suggest finds what somebody probably meant.
package suggest

import (
	"fmt"
	"strings"
)

// Unknown is the sentence for a name that is not among the valid ones: what it
// was, the nearest match if one is near, and all that there are.
func Unknown(what, name string, valid []string) string {
	s := fmt.Sprintf("there is no %s %q", what, name)
	if len(valid) == 0 {
		return s + "; there are none"
	}
	all := "he valid ones are " + strings.Join(valid, ", ")
	if near := Nearest(name, valid); near != "" {
		return fmt.Sprintf("%s; did you mean %q? T%s", s, near, all)
	}
	return s + "; t" + all
}

// Nearest is the valid name with the smallest edit distance, "" if none is near
// enough to be meant: more than a third of the letters (and more than two)
// differ, or all of them do.
func Nearest(name string, valid []string) string {
	best, at := "", max(2, len(name)/3)+1
	for _, v := range valid {
		if d := distance(strings.ToLower(name), strings.ToLower(v)); d < at && d < len(name) {
			best, at = v, d
		}
	}
	return best
}

// distance is Levenshtein's, in bytes: O(len(a)·len(b)).
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diag := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diag
			if a[i] != b[j] {
				cost++
			}
			diag = row[j+1]
			row[j+1] = min(cost, row[j+1]+1, row[j]+1)
		}
	}
	return row[len(b)]
}
