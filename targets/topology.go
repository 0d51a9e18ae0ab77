package targets

import (
	"fmt"

	"github.com/mlcheck/mlcheck/history"
)

// Wire lists the directed links of a topology: in "all-to-all" every leader
// sends to every other, in a "ring" each to the next.
func Wire(topology string, nodes []string) ([]history.Link, error) {
	var links []history.Link
	switch topology {
	case "all-to-all":
		for _, a := range nodes {
			for _, b := range nodes {
				if a != b {
					links = append(links, history.Link{From: a, To: b})
				}
			}
		}
	case "ring":
		for i, a := range nodes {
			if b := nodes[(i+1)%len(nodes)]; b != a {
				links = append(links, history.Link{From: a, To: b})
			}
		}
	default:
		return nil, fmt.Errorf("no topology is called %q; there are all-to-all and ring", topology)
	}
	return links, nil
}
