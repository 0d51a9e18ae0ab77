package mlcheck

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mlcheck/mlcheck/checker"
	"github.com/mlcheck/mlcheck/history"
	"github.com/mlcheck/mlcheck/nemesis"
)

func TestACutThatIsToRejectAndDoesNotIsAbsent(t *testing.T) {
	test := with(func(t *Test) {
		f := cutFault(time.Second, 2*time.Second)
		f.Reject = true
		t.Faults = []nemesis.Fault{f}
	})
	r, s := staged(t, test)
	o := finish(t, r, s)
	if f := o.Results.Faults[0]; f.State != "effective" || !strings.Contains(f.What, "refused") {
		t.Errorf("%+v", f)
	}
	for want, measure := range map[string]func(nemesis.Measured){
		"was not refused":  func(m nemesis.Measured) { m.Refused[history.Link{From: "n1", To: "n2"}] = false },
		"was not measured": func(m nemesis.Measured) { clear(m.Refused) },
	} {
		r, s := staged(t, test)
		s.measure = measure
		o := finish(t, r, s)
		if got := phases(recorded(t, r), 1); !slices.Contains(got, history.Absent) || o.Results.Verdict != checker.Unknown || !strings.Contains(o.Results.Faults[0].Note, want) {
			t.Errorf("%s: %v, %s, %+v", want, got, o.Results.Verdict, o.Results.Faults[0])
		}
	}
}
