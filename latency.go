package mlcheck

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/mlcheck/mlcheck/history"
	"github.com/mlcheck/mlcheck/nemesis"
)

// slowest is the longest latency that a link may have for the whole run.
const slowest = 10 * time.Second

// ParseLatency reads "n1-n2=90ms,n1>n3=5ms": the form of the flag. Its errors are
// *UsageError.
func ParseLatency(text string) (map[string]time.Duration, error) {
	m := map[string]time.Duration{}
	for part := range strings.SplitSeq(text, ",") {
		name, value, ok := strings.Cut(part, "=")
		d, err := time.ParseDuration(value)
		if !ok || err != nil {
			return nil, usage("the latency of a link is written n1-n2=90ms, or n1>n2=90ms for one way only; not %q", part)
		}
		m[name] = d
	}
	return m, nil
}

// standing looks up the links whose latency was given.
func (p *plan) standing() error {
	p.latency = map[history.Link]time.Duration{}
	for _, name := range slices.Sorted(maps.Keys(p.Latency)) {
		d := p.Latency[name]
		if d < time.Microsecond || d > slowest {
			return usage("latency of %s must be between 1µs and %s; it is %s", name, slowest, d)
		}
		from, to, both := strings.Cut(name, "-")
		ways := []history.Link{{From: from, To: to}, {From: to, To: from}}
		if !both {
			from, to, _ = strings.Cut(name, ">")
			ways = []history.Link{{From: from, To: to}}
		}
		for _, l := range ways {
			if !slices.Contains(nemesis.Paths(p.conf.Links), l) {
				return usage("latency of %s: the topology has no link between %q and %q; it is written n1-n2, or n1>n2 for one way only", name, from, to)
			}
			if _, twice := p.latency[l]; twice {
				return usage("latency of %s: the link from %s to %s has one already", name, from, to)
			}
			p.latency[l] = d
		}
	}
	return nil
}

// latencies is the flag that says the same.
func (t Test) latencies() string {
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(t.Latency)) {
		parts = append(parts, fmt.Sprintf("%s=%s", name, t.Latency[name]))
	}
	return strings.Join(parts, ",")
}
