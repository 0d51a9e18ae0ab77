package mlcheck

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mlcheck/mlcheck/checker"
	"github.com/mlcheck/mlcheck/history"
	"github.com/mlcheck/mlcheck/nemesis"
)

// An impairment of which another fault cuts every link proves nothing while it is
// covered: then it is idle, or proved once the cut is over.
func TestAnImpairmentUnderACutIsIdleOrProvedLater(t *testing.T) {
	cut := nemesis.Fault{ID: 1, Kind: nemesis.Partition, Links: []history.Link{{From: "n1", To: "n2"}, {From: "n1", To: "n3"}}}
	slow := slowed(0, 0, nemesis.Impairment{Delay: 20 * time.Millisecond})
	slow.ID = 2
	for name, c := range map[string]struct {
		cut, slow [2]time.Duration
		lies      bool
		phases    []string
		state     string
		verdict   checker.Verdict
	}{
		"wholly": {
			[2]time.Duration{500, 2500},
			[2]time.Duration{1000, 2000},
			false,
			[]string{history.Planned, history.Covered, history.Healing, history.Healed},
			"idle", checker.Holds,
		},
		"at first": {
			[2]time.Duration{500, 1500},
			[2]time.Duration{1000, 2000},
			false,
			[]string{history.Planned, history.Covered, history.Effective, history.Healing, history.Healed},
			"effective", checker.Holds,
		},
		"at first, and then it is not there": {
			[2]time.Duration{500, 1500},
			[2]time.Duration{1000, 2000},
			true,
			[]string{history.Planned, history.Covered, history.Absent, history.Healing, history.Healed},
			"absent", checker.Unknown,
		},
	} {
		test := with(func(t *Test) {
			one, other := cut, slow
			one.From, one.Until = c.cut[0]*time.Millisecond, c.cut[1]*time.Millisecond
			other.From, other.Until = c.slow[0]*time.Millisecond, c.slow[1]*time.Millisecond
			t.Faults = []nemesis.Fault{one, other}
		})
		r, s := staged(t, test)
		if own := s.Cluster.Fabric(); c.lies {
			s.apply = func(ctx context.Context, st nemesis.State) error {
				st.Links = nil
				return own.Apply(ctx, st)
			}
		}
		o := finish(t, r, s)
		f := o.Results.Faults[1]
		if got := phases(recorded(t, r), 2); !slices.Equal(got, c.phases) || f.State != c.state || o.Results.Verdict != c.verdict {
			t.Errorf("%s: %v, %+v, %s: %s", name, got, f, o.Results.Verdict, o.Results.Why)
		}
		if c.state == "idle" && !strings.Contains(f.Note, "it cannot act") {
			t.Errorf("%s: %q", name, f.Note)
		}
	}
}
