package docker

import (
	"testing"
	"time"

	"github.com/mlcheck/mlcheck/internal/agent"
	"github.com/mlcheck/mlcheck/nemesis"
)

// A cut that comes or goes takes few probes to see, whatever else is wrong with its link: a
// schedule of many faults has no time for more.
func TestOnlyAnotherImpairmentIsMeasuredThoroughly(t *testing.T) {
	l := links("n1", "n2")[0]
	f := newFabric(&Cluster{cfg: Config{Links: links("n1", "n2")}})
	bad := func(i nemesis.Impairment, cut bool) nemesis.State {
		s := nemesis.State{Links: []nemesis.LinkState{{Link: l, Impairment: i}}}
		if cut {
			s.Cut = links("n1", "n2")
		}
		return s
	}
	bursty, narrow := nemesis.Impairment{Loss: 210_000, Burst: 10}, nemesis.Impairment{Rate: 12_000}
	for _, step := range []struct {
		what string
		next nemesis.State
		sent int
		full bool
	}{
		{"nothing", nemesis.State{}, agent.Probes, false},
		{"losses in bursts", bad(bursty, false), bursty.Probes(), true},
		{"a cut of the same link", bad(bursty, true), manyInBursts, false},
		{"the end of the cut", bad(bursty, false), manyInBursts, false},
		{"another impairment", bad(narrow, false), max(narrow.Probes(), bursty.Probes()), true},
		{"a cut of that", bad(narrow, true), agent.Probes, false},
		{"the end of that cut", bad(narrow, false), agent.Probes, false},
		{"health", nemesis.State{}, narrow.Probes(), true},
		{"health once more", nemesis.State{}, narrow.Probes(), true},
	} {
		f.owe(step.next)
		f.state = step.next
		if r := f.newRound(); r.sent[l] != step.sent || r.full[l] != step.full {
			t.Errorf("%s: %d probes, thorough: %v; want %d, %v", step.what, r.sent[l], r.full[l], step.sent, step.full)
		}
	}
	if bursty.Probes() <= manyInBursts || narrow.Probes() <= agent.Probes || time.Duration(bursty.Burst) >= manyInBursts {
		t.Error("these impairments show nothing")
	}
}
