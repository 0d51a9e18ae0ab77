package mlcheck

import (
	"context"
	"testing"
	"time"

	"github.com/mlcheck/mlcheck/checker"
)

// simulation is the run by which the speed of the simulated world is measured:
// a minute of five leaders and twenty sessions, about 100,000 operations.
func simulation(nemesis ...string) Test {
	return Test{
		Leaders: 5, Sessions: 20, Rate: 83, Time: time.Minute, Nemesis: nemesis, Seed: 1,
		Options: map[string]string{"policy": "lww-hlc", "delivery": "fifo"},
	}
}

// BenchmarkSimulation is one such run after the other: calm, with faults, and with
// the check of everything that it claims. Run it with -cpu 1 for one core.
func BenchmarkSimulation(b *testing.B) {
	for _, c := range []struct {
		name  string
		test  Test
		check bool
	}{
		{"calm", simulation(), false},
		{"faults", simulation("partition", "clock"), false},
		{"checked", simulation("partition", "clock"), true},
	} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			ops := 0
			for b.Loop() {
				p, err := c.test.plan()
				if err != nil {
					b.Fatal(err)
				}
				h, err := p.simulated(context.Background())
				if err != nil {
					b.Fatal(err)
				}
				if ops += h.Len(); c.check {
					checker.Check(context.Background(), h, checker.Options{})
				}
			}
			seconds := b.Elapsed().Seconds()
			b.ReportMetric(float64(ops)/float64(b.N), "operations")
			b.ReportMetric(float64(ops)/seconds, "operations/s")
			b.ReportMetric(float64(b.N)*c.test.Time.Seconds()/seconds, "virtual-s/s")
		})
	}
}
