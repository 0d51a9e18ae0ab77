package checker

import (
	"context"
	"math"
	"sort"
	"time"

	"github.com/mlcheck/mlcheck/history"
)

// power is what a run had to find something with. A pass without any of it is
// no pass, and the numbers say so. O(operations), and O(writes·sessions) for the
// pairs.
func power(ctx context.Context, ix *index, faults []FaultReport) map[string]int {
	h := ix.h
	p := map[string]int{"nodes": len(h.Header.Nodes), "keys": len(ix.writtenKeys())}
	c := ix.countOperations()
	for name, n := range map[string]int{
		"operations": c.writes + c.reads, "writes": c.writes, "reads": c.reads, "final reads": c.finals, "settling reads": c.settling,
		"info": c.outcomes[history.Info], "ok": c.outcomes[history.OK], "fail": c.outcomes[history.Fail], "reads of another leader's write": c.across,
	} {
		if n > 0 {
			p[name] = n
		}
	}
	p["sessions"], p["sessions that moved"] = c.sessions.len(), c.sessions.moved
	p["keys written at two leaders during a cut"] = ix.keysInCuts(faults)
	if o := ix.co(); o.flaw == "" {
		if pairs, keys, err := o.concurrentPairs(ctx); err == nil { // else the context has ended
			p["concurrent write pairs"], p["keys with concurrent writes"] = pairs, keys
		}
	}
	for _, f := range faults {
		p["faults "+f.State]++
	}
	return p
}

// opCounts counts operations by what they do and what became of them; those of
// sessions, but for the two kinds of final reads that were answered.
type opCounts struct {
	outcomes         [3]int
	writes, reads    int
	finals, settling int // final reads at the end, and those while replication settled
	across           int // reads of a value that another leader had accepted
	sessions         sessionNodes
}

func (ix *index) countOperations() opCounts {
	h := ix.h
	var c opCounts
	for k := range h.Len() {
		outcome := h.Outcome(k)
		switch {
		case !h.Final(k):
		case outcome != history.OK:
			continue
		case ix.end.quiet != nil && h.Index(k) < ix.end.quiet.Index:
			c.settling++
			continue
		default:
			c.finals++
			continue
		}
		c.outcomes[outcome]++
		if ix.writes(k) {
			c.writes++
		} else {
			c.reads++
		}
		c.sessions.note(h.Session(k), ix.node(k))
		if outcome == history.OK && ix.readAcross(k) {
			c.across++
		}
	}
	return c
}

// sessionNodes notes which sessions there are and which of them were at two
// nodes. Numbers of sessions are small in every run: a slice serves them.
type sessionNodes struct {
	small []int32       // by session: its first node + 1; -1: it has moved
	large map[int]int32 // the same, for numbers that are not small
	n     int
	moved int
}

const denseSessions = 1 << 16

func (sn *sessionNodes) len() int { return sn.n }

func (sn *sessionNodes) note(session, node int) {
	if session < len(sn.small) {
		sn.small[session] = sn.next(sn.small[session], node)
		return
	}
	if session < denseSessions {
		sn.small = append(sn.small, make([]int32, session+1-len(sn.small))...)
		sn.small[session] = sn.next(0, node)
		return
	}
	if sn.large == nil {
		sn.large = map[int]int32{}
	}
	sn.large[session] = sn.next(sn.large[session], node)
}

func (sn *sessionNodes) next(was int32, node int) int32 {
	switch {
	case was == 0:
		sn.n++
		return int32(node) + 1
	case was > 0 && was != int32(node)+1:
		sn.moved++
		return -1
	}
	return was
}

// readAcross says whether operation k returned a value that another leader had accepted.
func (ix *index) readAcross(k int) bool {
	from, to := ix.h.Steps(k)
	for s := from; s < to; s++ {
		if src := ix.src[s]; src >= 0 {
			if ix.node(ix.opOfStep(src)) != ix.node(k) {
				return true
			}
			continue
		}
		for w := range ix.sources(s) {
			if ix.node(ix.opOfStep(w)) != ix.node(k) {
				return true
			}
		}
	}
	return false
}

// keysInCuts counts keys of which two leaders acknowledged writes during one cut.
func (ix *index) keysInCuts(faults []FaultReport) int {
	spans, first := make([]span, len(faults)), make([]map[int]int, len(faults))
	for i := range faults {
		spans[i], first[i] = never, map[int]int{} // key → the leader that wrote it first
		if faults[i].Kind == "partition" {
			spans[i] = faults[i].inForce()
		}
	}
	two := map[int]bool{}
	ix.eachDuring(spans, func(k int, active []int) {
		from, to := ix.h.Steps(k)
		for s := from; s < to; s++ {
			if !ix.h.StepF(s).IsWrite() {
				continue
			}
			for _, i := range active {
				key := ix.h.StepKey(s)
				if n, ok := first[i][key]; !ok {
					first[i][key] = ix.node(k)
				} else if n != ix.node(k) {
					two[key] = true
				}
			}
		}
	})
	return len(two)
}

// concurrentPairs counts pairs of acknowledged writes of one key at two leaders
// of which neither is causally before the other: all pairs less the ordered ones.
func (o *order) concurrentPairs(ctx context.Context) (pairs, keys int, err error) {
	type counted struct{ pairs, keys int }
	parts, err := parallelBy(ctx, 16, len(o.ix.h.Keys()), func(from, to int) counted {
		var c counted
		for key := from; key < to; key++ {
			if n := o.concurrentOf(int32(key)); n > 0 {
				c.pairs, c.keys = c.pairs+n, c.keys+1
			}
		}
		return c
	})
	for _, c := range parts {
		pairs, keys = pairs+c.pairs, keys+c.keys
	}
	return pairs, keys, err
}

// concurrentOf counts the pairs of one key.
func (o *order) concurrentOf(key int32) int {
	var runs []run // those of sessions
	perNode, total, all := map[int]int{}, 0, 0
	for _, r := range o.keys.of(key) {
		if node := o.slots[r.slot].node; node >= 0 && int(r.slot) < o.trunks {
			n := int(r.to - r.from)
			all += n * (total - perNode[node])
			perNode[node], total = perNode[node]+n, total+n
			runs = append(runs, r)
		}
	}
	if all == 0 {
		return 0
	}
	for _, r := range runs {
		all -= o.orderedBefore(r, runs)
	}
	return all
}

// orderedBefore counts the pairs of a write of the run and an earlier one at
// another leader. What is before one write of a session is before its next, so
// each of the others is met once, by a cursor in each session: O(writes·sessions).
func (o *order) orderedBefore(r run, runs []run) int {
	type cursor struct{ slot, at, next, to int32 } // at is the position of write next in its slot
	var others []cursor
	for _, q := range runs {
		if o.slots[q.slot].node != o.slots[r.slot].node {
			others = append(others, cursor{q.slot, o.keys.at[q.from], q.from, q.to})
		}
	}
	pairs, before := 0, 0
	for _, u := range o.keys.event[r.from:r.to] {
		past := o.viewOf(u)
		for i := range others {
			c := &others[i]
			for known := past.of(c.slot); c.at < known; before++ {
				if c.next++; c.next == c.to {
					c.at = math.MaxInt32
				} else {
					c.at = o.keys.at[c.next]
				}
			}
		}
		pairs += before
	}
	return pairs
}

// measures are numbers about the run itself; of a history without times there
// are none.
func measures(ix *index) map[string]float64 {
	m := map[string]float64{}
	if !ix.h.Timed() {
		return m
	}
	const ms = float64(time.Millisecond)
	first, last, done, latencies := ix.pace()
	if last > first {
		m["ops_per_second"] = float64(done) / (last - first).Seconds()
	}
	for name, q := range map[string]float64{"latency_ok_p50_ms": 0.50, "latency_ok_p95_ms": 0.95, "latency_ok_p99_ms": 0.99} {
		if latencies.n > 0 {
			m[name] = float64(latencies.quantile(q)) / ms
		}
	}
	if e := ix.end; e.healed != nil && e.quiet != nil && e.quiet.State == history.QuietYes {
		m["time_to_converge_ms"] = float64(e.quiet.T-e.healed.T) / ms
	}
	return m
}

// pace is when sessions worked, how many operations were answered, and how long
// acknowledged ones took.
func (ix *index) pace() (first, last time.Duration, done int, latencies histogram) {
	h := ix.h
	first = math.MaxInt64
	for k := range h.Len() {
		if h.Final(k) || h.Return(k) == 0 {
			continue
		}
		begin, end := h.Start(k), h.End(k)
		first, last = min(first, begin), max(last, end)
		done++
		if h.Outcome(k) == history.OK {
			latencies.add(int64(end - begin))
		}
	}
	return first, last, done, latencies
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
