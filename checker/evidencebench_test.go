package checker

import (
	"context"
	"testing"
)

// What the evidence for ten findings of each property costs, after the properties
// were decided.
func BenchmarkEvidence(b *testing.B) {
	for _, n := range []int{20_000, 200_000} {
		b.Run(plural(n, "operation", "operations"), func(b *testing.B) {
			h := randomStore(simOptions{seed: 1, sessions: 8, keys: 5, ops: n, skew: true, unordered: true, rmw: true, deletes: true, info: true}).history
			ix := newIndex(h)
			ctx := withIndex(context.Background(), ix)
			props := All()
			first := make([]*Decided, len(props))
			for i, p := range props {
				first[i] = decide(ctx, ix, p)
			}
			for b.Loop() {
				again := make([]*Decided, len(props))
				for i, d := range first {
					c := *d
					c.Findings = append([]Finding(nil), d.Findings...)
					again[i] = &c
				}
				if err := prove(ctx, ix, props, again); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
