package reports

import (
	"fmt"
	"strings"

	"github.com/mlcheck/mlcheck/checker"
)

// tlApart is how far leaders were apart over the run: of each stretch of Step
// the share of keys in which some leader was behind, and that of keys whose last
// reads at two leaders differed, in thousandths; -1 where no key was in use.
type tlApart struct {
	Step   int64 // ns
	Behind []int // nil where nobody can tell
	Differ []int
}

func newApart(res *checker.Results) *tlApart {
	if res == nil || res.Replication == nil || res.Replication.OverTime == nil {
		return nil
	}
	o := res.Replication.OverTime
	a := &tlApart{Step: o.Step, Differ: shares(o.Differing, o.Shown)}
	if len(o.Behind) > 0 {
		a.Behind = shares(o.Behind, o.Shown)
	}
	return a
}

// shares are parts of wholes, in thousandths.
func shares(parts, wholes []int) []int {
	out := make([]int, 0, len(wholes))
	for i, n := range wholes {
		if n == 0 || i >= len(parts) {
			out = append(out, -1)
			continue
		}
		out = append(out, 1000*parts[i]/n)
	}
	return out
}

// stApart is the panel of the static timeline.
type stApart struct {
	Y, H          float64
	Behind        string // the path of an area
	Differ        string // the path of a line
	Grid          []stMark
	TextY, LabelY float64
}

func (s *staticTimeline) apart(t *timeline, y float64) *stApart {
	p := &stApart{Y: y, H: stApartH, TextY: y + 10}
	toY := func(share int) float64 { return round1(y + stApartH - stApartH*float64(share)/1000) }
	for _, share := range []int{0, 500, 1000} {
		p.Grid = append(p.Grid, stMark{toY(share), fmt.Sprintf("%d %%", share/10)})
	}
	x := func(i int) float64 { return s.x(t, min(int64(2*i+1)*t.Apart.Step/2, t.End)) } // sample i is of (i+1)·Step
	p.Differ = steps(t.Apart.Differ, func(d *strings.Builder, i, share int, joins bool) {
		if !joins {
			fmt.Fprintf(d, "M%.1f %.1f", x(i), toY(share))
		}
		fmt.Fprintf(d, "V%.1fH%.1f", toY(share), x(i+1))
	})
	p.Behind = steps(t.Apart.Behind, func(d *strings.Builder, i, share int, _ bool) {
		if share > 0 {
			fmt.Fprintf(d, "M%.1f %.1fV%.1fH%.1fV%.1fz", x(i), toY(0), toY(share), x(i+1), toY(0))
		}
	})
	return p
}

// steps writes a path of a step for each share that is known; joins says whether
// the one before was known too.
func steps(shares []int, step func(d *strings.Builder, i, share int, joins bool)) string {
	var d strings.Builder
	for i, share := range shares {
		if share >= 0 {
			step(&d, i, share, i > 0 && shares[i-1] >= 0)
		}
	}
	return d.String()
}
