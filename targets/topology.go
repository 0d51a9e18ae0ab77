package targets

import (
	"fmt"

	"github.com/mlcheck/mlcheck/history"
)

// Wire lists the directed links of a topology: in "all-to-all" every leader
// sends to every other, in a "ring" each to the next, and in a "star" the first
// to all others and they to it. Any other is a list of links: "n1-n2,n2-n3,n3-n1",
// by which every leader must reach every other.
func Wire(topology string, nodes []string) ([]history.Link, error) {
	if IsLinks(topology) {
		return links(topology, nodes)
	}
	var links []history.Link
	for i, a := range nodes {
		switch topology {
		case "all-to-all":
			for _, b := range nodes {
				if a != b {
					links = append(links, history.Link{From: a, To: b})
				}
			}
		case "ring":
			if b := nodes[(i+1)%len(nodes)]; b != a {
				links = append(links, history.Link{From: a, To: b})
			}
		case "star":
			if i > 0 {
				links = append(links, history.Link{From: nodes[0], To: a}, history.Link{From: a, To: nodes[0]})
			}
		default:
			return nil, fmt.Errorf("no topology is called %q; there are all-to-all, ring and star, or a list of directed links such as n1-n2,n2-n3,n3-n1", topology)
		}
	}
	return links, nil
}
