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
		return s
	}
	if near := Nearest(name, valid); near != "" {
		s += fmt.Sprintf("; did you mean %q?", near)
	} else {
		s += ";"
	}
	return s + " The valid ones are " + strings.Join(valid, ", ")
}

// Nearest is the valid name with the smallest edit distance, "" if none is near
// enough to be meant: more than a third of the letters (and at least two) differ.
func Nearest(name string, valid []string) string {
	best, at := "", max(2, len(name)/3)+1
	for _, v := range valid {
		if d := distance(strings.ToLower(name), strings.ToLower(v)); d < at {
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
