package mlcheck

import (
	"fmt"
	"slices"
	"time"

	"github.com/mlcheck/mlcheck/nemesis"
)

// diskError is how long a sync may take on a disk that is well, and how far off a
// slow one may be beside a tenth of what is asked for.
const diskError = 10 * time.Millisecond

// disksDiffer says which disks of a fault are not as the State asks.
func disksDiffer(f nemesis.Fault, s nemesis.State, m nemesis.Measured) []string {
	if f.Disk == nil {
		return nil
	}
	var bad []string
	for _, node := range f.Nodes {
		if why := diskDiffers(node, s.Disk(node), m); why != "" {
			bad = append(bad, why)
		}
	}
	return bad
}

func diskDiffers(node string, want nemesis.DiskTrouble, m nemesis.Measured) string {
	is, measured := m.Disks[node]
	switch slack := diskError + is.Within + want.Slow/10; {
	case !measured:
		return "nobody could try " + node + "'s disk"
	case is.Full && !want.Full:
		return node + "'s disk is full"
	case !is.Full && want.Full:
		return node + "'s disk takes more records"
	case !is.Full && (is.Sync < want.Slow || is.Sync > want.Slow+slack):
		return fmt.Sprintf("a sync of %s's disk takes %s, not %s", node, is.Sync.Round(time.Microsecond), want.Slow)
	}
	return ""
}

// troubles says whether a fault of the schedule befalls the node's disk.
func (r *runner) troubles(node string) bool {
	return slices.ContainsFunc(r.Faults, func(f nemesis.Fault) bool { return f.Disk != nil && slices.Contains(f.Nodes, node) })
}

// fills says whether the schedule makes any disk full.
func (p *plan) fills() bool {
	return slices.ContainsFunc(p.Faults, func(f nemesis.Fault) bool { return f.Disk != nil && f.Disk.Full })
}
