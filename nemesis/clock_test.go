package nemesis

import (
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestAStrobeIsOffAndRightByTurnsBesideWhateverElseIsWrong(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		ms := func(name string, low, high int) time.Duration {
			return time.Duration(rapid.IntRange(low, high).Draw(t, name)) * time.Millisecond
		}
		strobe := clockFault(1, ms("from", 0, 9000), 20*time.Second, Skew{Node: "n1", Offset: ms("offset", -5000, 5000), Period: ms("period", 1, 3000)})
		other := clockFault(2, ms("other from", 0, 9000), 30*time.Second, Skew{Node: "n1", Offset: ms("other", -5000, 5000), PPM: int64(rapid.IntRange(-900, 900).Draw(t, "ppm")) * 1000})
		at := ms("at", 0, 31_000)
		var want time.Duration // the definition, written down naively
		if at >= strobe.From && at < strobe.Until && (at-strobe.From)/strobe.Clocks[0].Period%2 == 0 {
			want += strobe.Clocks[0].Offset
		}
		if at >= other.From && at < other.Until {
			want += other.Clocks[0].Offset + time.Duration(float64(other.Clocks[0].PPM)*float64(at-other.From)/1e6)
		}
		s := At([]Fault{strobe, other}, at)
		if got := s.Clock("n1").At(at); (got - want).Abs() > time.Microsecond {
			t.Fatalf("it is off by %s, want %s", got, want)
		}
	})
}

func TestEveryShapeOfAClockFaultIsDrawnAndIsWhatItsNameSays(t *testing.T) {
	d := Draw{Kinds: []string{Clock}, Nodes: nodes, Links: mesh(nodes), Skew: 5 * time.Second, Strobe: 500 * time.Millisecond, Time: time.Minute}
	seen := map[string]int{}
	for d.Seed = range uint64(60) {
		fs, err := d.Schedule()
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range fs {
			seen[f.Shape]++
			c := f.Clocks[0]
			offsets := map[time.Duration]bool{}
			for _, c := range f.Clocks {
				offsets[c.Offset] = true
				if c.PPM == 0 && (c.Offset.Abs() < d.Skew/5 || c.Offset.Abs() > d.Skew) {
					t.Errorf("%s is not between a fifth of %s and all of it", f, d.Skew)
				}
			}
			good := map[string]bool{
				"bump":      c.Offset != 0 && c.PPM == 0 && c.Period == 0,
				"jump-back": c.Offset < 0 && c.PPM == 0 && c.Period == 0,
				"drift":     c.Offset == 0 && c.PPM != 0 && c.Period == 0,
				"strobe":    c.Offset != 0 && c.PPM == 0 && c.Period >= d.Strobe/5 && c.Period <= d.Strobe && 4*c.Period <= f.Until-f.From,
				"scramble":  len(f.Clocks) == len(nodes) && len(offsets) == len(nodes),
			}[f.Shape]
			if !good || f.Shape != "scramble" && len(f.Clocks) != 1 {
				t.Errorf("%+v is no %s", f.Clocks, f.Shape)
			}
		}
		if err := Check(fs, nodes, d.Links); err != nil {
			t.Error(err)
		}
	}
	if len(seen) != 5 {
		t.Errorf("drawn were only %v", seen)
	}
}

func TestStrobesThatMakeNoSenseAreRefused(t *testing.T) {
	s := time.Second
	strobe := Skew{Node: "n1", Offset: s, Period: s}
	for want, fs := range map[string][]Fault{
		"above 0, not -1s":                  {clockFault(1, s, 4*s, Skew{Node: "n1", Offset: s, Period: -s})},
		"a drift can be a fault of its own": {clockFault(1, s, 4*s, Skew{Node: "n1", Offset: s, PPM: 5, Period: s})},
		"needs an offset to jump to":        {clockFault(1, s, 4*s, Skew{Node: "n1", PPM: 5, Period: s})},
		"two periods at least":              {clockFault(1, s, 2*s, strobe)},
		"faults 1 and 2 all let n1's":       {clockFault(1, s, 4*s, strobe), clockFault(2, 3*s, 6*s, strobe)},
	} {
		if err := Check(fs, nodes, mesh(nodes)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want a refusal with %q, got %v", want, err)
		}
	}
	for _, fs := range [][]Fault{
		{clockFault(1, s, 3*s, strobe), clockFault(2, 3*s, 6*s, strobe)},
		{clockFault(1, s, 4*s, strobe), clockFault(2, 3*s, 6*s, Skew{Node: "n2", Offset: s, Period: s}), clockFault(3, 3*s, 6*s, Skew{Node: "n1", Offset: s, PPM: 9})},
	} {
		if err := Check(fs, nodes, mesh(nodes)); err != nil {
			t.Error(err)
		}
	}
}

func TestAClockThatIsRightIsNotInTheState(t *testing.T) {
	s := time.Second
	fs := []Fault{clockFault(1, 0, 9*s, Skew{Node: "n1", Offset: s}), clockFault(2, 0, 9*s, Skew{Node: "n1", Offset: -s})}
	if st := At(fs, s); !st.Healthy() {
		t.Errorf("%+v", st)
	}
	fs = append(fs, clockFault(3, 0, 9*s, Skew{Node: "n1", Offset: s, Period: s}))
	if st := At(fs, s+s/2); st.Healthy() || !slices.Equal(st.Clocks, []ClockState{{Node: "n1", Strobe: Strobe{Offset: s, Period: s}}}) {
		t.Errorf("a strobe is not in force: %+v", st)
	}
}
