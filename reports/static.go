package reports

import (
	"fmt"
	"math"
	"strings"
	"time"
)

// The measures of the static timeline, in the units of its viewBox.
const (
	stW       = 1000.0
	stLeft    = 70.0
	stRight   = 26.0
	stTop     = 20.0
	stFault   = 15.0
	stLane    = 46.0
	stGap     = 8.0
	stClock   = 90.0
	stApartH  = 60.0
	stBuckets = 300
)

// staticTimeline is the overview as a picture: how many operations each leader
// was asked for, per stretch of time and outcome, the faults and the clocks. It
// is what a reader without scripts, a printer, or an old browser gets.
type staticTimeline struct {
	W, H, Left, Right float64
	Stages            []stMark
	Faults            []stFaultRow
	Lanes             []stLaneRow
	Apart             *stApart
	Clock             *stClockPanel
	Axis              []stMark
	AxisY             float64
	Top, Bottom       float64
	LabelX            float64 // of the clocks' scale
	TickY, AxisTextY  float64
	Peak              string // what a full lane means
}

type stMark struct {
	X    float64
	Text string
}

type stBand struct{ X, Y, W, H float64 }

type stFaultRow struct {
	Kind, Label, Title string
	Y, TextY, TextX    float64
	Anchor             string
	Planned            *stBand  // asked for
	Measured           *stBand  // in force, as measured
	Bands              []stBand // over the lanes it concerns
}

type stLaneRow struct {
	Name            string
	Y, BaseY, TextY float64
	Paths           []stPath
}

type stPath struct{ Class, D string }

type stClockPanel struct {
	Y, H   float64
	Lines  []stLine
	Grid   []stMark // X is y here
	ZeroY  float64
	TextY  float64
	Legend []stLegend
}

type stLine struct {
	N       int // the node's colour
	D       string
	Planned bool
}

type stLegend struct {
	N    int
	Name string
	X, Y float64
}

func newStatic(t *timeline) *staticTimeline {
	if t == nil {
		return nil
	}
	s := &staticTimeline{W: stW, Left: stLeft, Right: stW - stRight, Top: stTop, LabelX: stLeft - 6}
	free := 0.0
	for _, st := range t.Stages {
		m := stMark{X: s.x(t, st.T)}
		if wide := 7 * float64(len(st.Name)); m.X >= free && m.X+wide < stW { // else its line alone has to do
			m.Text, free = st.Name, m.X+wide
		}
		s.Stages = append(s.Stages, m)
	}
	y := stTop + 6
	lanesY := y + float64(t.Rows)*stFault + stGap
	for _, f := range t.Faults {
		s.Faults = append(s.Faults, s.fault(t, f, y+float64(f.Row)*stFault, lanesY))
	}
	s.lanes(t, lanesY)
	y = lanesY + float64(len(t.Lanes))*(stLane+stGap)
	if t.Apart != nil {
		s.Apart = s.apart(t, y+6)
		y += stApartH + 16
	}
	if len(t.Clocks) > 0 {
		s.Clock = s.clock(t, y+6)
		y += stClock + 16
	}
	s.Bottom, s.AxisY, s.H = y, y, y+30
	s.TickY, s.AxisTextY = y+5, y+19
	at := ticks(0, float64(t.End)/1e9, 10)
	for _, v := range at {
		s.Axis = append(s.Axis, stMark{s.x(t, int64(v*1e9)), short(v) + " s"})
	}
	return s
}

func (s *staticTimeline) x(t *timeline, ns int64) float64 {
	return round1(s.Left + (s.Right-s.Left)*float64(ns)/float64(t.End))
}

func round1(v float64) float64 { return math.Round(v*10) / 10 }

func (s *staticTimeline) fault(t *timeline, f tlFault, y, lanesY float64) stFaultRow {
	row := stFaultRow{
		Kind: faultClass(f.Kind), Label: fmt.Sprintf("%d %s", f.ID, f.What), Y: y, TextY: y + stFault - 5,
		Title: fmt.Sprintf("fault %d: %s, %s", f.ID, f.What, f.State),
	}
	band := func(from, to int64) *stBand {
		x := s.x(t, from)
		return &stBand{x, y + 2, max(1.5, s.x(t, to)-x), stFault - 5}
	}
	if f.Planned >= 0 {
		until := f.Healing
		if until < 0 {
			until = t.End
		}
		row.Planned = band(f.Planned, until)
	}
	if f.Effective >= 0 {
		row.Measured = band(f.begin(), f.until(t.End))
		for _, lane := range f.Lanes {
			row.Bands = append(row.Bands, stBand{row.Measured.X, lanesY + float64(lane)*(stLane+stGap), row.Measured.W, stLane})
		}
	}
	if f.State != "effective" {
		row.Label += " (" + f.State + ")"
	}
	if t.Rows < len(t.Faults) { // shared rows have no room for words
		row.Label = ""
	}
	row.TextX, row.Anchor = s.faultLabel(row)
	return row
}

// faultLabel puts a fault's words behind its band, or before it where they
// would leave the picture.
func (s *staticTimeline) faultLabel(row stFaultRow) (x float64, anchor string) {
	from, to := s.Left, s.Left
	for _, b := range []*stBand{row.Planned, row.Measured} {
		if b != nil {
			to = max(to, b.X+b.W)
			if from == s.Left || b.X < from {
				from = b.X
			}
		}
	}
	if to+6+6*float64(len(row.Label)) > s.Right {
		return from - 5, "end"
	}
	return to + 5, "start"
}

// faultClass is the style of a kind of fault.
func faultClass(kind string) string {
	switch kind {
	case "partition", "clock":
		return "k-" + kind
	}
	return "k-other"
}

func (s *staticTimeline) lanes(t *timeline, y float64) {
	counts := t.counts(stBuckets)
	peak := 1
	for _, lane := range counts {
		for b := range stBuckets {
			sum := 0
			for c := range lane {
				sum += lane[c][b]
			}
			peak = max(peak, sum)
		}
	}
	w := (s.Right - s.Left) / stBuckets
	for i, name := range t.Lanes {
		row := stLaneRow{Name: clip(name, 9), Y: y + float64(i)*(stLane+stGap)}
		row.BaseY, row.TextY = row.Y+stLane, row.Y+stLane/2+4
		base := make([]float64, stBuckets)
		for c := range classes {
			var d strings.Builder
			for b, n := range counts[i][c] {
				if n == 0 {
					continue
				}
				h := float64(n) / float64(peak) * (stLane - 2)
				fmt.Fprintf(&d, "M%.1f %.1fh%.1fv%.1fh-%.1fz", s.Left+float64(b)*w, row.Y+stLane-base[b], w, -h, w)
				base[b] += h
			}
			if d.Len() > 0 {
				row.Paths = append(row.Paths, stPath{c.String(), d.String()})
			}
		}
		s.Lanes = append(s.Lanes, row)
	}
	bucket := time.Duration(t.End / stBuckets)
	s.Peak = fmt.Sprintf("A lane's full height is %s begun within %s.", plural(peak, "operation"), span(bucket))
}

func (s *staticTimeline) clock(t *timeline, y float64) *stClockPanel {
	lo, hi := clockRange(t.Clocks)
	p := &stClockPanel{Y: y, H: stClock, TextY: y + 10}
	toY := func(off int64) float64 { return round1(y + stClock - stClock*(float64(off)-lo)/(hi-lo)) }
	p.ZeroY = toY(0)
	at := ticks(lo, hi, 4)
	for _, v := range at {
		label := signed(time.Duration(v))
		if v == 0 {
			label = "±0"
		}
		p.Grid = append(p.Grid, stMark{toY(int64(v)), label})
	}
	for n, c := range t.Clocks {
		var d strings.Builder
		for i, pt := range c.Points {
			fmt.Fprintf(&d, "%c%.1f %.1f", "LM"[b2i(i == 0)], s.x(t, pt[0]), toY(pt[1]))
		}
		if d.Len() > 0 {
			p.Lines = append(p.Lines, stLine{N: n % nodeColors, D: d.String()})
		}
		for _, pl := range c.Planned {
			p.Lines = append(p.Lines, stLine{N: n % nodeColors, Planned: true, D: fmt.Sprintf("M%.1f %.1fL%.1f %.1f", s.x(t, pl[0]), toY(pl[1]), s.x(t, pl[2]), toY(pl[3]))})
		}
		p.Legend = append(p.Legend, stLegend{N: n % nodeColors, Name: c.Node, X: s.Left + 8 + 46*float64(n), Y: y + 11})
	}
	return p
}

// nodeColors is how many colours there are for the nodes' clocks.
const nodeColors = 6

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}

// clockRange is what the panel of clocks must span, with zero and some air.
func clockRange(cs []tlClock) (lo, hi float64) {
	for _, c := range cs {
		for _, p := range c.Points {
			lo, hi = min(lo, float64(p[1])), max(hi, float64(p[1]))
		}
		for _, p := range c.Planned {
			lo, hi = min(lo, float64(p[1]), float64(p[3])), max(hi, float64(p[1]), float64(p[3]))
		}
	}
	air := max((hi-lo)*0.08, 1e6) // at least ±1 ms, or noise looks like a fault
	return lo - air, hi + air
}
