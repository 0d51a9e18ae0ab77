package mlcheck

import (
	"strings"
	"testing"
	"time"

	"github.com/mlcheck/mlcheck/checker"
	"github.com/mlcheck/mlcheck/history"
	"github.com/mlcheck/mlcheck/nemesis"
)

// arrivesLate makes the probes of a link take longer on average than the fastest.
func arrivesLate(m nemesis.Measured, l history.Link) {
	p := m.Probes[l]
	p.Mean = p.Least + 30*time.Millisecond
	m.Probes[l] = p
}

// A busy machine lets packets wait that wait for the agent: what was asked for is there
// all the same. Where nothing is asked for, the same lateness is an impairment.
func TestLatenessOnABadLinkIsSaidAndOnAHealthyOneIsNotHealed(t *testing.T) {
	l := history.Link{From: "n1", To: "n2"}
	f := nemesis.Fault{ID: 1, Kind: nemesis.Link, From: time.Second, Until: 2 * time.Second, Links: []history.Link{l}, Impair: &nemesis.Impairment{Loss: 300_000}}
	r, s := staged(t, with(func(t *Test) { t.Faults = []nemesis.Fault{f} }))
	s.measure = func(m nemesis.Measured) {
		if now := s.Now(); now > f.From && now < f.Until {
			arrivesLate(m, l)
		}
	}
	o := finish(t, r, s)
	if is := o.Results.Faults[0]; is.State != "effective" || !strings.Contains(is.Note, "from n1 to n2 also took 30ms longer") || o.Results.Verdict != checker.Holds {
		t.Errorf("%s: %+v", o.Results.Verdict, is)
	}
	r, s = staged(t, with(func(t *Test) { t.Faults = []nemesis.Fault{f} }))
	s.measure = func(m nemesis.Measured) {
		if s.Now() > f.Until {
			arrivesLate(m, l)
		}
	}
	if _, err := r.run(t.Context()); err == nil || !strings.Contains(err.Error(), "from n1 to n2 probes took 30ms longer on average") {
		t.Error(err)
	}
}
