package docker

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/mlcheck/mlcheck/internal/agent"
	"github.com/mlcheck/mlcheck/nemesis"
)

// some are States that concern n1 alone, or its links.
func some(at time.Duration) map[string]nemesis.State {
	bad := nemesis.LinkState{Impairment: nemesis.Impairment{Delay: 20 * time.Millisecond}}
	bad.From, bad.To = "n1", "n2"
	return map[string]nemesis.State{
		"cut":      {Cut: links("n1", "n2", "n2", "n1", "n1", "n3", "n3", "n1")},
		"impaired": {Links: []nemesis.LinkState{bad}},
		"clock":    {Clocks: []nemesis.ClockState{{Node: "n1", Offset: time.Minute, Since: at}}},
		"paused":   {Paused: []string{"n1"}},
	}
}

func patched(_ *Config, e *echo) { e.clock = agent.VDSO }

// BenchmarkApply is a change of State on three nodes, there and back, each
// confirmed by all agents.
func BenchmarkApply(b *testing.B) {
	c := started(b, patched)
	for _, name := range []string{"cut", "impaired", "clock", "paused"} {
		b.Run(name, func(b *testing.B) {
			var took []time.Duration
			for i := 0; b.Loop(); i++ {
				var s nemesis.State
				if i%2 == 0 {
					s = some(c.Now())[name]
				}
				began := time.Now()
				if err := c.Fabric().Apply(context.Background(), s); err != nil {
					b.Fatal(err)
				}
				took = append(took, time.Since(began))
			}
			if err := c.Fabric().Apply(context.Background(), nemesis.State{}); err != nil {
				b.Fatal(err)
			}
			slices.Sort(took)
			b.ReportMetric(took[len(took)/2].Seconds()*1e3, "median-ms")
			b.ReportMetric(took[len(took)*99/100].Seconds()*1e3, "p99-ms")
		})
	}
}

// BenchmarkMeasure is a proof of six links, one of them cut.
func BenchmarkMeasure(b *testing.B) {
	c := started(b)
	if err := c.Fabric().Apply(context.Background(), nemesis.State{Cut: links("n1", "n2")}); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := c.Fabric().Measure(context.Background()); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkRoundTrip is a question and its answer over the link n2→n3, which no
// fault concerns: before any, and while others suffer.
func BenchmarkRoundTrip(b *testing.B) {
	const questions = 200
	c := started(b, patched)
	for _, name := range []string{"healthy", "cut", "impaired", "clock", "paused"} {
		b.Run(name, func(b *testing.B) {
			if err := c.Fabric().Apply(context.Background(), some(c.Now())[name]); err != nil {
				b.Fatal(err)
			}
			var medians []int
			for b.Loop() {
				answer, err := ask(context.Background(), c.nodes[1], fmt.Sprintf("rtt %s %d", echoAt(c.nodes[2]), questions))
				if err != nil {
					b.Fatal(err)
				}
				n, err := strconv.Atoi(answer)
				if err != nil {
					b.Fatal(answer)
				}
				medians = append(medians, n)
			}
			slices.Sort(medians)
			b.ReportMetric(float64(medians[len(medians)/2])/1e3, "median-µs/question")
		})
	}
}
