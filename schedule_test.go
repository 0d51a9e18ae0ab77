package mlcheck

import (
	"errors"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/mlcheck/mlcheck/history"
	"github.com/mlcheck/mlcheck/nemesis"
)

func clockFault(from, until, offset time.Duration, ppm int64) nemesis.Fault {
	return nemesis.Fault{ID: 1, Kind: nemesis.Clock, From: from, Until: until, Clocks: []nemesis.Skew{{Node: "n1", Offset: offset, PPM: ppm}}}
}

func cutFault(from, until time.Duration) nemesis.Fault {
	return nemesis.Fault{ID: 1, Kind: nemesis.Partition, From: from, Until: until, Links: []history.Link{{From: "n1", To: "n2"}}}
}

func TestFaultsThatNobodyCouldMeasureAreRefused(t *testing.T) {
	s := time.Second
	for want, f := range map[string]nemesis.Fault{
		"lasts until 21s, but the run's time is 20s": cutFault(19*s, 21*s),
		"lasts until 40s":     cutFault(30*s, 40*s),
		"too weak to be told": clockFault(s, 2*s, 20*time.Millisecond, 0),
		"900ms after its start the clock of n1 is off by 9ms": clockFault(s, 2*s, 0, -10_000),
	} {
		_, err := Test{Faults: []nemesis.Fault{f}}.Complete()
		if u := new(UsageError); !errors.As(err, &u) || !strings.Contains(err.Error(), want) {
			t.Errorf("want a refusal with %q, got %v", want, err)
		}
	}
	for _, f := range []nemesis.Fault{cutFault(0, 20*s), clockFault(0, 20*s, -50*time.Millisecond, 0), clockFault(s, 9*s, 0, 10_000)} {
		if _, err := (Test{Faults: []nemesis.Fault{f}}).Complete(); err != nil {
			t.Errorf("%s from %s until %s: %v", f, f.From, f.Until, err)
		}
	}
}

func TestEverySeedAndSkewGivesAScheduleThatCanBeProved(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		test := Test{
			Leaders: rapid.IntRange(2, 9).Draw(t, "leaders"), Topology: rapid.SampledFrom([]string{"ring", "all-to-all"}).Draw(t, "topology"),
			Nemesis: []string{"clock", "partition", "clock"}, Seed: rapid.Uint64().Draw(t, "seed"),
			Time: time.Duration(rapid.Int64Range(int64(time.Second), int64(3*time.Minute)).Draw(t, "time")),
			Skew: time.Duration(rapid.Int64Range(int64(200*time.Millisecond), int64(365*24*time.Hour)).Draw(t, "skew")),
		}
		full, err := test.Complete()
		if err != nil {
			t.Fatal(err)
		}
		if len(full.Nemesis) != 2 {
			t.Fatalf("a kind that is named twice is drawn twice: %v", full.Nemesis)
		}
		again, err := full.Complete()
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(document(t, full), document(t, again)); diff != "" {
			t.Fatalf("what Complete returns does not complete to itself: %s", diff)
		}
		if diff := cmp.Diff(document(t, full), document(t, parse(t, document(t, full)))); diff != "" {
			t.Fatalf("the stored document is read as another: %s", diff)
		}
	})
}

func TestImpossibleSizesAreRefusedBeforeTheyAreMade(t *testing.T) {
	for want, test := range map[string]Test{
		"leaders":  {Leaders: math.MaxInt},
		"sessions": {Sessions: math.MaxInt},
		"keys":     {Keys: math.MaxInt},
		"rate":     {Rate: math.NaN()},
		"reads":    {Reads: Share(-0.1)},
		"moves":    {Moves: Share(math.Inf(1))},
		"time":     {Time: math.MaxInt64},
		"timeout":  {Timeout: -1},
		"quiet":    {Quiet: 1},
		"skew":     {Skew: time.Millisecond},
	} {
		_, err := test.Complete()
		if u := new(UsageError); !errors.As(err, &u) || !strings.HasPrefix(err.Error(), want+" must be between") {
			t.Errorf("%s: %v", want, err)
		}
	}
}

func document(t *rapid.T, test Test) string {
	doc, err := test.JSON()
	if err != nil {
		t.Fatal(err)
	}
	return string(doc)
}

func parse(t *rapid.T, doc string) Test {
	var read Test
	if err := yaml.UnmarshalWithOptions([]byte(doc), &read, yaml.Strict()); err != nil {
		t.Fatal(err)
	}
	return read
}
