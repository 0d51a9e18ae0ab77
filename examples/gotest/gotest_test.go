// Package gotest shows mlcheck inside go test: the Test is a value, the
// verdict is an assertion, and the run folder stays where the failure says.
package gotest

import (
	"context"
	"testing"
	"time"

	"github.com/mlcheck/mlcheck"
	"github.com/mlcheck/mlcheck/checker"
)

func TestHybridClocksSurviveSkew(t *testing.T) {
	out, err := mlcheck.Run(context.Background(), mlcheck.Test{
		Target:   "reference",
		Options:  map[string]string{"policy": "lww-hlc"},
		Workload: "register",
		Nemesis:  []string{"partition", "clock"},
		Time:     10 * time.Second,
		Claims:   []string{"convergence", "no-stale-wins"},
		Seed:     1,
	}, mlcheck.Options{Store: "store"}) // beside this file, with a .gitignore of its own
	if err != nil {
		t.Fatal(err)
	}
	if out.Results.Verdict != checker.Holds {
		t.Errorf("%s: %s\nreport: %s/report.html\nagain:  %s", out.Results.Verdict, out.Results.Why, out.Dir, out.Results.Repeat)
	}
}

// Many seeds, on all processors. Runs that break nothing leave nothing behind.
func TestHybridClocksSurviveSkewWithManySeeds(t *testing.T) {
	s, err := mlcheck.Soak(context.Background(), mlcheck.Campaign{
		Test: mlcheck.Test{
			Options: map[string]string{"policy": "lww-hlc"},
			Nemesis: []string{"partition", "clock"},
			Time:    3 * time.Second,
			Claims:  []string{"no-stale-wins"},
		},
		Axes:  []mlcheck.Axis{{Name: "topology", Values: []string{"all-to-all", "ring"}}},
		Seeds: mlcheck.Seeds{First: 1, Last: 10},
	}, mlcheck.SoakOptions{Store: "store"})
	if err != nil {
		t.Fatal(err)
	}
	if s.Verdict != checker.Holds {
		t.Errorf("%s: %s", s.Verdict, s.Why)
	}
}
