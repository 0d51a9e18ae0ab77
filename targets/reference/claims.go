package reference

import (
	"slices"

	"github.com/mlcheck/mlcheck/history"
)

// Which rows of PROPERTIES section 4 a configuration is.
var (
	always   = []string{"no-thin-air", "no-duplicates"}
	kept     = []string{"convergence", "durability"}
	ordered  = []string{"no-stale-wins", "read-your-writes", "monotonic-reads", "deletes-stay-deleted"}
	writes   = []string{"monotonic-writes", "writes-follow-reads"}
	causally = append([]string{"cc"}, writes...)
)

// claims are what a configuration promises under any partition and any skew.
func claims(cfg config) []history.Claim {
	names := append([]string(nil), always...)
	for _, more := range promises(cfg) {
		names = append(names, more...)
	}
	if cfg.forgets() {
		names = slices.DeleteFunc(names, func(n string) bool { return !slices.Contains(cfg.outlive(), n) })
	}
	if cfg.rejoin {
		names = slices.DeleteFunc(names, func(n string) bool { return !slices.Contains(cfg.outliveDisks(), n) })
	}
	if cfg.followers > 0 {
		names = slices.DeleteFunc(names, func(n string) bool { return !keptBelow(cfg, n) })
	}
	var cs []history.Claim
	for _, n := range names {
		cs = append(cs, history.Claim{Property: n, Source: "reference store, " + cfg.policy.name})
	}
	return cs
}

// outlive are the promises that no loss of power breaks where it can take what others
// have seen. What was read comes to be unread, so nothing holds that is about reads.
func (c *config) outlive() []string {
	if c.durability == acknowledged {
		return append(slices.Clone(always), kept...)
	}
	return append(slices.Clone(always), "convergence")
}

// outliveDisks are the promises that no loss of a disk breaks. What was read may have been
// on that disk alone, so nothing holds that is about reads. Acknowledged writes hold but for
// those that nobody else had, which are told apart for registers and counters: not for
// removals, nor for versions that another version does not replace.
func (c *config) outliveDisks() []string {
	names := append(slices.Clone(always), "convergence")
	if slices.Contains([]string{"siblings", "add-wins", "remove-wins"}, c.policy.name) {
		return names
	}
	return append(names, "durability")
}

func promises(cfg config) [][]string {
	// A leader that forwards in the order in which it applied is causal delivery.
	causal := cfg.delivery == causal || cfg.delivery == fifo && cfg.topology != "all-to-all"
	switch cfg.policy.name {
	case "none":
		if causal { // every leader is one causal order; leaders differ
			if cfg.tokens { // a session that moves sees two orders of arrival
				return [][]string{{"durability"}, ordered, causally}
			}
			return [][]string{{"durability"}, ordered, causally, {"cm"}}
		}
		return nil
	case "lww-wall":
		if causal { // what was shown has beaten its past; an own write may never show
			return [][]string{kept, {"monotonic-reads", "writes-follow-reads", "conflict-policy"}}
		}
		return [][]string{kept, {"conflict-policy"}}
	case "lww-hlc", "lww-lamport":
		return append([][]string{kept, ordered, {"conflict-policy"}}, byDelivery(cfg, causal)...)
	case "replica-priority":
		// Not ccv: a beats b by priority, c replaces a, and then b beats c. And only
		// under causal delivery more than convergence: what a writer's session had
		// seen elsewhere, and its leader had not, is not replaced.
		if causal {
			return [][]string{kept, ordered, causally}
		}
		return [][]string{{"convergence"}}
	case "siblings":
		if cfg.blind { // nothing is replaced, so there is no newer version either
			return [][]string{kept, {"conflict-policy", "read-your-writes", "monotonic-reads"}}
		}
		more := [][]string{kept, ordered, {"no-lost-updates", "conflict-policy"}}
		if causal {
			return append(more, causally, []string{"ccv"})
		}
		return more
	case "first", "max":
		return [][]string{{"convergence", "conflict-policy"}}
	case "counter":
		return [][]string{kept, {"no-lost-updates", "read-your-writes", "monotonic-reads"}}
	case "add-wins", "remove-wins":
		if causal {
			return [][]string{kept, {"read-your-writes", "monotonic-reads", "deletes-stay-deleted"}, causally, {"ccv"}}
		}
		// An element that was added twice, elsewhere too: who removes it has read it
		// here and knows of the other add through somebody who has read that. It is
		// not here yet, so the removal does not take it away.
		return [][]string{{"convergence"}}
	case "home":
		switch cfg.failover {
		case failoverAsync, failoverLease: // the old home's tail is discarded
			return [][]string{{"convergence", "conflict-policy"}}
		case failoverMajority:
			return [][]string{kept, {"no-lost-updates", "linearizable", "cm", "ccv", "conflict-policy"}, ordered, causally}
		}
		if cfg.reads == readsLocal {
			return [][]string{kept, {"no-lost-updates", "no-stale-wins", "monotonic-reads", "deletes-stay-deleted"}}
		}
		return [][]string{kept, {"no-lost-updates", "linearizable", "cm", "ccv"}, ordered, causally}
	case "certify":
		all := [][]string{kept, {"no-lost-updates", "cm", "ccv"}, ordered, causally}
		if cfg.reads == readsDecided {
			return append(all, []string{"linearizable"})
		}
		return all
	}
	return nil
}

// byDelivery is what stamps that extend causality promise besides.
func byDelivery(cfg config, causal bool) [][]string {
	switch {
	case causal: // arbitration is not arrival, so no cm
		return [][]string{causally, {"ccv"}}
	case cfg.delivery == fifo && !cfg.tokens: // in the order of each origin, which is monotonic-writes of those who stay
		return [][]string{{"monotonic-writes"}}
	}
	return nil
}
