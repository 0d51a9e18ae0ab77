package reports

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"time"
	"unicode/utf8"

	"github.com/mlcheck/mlcheck/checker"
	"github.com/mlcheck/mlcheck/history"
)

// The measures of a space-time diagram, in the units of its viewBox. A label's
// width is guessed from its runes, on the generous side.
const (
	dgLeft    = 84 // names of leaders
	dgRight   = 30
	dgTop     = 4
	dgRow     = 48 // one row of bars, label included
	dgLanePad = 12
	dgBar     = 10
	dgRune    = 7.3
	dgMinGap  = 26   // between two neighbouring instants
	dgWide    = 940  // as far as a diagram of few instants is stretched
	dgStretch = 2.5  // but no more than by this
	dgLogGap  = 15   // more, for every factor of ten of time between them
	dgAxis    = 54   // below the lanes
	dgMaxOps  = 14   // more make no picture
	dgFits    = 1250 // up to this width it is shrunk to its card; beyond, it scrolls
	dgTick    = 86   // room that a time label needs
	dgArrow   = 5.5  // length of an arrow head
)

// diagram is a space-time diagram: a lane for each leader involved, operations
// as bars, the argument's edges as arrows. Its order is true; its distances are
// logarithmic, because the milliseconds of a race and the seconds until the
// final reads have to fit in one picture. The caption says so, and every bar's
// times are on the axis.
type diagram struct {
	W, H    float64
	Fits    bool // shrink it to the width that there is
	AxisY   float64
	Lanes   []dgLane
	Bars    []dgBarShape
	Arrows  []dgArrowShape
	Ticks   []dgTickShape
	Breaks  []string // paths: where more than a second is left out of the axis
	Caption string
	Alt     string
}

type dgLane struct {
	Name        string
	Y, H, TextY float64
	Odd         bool
}

type dgBarShape struct {
	X, Y, W, H     float64
	Class          string // read, write, info, fail
	Open           bool   // never answered
	Label          string
	LabelX, LabelY float64
	Href           string
	Title          string
}

type dgArrowShape struct {
	Path, Head string
	Kind       string
	Class      string
	X, Y       float64 // of the kind's text
	Title      string
}

type dgTickShape struct {
	X      float64
	Y2     float64
	Text   string // "" where there is no room
	TextY  float64
	Anchor string
}

// newDiagram draws the operations of a finding; nil for one that stands alone,
// of which a picture would say nothing.
func newDiagram(ops []history.Op, edges []checker.Edge, href func(index int) string) *diagram {
	if len(ops) < 2 {
		return nil
	}
	d := &diagram{Caption: "Left to right is the order in time; distances are not to scale."}
	if len(ops) > dgMaxOps {
		d.Caption += fmt.Sprintf(" The first %d of %d operations are drawn.", dgMaxOps, len(ops))
		ops = ops[:dgMaxOps]
	}
	p := newDgPlot(ops)
	d.lanes(p)
	for i := range p.ops {
		d.bar(p, i, href)
	}
	for i, e := range edges {
		d.arrow(p, e, i)
	}
	d.ticks(p)
	if len(d.Breaks) > 0 {
		d.Caption += " At // more than a second is left out."
	}
	d.Alt = fmt.Sprintf("Space-time diagram of %s at %s; the table says the same in words.",
		plural(len(ops), "operation"), plural(len(d.Lanes), "leader"))
	return d
}

// dgPlot is where everything goes: instants to x, operations to rows.
type dgPlot struct {
	ops     []history.Op
	x0, x1  []float64
	row     []int // within the lane
	lane    []int
	names   []string
	rows    []int     // per lane
	laneY   []float64 // per lane
	xOf     map[time.Duration]float64
	instant []time.Duration
	width   float64
}

func newDgPlot(ops []history.Op) *dgPlot {
	p := &dgPlot{ops: ops, xOf: map[time.Duration]float64{}}
	p.placeInstants()
	p.placeLanes()
	p.placeRows()
	return p
}

// end is when a bar ends; one that never returned is drawn on a little.
func (p *dgPlot) end(op history.Op) time.Duration {
	if op.Return == 0 {
		return op.Start
	}
	return op.End
}

func (p *dgPlot) placeInstants() {
	for _, op := range p.ops {
		p.instant = append(p.instant, op.Start, p.end(op))
	}
	slices.Sort(p.instant)
	p.instant = slices.Compact(p.instant)
	const left = dgLeft + 16
	at, wide := make([]float64, len(p.instant)), 0.0
	for i, t := range p.instant {
		if i > 0 {
			gap := max(t-p.instant[i-1], time.Microsecond)
			wide += dgMinGap + dgLogGap*max(0, math.Log10(float64(gap)/float64(100*time.Microsecond)))
		}
		at[i] = wide
	}
	stretch := min(dgStretch, max(1, (dgWide-left-120)/max(1, wide)))
	for i, t := range p.instant {
		p.xOf[t] = left + at[i]*stretch
	}
	p.width = left + wide*stretch
}

func (p *dgPlot) placeLanes() {
	at := map[string]int{}
	for _, op := range p.ops {
		if _, known := at[by(op)]; !known {
			at[by(op)] = 0
			p.names = append(p.names, by(op))
		}
	}
	slices.Sort(p.names)
	for i, n := range p.names {
		at[n] = i
	}
	for _, op := range p.ops {
		p.lane = append(p.lane, at[by(op)])
	}
}

// placeRows gives every bar the first row of its lane where neither it nor its
// label covers another.
func (p *dgPlot) placeRows() {
	p.row = make([]int, len(p.ops))
	p.x0, p.x1 = make([]float64, len(p.ops)), make([]float64, len(p.ops))
	p.rows = make([]int, len(p.names))
	free := make([][]float64, len(p.names)) // per lane and row: from where it is free
	order := seq(0, len(p.ops))
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(p.ops[a].Start, p.ops[b].Start) })
	for _, i := range order {
		op, lane := p.ops[i], p.lane[i]
		p.x0[i] = p.xOf[op.Start]
		p.x1[i] = max(p.xOf[p.end(op)], p.x0[i]+14)
		if op.Return == 0 {
			p.x1[i] = p.x0[i] + 40
		}
		until := max(p.x1[i], p.x0[i]+labelWidth(dgLabel(op))) + 10
		p.width = max(p.width, until)
		row := slices.IndexFunc(free[lane], func(x float64) bool { return x <= p.x0[i] })
		if row < 0 {
			row, free[lane] = len(free[lane]), append(free[lane], 0)
		}
		free[lane][row], p.row[i] = until, row
		p.rows[lane] = max(p.rows[lane], row+1)
	}
}

func dgLabel(op history.Op) string { return fmt.Sprintf("#%d %s", op.Index, clip(brief(op), 40)) }

func labelWidth(s string) float64 { return dgRune * float64(utf8.RuneCountInString(s)) }

func (d *diagram) lanes(p *dgPlot) {
	y := float64(dgTop)
	d.W = p.width + dgRight
	for i, name := range p.names {
		h := float64(p.rows[i]*dgRow + dgLanePad)
		p.laneY = append(p.laneY, y)
		d.Lanes = append(d.Lanes, dgLane{Name: clip(visible(name), 11), Y: y, H: h, TextY: y + h/2 + 4, Odd: i%2 == 1})
		y += h
	}
	d.AxisY, d.H, d.Fits = y, y+dgAxis, d.W <= dgFits
}

// barY is the top of operation i's bar.
func (p *dgPlot) barY(i int) float64 {
	return p.laneY[p.lane[i]] + float64(p.row[i]*dgRow) + dgLanePad/2 + 24
}

func (d *diagram) bar(p *dgPlot, i int, href func(int) string) {
	op := p.ops[i]
	d.Bars = append(d.Bars, dgBarShape{
		X: p.x0[i], Y: p.barY(i), W: p.x1[i] - p.x0[i], H: dgBar,
		Class: opClass(op).String(), Open: op.Return == 0,
		Label: dgLabel(op), LabelX: p.x0[i], LabelY: p.barY(i) - 6,
		Href:  href(op.Index),
		Title: fmt.Sprintf("#%d %s, %s, at %s, session %d, %s", op.Index, asked(op), answered(op), visible(by(op)), op.Session, clock(op.Start)),
	})
}

// arrow draws an edge from the end of one bar to the start of the other, or
// between their middles where the second began before the first had ended.
func (d *diagram) arrow(p *dgPlot, e checker.Edge, n int) {
	from, to := p.find(e.From), p.find(e.To)
	if from < 0 || to < 0 || from == to {
		return
	}
	x0, x1 := p.x1[from], p.x0[to]
	if x1 < x0+8 {
		x0, x1 = (p.x0[from]+p.x1[from])/2, (p.x0[to]+p.x1[to])/2
	}
	y0, y1 := p.barY(from)+dgBar/2, p.barY(to)+dgBar/2
	down := y1 > y0
	bend := max(18, math.Abs(x1-x0)*0.4)
	c0x, c0y, c1x, c1y := x0+bend, y0, x1-bend, y1
	switch {
	case p.lane[from] == p.lane[to] && p.row[from] == p.row[to]: // along one row: sag below the bars
		y0, y1 = y0+dgBar/2, y1+dgBar/2
		c0x, c0y, c1x, c1y = x0+10, y0+20, x1-10, y1+20
	case x1 <= x0: // back in time, or straight up or down
		c0x, c1x = x0, x1
		if down {
			y0, y1 = y0+dgBar/2, y1-dgBar/2
		} else {
			y0, y1 = y0-dgBar/2, y1+dgBar/2
		}
		c0y, c1y = (y0+y1)/2, (y0+y1)/2
	}
	mid := 0.5 + 0.07*float64(n%3-1)
	kx, ky := bezier(mid, x0, c0x, c1x, x1), bezier(mid, y0, c0y, c1y, y1)
	d.Arrows = append(d.Arrows, dgArrowShape{
		Path:  fmt.Sprintf("M%.1f %.1fC%.1f %.1f %.1f %.1f %.1f %.1f", x0, y0, c0x, c0y, c1x, c1y, x1, y1),
		Head:  head(x1, y1, x1-c1x, y1-c1y),
		Kind:  clip(visible(e.Kind), 16),
		Class: edgeClass(e.Kind),
		X:     kx, Y: ky + 4,
		Title: fmt.Sprintf("#%d → #%d, %s: %s", e.From, e.To, visible(e.Kind), visible(e.Because)),
	})
}

func (p *dgPlot) find(index int) int {
	return slices.IndexFunc(p.ops, func(op history.Op) bool { return op.Index == index })
}

func bezier(t, a, b, c, d float64) float64 {
	u := 1 - t
	return u*u*u*a + 3*u*u*t*b + 3*u*t*t*c + t*t*t*d
}

// head is a triangle whose tip is at x, y and that points along dx, dy.
func head(x, y, dx, dy float64) string {
	n := math.Hypot(dx, dy)
	if n == 0 {
		dx, n = 1, 1
	}
	dx, dy = dx/n*dgArrow, dy/n*dgArrow
	return fmt.Sprintf("M%.1f %.1fL%.1f %.1fL%.1f %.1fZ", x, y, x-1.5*dx-0.7*dy, y-1.5*dy+0.7*dx, x-1.5*dx+0.7*dy, y-1.5*dy-0.7*dx)
}

// edgeClass is the style of an edge: the relations that every reader meets have
// one each, all others share one.
func edgeClass(kind string) string {
	switch kind {
	case "so", "wr", "co", "rt":
		return "e-" + kind
	}
	return "e-other"
}

// ticks marks every instant on the axis, and labels those for which there is
// room, on two levels.
func (d *diagram) ticks(p *dgPlot) {
	var free [2]float64
	for i, t := range p.instant {
		if i > 0 && t-p.instant[i-1] > time.Second {
			x := (p.xOf[t] + p.xOf[p.instant[i-1]]) / 2
			d.Breaks = append(d.Breaks, fmt.Sprintf("M%.1f %.1fl5 -10M%.1f %.1fl5 -10", x-5, d.AxisY+5, x, d.AxisY+5))
		}
		tick := dgTickShape{X: p.xOf[t], Y2: d.AxisY + 5}
		for level := range free {
			if tick.X-dgTick/2 < free[level] {
				continue
			}
			free[level] = tick.X + dgTick/2
			tick.Text, tick.TextY = clock(t), d.AxisY+18+float64(level)*15
			tick.Y2 += float64(level) * 15
			break
		}
		d.Ticks = append(d.Ticks, tick)
	}
}
