package nemesis

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// drawSource draws a source of any kind, that can be drawn from four leaders or more.
func drawSource(t *rapid.T) Source {
	k := rapid.SampledFrom(Kinds()).Draw(t, "kind")
	s := Source{Kind: k.Name}
	if rapid.Bool().Draw(t, "shapes") {
		s.Shapes = rapid.SliceOfNDistinct(rapid.SampledFrom(k.Shapes), 1, 3, rapid.ID).Draw(t, "some")
	}
	maybe := func(d *time.Duration, name string, low, high int) {
		if rapid.Bool().Draw(t, name) {
			*d = time.Duration(rapid.IntRange(low, high).Draw(t, name+" ms")) * time.Millisecond
		}
	}
	maybe(&s.Every, "every", 1000, 20_000)
	most := 20_000
	if s.Every > 0 {
		most = int(s.Every / time.Millisecond * 9 / 10)
	}
	maybe(&s.For, "for", 300, most)
	maybe(&s.First, "first", 1, 5000)
	maybe(&s.Until, "until", 6000, 90_000)
	if s.Kind == Clock {
		maybe(&s.Skew, "skew", 200, 60_000)
	}
	return s
}

func TestASourceIsReadAsItIsWritten(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := drawSource(t)
		again, err := ParseSource(s.String())
		if diff := cmp.Diff(s, again); err != nil || diff != "" {
			t.Fatalf("%s: %v %s", s, err, diff)
		}
		list := Sources{Partition, s.String(), "gentle"}.Tidy()
		doc, err := yaml.Marshal(list)
		if err != nil {
			t.Fatal(err)
		}
		var read Sources
		if err := yaml.UnmarshalWithOptions(doc, &read, yaml.Strict()); err != nil || !slices.Equal(read, list) {
			t.Fatalf("%v is written as\n%s\nand read as %v: %v", list, doc, read, err)
		}
	})
}

func TestFaultsComeInTheRhythmOfTheirSource(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := drawNetwork(t)
		s := drawSource(t)
		d.Kinds, d.Skew, d.Time = []string{s.String()}, time.Second, time.Duration(rapid.IntRange(1, 120).Draw(t, "time"))*time.Second
		fs, err := d.Schedule()
		if some := slices.Equal(s.Shapes, []string{"some"}); s.canBe(d) != nil || some && len(d.Nodes) < 3 {
			if err != nil && !strings.Contains(err.Error(), "needs") || err == nil && !some {
				t.Fatalf("%s: want a refusal that says what it needs, got %v", s, err)
			}
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		end := d.Time
		if s.Until > 0 {
			end = min(end, s.Until)
		}
		if err := Check(fs, d.Nodes, d.Links); err != nil {
			t.Fatalf("%s: %v", s, err)
		}
		if s.Every > 0 {
			if most := int(max(end-s.First, 0)/s.Every) + 1; len(fs) > most {
				t.Fatalf("%d faults in %s, one in %s", len(fs), end-s.First, s.Every)
			}
			if least := int((end-max(s.First, s.Every/4))/s.Every) - 1; len(fs) < least {
				t.Fatalf("%s: %d faults until %s, at least %d were asked for", s, len(fs), end, least)
			}
		}
		for i, f := range fs {
			length := f.Until - f.From
			switch {
			case f.Kind != s.Kind, len(s.Shapes) > 0 && !slices.Contains(s.Shapes, f.Shape):
				t.Fatalf("%s gives %s %s", s, f.Kind, f.Shape)
			case f.From < s.First || f.Until > end:
				t.Fatalf("%s gives one from %s until %s", s, f.From, f.Until)
			case s.For > 0 && f.Flap == 0 && length != s.For.Truncate(time.Millisecond):
				t.Fatalf("%s gives one for %s", s, length)
			case i > 0 && f.From <= fs[i-1].Until:
				t.Fatalf("%s: %v begins before %v has ended", s, f, fs[i-1])
			}
			for _, c := range f.Clocks {
				if s.Skew > 0 && c.Offset.Abs() > s.Skew {
					t.Fatalf("%s gives %s", s, f)
				}
			}
		}
	})
}

func TestTwoSourcesOfOneKindAreIndependent(t *testing.T) {
	d := Draw{Nodes: nodes, Links: mesh(nodes), Time: time.Minute, Seed: 9}
	of := func(texts ...string) (all []string) {
		d.Kinds = texts
		fs, err := d.Schedule()
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range fs {
			all = append(all, fmt.Sprint(f.From, f.Until, f))
		}
		slices.Sort(all)
		return all
	}
	one, other := of("partition:link:every=6s:for=2s"), of("partition:bridge:every=9s:for=1s")
	both := of("partition:link:every=6s:for=2s", "partition:bridge:every=9s:for=1s")
	if want := slices.Sorted(slices.Values(slices.Concat(one, other))); len(one) == 0 || len(other) == 0 || !slices.Equal(want, both) {
		t.Errorf("%v and %v come to %v", one, other, both)
	}
}

func TestSourcesThatMakeNoSenseAreRefused(t *testing.T) {
	for text, want := range map[string]string{
		"fire":                         "no kind of fault is called \"fire\"",
		"partition:square":             "partition has no shape \"square\"",
		"partition:every=often":        "\"every=often\"",
		"partition:speed=5s":           "\"speed=5s\"",
		"partition:every=-5s":          "a time above 0",
		"partition:every=10ms":         "1s is the least",
		"partition:for=1ms":            "300ms is the least",
		"partition:every=2s:for=2s":    "nine tenths",
		"partition:first=5s:until=4s":  "ends before it begins",
		"partition:skew=5s":            "only faults of the kind clock",
		"clock:skew=1ms":               "200ms is the least",
		"partition:":                   "no shape \"\"",
		"gentle:every=5s":              "\"gentle\" is a profile",
		"partition:bridge:every=5s:=1": "\"=1\"",
	} {
		if _, err := Expand([]string{text}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: want a refusal with %q, got %v", text, want, err)
		}
	}
	for text, want := range map[string]string{
		"- {kind: partition, every: 5s, speed: 3}": "speed",
		"- {every: 5s}": "no kind",
	} {
		var s Sources
		err := yaml.UnmarshalWithOptions([]byte(text), &s, yaml.Strict())
		if err == nil {
			_, err = Expand(s)
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, %v", text, s, err)
		}
	}
}

// Every profile gives faults of each of its sources, for as few leaders as it says.
func TestEveryProfileCanBeDrawn(t *testing.T) {
	for _, p := range Profiles() {
		for _, text := range p.Sources {
			if s, err := ParseSource(text); err != nil || s.String() != text {
				t.Errorf("%s: %s is %s: %v", p.Name, text, s, err)
			}
		}
		for _, whole := range []time.Duration{4 * time.Second, 20 * time.Second, 2 * time.Minute} {
			d := Draw{Kinds: []string{p.Name}, Nodes: nodes, Links: mesh(nodes), Skew: time.Second, Time: whole, Seed: 3}
			fs, err := d.Schedule()
			if err != nil {
				t.Fatal(err)
			}
			if len(fs) < len(p.Sources) {
				t.Errorf("%s: %d faults in %s", p.Name, len(fs), whole)
			}
		}
	}
}
