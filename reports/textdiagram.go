package reports

import (
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/mlcheck/mlcheck/checker"
)

// The measures of a diagram in text, in columns and rows.
const (
	tdTime    = 10 // the column of times
	tdMinLane = 18 // lanes that are narrower than this are no picture
	tdMaxLane = 40
	tdMaxOps  = 14
)

// textDiagram draws a finding for the terminal: time runs down, each leader has a
// lane, and an arrow into an operation stands in the row above it. Where the
// lanes do not fit side by side it is a list.
func textDiagram(d *checker.Diagram, width int) []string {
	if d == nil || len(d.Ops) < 2 || len(d.Lanes) == 0 {
		return nil
	}
	t := &textDrawing{d: d, lane: min((width-tdTime)/len(d.Lanes), tdMaxLane), width: width}
	if t.lane < tdMinLane {
		return t.list()
	}
	row := t.row("time")
	for i, name := range d.Lanes {
		row.put(t.at(i), clip(visible(name), t.lane-1))
	}
	t.end(row)
	for i, op := range d.Ops {
		if i == tdMaxOps {
			t.lines = append(t.lines, "… and "+plural(len(d.Ops)-i, "more operation"))
			break
		}
		for _, a := range d.Arrows {
			t.arrow(a, i)
		}
		row := t.lanes(clockBrief(op.Start))
		row.put(t.at(op.Lane), clip(mark(op)+" "+label(op), t.lane-1))
		t.end(row)
	}
	return t.lines
}

type textDrawing struct {
	d     *checker.Diagram
	lane  int // width
	width int
	lines []string
}

// textRow is a row of runes that is written into.
type textRow []rune

func (r textRow) put(at int, s string) {
	for i, c := range []rune(s) {
		if at+i < len(r) {
			r[at+i] = c
		}
	}
}

// at is the column of a lane's line.
func (t *textDrawing) at(lane int) int { return tdTime + lane*t.lane }

func (t *textDrawing) row(first string) textRow {
	r := textRow(strings.Repeat(" ", t.width))
	r.put(0, first)
	return r
}

// lanes is a row in which nothing happens.
func (t *textDrawing) lanes(first string) textRow {
	r := t.row(first)
	for i := range t.d.Lanes {
		r.put(t.at(i), "│")
	}
	return r
}

func (t *textDrawing) end(r textRow) { t.lines = append(t.lines, strings.TrimRight(string(r), " ")) }

// arrow draws an edge in the row above the later of its two operations, if that
// is operation i. One that points at the earlier of the two says so.
func (t *textDrawing) arrow(a checker.DiagramEdge, i int) {
	from, to := t.find(a.From), t.find(a.To)
	if from < 0 || to < 0 || from == to || max(from, to) != i {
		return
	}
	word := fmt.Sprintf("%s #%d", clip(visible(a.Kind), 5), a.From)
	if to < from {
		word += fmt.Sprintf(" to #%d", a.To)
	}
	x, y := t.at(t.d.Ops[from].Lane), t.at(t.d.Ops[to].Lane)
	r := t.lanes("")
	switch {
	case x == y:
		r.put(x+2, clip(word, t.lane-3))
	case x < y:
		r.put(x, "├"+centred(word, y-x-2)+">")
	default:
		r.put(y+1, "<"+centred(word, x-y-2)+"┤")
	}
	t.end(r)
}

func (t *textDrawing) find(index int) int {
	return slices.IndexFunc(t.d.Ops, func(op checker.DiagramOp) bool { return op.Index == index })
}

// centred is a line with a word in its middle.
func centred(word string, width int) string {
	word = clip(" "+word+" ", width)
	left := (width - utf8.RuneCountInString(word)) / 2
	return strings.Repeat("─", left) + word + strings.Repeat("─", width-left-utf8.RuneCountInString(word))
}

// list is what is left of a diagram on a narrow terminal.
func (t *textDrawing) list() []string {
	for i, op := range t.d.Ops {
		if i == tdMaxOps {
			t.lines = append(t.lines, "… and "+plural(len(t.d.Ops)-i, "more operation"))
			break
		}
		line := fmt.Sprintf("%-*s%s %s %s", tdTime, clockBrief(op.Start), mark(op), visible(t.d.Lanes[op.Lane]), label(op))
		for _, a := range t.d.Arrows {
			if a.To == op.Index {
				line += fmt.Sprintf(" <%s #%d", visible(a.Kind), a.From)
			}
		}
		t.lines = append(t.lines, clip(line, t.width))
	}
	return t.lines
}

// mark says how an operation ended.
func mark(op checker.DiagramOp) string {
	switch op.Outcome {
	case "ok":
		return "●"
	case "fail":
		return "×"
	}
	return "○"
}

func label(op checker.DiagramOp) string {
	who := fmt.Sprintf("s%d", op.Session)
	if op.Final {
		who = "final"
	}
	word := fmt.Sprintf("#%d %s %s", op.Index, visible(op.What), who)
	if op.Outcome != "ok" {
		word += " " + visible(op.Outcome)
	}
	return word
}

func clockBrief(ns int64) string { return fmt.Sprintf("%.3f s", time.Duration(ns).Seconds()) }
