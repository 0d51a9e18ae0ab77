package mlcheck

import (
	"slices"
	"strings"
)

// ParseDatacenters reads "n1+n2,n3": the form of the flag.
func ParseDatacenters(text string) [][]string {
	var centers [][]string
	for part := range strings.SplitSeq(text, ",") {
		centers = append(centers, strings.Split(part, "+"))
	}
	return centers
}

// checkDatacenters refuses data centers that do not part the leaders.
func (p *plan) checkDatacenters() error {
	if len(p.Datacenters) == 0 {
		return nil
	}
	if len(p.Datacenters) < 2 {
		return usage("one data center is no choice: give two or more, as in n1+n2,n3")
	}
	var housed []string
	for _, c := range p.Datacenters {
		for _, name := range c {
			switch {
			case !slices.Contains(p.params.Nodes, name):
				return usage("data center %s: there is no leader %q; data centers are written n1+n2,n3, and followers are where their leader is", strings.Join(c, "+"), name)
			case slices.Contains(housed, name):
				return usage("leader %s is in two data centers", name)
			}
			housed = append(housed, name)
		}
	}
	for _, name := range p.params.Nodes {
		if !slices.Contains(housed, name) {
			return usage("leader %s is in no data center: every leader is in one", name)
		}
	}
	return nil
}

// datacenters is the flag that says the same.
func (t Test) datacenters() string {
	var parts []string
	for _, c := range t.Datacenters {
		parts = append(parts, strings.Join(c, "+"))
	}
	return strings.Join(parts, ",")
}
