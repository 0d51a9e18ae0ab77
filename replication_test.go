package mlcheck

import (
	"testing"
	"time"

	"github.com/mlcheck/mlcheck/checker"
	"github.com/mlcheck/mlcheck/nemesis"
)

// behindShare is the mean share of keys that a leader was behind in between two times.
func behindShare(o *checker.OverTime, from, until time.Duration) float64 {
	behind, shown := 0, 0
	for i := range o.Shown {
		if at := time.Duration(i+1) * time.Duration(o.Step); at >= from && at < until {
			behind, shown = behind+o.Behind[i], shown+o.Shown[i]
		}
	}
	return float64(behind) / float64(max(shown, 1))
}

// late counts writes that sessions looked for in vain and only final reads showed.
func late(r *checker.Replication) int {
	n := 0
	for _, l := range r.Lag {
		n += l.AtEnd
	}
	return n
}

func TestACutShowsInLagAndInDivergenceOverTime(t *testing.T) {
	const s = time.Second
	test := Test{Topology: "ring", Sessions: 12, Rate: 100, Reads: Share(0.95), Time: 4 * s, Seed: 5, Options: map[string]string{"policy": "lww-hlc"}}
	whole := simulated(t, test).Results.Replication
	if n := len(whole.Lag); n != 6 {
		t.Fatalf("%d directed pairs of three leaders", n)
	}
	for _, l := range whole.Lag {
		// A link of the simulated world takes milliseconds, a way around the ring two of them.
		if l.Seen < 20 || l.AtMost.Median <= int64(time.Millisecond/2) || l.AtLeast.Median > int64(20*time.Millisecond) {
			t.Errorf("without faults: %+v", l)
		}
	}
	test.Faults = []nemesis.Fault{cutFault(s, 3*s)}
	test.Faults[0].ID = 1
	cut := simulated(t, test).Results.Replication
	// The workload leaves keys alone after a while: what was written across the
	// cut is then looked for in vain until the end.
	if late(cut) < 3*late(whole) || late(cut) < 20 {
		t.Errorf("%d writes were looked for in vain with a cut, %d without", late(cut), late(whole))
	}
	before, during := behindShare(cut.OverTime, s/2, s), behindShare(cut.OverTime, s+s/5, 3*s)
	if during < 3*before || during < 0.2 {
		t.Errorf("leaders were behind in %.2f of the keys before the cut and in %.2f during it", before, during)
	}
}
