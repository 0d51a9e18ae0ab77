package checker

import (
	"slices"
	"sort"
	"time"

	"github.com/mlcheck/mlcheck/history"
)

// power is what a run had to find something with. A pass without any of it is
// no pass, and the numbers say so.
func power(ix *index, faults []FaultReport) map[string]int {
	h := ix.h
	p := map[string]int{"nodes": len(h.Header.Nodes), "keys": len(ix.writtenKeys())}
	sessions, moved, at := map[int]bool{}, map[int]bool{}, map[int]int{}
	for k := range h.Len() {
		if h.Final(k) {
			if h.Outcome(k) == history.OK {
				p["final reads"]++
			}
			continue
		}
		p["operations"]++
		p[h.Outcome(k).String()]++
		if ix.writes(k) {
			p["writes"]++
		} else {
			p["reads"]++
		}
		s := h.Session(k)
		if n, ok := at[s]; ok && n != ix.node(k) {
			moved[s] = true
		}
		sessions[s], at[s] = true, ix.node(k)
		if h.Outcome(k) == history.OK && ix.readAcross(k) {
			p["reads of another leader's write"]++
		}
	}
	p["sessions"], p["sessions that moved"] = len(sessions), len(moved)
	p["keys written at two leaders during a cut"] = ix.keysInCuts(faults)
	if o := ix.co(); o.flaw == "" {
		p["concurrent write pairs"], p["keys with concurrent writes"] = o.concurrentPairs()
	}
	for _, f := range faults {
		p["faults "+f.State]++
	}
	return p
}

// readAcross says whether operation k returned a value that another leader had accepted.
func (ix *index) readAcross(k int) bool {
	from, to := ix.h.Steps(k)
	for s := from; s < to; s++ {
		for w := range ix.sources(s) {
			if ix.node(ix.opOfStep(w)) != ix.node(k) {
				return true
			}
		}
	}
	return false
}

// keysInCuts counts keys that two leaders acknowledged writes of during one cut.
func (ix *index) keysInCuts(faults []FaultReport) int {
	var cuts []FaultReport
	for _, f := range faults {
		if f.Kind == "partition" && f.Effective >= 0 {
			cuts = append(cuts, f)
		}
	}
	type place struct {
		cut int
		key int
	}
	first, two := map[place]int{}, map[int]bool{}
	for k := range ix.h.Len() {
		if ix.h.Outcome(k) != history.OK || !ix.writes(k) {
			continue
		}
		for i := range cuts {
			if !cuts[i].inForce(ix.when(k)) {
				continue
			}
			from, to := ix.h.Steps(k)
			for s := from; s < to; s++ {
				at := place{i, ix.h.StepKey(s)}
				if n, ok := first[at]; !ok && ix.h.StepF(s).IsWrite() {
					first[at] = ix.node(k)
				} else if ok && ix.h.StepF(s).IsWrite() && n != ix.node(k) {
					two[at.key] = true
				}
			}
		}
	}
	return len(two)
}

// concurrentPairs counts pairs of acknowledged writes of one key at two leaders
// of which neither is causally before the other: all pairs less the ordered ones.
func (o *order) concurrentPairs() (pairs, keys int) {
	ix := o.ix
	for key := range int32(len(ix.h.Keys())) {
		perNode, total, ordered := map[int]int{}, 0, 0
		runs := o.keys.of(key)
		for _, r := range runs {
			if node := o.slots[r.slot].node; node >= 0 && int(r.slot) < o.trunks {
				perNode[node] += int(r.to - r.from)
				total += int(r.to - r.from)
			}
		}
		all := total * (total - 1) / 2
		for _, n := range perNode {
			all -= n * (n - 1) / 2
		}
		if all == 0 {
			continue
		}
		for _, r := range runs {
			if int(r.slot) < o.trunks {
				ordered += o.orderedBefore(r, runs)
			}
		}
		if all > ordered {
			pairs, keys = pairs+all-ordered, keys+1
		}
	}
	return pairs, keys
}

// orderedBefore counts writes at other leaders that are before a write of the run.
func (o *order) orderedBefore(r run, runs []run) int {
	n := 0
	for _, u := range o.keys.event[r.from:r.to] {
		for _, q := range runs {
			if int(q.slot) < o.trunks && o.slots[q.slot].node != o.slots[r.slot].node {
				n += o.keys.upTo(q, o.past(u, q.slot))
			}
		}
	}
	return n
}

// measures are numbers about the run itself.
func measures(ix *index) map[string]float64 {
	h := ix.h
	m := map[string]float64{}
	var latencies []time.Duration
	var first, last time.Duration
	done := 0
	for k := range h.Len() {
		if h.Final(k) || h.Return(k) == 0 {
			continue
		}
		if done == 0 || h.Start(k) < first {
			first = h.Start(k)
		}
		last = max(last, h.End(k))
		done++
		if h.Outcome(k) == history.OK {
			latencies = append(latencies, h.End(k)-h.Start(k))
		}
	}
	if last > first {
		m["ops_per_second"] = float64(done) / (last - first).Seconds()
	}
	slices.Sort(latencies)
	for name, q := range map[string]float64{"latency_ok_p50_ms": 0.50, "latency_ok_p95_ms": 0.95, "latency_ok_p99_ms": 0.99} {
		if n := len(latencies); n > 0 {
			m[name] = float64(latencies[min(n-1, int(q*float64(n)))]) / float64(time.Millisecond)
		}
	}
	if e := ix.end; e.healed != nil && e.quiet != nil && e.quiet.State == history.QuietYes {
		m["time_to_converge_ms"] = float64(e.quiet.T-e.healed.T) / float64(time.Millisecond)
	}
	return m
}

// sortedNames are the keys of a map, in order.
func sortedNames[T any](m map[string]T) []string {
	names := make([]string, 0, len(m))
	for n := range m {
		names = append(names, n)
	}
	sort.Strings(names)
	return names
}
