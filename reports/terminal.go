package reports

import (
	"bytes"
	"fmt"
	"io"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/mlcheck/mlcheck/checker"
)

// Style is what the terminal can show.
type Style struct {
	Color bool // escape codes for colour; never set it for a file or a pipe
	Width int  // columns; 0: 80
}

// The widths that texts are wrapped to, whatever the terminal's: below the
// first nothing is readable, beyond the second no line is.
const (
	minWidth = 40
	maxWidth = 110
)

// Terminal writes what a person should see when a run has ended: the verdict,
// the properties, the first findings, the faults, and what to do next. It reads
// the same in a log: no boxes, no cursor movements, colour only on top of words.
func Terminal(w io.Writer, r *Run, s Style) error {
	if s.Width == 0 {
		s.Width = 80
	}
	t := &terminal{run: r, color: s.Color, width: min(max(s.Width, minWidth), maxWidth)}
	t.verdict()
	if r.Results != nil {
		t.properties()
		t.findings()
		t.faults()
		t.replication()
	}
	t.ending()
	_, err := w.Write(t.out.Bytes())
	return err
}

type terminal struct {
	out   bytes.Buffer
	run   *Run
	color bool
	width int
}

// The colours, by what they stand for.
const (
	bold   = "1"
	faint  = "2"
	red    = "31;1"
	yellow = "33;1"
	green  = "32;1"
)

func (t *terminal) paint(code, s string) string {
	if !t.color || s == "" {
		return s
	}
	return "\x1b[" + code + "m" + s + "\x1b[0m"
}

func verdictColor(v checker.Verdict) string {
	switch v {
	case checker.Violated:
		return red
	case checker.Holds:
		return green
	case checker.NotDecided:
		return faint
	default:
		return yellow
	}
}

func verdictSymbol(v checker.Verdict) string {
	switch v {
	case checker.Violated:
		return "✗"
	case checker.Holds:
		return "✓"
	case checker.NotDecided:
		return "–"
	default:
		return "?"
	}
}

func (t *terminal) line(format string, args ...any) { fmt.Fprintf(&t.out, format+"\n", args...) }

func (t *terminal) heading(s string) { t.line("\n%s", t.paint(bold, s)) }

// text writes a paragraph after a first mark, wrapped, with its further lines
// under the paragraph's beginning. The mark's visible width is given apart,
// because colours take no room.
func (t *terminal) text(mark string, markWidth int, s string) {
	lines := wrap(s, t.width-markWidth)
	for i, l := range lines {
		if i == 0 {
			t.line("%s%s", mark, l)
		} else {
			t.line("%s%s", strings.Repeat(" ", markWidth), l)
		}
	}
}

func (t *terminal) verdict() {
	res := t.run.Results
	if res == nil {
		t.text(t.paint(yellow, "NOT CHECKED")+"  ", 13, visible(t.run.title())+": there is a history, and no results yet")
		return
	}
	word := strings.ToUpper(string(res.Verdict))
	t.text(t.paint(verdictColor(res.Verdict), word)+"  ", utf8.RuneCountInString(word)+2, visible(res.Why))
	if s := t.run.summary(); s != "" {
		t.text("", 0, s)
	}
}

func (t *terminal) properties() {
	ps := properties(t.run.Results)
	if len(ps) == 0 {
		return
	}
	t.heading("Properties")
	wide := 0
	for _, p := range ps {
		wide = max(wide, utf8.RuneCountInString(visible(p.Name)))
	}
	wide = min(wide, 24)
	for _, p := range ps {
		t.property(p, wide)
	}
}

func (t *terminal) property(p property, wide int) {
	v := p.verdict()
	name := visible(p.Name)
	pad := strings.Repeat(" ", max(0, wide-utf8.RuneCountInString(name)))
	mark := fmt.Sprintf("  %s  %s%s  ", t.paint(verdictColor(v), fmt.Sprintf("%s %-11s", verdictSymbol(v), v)), name, pad)
	detail := propertyWords(p)
	markWidth := 2 + 13 + 2 + max(wide, utf8.RuneCountInString(name)) + 2
	if t.width-markWidth < 24 {
		t.line("%s", strings.TrimRight(mark, " "))
		mark, markWidth = "      ", 6
	}
	if detail == "" {
		t.line("%s", strings.TrimRight(mark, " "))
		return
	}
	t.text(mark, markWidth, detail)
}

// propertyWords says who wants a property, with what it was decided, and why
// it does not hold where it does not.
func propertyWords(p property) string {
	v := p.verdict()
	var parts []string
	if v != checker.NotDecided || p.Claimed {
		parts = append(parts, p.standing())
	}
	figures := p.figures()
	if v == checker.Holds {
		figures = chances(p.Chances)
	}
	if figures != "" {
		parts = append(parts, figures)
	}
	s := strings.Join(parts, ", ")
	if p.Reason != "" && v != checker.Holds {
		s = strings.TrimPrefix(s+": "+visible(p.Reason), ": ")
	}
	return s
}

func (t *terminal) findings() {
	for _, p := range properties(t.run.Results) {
		if len(p.Findings) == 0 {
			continue
		}
		t.heading(fmt.Sprintf("%s: %s%s", visible(p.Name), plural(max(p.Violations, len(p.Findings)), "violation"), observation(p)))
		for i, f := range p.Findings {
			if i == told(p) {
				break
			}
			t.text("  "+t.paint(verdictColor(p.verdict()), "•")+" ", 4, visible(f.Label)+" ["+visible(f.ID)+"]: "+visible(f.Story))
			t.evidence(f, i == 0 && p.Claimed)
		}
		if n := untold(p, told(p)); n > 0 {
			t.line("    %s", t.paint(faint, fmt.Sprintf("and %s more, see the report", count(n))))
		}
	}
}

// evidence says what a finding rests on; the first of a claimed property is drawn.
func (t *terminal) evidence(f checker.Finding, first bool) {
	if !f.Confirmed && f.Unconfirmed != "" {
		t.text("    ", 4, t.paint(yellow, "Not confirmed")+": "+visible(f.Unconfirmed)+".")
	}
	if !first {
		return
	}
	if lines := textDiagram(f.Diagram, t.width-4); len(lines) > 0 {
		t.line("")
		for _, l := range lines {
			t.line("    %s", l)
		}
		t.line("")
	}
	dir := t.run.Evidence
	if dir == "" && t.run.Dir != "" {
		dir = filepath.Join(t.run.Dir, findingsDir)
	}
	if dir != "" && f.File != "" {
		t.line("    These %s alone: mlcheck check %s", plural(len(f.Ops)+len(f.Beside), "operation"), visible(filepath.Join(dir, f.File)))
	}
}

// observation says of a violation that it breaks no claim.
func observation(p property) string {
	switch {
	case !p.observed():
		return ""
	case p.Excused != "":
		return " (breaks no claim: " + visible(p.Excused) + ")"
	default:
		return " (an observation: nobody claims it)"
	}
}

func (t *terminal) faults() {
	faults := t.run.Results.Faults
	if len(faults) == 0 {
		return
	}
	t.heading("Faults, as planned and as measured")
	for i, f := range faults {
		if i == 12 {
			t.line("    %s", t.paint(faint, fmt.Sprintf("and %s more, see the report", count(len(faults)-i))))
			break
		}
		mark := fmt.Sprintf("  %2d ", f.Fault)
		t.text(mark, utf8.RuneCountInString(mark), visible(f.What)+"; "+faultWords(f))
	}
	for _, note := range t.run.Results.Notes {
		t.text("  Note: ", 8, visible(note)+".")
	}
}

// faultWords tells a fault's planned and measured edges in a line.
func faultWords(f checker.FaultReport) string {
	s := "planned " + stretch(f.Planned, f.Healing)
	switch {
	case f.Effective >= 0 && f.Healed >= 0:
		s += ", measured " + stretch(f.Effective, f.Healed)
	case f.Effective >= 0:
		s += ", measured from " + seconds(f.Effective) + ", never seen to end"
	default:
		s += ", never measured"
	}
	if read := readWords(f.Read); read != "" {
		s += ", clocks read: " + read
	}
	s += ": " + visible(f.State)
	if f.Note != "" {
		s += ", " + visible(f.Note)
	}
	return s
}

// readWords tells by how much clocks were read to be off: "n1 +2.1 s".
func readWords(read map[string]int64) string {
	var parts []string
	for _, n := range slices.Sorted(maps.Keys(read)) {
		parts = append(parts, visible(n)+" "+signed(time.Duration(read[n])))
	}
	return strings.Join(parts, ", ")
}

func stretch(from, to int64) string {
	switch {
	case from >= 0 && to < 0:
		return seconds(from) + " on, not ended"
	case from < 0:
		return "never"
	}
	return strings.TrimSuffix(seconds(from), " s") + "–" + seconds(to)
}

func seconds(ns int64) string {
	if ns < 0 {
		return "never"
	}
	return fmt.Sprintf("%.3f s", time.Duration(ns).Seconds())
}

func (t *terminal) ending() {
	r := t.run
	t.line("")
	if r.History != nil && r.History.Damage != "" {
		t.text("", 0, "The history is damaged: "+visible(r.History.Damage))
	}
	if r.Results != nil {
		exit, words := r.Results.Exit, exitWords(r.Results.Exit)
		if r.Exit != 0 {
			exit, words = r.Exit, fmt.Sprintf("the run could not go on to its end, see below. What there is of it would be status %d: %s", exit, words)
		}
		t.text(t.paint(bold, fmt.Sprintf("Exit status %d", exit))+": ", len(fmt.Sprintf("Exit status %d: ", exit)), words+".")
	}
	if r.Dir != "" {
		t.line("Report:  %s", visible(filepath.Join(r.Dir, htmlFile)))
	}
	if r.Results != nil && r.Results.Repeat != "" {
		t.line("Repeat:  %s", visible(r.Results.Repeat))
	}
	for i, n := range r.Next {
		if i == 0 {
			t.line("Next:    %s", visible(n))
		} else {
			t.line("         %s", visible(n))
		}
	}
	if p := t.toExplain(); p != "" {
		t.line("Meaning: mlcheck explain %s", p)
	}
}

// toExplain is the property that a reader will ask about first.
func (t *terminal) toExplain() string {
	if ps := properties(t.run.Results); len(ps) > 0 && ps[0].verdict() != checker.NotDecided {
		return visible(ps[0].Name)
	}
	return ""
}

// wrap breaks a text into lines of at most width runes, at spaces; a word that
// is longer stays whole, so that it can be copied, and a number stays with its
// unit. It gives at least one line.
func wrap(s string, width int) []string {
	var lines []string
	line, n := "", 0
	for _, word := range words(s) {
		w := utf8.RuneCountInString(word)
		switch {
		case n == 0:
			line, n = word, w
		case n+1+w <= width:
			line, n = line+" "+word, n+1+w
		default:
			lines = append(lines, line)
			line, n = word, w
		}
	}
	return append(lines, line)
}

// words splits a text at its spaces, but not between a number and its unit.
func words(s string) []string {
	var ws []string
	for _, w := range strings.Fields(s) {
		if i := len(ws) - 1; i >= 0 && isUnit(w) && strings.ContainsAny(ws[i][len(ws[i])-1:], "0123456789") {
			ws[i] += " " + w
			continue
		}
		ws = append(ws, w)
	}
	return ws
}

func isUnit(w string) bool {
	switch strings.TrimRight(w, ".,;:") {
	case "s", "ms", "µs", "ns", "%":
		return true
	}
	return false
}

// told is how many findings of a property the terminal tells: one of what
// is only observed, so that it does not bury what is claimed.
func told(p property) int {
	if p.Claimed {
		return storiesPerProperty
	}
	return 1
}
