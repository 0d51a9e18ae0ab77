package targets

import (
	"fmt"
	"slices"
	"strings"

	"github.com/mlcheck/mlcheck/history"
)

// links reads a topology that is written as a list of directed links, as in
// "n1-n2,n2-n3,n3-n1". Its errors are sentences.
func links(list string, nodes []string) ([]history.Link, error) {
	var ls []history.Link
	for word := range strings.SplitSeq(list, ",") {
		from, to, _ := strings.Cut(strings.TrimSpace(word), "-")
		l := history.Link{From: from, To: to}
		for _, end := range []string{from, to} {
			if !slices.Contains(nodes, end) {
				return nil, fmt.Errorf("the link %q should join two leaders, as in n1-n2; %q is none of %s", word, end, strings.Join(nodes, ", "))
			}
		}
		switch {
		case from == to:
			return nil, fmt.Errorf("the link %q leads nowhere", word)
		case slices.Contains(ls, l):
			return nil, fmt.Errorf("the link %q is there twice", word)
		}
		ls = append(ls, l)
	}
	return ls, connected(ls, nodes)
}

// connected says which leader's changes cannot reach which other, or nil.
func connected(ls []history.Link, nodes []string) error {
	for _, origin := range nodes {
		reached := []string{origin}
		for i := 0; i < len(reached); i++ {
			for _, l := range ls {
				if l.From == reached[i] && !slices.Contains(reached, l.To) {
					reached = append(reached, l.To)
				}
			}
		}
		for _, n := range nodes {
			if !slices.Contains(reached, n) {
				return fmt.Errorf("by these links no change made at %s can ever reach %s: add a link that leads there", origin, n)
			}
		}
	}
	return nil
}

// IsLinks says whether a topology is written as a list of links.
func IsLinks(topology string) bool { return strings.Contains(topology, ",") }
