package checker

import (
	"embed"
	"strings"
)

// pages are what `mlcheck explain` shows, one file for each property.
//
//go:embed explain/*.md
var pages embed.FS

// all is every property, in the order in which results list them.
var all = []func() Property{
	convergence, durability, noStaleWins, noLostUpdates, cc, cm, ccv, linearizable, counting(readYourWrites), counting(monotonicReads), monotonicWrites, writesFollowReads,
	noDuplicates, noThinAir, deletesStayDeleted, conflictPolicy, conserved, unique, nonNegative,
}

// All returns every property that this build can decide, in a fixed order.
func All() []Property {
	ps := make([]Property, 0, len(all))
	for _, p := range all {
		ps = append(ps, explained(p()))
	}
	return ps
}

// Lookup finds a property by its name.
func Lookup(name string) (Property, bool) {
	for _, p := range All() {
		if p.Name == name {
			return p, true
		}
	}
	return Property{}, false
}

// explained adds the page of a property. That there is one for each is tested.
func explained(p Property) Property {
	if page, err := pages.ReadFile("explain/" + p.Name + ".md"); err == nil {
		p.Explain = strings.TrimSpace(string(page))
	}
	return p
}
